// SPDX-License-Identifier: GPL-2.0
/* What the inodes say about themselves, and what the mount says about itself. */
#include "observe.h"
#include <limits.h>
#include <linux/stat.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void times(const char *key, const struct timespec *ts)
{
	say("%s=%lld.%09ld", key, (long long)ts->tv_sec, ts->tv_nsec);
}

static void statx_fields(const struct place *p)
{
	/* Of a mount, not of a filesystem: its id is new every time. */
	const unsigned int ids = STATX_MNT_ID | 0x4000 /* STATX_MNT_ID_UNIQUE */;
	struct statx x = { };
	int ret = statx(AT_FDCWD, p->path, AT_SYMLINK_NOFOLLOW, 0x7fffffff & ~ids, &x);

	begin(p, "statx");
	say("%s mask=%x attributes=%llx of %llx", outcome(ret), x.stx_mask & ~(ids | STATX_DIOALIGN),
	    (unsigned long long)x.stx_attributes, (unsigned long long)x.stx_attributes_mask);
	say("mode=%o nlink=%u ino=%llu size=%llu blocks=%llu blksize=%u", x.stx_mode, x.stx_nlink,
	    (unsigned long long)x.stx_ino, (unsigned long long)x.stx_size,
	    (unsigned long long)x.stx_blocks, x.stx_blksize);
	say("btime=%lld.%09u", (long long)x.stx_btime.tv_sec, x.stx_btime.tv_nsec);
	end();
	if (!wanted("direct"))
		return;
	begin(p, "dioalign");
	say("%s memory=%u offset=%u", x.stx_mask & STATX_DIOALIGN ? "told" : "silent",
	    x.stx_dio_mem_align, x.stx_dio_offset_align);
	end();
}

void observe_stat(const struct place *p)
{
	const struct stat *st = &p->st;

	if (wanted("stat")) {
		begin(p, "stat");
		say("mode=%06o uid=%u gid=%u nlink=%lu ino=%lu", st->st_mode, st->st_uid, st->st_gid,
		    (unsigned long)st->st_nlink, (unsigned long)st->st_ino);
		say("size=%lld blocks=%lld blksize=%ld rdev=%u:%u", (long long)st->st_size,
		    (long long)st->st_blocks, (long)st->st_blksize, major(st->st_rdev), minor(st->st_rdev));
		times("atime", &st->st_atim);
		times("mtime", &st->st_mtim);
		times("ctime", &st->st_ctim);
		end();
	}
	if (wanted("statx"))
		statx_fields(p);
}

void observe_link(const struct place *p)
{
	char target[PATH_MAX + 1];
	ssize_t length = readlink(p->path, target, sizeof(target));
	const ssize_t sizes[] = { 0, 1, length / 2, length - 1, length, length + 1 };

	begin(p, "link");
	say("%s", amount(length));
	if (length > 0)
		say_bytes("target", target, length);
	end();
	for (size_t i = 0; length > 0 && i < sizeof(sizes) / sizeof(*sizes); i++) {
		char part[PATH_MAX + 2];
		ssize_t got;

		memset(part, '#', sizeof(part));
		got = readlink(p->path, part, sizes[i]);
		begin(p, "link");
		say("buffer=%zd %s hash=%016llx beyond=%c", sizes[i], amount(got),
		    (unsigned long long)hash_more(HASH_START, part, got > 0 ? got : 0),
		    part[got > 0 ? got : 0]);
		end();
	}
	begin(p, "link");
	say("open:%s", outcome(open_quietly(p->path, O_RDONLY)));
	end();
}

static void one_xattr(const struct place *p, const char *name)
{
	static char value[65537];
	ssize_t size = lgetxattr(p->path, name, NULL, 0), got;

	begin(p, "xattr");
	say_bytes("name", name, strlen(name));
	say("asked=%s", amount(size));
	got = lgetxattr(p->path, name, value, sizeof(value) - 1);
	say("large=%s", amount(got));
	if (got >= 0)
		say("hash=%016llx", (unsigned long long)hash_more(HASH_START, value, got));
	value[size > 0 ? size : 0] = '#';
	if (size > 0)
		say("exact=%s beyond=%c", amount(lgetxattr(p->path, name, value, size)), value[size]);
	if (size > 1)
		say("short=%s", amount(lgetxattr(p->path, name, value, size - 1)));
	end();
}

static void absent_xattrs(const struct place *p)
{
	static const char *const absent[] = {
		"user.absent", "trusted.absent", "security.absent", "system.absent", "absent", "user.",
		"security.selinux", "system.posix_acl_access", "system.posix_acl_default",
	};
	char value[64], name[258];

	begin(p, "xattr");
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		say("%s=%s", absent[i], amount(lgetxattr(p->path, absent[i], value, sizeof(value))));
	memset(name, 'x', sizeof(name));
	memcpy(name, "user.", 5);
	for (int length = 255; length <= 257; length++) {
		name[length] = 0;
		say("%d=%s", length, amount(lgetxattr(p->path, name, value, sizeof(value))));
		name[length] = 'x';
	}
	end();
}

