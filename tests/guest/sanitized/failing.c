// SPDX-License-Identifier: GPL-2.0
/*
 * failing: does something again and again, and each time lets the kernel's
 * next allocation of memory in it fail: the first, the second, ... until the
 * last has had its turn (/proc/thread-self/fail-nth).
 *
 *   failing [--every N] [--percent N --rounds N] [--allow ERRNO]... WHAT
 *
 * where WHAT is
 *
 *   insmod MODULE               and not its removal
 *   rmmod MODULE                and not its loading
 *   mount SOURCE DIR OPTIONS    mount(2), and not the unmounting
 *   fsmount SOURCE DIR          the same with the new calls
 *   remount SOURCE DIR OPTIONS  of what is mounted before
 *   umount SOURCE DIR           of what is mounted before
 *   walk SOURCE DIR PATH...     all that can be read of DIR/PATH and, if that is
 *                               a directory, of what is in it; nothing is cached
 *
 * Each time it may work all the same, or it fails with ENOMEM or an ERRNO that
 * is allowed. After a walk that failed the same walk must show, without
 * failures, what the first one showed; a walk that did not fail must have
 * shown it too: no error may be lost.
 *
 * --every: only each Nth allocation. --percent: not one after the other, but by
 * chance, in whatever thread, so often; of a walk.
 *
 * Which of the allocations count is for the filters in /sys/kernel/debug.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MAX_ERRNO = 4096, NEVER = 1 << 30 };

static int fail_nth;
static unsigned int percent;
static unsigned long by_chance; /* so many have failed */
static unsigned int round_number, seen[MAX_ERRNO];
static bool allowed[MAX_ERRNO];
static char **words; /* of WHAT, without its name */

static _Noreturn void die(const char *format, ...)
{
	va_list args;

	dprintf(1, "failure %u: ", round_number);
	va_start(args, format);
	vdprintf(1, format, args);
	va_end(args);
	dprintf(1, "\n");
	exit(1);
}

static const char *name_of(int error)
{
	return strerrorname_np(error) ?: "?";
}

static const char *const faults[] = { "failslab", "fail_page_alloc" };

static FILE *open_setting(const char *fault, const char *name, const char *mode)
{
	char path[100];
	FILE *file;

	sprintf(path, "/sys/kernel/debug/%s/%s", fault, name);
	file = fopen(path, mode);
	if (!file)
		die("%s: %s", path, name_of(errno));
	return file;
}

static void set(const char *fault, const char *name, unsigned int value)
{
	FILE *file = open_setting(fault, name, "w");

	fprintf(file, "%u", value);
	if (fclose(file))
		die("%s of %s: %s", name, fault, name_of(errno));
}

static void set_chance(unsigned int each)
{
	unsigned int i, left;

	for (i = 0; i < 2; i++) {
		FILE *file = open_setting(faults[i], "times", "r");

		set(faults[i], "probability", each);
		if (fscanf(file, "%u", &left) == 1 && !each)
			by_chance += NEVER - left;
		fclose(file);
		set(faults[i], "times", NEVER);
	}
}

/* From here on the Nth allocation of this thread fails. */
static void arm(unsigned int nth)
{
	char text[16];
	int length = sprintf(text, "%u", nth);

	if (percent) {
		set_chance(percent);
		return;
	}
	if (pwrite(fail_nth, text, length, 0) != length)
		die("cannot write fail-nth: %s", name_of(errno));
}

/* How many allocations were still missing; 0: one has failed. */
static unsigned int disarm(void)
{
	char text[16] = "";
	int error = errno;
	unsigned int left;

	if (percent) {
		set_chance(0);
		errno = error;
		return 0;
	}
	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		die("cannot read fail-nth: %s", name_of(errno));
	left = strtoul(text, NULL, 10);
	arm(0);
	errno = error;
	return left;
}

/* What something returned while it could fail: whether it worked. */
static bool worked(long result, const char *what)
{
	if (result >= 0)
		return true;
	if (errno >= MAX_ERRNO || !allowed[errno])
		die("%s: %s", what, name_of(errno));
	seen[errno]++;
	return false;
}

static void must(long result, const char *what)
{
	if (result < 0)
		die("%s, without a failure: %s", what, name_of(errno));
}

/* The observations of a walk. */
static uint64_t digest;
static unsigned int errors;
static bool may_fail;

static void note(const void *data, size_t length)
{
	const unsigned char *byte = data;

	while (length--)
		digest = (digest ^ *byte++) * 0x100000001b3;
}

/* One call of a walk. */
static bool looked(long result, const char *what)
{
	if (!may_fail) {
		must(result, what);
		return true;
	}
	if (worked(result, what))
		return true;
	errors++;
	return false;
}

static char buffer[1 << 17], value[1 << 16], names[1 << 16];

