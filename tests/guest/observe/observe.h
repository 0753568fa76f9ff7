/* SPDX-License-Identifier: GPL-2.0 */
/*
 * observe: writes down what a program can see of a mounted tree, as lines of
 * text that diff compares.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One path of the tree. */
struct place {
	const char *path;	/* as system calls take it, from the tree's root */
	const char *shown;	/* as lines show it */
	struct stat st;
	bool seen;		/* a hard link to an inode that was read before */
};

/* main.c: the words that every line is made of. */
bool wanted(const char *class);
void begin(const struct place *p, const char *class);	/* "PATH CLASS" */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_bytes(const char *key, const void *bytes, size_t length);	/* escaped */
void end(void);
const char *outcome(long returned);	/* "ok", or the errno's name */
const char *amount(long returned);	/* the number, or the errno's name */
bool is_name_of_dot(const char *name);
int open_quietly(const char *path, int flags);	/* follows no symlink, waits for no fifo */

/* data.c: the hash of file contents. */
#define HASH_START 0x9e3779b97f4a7c15ull
uint64_t hash_more(uint64_t hash, const void *bytes, size_t length);
int hash_file(const char *path, off_t size, uint64_t *hash);	/* by read(2); 0 or -1 */

/* One call per kind of observation. */
void observe_manifest(const struct place *p);

void observe_stat(const struct place *p);
void observe_link(const struct place *p);
void observe_xattrs(const struct place *p);
void observe_handle(const struct place *p);
void observe_permissions(const struct place *p);
void observe_mount(const struct place *root);
void observe_remounts(const struct place *root);

void observe_directory(const struct place *p);
void observe_positions(const struct place *p);
void observe_lookups(const struct place *p);

void observe_data(const struct place *p);
void observe_holes(const struct place *p);
void observe_extents(const struct place *p);
void observe_direct(const struct place *p);

void observe_refusals(const struct place *p);
void observe_ioctls(const struct place *p);

#endif
