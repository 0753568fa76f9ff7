// SPDX-License-Identifier: GPL-2.0
/*
 * readers DIR[,DIR]... PROCESSES SECONDS [SEED [direct]]
 *
 * Reads the whole tree DIR once, then lets several processes do random things
 * to it at the same time, each compared with what was read at first: read,
 * mmap, sendfile, stat, readlink, listing, lookups, and dropping caches in
 * between. Further DIRs must have the same contents, and are used as well: their
 * inodes are learned, and what is in their files is compared with the first's.
 * The first difference ends it with exit status 1 and a line that says what.
 * What was read is kept in a nameless file in the current directory: where
 * memory is short, that is not what takes it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

struct known {
	char *path;
	struct stat st;
	char *data;		/* the target of a link; of a file, from main() on */
	off_t data_at;		/* of a file: where in the contents */
	uint64_t listing;	/* of a directory: the sum of its names */
};

/* In each of the trees the same paths in the same order. */
static char *trees[64];
static struct known *of_tree[64];
static size_t ntrees;
static struct known *known;
static size_t count;
static size_t *files, *dirs, nfiles, ndirs;
static uint64_t state;
/* What is in the files, one after the other, and how much of it there is. */
static int contents = -1;
static off_t contents_size;

static uint64_t chance(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void wrong(const struct known *k, const char *what, off_t at, size_t length)
{
	printf("%s: %s at %lld, %zu bytes: %s\n", k->path, what, (long long)at, length,
	       errno ? strerrorname_np(errno) : "different");
	fflush(stdout);
	_exit(1);
}

/* A sum, so that the order does not matter; names and inode numbers count. */
static uint64_t list(const struct known *k)
{
	uint64_t sum = 0;
	DIR *dir = opendir(k->path);
	struct dirent *de;

	if (!dir)
		wrong(k, "opendir", 0, 0);
	errno = 0;
	while ((de = readdir(dir))) {
		uint64_t h = de->d_ino * 0x9e3779b97f4a7c15ull + de->d_type;

		for (const char *c = de->d_name; *c; c++)
			h = (h ^ (unsigned char)*c) * 0x100000001b3ull;
		sum += h;
	}
	if (errno)
		wrong(k, "readdir", 0, 0);
	closedir(dir);
	return sum;
}

static int open_known(const struct known *k)
{
	int fd = open(k->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		wrong(k, "open", 0, 0);
	return fd;
}

/* Of a further tree, whose inodes are its own. */
static void learn_also(size_t tree)
{
	size_t skip = strlen(trees[0]);

	of_tree[tree] = calloc(count, sizeof(*known));
	for (size_t n = 0; n < count; n++) {
		struct known *k = &of_tree[tree][n];

		*k = of_tree[0][n];
		if (asprintf(&k->path, "%s%s", trees[tree], of_tree[0][n].path + skip) < 0)
			exit(1);
		errno = 0;
		if (lstat(k->path, &k->st) || k->st.st_mode != of_tree[0][n].st.st_mode ||
		    (!S_ISDIR(k->st.st_mode) && k->st.st_size != of_tree[0][n].st.st_size))
			wrong(k, "lstat", 0, 0);
		if (S_ISDIR(k->st.st_mode))
			k->listing = list(k);
	}
}

static int learn(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct known *k;

	(void)type;
	(void)ftw;
	known = realloc(known, (count + 1) * sizeof(*known));
	k = &known[count];
	*k = (struct known){ .path = strdup(path), .st = *st };
	if (S_ISDIR(st->st_mode)) {
		k->listing = list(k);
		dirs = realloc(dirs, (ndirs + 1) * sizeof(*dirs));
		dirs[ndirs++] = count;
	} else if (S_ISLNK(st->st_mode)) {
		k->data = calloc(1, st->st_size + 1);
		if (readlink(path, k->data, st->st_size) != st->st_size)
			wrong(k, "readlink", 0, st->st_size);
	} else if (S_ISREG(st->st_mode) && st->st_size) {
		static char buffer[1 << 16];
		int fd = open_known(k);

		k->data_at = contents_size;
		for (off_t at = 0; at < st->st_size;) {
			ssize_t got = read(fd, buffer, sizeof(buffer));

			if (got <= 0)
				wrong(k, "read", at, 0);
			if (write(contents, buffer, got) != got) {
				perror("the contents");
				exit(1);
			}
			at += got;
		}
		contents_size += st->st_size;
		close(fd);
		files = realloc(files, (nfiles + 1) * sizeof(*files));
		files[nfiles++] = count;
	}
	count++;
	return 0;
}

/* A range of a file, mostly a short one. */
static void somewhere(const struct known *k, off_t *at, size_t *length)
{
	size_t most = 1 << (6 + chance(13));

	*at = chance(k->st.st_size);
	*length = 1 + chance(most);
	if ((off_t)*length > k->st.st_size - *at)
		*length = k->st.st_size - *at;
}

static void by_read(const struct known *k)
{
	static char buffer[1 << 19];
	int fd = open_known(k);

	for (int n = chance(4); n >= 0; n--) {
		size_t length;
		off_t at;
		ssize_t got;

		somewhere(k, &at, &length);
		errno = 0;
		got = pread(fd, buffer, length, at);
		if (got != (ssize_t)length || memcmp(buffer, k->data + at, length))
			wrong(k, "pread", at, length);
	}
	if (!chance(3))
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

static void by_mmap(const struct known *k)
{
	int fd = open_known(k);
	size_t length, lead;
	off_t at;
	char *map;

	somewhere(k, &at, &length);
	lead = at % PAGE;
	map = mmap(NULL, lead + length, PROT_READ, chance(2) ? MAP_SHARED : MAP_PRIVATE, fd, at - lead);
	if (map == MAP_FAILED)
		wrong(k, "mmap", at, length);
	close(fd);
	if (!chance(3))
		madvise(map, lead + length, chance(2) ? MADV_RANDOM : MADV_WILLNEED);
	errno = 0;
	/* From its end, now and then: no readahead helps. */
	if (chance(2) && memcmp(map + lead + length - 1, k->data + at + length - 1, 1))
		wrong(k, "mmap's end", at, length);
	if (memcmp(map + lead, k->data + at, length))
		wrong(k, "mmap", at, length);
	munmap(map, lead + length);
}

static void by_sendfile(const struct known *k)
{
	int fd = open_known(k), to = memfd_create("readers", MFD_CLOEXEC);
	size_t length, sent = 0;
	off_t at, from;
	char *map;

	somewhere(k, &at, &length);
	from = at;
	while (sent < length) {
		ssize_t moved = sendfile(to, fd, &from, length - sent);

		if (moved <= 0)
			wrong(k, "sendfile", from, length - sent);
		sent += moved;
	}
	map = mmap(NULL, length, PROT_READ, MAP_SHARED, to, 0);
	errno = 0;
	if (map == MAP_FAILED || memcmp(map, k->data + at, length))
		wrong(k, "sendfile", at, length);
	munmap(map, length);
	close(to);
	close(fd);
}

/* Around the page cache, wherever any alignment will do. */
static void by_direct(const struct known *k)
{
	static char buffer[1 << 19];
	struct statx stx;
	size_t length;
	ssize_t got;
	off_t at;
	int fd;

	if (statx(AT_FDCWD, k->path, 0, STATX_DIOALIGN, &stx) || stx.stx_dio_offset_align != 1)
		return;
	errno = 0;
	fd = open(k->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		wrong(k, "open O_DIRECT", 0, 0);
	somewhere(k, &at, &length);
	got = pread(fd, buffer, length, at);
	if (got != (ssize_t)length || memcmp(buffer, k->data + at, length))
		wrong(k, "O_DIRECT", at, length);
	close(fd);
}

static void by_stat(void)
{
	const struct known *k = &known[chance(count)];
	char path[8192], target[4097];
	struct stat st;

	errno = 0;
	if (lstat(k->path, &st) || st.st_ino != k->st.st_ino || st.st_mode != k->st.st_mode ||
	    st.st_size != k->st.st_size || st.st_nlink != k->st.st_nlink || st.st_rdev != k->st.st_rdev ||
	    st.st_uid != k->st.st_uid || st.st_gid != k->st.st_gid || st.st_blocks != k->st.st_blocks ||
	    memcmp(&st.st_mtim, &k->st.st_mtim, sizeof(st.st_mtim)))
		wrong(k, "lstat", 0, 0);
	if (S_ISLNK(st.st_mode)) {
		ssize_t length = readlink(k->path, target, sizeof(target));

		if (length != st.st_size || memcmp(target, k->data, length))
			wrong(k, "readlink", 0, st.st_size);
	}
	if (S_ISDIR(st.st_mode)) {
		snprintf(path, sizeof(path), "%s/missing-%d", k->path, (int)chance(50));
		if (!lstat(path, &st) || errno != ENOENT)
			wrong(k, "a missing name", 0, 0);
	}
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, &"123"[chance(3)], 1) != 1)
		perror("drop_caches");
	close(fd);
}

static bool direct;

static unsigned long act(int number, time_t until)
{
	unsigned long acts = 0;

	for (; time(NULL) < until; acts++) {
		const struct known *file;
		unsigned int what = chance(100);

		known = of_tree[chance(ntrees)];
		file = nfiles ? &known[files[chance(nfiles)]] : NULL;

		if (what < 10 && file && direct)
			by_direct(file);
		else if (what < 35 && file)
			by_read(file);
		else if (what < 60 && file)
			by_mmap(file);
		else if (what < 68 && file)
			by_sendfile(file);
		else if (what < 92)
			by_stat();
		else if (what < 99 || number) {
			const struct known *k = &known[dirs[chance(ndirs)]];

			errno = 0;
			if (list(k) != k->listing)
				wrong(k, "readdir", 0, 0);
		} else {
			drop_caches();
		}
	}
	return acts;
}

int main(int argc, char **argv)
{
	int processes, failures = 0, status;
	unsigned long *acts;
	time_t until;
	char *data;

	if (argc < 4) {
		fprintf(stderr, "usage: readers DIR[,DIR]... PROCESSES SECONDS [SEED [direct]]\n");
		return 2;
	}
	processes = atoi(argv[2]);
	direct = argc > 5;
	for (char *dir = strtok(argv[1], ","); dir; dir = strtok(NULL, ",")) {
		if (ntrees == sizeof(trees) / sizeof(trees[0]))
			return 2;
		trees[ntrees++] = dir;
	}
	contents = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (contents < 0) {
		perror("a file in the current directory");
		return 1;
	}
	if (!ntrees || nftw(trees[0], learn, 32, FTW_PHYS)) {
		perror(argv[1]);
		return 1;
	}
	data = mmap(NULL, contents_size + 1, PROT_READ, MAP_SHARED, contents, 0);
	if (data == MAP_FAILED || fdatasync(contents)) {
		perror("the contents");
		return 1;
	}
	for (size_t n = 0; n < nfiles; n++)
		known[files[n]].data = data + known[files[n]].data_at;
	of_tree[0] = known;
	for (size_t tree = 1; tree < ntrees; tree++)
		learn_also(tree);
	acts = mmap(NULL, processes * sizeof(*acts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	until = time(NULL) + atoi(argv[3]);
	for (int n = 0; n < processes; n++) {
		if (fork())
			continue;
		state = 0x2545f4914f6cdd1dull * (n + 1 + (argc > 4 ? atoi(argv[4]) : 0));
		acts[n] = act(n, until);
		_exit(0);
	}
	while (wait(&status) > 0)
		failures += status != 0;
	for (int n = 1; n < processes; n++)
		acts[0] += acts[n];
	printf("%d processes, %zu paths, %lu acts, %d failed\n", processes, count * ntrees, acts[0], failures);
	return failures != 0;
}