static void look_at_xattrs(const char *path)
{
	ssize_t length = llistxattr(path, names, sizeof(names)), size;
	char *name;

	if (!looked(length, "llistxattr"))
		return;
	note(names, length);
	for (name = names; name < names + length; name += strlen(name) + 1) {
		size = lgetxattr(path, name, value, sizeof(value));
		if (looked(size, "lgetxattr"))
			note(value, size);
	}
}

static void look_at_data(int fd, size_t size)
{
	size_t at = 0;
	ssize_t length;
	void *map;

	/* Mapped first: the page faults have to read it. */
	if (size) {
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (looked(map == MAP_FAILED ? -1 : 0, "mmap")) {
			if (looked(madvise(map, size, MADV_POPULATE_READ), "MADV_POPULATE_READ"))
				note(map, size);
			munmap(map, size);
		}
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while ((length = pread(fd, buffer, sizeof(buffer), at)) > 0) {
		note(buffer, length);
		at += length;
	}
	looked(length, "pread");
}

static void look_at(const char *path, int depth);

static char listing[2][1 << 15];

static void look_at_entries(const char *path, int fd, int depth)
{
	char below[PATH_MAX];
	struct dirent64 *entry;
	long length, at;

	while ((length = getdents64(fd, listing[depth], sizeof(listing[depth]))) > 0) {
		for (at = 0; at < length; at += entry->d_reclen) {
			entry = (void *)(listing[depth] + at);
			note(entry, offsetof(struct dirent64, d_name));
			note(entry->d_name, strlen(entry->d_name));
			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < PATH_MAX)
				look_at(below, depth + 1);
		}
	}
	looked(length, "getdents");
}

static void look_at(const char *path, int depth)
{
	struct stat st;
	ssize_t length;
	int fd;

	if (!looked(lstat(path, &st), "lstat"))
		return;
	note(&st.st_ino, sizeof(st.st_ino));
	note(&st.st_mode, sizeof(st.st_mode));
	note(&st.st_nlink, sizeof(st.st_nlink));
	note(&st.st_uid, sizeof(st.st_uid));
	note(&st.st_gid, sizeof(st.st_gid));
	note(&st.st_size, sizeof(st.st_size));
	note(&st.st_rdev, sizeof(st.st_rdev));
	note(&st.st_mtim, sizeof(st.st_mtim));
	look_at_xattrs(path);
	if (S_ISLNK(st.st_mode)) {
		length = readlink(path, buffer, sizeof(buffer));
		if (looked(length, "readlink"))
			note(buffer, length);
	} else if (S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && depth < 1)) {
		fd = open(path, O_RDONLY);
		if (!looked(fd, "open"))
			return;
		if (S_ISDIR(st.st_mode))
			look_at_entries(path, fd, depth);
		else
			look_at_data(fd, st.st_size);
		close(fd);
	}
}

static uint64_t walk(bool failing)
{
	char path[PATH_MAX];
	char **word;

	digest = 0xcbf29ce484222325;
	errors = 0;
	may_fail = failing;
	for (word = words + 2; *word; word++) {
		snprintf(path, sizeof(path), "%s/%s", words[1], *word);
		look_at(path, 0);
	}
	return digest;
}

static int mount_it(const char *options)
{
	return mount(words[0], words[1], "erofs", MS_RDONLY, options);
}

static int fsmount_it(void)
{
	int context, mounted = -1, result = -1, error;

	context = fsopen("erofs", FSOPEN_CLOEXEC);
	if (context < 0)
		return -1;
	if (!fsconfig(context, FSCONFIG_SET_STRING, "source", words[0], 0) &&
	    !fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) &&
	    !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		mounted = fsmount(context, FSMOUNT_CLOEXEC, 0);
		if (mounted >= 0)
			result = move_mount(mounted, "", AT_FDCWD, words[1], MOVE_MOUNT_F_EMPTY_PATH);
	}
	error = errno;
	close(context);
	if (mounted >= 0)
		close(mounted);
	errno = error;
	return result;
}

static void mount_first(void)
{
	must(mount_it(NULL), "mount");
}

static void unmount(void)
{
	must(umount2(words[1], 0), "umount");
}

/* Nothing of SOURCE is in the page cache. */
static void chill(void)
{
	int fd = open(words[0], O_RDONLY | O_CLOEXEC);

	must(fd, "open");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

static int load(void)
{
	int fd = open(words[0], O_RDONLY | O_CLOEXEC), result, error;

	must(fd, "open");
	result = syscall(SYS_finit_module, fd, "", 0);
	error = errno;
	close(fd);
	errno = error;
	return result;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "erofs", O_NONBLOCK);
}

/* Each does one round, in which allocation NTH fails, and returns what disarm() did. */

static unsigned int failing_insmod(unsigned int nth)
{
	unsigned int left;
	int fd = open(words[0], O_RDONLY | O_CLOEXEC), result;

	must(fd, "open");
	arm(nth);
	result = syscall(SYS_finit_module, fd, "", 0);
	left = disarm();
	if (worked(result, "finit_module"))
		must(unload(), "delete_module");
	else if (!access("/sys/module/erofs", F_OK))
		die("the module is not loaded and /sys/module/erofs is there");
	close(fd);
	return left;
}

