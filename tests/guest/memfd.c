// SPDX-License-Identifier: GPL-2.0
/*
 * memfd FILE COMMAND [ARG]...: runs COMMAND with a sealed memfd as its
 * descriptor 9, a copy of FILE.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int from, memory;

	if (argc < 3) {
		fprintf(stderr, "usage: memfd FILE COMMAND [ARG]...\n");
		return 2;
	}
	from = open(argv[1], O_RDONLY);
	memory = memfd_create("image", MFD_ALLOW_SEALING);
	if (from < 0 || memory < 0)
		goto failed;
	while (sendfile(memory, from, NULL, 1 << 20) > 0)
		;
	if (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ||
	    dup2(memory, 9) != 9)
		goto failed;
	close(from);
	close(memory);
	execvp(argv[2], argv + 2);
failed:
	perror("memfd");
	return 1;
}
