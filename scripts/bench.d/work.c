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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024UL
#define MIB (1024 * KIB)
#define BIG "/mnt/big"

static const char *kind, *source, *arg, *list;
static int rounds;
static char buffer[MIB] __attribute__((aligned(4096)));

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s %s: ", kind, source);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(error == EOPNOTSUPP ? 77 : 1);
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		fail("%zu bytes", size);
	return memory;
}

/* What the profiler takes for its start and its end; else it does nothing. */
static void mark(void)
{
	__asm__ volatile("xchg %%bx, %%bx" ::: "memory");
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t began;
static double best;

static void start(void)
{
	mark();
	began = now();
}

static void stop(unsigned long times)
{
	double each = (double)(now() - began) / times;

	mark();
	if (!best || each < best)
		best = each;
}

static void result(const char *suffix, double value)
{
	printf("result %s %.1f\n", suffix, value);
}

static void finish(void)
{
	result("-", best);
}

static void settle(void)
{
	/*
	 * Grace periods end, and workers do what was put off: each processor
	 * gives back what pages it has too many of once in a second or two.
	 * That is a matter of instructions, and by the clock it is long.
	 */
	usleep(strcmp(kind, "timed") ? 3000000 : 200000);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s", path);
	close(fd);
}

static void drop_caches(void)
{
	sync();
	write_file("/proc/sys/vm/drop_caches", "3");
	settle();
}

static void attach(const char *from, const char *at)
{
	if (mount(from, at, "erofs", MS_RDONLY, ""))
		fail("mount on %s", at);
}

static void detach(const char *at)
{
	if (umount(at))
		fail("umount %s", at);
}

/* The same numbers each time, whatever the C library. */
static uint64_t random_state = 88172645463325252ULL;

static uint64_t number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* The paths below a directory; regular files only if `files`. */
static char **paths;
static size_t count;
static int only_files;

static int add_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	if (only_files && !S_ISREG(st->st_mode))
		return 0;
	if (count % 1024 == 0)
		paths = realloc(paths, (count + 1024) * sizeof(*paths));
	paths[count++] = strdup(path);
	return 0;
}

static void find_paths(const char *top, int files)
{
	only_files = files;
	count = 0;
	if (nftw(top, add_path, 64, FTW_PHYS) || !count)
		fail("walk %s", top);
}

static void shuffle(void)
{
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = number(i + 1);
		char *path = paths[i];

		paths[i] = paths[j];
		paths[j] = path;
	}
}

