// SPDX-License-Identifier: GPL-2.0
/* Workloads on directories and the files in them. */
#define _GNU_SOURCE
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

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

void walk_cold(void) { walk_cold_on("/mnt"); }

void walk_warm(void)
{
	walk("/mnt");
	for (int i = 0; i < rounds; i++) {
		start();
		stop(walk("/mnt"));
	}
	finish();
}

void lstat_cold(void)
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

void lookup_miss(void)
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

void readdir_cold(void)
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

void files_cold(void) { files_on("/mnt"); }

/* ARG is the name; one that ends with '-' must be absent. */
void xattr_warm(void)
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

void overlay_walk(void) { overlay_on(walk_cold_on); }
void overlay_files(void) { overlay_on(files_on); }
