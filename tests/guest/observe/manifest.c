// SPDX-License-Identifier: GPL-2.0
/* One line of a manifest: what packing a tree into an image must not change. */
#include "observe.h"
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void xattrs(const struct place *p)
{
	static char list[65536], value[65536];
	ssize_t size = llistxattr(p->path, list, sizeof(list)), length;
	char *names[1024];
	size_t count = 0;

	if (size < 0) {
		say("xattrs=%s", strerrorname_np(errno));
		return;
	}
	for (char *name = list; name < list + size && count < 1024; name += strlen(name) + 1)
		names[count++] = name;
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		char key[300];

		length = lgetxattr(p->path, names[i], value, sizeof(value));
		snprintf(key, sizeof(key), "xattr:%s", names[i]);
		if (length < 0)
			say_bytes(key, strerrorname_np(errno), strlen(strerrorname_np(errno)));
		else if (length <= 64)
			say_bytes(key, value, length);
		else
			say("%s=%zd:%016llx", key, length,
			    (unsigned long long)hash_more(HASH_START, value, length));
	}
}

void observe_manifest(const struct place *p)
{
	const struct stat *st = &p->st;
	char target[4097];
	uint64_t hash;
	ssize_t length;

	begin(p, "mode");
	say("%06o uid=%u gid=%u", st->st_mode, st->st_uid, st->st_gid);
	if (wanted("mtime"))
		say("mtime=%lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		say("size=%lld nlink=%lu", (long long)st->st_size, (unsigned long)st->st_nlink);
		if (!wanted("data"))
			break;
		if (hash_file(p->path, st->st_size, &hash))
			say("data=%s", strerrorname_np(errno));
		else
			say("data=%016llx", (unsigned long long)hash);
		break;
	case S_IFLNK:
		length = readlink(p->path, target, sizeof(target));
		if (length < 0)
			say("target:%s", strerrorname_np(errno));
		else
			say_bytes("target", target, length);
		break;
	case S_IFCHR:
	case S_IFBLK:
		say("rdev=%u:%u", major(st->st_rdev), minor(st->st_rdev));
		break;
	}
	if (wanted("xattr"))
		xattrs(p);
	end();
}