static unsigned int failing_rmmod(unsigned int nth)
{
	unsigned int left;
	int result;

	must(load(), "finit_module");
	arm(nth);
	result = unload();
	left = disarm();
	if (!worked(result, "delete_module"))
		must(unload(), "delete_module");
	return left;
}

static unsigned int failing_mount(unsigned int nth)
{
	unsigned int left;
	int result;

	chill();
	arm(nth);
	result = mount_it(words[2]);
	left = disarm();
	if (worked(result, "mount"))
		unmount();
	return left;
}

static unsigned int failing_fsmount(unsigned int nth)
{
	unsigned int left;
	int result;

	chill();
	arm(nth);
	result = fsmount_it();
	left = disarm();
	if (worked(result, "fsmount"))
		unmount();
	return left;
}

static unsigned int failing_remount(unsigned int nth)
{
	unsigned int left;
	int result;

	mount_first();
	arm(nth);
	result = mount(NULL, words[1], NULL, MS_RDONLY | MS_REMOUNT, words[2]);
	left = disarm();
	worked(result, "remount");
	unmount();
	return left;
}

static unsigned int failing_umount(unsigned int nth)
{
	unsigned int left;
	int result;

	mount_first();
	arm(nth);
	result = umount2(words[1], 0);
	left = disarm();
	if (!worked(result, "umount"))
		unmount();
	return left;
}

static unsigned int failing_walk(unsigned int nth)
{
	static uint64_t expected;
	unsigned int left;
	uint64_t got;

	chill();
	mount_first();
	if (!expected)
		expected = walk(false);
	else {
		arm(nth);
		got = walk(true);
		left = disarm();
		if (!errors && got != expected)
			die("nothing failed in the walk, and it shows something else");
		if (walk(false) != expected)
			die("the walk after it shows something else");
		unmount();
		return left;
	}
	unmount();
	return failing_walk(nth);
}

static const struct {
	const char *name;
	int words;
	unsigned int (*once)(unsigned int nth);
} actions[] = {
	{ "insmod", 1, failing_insmod },
	{ "rmmod", 1, failing_rmmod },
	{ "mount", 3, failing_mount },
	{ "fsmount", 2, failing_fsmount },
	{ "remount", 3, failing_remount },
	{ "umount", 2, failing_umount },
	{ "walk", 3, failing_walk },
};

static int number_of(const char *name)
{
	int error;

	for (error = 1; error < MAX_ERRNO; error++)
		if (!strcmp(name_of(error), name))
			return error;
	fprintf(stderr, "no errno is called %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned int every = 1, rounds = 0, all = 0, done = 0, failed = 0, i;
	bool harmless;

	allowed[ENOMEM] = true;
	while (argc > 2 && !strncmp(argv[1], "--", 2)) {
		if (!strcmp(argv[1], "--every"))
			every = atoi(argv[2]);
		else if (!strcmp(argv[1], "--percent"))
			percent = atoi(argv[2]);
		else if (!strcmp(argv[1], "--rounds"))
			rounds = atoi(argv[2]);
		else if (!strcmp(argv[1], "--allow"))
			allowed[number_of(argv[2])] = true;
		argc -= 2;
		argv += 2;
	}
	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (argc > 1 && !strcmp(argv[1], actions[i].name) && argc >= 2 + actions[i].words)
			break;
	if (i == sizeof(actions) / sizeof(*actions) || every < 1) {
		fprintf(stderr, "usage: see the head of failing.c\n");
		return 2;
	}
	words = argv + 2;
	/* There is no memory that unloading cannot do without. */
	harmless = !strcmp(argv[1], "rmmod");
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		die("/proc/thread-self/fail-nth: %s", name_of(errno));
	/* A page fault of this program's own must not be the one that fails. */
	if (mlockall(MCL_CURRENT))
		die("mlockall: %s", name_of(errno));

	if (percent) {
		set_chance(0);
		by_chance = 0;
		for (round_number = 1; round_number <= rounds; round_number++)
			actions[i].once(0);
		printf("%lu by chance", by_chance);
	} else {
		/* The second time what is set up once is there. */
		actions[i].once(NEVER);
		all = NEVER - actions[i].once(NEVER);
		for (round_number = 1; !actions[i].once(round_number); round_number += every) {
			done++;
			if (round_number > 4 * all + 100)
				die("there were %u allocations, and now there is no end to them", all);
		}
		printf("%u of %u", done, all);
	}
	for (i = 0; i < MAX_ERRNO; i++) {
		failed += seen[i];
		if (seen[i])
			printf(", %u %s", seen[i], name_of(i));
	}
	printf("\n");
	if (percent ? !by_chance : !done || (!failed && !harmless)) {
		printf("nothing failed\n");
		return 1;
	}
	return 0;
}
