// SPDX-License-Identifier: GPL-2.0
/*
 * resident FILE: prints how many pages of FILE are in the page cache, and how
 * many it has, without reading any.
 *
 * resident map FILE COMMAND [ARG]...: maps FILE and closes it, runs COMMAND,
 * then prints the sum of FILE's bytes, read through the map. The exit status
 * is that of COMMAND.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void *map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(1);
	}
	*size = st.st_size;
	at = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return at;
}

static int run(char **command)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	unsigned long sum = 0, pages, resident = 0;
	unsigned char *bytes, *in_core;
	int result;
	size_t size;

	if (argc > 3 && !strcmp(argv[1], "map")) {
		bytes = map(argv[2], &size);
		result = run(argv + 3);
		for (size_t i = 0; i < size; i++)
			sum += bytes[i];
		printf("%lu\n", sum);
		return result;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: resident FILE | map FILE COMMAND [ARG]...\n");
		return 2;
	}
	bytes = map(argv[1], &size);
	pages = (size + 4095) / 4096;
	in_core = malloc(pages);
	if (mincore(bytes, size, in_core)) {
		perror("mincore");
		return 1;
	}
	for (size_t i = 0; i < pages; i++)
		resident += in_core[i] & 1;
	printf("%lu/%lu\n", resident, pages);
	return 0;
}
