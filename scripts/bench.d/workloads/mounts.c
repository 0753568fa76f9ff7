// SPDX-License-Identifier: GPL-2.0
/* Workloads that mount by themselves. */
#define _GNU_SOURCE
#include "work.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a mount takes depends on where in a chunk of per-cpu memory the next free
 * bytes are. They are elsewhere in each round: one more tmpfs has some.
 */
void mount_alone(void)
{
	const int times = 500; /* what is put off comes out in the mean */

	mkdir("/other", 0755);
	for (int i = 0; i < rounds; i++) {
		if (mount("other", "/other", "tmpfs", 0, ""))
			fail("tmpfs");
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
	for (int i = 0; i < rounds; i++)
		detach("/other");
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
void mount_many(void)
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
