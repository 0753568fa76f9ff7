// SPDX-License-Identifier: GPL-2.0
/*
 * crossed read FROM MAPPED SECONDS: reads the file FROM, over and over, into a
 * private map of the file MAPPED, each time a new one, and compares with what
 * is read into plain memory.
 * crossed write IMAGE SECONDS: writes over and over to IMAGE what it has.
 * crossed direct MAPPED TARGET: writes a map of the file MAPPED to the file
 * TARGET with O_DIRECT, reads it back and compares.
 *
 * The files of one image and a writer of that image wait for one another, if a
 * driver lets them. Each prints how often it has done its work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP (128UL << 10)

static void __attribute__((noreturn)) fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_file(const char *path, int flags, size_t *size)
{
	int fd = open(path, flags, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail(path);
	if (size)
		*size = st.st_size;
	return fd;
}

static char *map(int fd, size_t size)
{
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (bytes == MAP_FAILED)
		fail("mmap");
	return bytes;
}

static void read_into_maps(const char *from, const char *mapped, time_t end)
{
	size_t size, room, reads = 0;
	int in = open_file(from, O_RDONLY, &size), out = open_file(mapped, O_RDONLY, &room);
	char *plain = malloc(STEP);
	off_t pos = 0;

	if (room > STEP)
		room = STEP;
	while (time(NULL) < end) {
		char *bytes = map(out, room);
		/* Not at the start of a page, nor of a folio. */
		size_t at = reads * 517 % 4096;
		ssize_t got = pread(in, bytes + at, room - at, pos);

		if (got < 0)
			fail("read into a map");
		if (pread(in, plain, got, pos) != got)
			fail("read");
		if (memcmp(plain, bytes + at, got)) {
			errno = EIO;
			fail("other bytes in a map");
		}
		munmap(bytes, room);
		posix_fadvise(in, 0, 0, POSIX_FADV_DONTNEED);
		posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
		pos = pos + got >= (off_t)size || !got ? 0 : pos + got;
		reads++;
	}
	printf("%zu reads\n", reads);
}

static void write_same(const char *image, time_t end)
{
	size_t size, writes = 0;
	int fd = open_file(image, O_RDWR, &size);
	char page[4096];

	while (time(NULL) < end) {
		off_t pos = writes * 4096 % (size & ~4095UL);

		if (pread(fd, page, sizeof(page), pos) != sizeof(page) ||
		    pwrite(fd, page, sizeof(page), pos) != sizeof(page))
			fail(image);
		writes++;
	}
	printf("%zu writes\n", writes);
}

static void write_directly(const char *mapped, const char *target)
{
	size_t size;
	int in = open_file(mapped, O_RDONLY, &size);
	int out = open_file(target, O_RDWR | O_CREAT | O_DIRECT, NULL);
	size_t len = size > STEP ? STEP : size & ~4095UL;
	char *bytes = map(in, len), *back = aligned_alloc(4096, len);

	if (pwrite(out, bytes, len, 0) != (ssize_t)len)
		fail("direct write");
	if (pread(out, back, len, 0) != (ssize_t)len)
		fail("direct read");
	if (memcmp(bytes, back, len)) {
		errno = EIO;
		fail("other bytes were written");
	}
	printf("%zu bytes\n", len);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "read"))
		read_into_maps(argv[2], argv[3], time(NULL) + atoi(argv[4]));
	else if (argc == 4 && !strcmp(argv[1], "write"))
		write_same(argv[2], time(NULL) + atoi(argv[3]));
	else if (argc == 4 && !strcmp(argv[1], "direct"))
		write_directly(argv[2], argv[3]);
	else
		return 2;
	return 0;
}
