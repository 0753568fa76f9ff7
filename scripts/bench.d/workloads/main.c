// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads of the benchmark: work ROUNDS KIND SOURCE [ARG [FILE]]
 *
 * Mounts SOURCE (a block device, or a regular file without a loop device),
 * does the work of KIND, and prints lines "result SUFFIX VALUE": nanoseconds,
 * which under QEMU's -icount are instructions, or bytes for each single thing
 * done; SUFFIX is '-' where a kind has one result. The least of ROUNDS rounds
 * counts. Exits with 77 if the driver says that it does not support this
 * image or call, and with 1 and a message if anything else fails.
 *
 * "Cold" is after everything that can be dropped was dropped.
 */
#define _GNU_SOURCE
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *kind, *source, *arg, *list;
int rounds;
char buffer[MIB] __attribute__((aligned(4096)));

static const struct {
	const char *name;
	void (*run)(void);
	int mounts_itself;
} kinds[] = {
	{ "mount", mount_alone, 1 },
	{ "mounts", mount_many, 1 },
	{ "walk-cold", walk_cold, 0 },
	{ "walk-warm", walk_warm, 0 },
	{ "lstat-cold", lstat_cold, 0 },
	{ "lookup-miss", lookup_miss, 0 },
	{ "readdir", readdir_cold, 0 },
	{ "files", files_cold, 0 },
	{ "sequential", sequential_cold, 0 },
	{ "first", first_cold, 0 },
	{ "random", random_cold, 0 },
	{ "listed", listed_cold, 0 },
	{ "mmap", mmap_cold, 0 },
	{ "timed", timed_cold, 0 },
	{ "warm", read_warm, 0 },
	{ "streams", streams_cold, 0 },
	{ "xattr", xattr_warm, 0 },
	{ "overlay-walk", overlay_walk, 0 },
	{ "overlay-files", overlay_files, 0 },
};

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	rounds = atoi(argv[1]);
	kind = argv[2];
	source = argv[3];
	arg = argc > 4 && strcmp(argv[4], "-") ? argv[4] : NULL;
	list = argc > 5 ? argv[5] : NULL;
	memset(buffer, 1, sizeof(buffer));
	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/mnt", 0755);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, kind))
			continue;
		drop_caches();
		if (!kinds[i].mounts_itself)
			attach(source, "/mnt");
		kinds[i].run();
		if (!kinds[i].mounts_itself)
			detach("/mnt");
		settle();
		return 0;
	}
	fprintf(stderr, "no such kind: %s\n", kind);
	return 2;
}