static size_t walk(const char *top)
{
	DIR *dir = opendir(top);
	struct dirent *entry;
	size_t entries = 0;
	char path[4096];
	struct stat st;

	if (!dir)
		fail("%s", top);
	while ((errno = 0, entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", top, entry->d_name);
		if (lstat(path, &st))
			fail("%s", path);
		entries++;
		if (S_ISDIR(st.st_mode))
			entries += walk(path);
	}
	if (errno)
		fail("%s", top);
	closedir(dir);
	return entries;
}

static void walk_cold_on(const char *top)
{
	for (int i = 0; i < rounds; i++) {
		drop_caches();
		start();
		stop(walk(top));
	}
	finish();
}

static void walk_cold(void) { walk_cold_on("/mnt"); }

static void walk_warm(void)
{
	walk("/mnt");
	for (int i = 0; i < rounds; i++) {
		start();
		stop(walk("/mnt"));
	}
	finish();
}

static void lstat_cold(void)
{
	struct stat st;

	find_paths("/mnt", 0);
	shuffle();
	for (int i = 0; i < rounds; i++) {
		drop_caches();
		start();
		for (size_t n = 0; n < count; n++)
			if (lstat(paths[n], &st))
				fail("%s", paths[n]);
		stop(count);
	}
	finish();
}

static void lookup_miss(void)
{
	struct stat st;

	find_paths("/mnt", 1);
	shuffle();
	for (size_t n = 0; n < count; n++) {
		char *path;

		/* Somewhere between the names that are there. */
		if (asprintf(&path, "%s~", paths[n]) < 0)
			fail("%s", paths[n]);
		free(paths[n]);
		paths[n] = path;
	}
	for (int i = 0; i < rounds; i++) {
		drop_caches();
		start();
		for (size_t n = 0; n < count; n++)
			if (!lstat(paths[n], &st) || errno != ENOENT)
				fail("%s", paths[n]);
		stop(count);
	}
	finish();
}

static void readdir_cold(void)
{
	for (int i = 0; i < rounds; i++) {
		struct dirent *entry;
		size_t entries = 0;
		DIR *dir;

		drop_caches();
		start();
		dir = opendir("/mnt/dir");
		if (!dir)
			fail("/mnt/dir");
		while ((errno = 0, entry = readdir(dir)))
			entries++;
		if (errno)
			fail("/mnt/dir");
		closedir(dir);
		stop(entries);
		if (entries != 10002)
			fail("%zu entries", entries);
	}
	finish();
}

/* Every ARGth file. */
static void files_on(const char *top)
{
	size_t step = arg ? strtoul(arg, NULL, 0) : 1;

	find_paths(top, 1);
	for (int i = 0; i < rounds; i++) {
		size_t files = 0;

		drop_caches();
		start();
		for (size_t n = 0; n < count; n += step, files++) {
			int fd = open(paths[n], O_RDONLY);
			ssize_t got;

			if (fd < 0)
				fail("%s", paths[n]);
			while ((got = read(fd, buffer, 128 * KIB)) > 0)
				;
			if (got)
				fail("%s", paths[n]);
			close(fd);
		}
		stop(files);
	}
	finish();
}

static void files_cold(void) { files_on("/mnt"); }

static int open_big(size_t *size)
{
	int fd = open(BIG, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail("%s", BIG);
	*size = st.st_size;
	return fd;
}

static void read_at(int fd, size_t len, off_t pos)
{
	ssize_t got = pread(fd, buffer, len, pos);

	if (got == (ssize_t)len)
		return;
	if (got >= 0)
		errno = EIO;
	fail("%zu bytes at %lld", len, (long long)pos);
}

/* ARG reads at most. */
static void sequential_cold(void)
{
	const size_t step = 128 * KIB, most = arg ? strtoul(arg, NULL, 0) : SIZE_MAX;

	for (int i = 0; i < rounds; i++) {
		size_t size, reads = 0;
		int fd;

		drop_caches();
		fd = open_big(&size);
		start();
		for (off_t pos = 0; pos + step <= size && reads < most; pos += step, reads++)
			read_at(fd, step, pos);
		stop(reads);
		close(fd);
	}
	finish();
}

/* One page, from where most programs begin. */
static void first_cold(void)
{
	for (int i = 0; i < rounds; i++) {
		size_t size;
		int fd;

		drop_caches();
		fd = open_big(&size);
		start();
		read_at(fd, 4096, 0);
		stop(1);
		close(fd);
	}
	finish();
}

/* ARG reads. */
static void random_cold(void)
{
	size_t reads = strtoul(arg, NULL, 0), size;
	off_t *at = allocate(reads * sizeof(*at));
	int fd = open_big(&size);

	for (size_t n = 0; n < reads; n++)
		at[n] = number(size / 4096) * 4096;
	close(fd);
	for (int i = 0; i < rounds; i++) {
		drop_caches();
		fd = open_big(&size);
		start();
		for (size_t n = 0; n < reads; n++)
			read_at(fd, 4096, at[n]);
		stop(reads);
		close(fd);
	}
	finish();
}

/* At the positions that FILE lists, ARG of them at most. */
static void listed_cold(void)
{
	size_t most = strtoul(arg, NULL, 0), reads = 0, size;
	off_t *at = allocate(most * sizeof(*at));
	FILE *file = fopen(list, "r");
	long long pos;

	if (!file)
		fail("%s", list);
	while (reads < most && fscanf(file, "%lld", &pos) == 1)
		at[reads++] = pos;
	fclose(file);
	for (int i = 0; i < rounds; i++) {
		int fd;

		drop_caches();
		fd = open_big(&size);
		start();
		for (size_t n = 0; n < reads; n++)
			read_at(fd, 4096, at[n]);
		stop(reads);
		close(fd);
	}
	finish();
}

static void mmap_cold(void)
{
	for (int i = 0; i < rounds; i++) {
		volatile const char *bytes;
		size_t size, pages;
		int fd;

		drop_caches();
		fd = open_big(&size);
		start();
		bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED)
			fail("mmap");
		for (pages = 0; pages < size / 4096; pages++)
			(void)bytes[pages * 4096];
		munmap((void *)bytes, size);
		stop(pages);
		close(fd);
	}
	finish();
}

/* The seconds that processors have worked, all together. */
static double processor_time(void)
{
	double user, nice, system, idle, wait, irq, soft;
	FILE *file = fopen("/proc/stat", "r");

	if (!file || fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait, &irq, &soft) != 7)
		fail("/proc/stat");
	fclose(file);
	return (user + nice + system + irq + soft) / sysconf(_SC_CLK_TCK);
}

