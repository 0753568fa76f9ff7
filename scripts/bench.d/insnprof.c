// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG: counts the guest instructions that each translated
 * block executes between two marks. A mark is the instruction
 * "xchg %bx,%bx" (66 87 db), which does nothing: the first one starts the
 * count, the next one ends it, and so on. Option out=FILE: where "ADDRESS
 * COUNT" of each block goes when QEMU ends.
 *
 * QEMU's packages have no header for plugins; this is the interface since 9.1.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translate_fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*execute_fn)(unsigned int cpu, void *data);
typedef void (*exit_fn)(qemu_plugin_id_t id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translate_fn fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, execute_fn fn, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, execute_fn fn, int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_fn fn, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t size);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 3;

struct block {
	uint64_t address, length, count;
};

#define SLOTS (1U << 20)

static struct block *blocks[SLOTS];
static bool counting;
static const char *out = "insnprof.out";

static struct block *find(uint64_t address, uint64_t length)
{
	size_t slot = (address * 0x9e3779b97f4a7c15ULL + length * 31) >> 44;

	for (;; slot = (slot + 1) % SLOTS) {
		struct block *block = blocks[slot];

		if (!block) {
			block = blocks[slot] = calloc(1, sizeof(*block));
			block->address = address;
			block->length = length;
			return block;
		}
		if (block->address == address && block->length == length)
			return block;
	}
}

static void execute(unsigned int cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	if (counting)
		block->count += block->length;
}

static void mark(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	counting = !counting;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		unsigned char bytes[3];

		if (qemu_plugin_insn_size(insn) == sizeof(bytes) &&
		    qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) == sizeof(bytes) &&
		    !memcmp(bytes, "\x66\x87\xdb", sizeof(bytes)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, 0, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, execute, 0, find(qemu_plugin_tb_vaddr(tb), n));
}

static void end(qemu_plugin_id_t id, void *data)
{
	FILE *file = fopen(out, "w");

	(void)id;
	(void)data;
	if (!file)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		if (blocks[i] && blocks[i]->count)
			fprintf(file, "%lx %lu\n", blocks[i]->address, blocks[i]->count);
	fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