void observe_xattrs(const struct place *p)
{
	static char list[65536];
	ssize_t size = llistxattr(p->path, list, sizeof(list));

	begin(p, "xattr");
	say("list=%s asked=%s", amount(size), amount(llistxattr(p->path, NULL, 0)));
	if (size > 0)
		say("exact=%s", amount(llistxattr(p->path, list, size)));
	if (size > 1)
		say("short=%s", amount(llistxattr(p->path, list, size - 1)));
	end();
	size = llistxattr(p->path, list, sizeof(list));
	for (char *name = list; name < list + size; name += strlen(name) + 1)
		one_xattr(p, name);
	absent_xattrs(p);
	if (size > 0 && !seteuid(1000)) {
		size = llistxattr(p->path, list, sizeof(list));
		begin(p, "xattr");
		say("list of a user:%s", amount(size));
		if (size > 0)
			say_bytes("names", list, size);
		end();
		seteuid(0);
	}
}

void observe_handle(const struct place *p)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = 0 };
	struct stat st;
	int mount, fd;

	begin(p, "handle");
	say("asked=%s", outcome(name_to_handle_at(AT_FDCWD, p->path, &u.h, &mount, 0)));
	say("bytes=%u", u.h.handle_bytes);
	u.h.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, p->path, &u.h, &mount, 0)) {
		say("%s", strerrorname_np(errno));
		end();
		return;
	}
	say("type=%d", u.h.handle_type);
	say_bytes("handle", u.h.f_handle, u.h.handle_bytes);
	for (int broken = 0; broken < 2; broken++) {
		/* The second time it names a node far outside the image. */
		if (broken)
			u.h.f_handle[1] ^= 0x10;
		fd = open_by_handle_at(AT_FDCWD, &u.h, O_PATH | O_NOFOLLOW);
		say("%s:%s", broken ? "broken" : "open", outcome(fd));
		if (fd >= 0 && !fstat(fd, &st))
			say("%s", st.st_ino == p->st.st_ino && st.st_mode == p->st.st_mode ? "same" : "another");
		if (fd >= 0)
			close(fd);
	}
	end();
}

void observe_permissions(const struct place *p)
{
	int fd;

	if (setegid(1000) || seteuid(1000)) {
		setegid(0);
		return;
	}
	begin(p, "perm");
	say("read=%s", outcome(faccessat(AT_FDCWD, p->path, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW)));
	say("write=%s", outcome(faccessat(AT_FDCWD, p->path, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW)));
	say("execute=%s", outcome(faccessat(AT_FDCWD, p->path, X_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW)));
	fd = open_quietly(p->path, S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode) ? O_RDONLY : O_PATH);
	say("open=%s", outcome(fd));
	end();
	seteuid(0);
	setegid(0);
	if (fd >= 0)
		close(fd);
}

/* The mount's line of /proc/self/mountinfo without ids and device numbers. */
static void mount_options(const struct place *root)
{
	char here[PATH_MAX], line[8192], last[8192] = "", *at;
	FILE *file = fopen("/proc/self/mountinfo", "r");

	if (!file || !getcwd(here, sizeof(here)))
		return;
	while (fgets(line, sizeof(line), file)) {
		char point[PATH_MAX];

		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1 && !strcmp(point, here))
			strcpy(last, line);
	}
	fclose(file);
	begin(root, "mount");
	at = strtok(last, " \n");
	for (int field = 1; at; field++, at = strtok(NULL, " \n"))
		if (field != 1 && field != 2 && field != 3 && field != 5 && strncmp(at, "shared:", 7))
			say("%s", at);
	end();
}

void observe_mount(const struct place *root)
{
	struct statfs fs = { };
	int ret = statfs(root->path, &fs);

	if (wanted("statfs")) {
		begin(root, "statfs");
		say("%s type=%lx bsize=%ld frsize=%ld blocks=%llu bfree=%llu bavail=%llu", outcome(ret),
		    (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_frsize, (unsigned long long)fs.f_blocks,
		    (unsigned long long)fs.f_bfree, (unsigned long long)fs.f_bavail);
		say("files=%llu ffree=%llu namelen=%ld flags=%lx", (unsigned long long)fs.f_files,
		    (unsigned long long)fs.f_ffree, (long)fs.f_namelen, (long)fs.f_flags);
		end();
	}
	if (wanted("fsid")) {
		begin(root, "fsid");
		say("%08x:%08x", fs.f_fsid.__val[0], fs.f_fsid.__val[1]);
		end();
	}
	if (wanted("mount"))
		mount_options(root);
}

/* What can be changed later, what of it is then shown, and what is refused. At
 * the end, since nothing brings back the options that the mount came with. */
void observe_remounts(const struct place *root)
{
	static const char *const tries[] = {
		"noacl", "nouser_xattr", "acl", "noacl,nouser_xattr", "", "acl=1", "cache_strategy=disabled",
		"cache_strategy=readahead", "cache_strategy=bogus", "dax=never", "dax=bogus", "directio",
		"nodirectio", "fsoffset=4096", "fsoffset=x", "device=/nowhere", "device", "domain_id=some",
		"domain_id=", "source=/nowhere", "bogus", "bogus=1", "user_xattr,bogus", "",
	};
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)))
		return;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		int ret = mount(NULL, here, NULL, MS_REMOUNT | MS_RDONLY, tries[i]);

		begin(root, "remount");
		say("%s:%s", tries[i], outcome(ret));
		end();
		mount_options(root);
	}
	begin(root, "remount");
	say("for writing:%s", outcome(mount(NULL, here, NULL, MS_REMOUNT, "")));
	end();
	mount_options(root);
}