/*
 * ARG MiB of a cold file, by the clock: until its first page is there, then
 * until all of it is; and what processors worked for it. In nanoseconds.
 */
static void timed_cold(void)
{
	const size_t step = 128 * KIB;
	size_t size, most = strtoul(arg, NULL, 0) * MIB;
	double worked = processor_time();
	uint64_t from, first;
	int fd = open_big(&size);

	if (most > size)
		most = size;
	from = now();
	read_at(fd, 4096, 0);
	first = now() - from;
	for (off_t pos = 0; pos + step <= most; pos += step)
		read_at(fd, step, pos);
	result("whole", now() - from);
	result("first", first);
	result("worked", (processor_time() - worked) * 1e9);
	close(fd);
}

/* Of ARG bytes. */
static void read_warm(void)
{
	const size_t len = strtoul(arg, NULL, 0), within = 8 * MIB;
	const size_t reads = len <= 4096 ? 20000 : 1000;
	off_t *at = allocate(reads * sizeof(*at));
	size_t size;
	int fd = open_big(&size);

	for (off_t pos = 0; pos < (off_t)within; pos += len > 4096 ? len : 4096)
		read_at(fd, len, pos);
	for (size_t n = 0; n < reads; n++)
		at[n] = number(within / len) * len;
	for (int i = 0; i < rounds + 1; i++) {
		start();
		for (size_t n = 0; n < reads; n++)
			read_at(fd, len, at[n]);
		stop(reads);
	}
	close(fd);
	finish();
}

/* Four readers take turns, each in a quarter of the file. */
static void streams_cold(void)
{
	const size_t step = 128 * KIB;

	for (int i = 0; i < rounds; i++) {
		size_t size, quarter, reads = 0;
		int fds[4];

		drop_caches();
		for (int n = 0; n < 4; n++)
			fds[n] = open_big(&size);
		quarter = size / 4 & ~(step - 1);
		start();
		for (off_t pos = 0; pos < (off_t)quarter; pos += step)
			for (int n = 0; n < 4; n++, reads++)
				read_at(fds[n], step, n * quarter + pos);
		stop(reads);
		for (int n = 0; n < 4; n++)
			close(fds[n]);
	}
	finish();
}

/* ARG is the name; one that ends with '-' must be absent. */
static void xattr_warm(void)
{
	int absent = arg[strlen(arg) - 1] == '-';

	find_paths("/mnt", 1);
	for (int i = 0; i < rounds + 1; i++) {
		start();
		for (size_t n = 0; n < count; n++) {
			ssize_t got = getxattr(paths[n], arg, buffer, 256);

			if (absent ? got >= 0 || errno != ENODATA : got < 0)
				fail("%s of %s", arg, paths[n]);
		}
		stop(count);
	}
	finish();
}

