// SPDX-License-Identifier: GPL-2.0
/* Counting, what is counted, and what all workloads do. */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s %s: ", kind, source);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(error == EOPNOTSUPP ? 77 : 1);
}

void *allocate(size_t size)
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

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t began;
double best;

void start(void)
{
	mark();
	began = now();
}

void stop(unsigned long times)
{
	double each = (double)(now() - began) / times;

	mark();
	if (!best || each < best)
		best = each;
}

void result(const char *suffix, double value)
{
	printf("result %s %.1f\n", suffix, value);
}

void finish(void)
{
	result("-", best);
}

void settle(void)
{
	/*
	 * Grace periods end, and workers do what was put off: each processor
	 * gives back what pages it has too many of once in a second or two.
	 * That is a matter of instructions, and by the clock it is long.
	 */
	usleep(strcmp(kind, "timed") ? 3000000 : 200000);
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s", path);
	close(fd);
}

void drop_caches(void)
{
	sync();
	write_file("/proc/sys/vm/drop_caches", "3");
	settle();
}

void attach(const char *from, const char *at)
{
	if (mount(from, at, "erofs", MS_RDONLY, ""))
		fail("mount on %s", at);
}

void detach(const char *at)
{
	if (umount(at))
		fail("umount %s", at);
}

/* The same numbers each time, whatever the C library. */
static uint64_t random_state = 88172645463325252ULL;

uint64_t number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}
