// SPDX-License-Identifier: GPL-2.0
/* What a read-only filesystem must refuse, and with which error. */
#include "observe.h"
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#define STEP(name, call) say("%s=%s", name, outcome(call))

static int opened(const char *path, int flags)
{
	int fd = open_quietly(path, flags);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static void opens(const struct place *p)
{
	bool inert = S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode) || S_ISLNK(p->st.st_mode);

	begin(p, "refuse");
	if (inert) {
		STEP("write-only", opened(p->path, O_WRONLY));
		STEP("read-write", opened(p->path, O_RDWR));
		STEP("truncate", opened(p->path, O_RDONLY | O_TRUNC));
		STEP("append", opened(p->path, O_WRONLY | O_APPEND));
		STEP("create", opened(p->path, O_RDONLY | O_CREAT));
		STEP("exclusive", opened(p->path, O_RDONLY | O_CREAT | O_EXCL));
		STEP("noatime", opened(p->path, O_RDONLY | O_NOATIME));
		STEP("tmpfile", opened(p->path, O_RDWR | O_TMPFILE));
	}
	STEP("directory", opened(p->path, O_RDONLY | O_DIRECTORY));
	STEP("path", opened(p->path, O_PATH));
	STEP("writable", faccessat(AT_FDCWD, p->path, W_OK, AT_SYMLINK_NOFOLLOW));
	STEP("executable", faccessat(AT_FDCWD, p->path, X_OK, AT_SYMLINK_NOFOLLOW));
	end();
}

static void changes(const struct place *p)
{
	static const struct timespec now[2] = { { 1, 2 }, { 3, 4 } };
	const char *path = p->path;

	begin(p, "refuse");
	STEP("chmod", fchmodat(AT_FDCWD, path, 0600, S_ISLNK(p->st.st_mode) ? AT_SYMLINK_NOFOLLOW : 0));
	STEP("chown", lchown(path, 1, 1));
	STEP("utimens", utimensat(AT_FDCWD, path, now, AT_SYMLINK_NOFOLLOW));
	STEP("setxattr", lsetxattr(path, "user.x", "y", 1, 0));
	STEP("removexattr", lremovexattr(path, "user.x"));
	STEP("rename", rename(path, "renamed"));
	STEP("link", link(path, "linked"));
	STEP("unlink", unlink(path));
	STEP("rmdir", rmdir(path));
	if (S_ISREG(p->st.st_mode))
		STEP("truncate", truncate(path, 0));
	if (S_ISDIR(p->st.st_mode)) {
		char below[5000];

		snprintf(below, sizeof(below), "%s/new", path);
		STEP("create", opened(below, O_WRONLY | O_CREAT));
		STEP("mkdir", mkdir(below, 0755));
		STEP("mknod", mknod(below, S_IFIFO | 0600, 0));
		STEP("symlink", symlink("to", below));
	}
	end();
}

/* Calls on a descriptor; what the VFS decides is here too, since a driver's
 * operations tables decide what the VFS does. */
static void on_descriptor(const struct place *p)
{
	char byte = 0;
	int fd = open_quietly(p->path, O_RDONLY), value = 0;

	begin(p, "refuse");
	STEP("open", fd);
	if (fd >= 0) {
		STEP("write", write(fd, &byte, 1));
		STEP("ftruncate", ftruncate(fd, 0));
		STEP("fallocate", fallocate(fd, 0, 0, 1));
		STEP("fsync", fsync(fd));
		STEP("fdatasync", fdatasync(fd));
		STEP("syncfs", syncfs(fd));
		STEP("fchmod", fchmod(fd, 0600));
		STEP("readahead", readahead(fd, 0, 4096));
		STEP("lock", flock(fd, LOCK_EX | LOCK_NB));
		STEP("direct", fcntl(fd, F_SETFL, O_NOATIME));
		STEP("figetbsz", ioctl(fd, FIGETBSZ, &value));
		say("%d", value);
		value = 0;
		STEP("fionread", ioctl(fd, FIONREAD, &value));
		say("%d", value);
		STEP("unknown", ioctl(fd, 0x12345678, &value));
		STEP("getflags", ioctl(fd, FS_IOC_GETFLAGS, &value));
		STEP("setflags", ioctl(fd, FS_IOC_SETFLAGS, &value));
		close(fd);
	}
	end();
	/* A lease is only given to the only opener. */
	fd = open_quietly(p->path, O_RDONLY);
	if (fd >= 0 && wanted("lease")) {
		begin(p, "lease");
		STEP("read", fcntl(fd, F_SETLEASE, F_RDLCK));
		STEP("release", fcntl(fd, F_SETLEASE, F_UNLCK));
		end();
	}
	if (fd >= 0)
		close(fd);
}

void observe_refusals(const struct place *p)
{
	opens(p);
	changes(p);
	/* Opening a device node would reach a driver of another kind. */
	if (S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode))
		on_descriptor(p);
}

static sigjmp_buf no_compat;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(no_compat, 1);
}

/* The label as a 32-bit program asks for it, if the kernel runs such ones. */
static void compat_label(int fd)
{
#ifdef __x86_64__
	char *label = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret = 54; /* ioctl */

	if (label == MAP_FAILED)
		return;
	signal(SIGSEGV, on_fault);
	if (!sigsetjmp(no_compat, 1)) {
		__asm__ volatile("int $0x80" : "+a"(ret) : "b"((long)fd), "c"((long)FS_IOC_GETFSLABEL), "d"(label) : "memory");
		say("compat-label=%ld", ret);
		say_bytes("is", label, strnlen(label, FSLABEL_MAX));
	}
	signal(SIGSEGV, SIG_DFL);
	munmap(label, 4096);
#endif
	(void)fd;
}

void observe_ioctls(const struct place *p)
{
	const int blocks = p->st.st_blksize ? (p->st.st_size + p->st.st_blksize - 1) / p->st.st_blksize : 0;
	const int tries[] = { 0, 1, blocks / 2, blocks - 1, blocks, -1 };
	char label[FSLABEL_MAX] = "";
	struct fsxattr flags;
	int fd = open_quietly(p->path, O_RDONLY), version = 0;

	if (fd < 0)
		return;
	begin(p, "ioctl");
	STEP("label", ioctl(fd, FS_IOC_GETFSLABEL, label));
	say_bytes("is", label, strnlen(label, sizeof(label)));
	compat_label(fd);
	STEP("label-fault", ioctl(fd, FS_IOC_GETFSLABEL, NULL));
	STEP("set-label", ioctl(fd, FS_IOC_SETFSLABEL, label));
	STEP("version", ioctl(fd, FS_IOC_GETVERSION, &version));
	STEP("fsxattr", ioctl(fd, FS_IOC_FSGETXATTR, &flags));
	STEP("trim", ioctl(fd, FITRIM, label));
#ifdef FS_IOC_GETFSUUID
	struct fsuuid2 uuid = { };

	STEP("uuid", ioctl(fd, FS_IOC_GETFSUUID, &uuid));
	say_bytes("is", uuid.uuid, uuid.len);
#endif
	end();
	if (wanted("fibmap")) {
		begin(p, "fibmap");
		for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
			int block = tries[i], ret = ioctl(fd, FIBMAP, &block);

			say("%d:%s=%d", tries[i], outcome(ret), block);
		}
		end();
	}
	close(fd);
}