/* SOURCE below, the directory /upper above. */
static void overlay_on(void (*work)(const char *top))
{
	mkdir("/upper", 0755);
	mkdir("/merged", 0755);
	if (mount("overlay", "/merged", "overlay", MS_RDONLY, "lowerdir=/upper:/mnt"))
		fail("mount overlay");
	work("/merged");
	detach("/merged");
}

static void overlay_walk(void) { overlay_on(walk_cold_on); }
static void overlay_files(void) { overlay_on(files_on); }

static void mount_alone(void)
{
	const int times = 1000; /* what is put off comes out in the mean */

	for (int i = 0; i < rounds; i++) {
		attach(source, "/mnt");
		detach("/mnt");
		settle();
		start();
		for (int n = 0; n < times; n++) {
			attach(source, "/mnt");
			detach("/mnt");
		}
		stop(times);
	}
	finish();
}

/* Slabs have no free objects, but for those that are beside others in use. */
static void shrink_slabs(void)
{
	glob_t slabs;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &slabs))
		fail("/sys/kernel/slab");
	for (size_t n = 0; n < slabs.gl_pathc; n++)
		write_file(slabs.gl_pathv[n], "1");
	globfree(&slabs);
}

/*
 * What the kernel has for itself and for page caches, in bytes. Who mounts next
 * finds no more of it free, whatever has been before.
 */
static double kernel_memory(void)
{
	static const char *const fields[] = { "Slab:", "Percpu:", "KernelStack:", "Buffers:", "Cached:" };
	FILE *file;
	char name[64];
	double kib, sum = 0;

	drop_caches();
	settle();
	drop_caches();
	shrink_slabs();
	settle();
	file = fopen("/proc/meminfo", "r");
	if (!file)
		fail("/proc/meminfo");
	while (fscanf(file, "%63s %lf%*[^\n]", name, &kib) == 2)
		for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
			if (!strcmp(name, fields[i]))
				sum += kib * KIB;
	fclose(file);
	return sum;
}

/* ARG copies of SOURCE, beside it, each mounted. */
static void mount_many(void)
{
	size_t times = strtoul(arg, NULL, 0);
	char (*images)[64] = allocate(times * sizeof(*images));
	char (*points)[64] = allocate(times * sizeof(*points));
	double before, more, mounting = 0, unmounting = 0, memory = 0;
	ssize_t size;
	int fd;

	fd = open(source, O_RDONLY);
	size = read(fd, buffer, sizeof(buffer));
	if (size <= 0 || size == sizeof(buffer))
		fail("not a small image");
	close(fd);
	mkdir("/many", 0755);
	if (mount("points", "/many", "tmpfs", 0, "nr_inodes=0"))
		fail("tmpfs");
	for (size_t n = 0; n < times; n++) {
		snprintf(images[n], sizeof(images[n]), "%s.%zu", source, n);
		snprintf(points[n], sizeof(points[n]), "/many/%zu", n);
		fd = open(images[n], O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd < 0 || write(fd, buffer, size) != size)
			fail("%s", images[n]);
		close(fd);
		if (mkdir(points[n], 0755))
			fail("%s", points[n]);
	}
	/* What the driver makes when it is first used is no mount's. */
	attach(images[0], points[0]);
	detach(points[0]);
	for (int i = 0; i < rounds; i++) {
		before = kernel_memory();
		best = mounting;
		start();
		for (size_t n = 0; n < times; n++)
			attach(images[n], points[n]);
		stop(times);
		mounting = best;
		more = (kernel_memory() - before) / times;
		if (!i || more < memory)
			memory = more;
		best = unmounting;
		start();
		for (size_t n = 0; n < times; n++)
			detach(points[n]);
		stop(times);
		unmounting = best;
	}
	result("mount", mounting);
	result("memory", memory);
	result("umount", unmounting);

	detach("/many");
	settle();
}

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
