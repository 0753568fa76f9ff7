// SPDX-License-Identifier: GPL-2.0
/*
 * handles: file handles that outlive the mount they were made on.
 *
 *   handles save DIR    a line for each path below DIR without newlines: its
 *                       handle, the one that names its parent too, the path
 *   handles open DIR    reads such lines; for each prints the path and what the
 *                       handles lead to, on the filesystem mounted on DIR
 *   handles try DIR TYPE WORD...
 *                       opens the handle of these 32-bit words in hexadecimal
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef AT_HANDLE_CONNECTABLE
#define AT_HANDLE_CONNECTABLE 0x002
#endif

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static int mount_fd;

static void save_one(const char *path, int flags)
{
	union handle u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount;

	if (name_to_handle_at(AT_FDCWD, path, &u.h, &mount, flags)) {
		printf("%s- ", strerrorname_np(errno));
		return;
	}
	printf("%d:", u.h.handle_type);
	for (unsigned int i = 0; i < u.h.handle_bytes; i++)
		printf("%02x", u.h.f_handle[i]);
	putchar(' ');
}

static int save(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	/* A name may have anything in it, a line may not. */
	if (strchr(path, '\n'))
		return 0;
	save_one(path, 0);
	save_one(path, AT_HANDLE_CONNECTABLE);
	puts(path);
	return 0;
}

static void open_one(union handle *u)
{
	char link[64], where[PATH_MAX + 1];
	struct stat st;
	int fd = open_by_handle_at(mount_fd, &u->h, O_PATH | O_NOFOLLOW);
	ssize_t length;

	if (fd < 0 || fstat(fd, &st)) {
		printf(" %s", strerrorname_np(errno));
		return;
	}
	printf(" ino=%lu mode=%o size=%lld", (unsigned long)st.st_ino, st.st_mode, (long long)st.st_size);
	sprintf(link, "/proc/self/fd/%d", fd);
	length = readlink(link, where, sizeof(where) - 1);
	where[length < 0 ? 0 : length] = 0;
	/* Only directories are sure to have their path found again. */
	if (S_ISDIR(st.st_mode))
		printf(" is %s", where);
	close(fd);
}

static void open_text(char *text)
{
	union handle u;
	char *bytes = strchr(text, ':');

	if (!bytes) {
		printf(" none");
		return;
	}
	u.h.handle_type = atoi(text);
	u.h.handle_bytes = 0;
	for (bytes++; bytes[0] && bytes[1] && u.h.handle_bytes < MAX_HANDLE_SZ; bytes += 2) {
		unsigned int byte;

		sscanf(bytes, "%2x", &byte);
		u.h.f_handle[u.h.handle_bytes++] = byte;
	}
	open_one(&u);
}

static int open_all(void)
{
	char line[PATH_MAX + 512];

	while (fgets(line, sizeof(line), stdin)) {
		char *alone = strtok(line, " "), *connected = strtok(NULL, " "), *path = strtok(NULL, "\n");

		if (!path)
			return 1;
		printf("%s:", path);
		open_text(alone);
		open_text(connected);
		putchar('\n');
	}
	return 0;
}

static int try(char **argv)
{
	union handle u = { .h.handle_type = atoi(argv[0]) };

	for (argv++; *argv; argv++, u.h.handle_bytes += 4) {
		unsigned int word = strtoul(*argv, NULL, 16);

		memcpy(u.h.f_handle + u.h.handle_bytes, &word, 4);
	}
	open_one(&u);
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "save"))
		return nftw(argv[2], save, 20, FTW_PHYS | FTW_MOUNT);
	mount_fd = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY) : -1;
	if (mount_fd >= 0 && argc == 3 && !strcmp(argv[1], "open"))
		return open_all();
	if (mount_fd >= 0 && argc > 3 && !strcmp(argv[1], "try"))
		return try(argv + 3);
	fprintf(stderr, "usage: handles save|open|try DIR ...: see the head of handles.c\n");
	return 2;
}
