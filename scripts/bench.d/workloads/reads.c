// SPDX-License-Identifier: GPL-2.0
/* Workloads on one large file. */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG "/mnt/big"

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
void sequential_cold(void)
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

/* A page at each of these places. */
static void pages_cold(const off_t *at, size_t reads)
{
	for (int i = 0; i < rounds; i++) {
		size_t size;
		int fd;

		/*
		 * Held until the end, so that no round gets the pages of the one
		 * before: it matters whether these follow each other.
		 */
		memset(allocate(MIB), 1, MIB);
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

/* One page, from where most programs begin. */
void first_cold(void)
{
	const off_t first = 0;

	pages_cold(&first, 1);
}

/* ARG reads. */
void random_cold(void)
{
	size_t reads = strtoul(arg, NULL, 0), size;
	off_t *at = allocate(reads * sizeof(*at));

	close(open_big(&size));
	for (size_t n = 0; n < reads; n++)
		at[n] = number(size / 4096) * 4096;
	pages_cold(at, reads);
}

/* At the positions that FILE lists, ARG of them at most. */
void listed_cold(void)
{
	size_t most = strtoul(arg, NULL, 0), reads = 0;
	off_t *at = allocate(most * sizeof(*at));
	FILE *file = fopen(list, "r");
	long long pos;

	if (!file)
		fail("%s", list);
	while (reads < most && fscanf(file, "%lld", &pos) == 1)
		at[reads++] = pos;
	fclose(file);
	pages_cold(at, reads);
}

void mmap_cold(void)
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
void timed_cold(void)
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
void read_warm(void)
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
void streams_cold(void)
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
