// SPDX-License-Identifier: GPL-2.0
/* Directories: entries with their cookies, positions, and names looked up. */
#include "observe.h"
#include <limits.h>
#include <sys/syscall.h>

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

#define ROOM 32768
static char room[ROOM] __attribute__((aligned(8)));

static long entries(int fd, size_t size)
{
	return syscall(SYS_getdents64, fd, room, size);
}

/* The entry at a place of what getdents64 returned, and the place after it. */
static struct entry *entry_at(long *at)
{
	struct entry *e = (struct entry *)(room + *at);

	*at += e->reclen;
	return e;
}

static void say_entry(const struct entry *e)
{
	say("off=%lld ino=%llu type=%u", (long long)e->off, (unsigned long long)e->ino, e->type);
	say_bytes("name", e->name, strlen(e->name));
}

/* The whole listing through a buffer of this size, as a hash. */
static void listing_by(const struct place *p, int fd, size_t size)
{
	uint64_t hash = HASH_START;
	long got, count = 0;

	lseek(fd, 0, SEEK_SET);
	while ((got = entries(fd, size)) > 0)
		for (long at = 0; at < got; count++) {
			struct entry *e = entry_at(&at);

			hash = hash_more(hash, e, offsetof(struct entry, name) + strlen(e->name));
		}
	begin(p, "dir");
	say("buffer=%zu entries=%ld hash=%016llx end=%s", size, count, (unsigned long long)hash, outcome(got));
	end();
}

void observe_directory(const struct place *p)
{
	static const size_t sizes[] = { 0, 1, 23, 24, 32, 280, 700 };
	int fd = open_quietly(p->path, O_RDONLY | O_DIRECTORY);
	struct stat st;
	char path[PATH_MAX];
	long got, count = 0;

	if (fd < 0) {
		begin(p, "dir");
		say("open:%s", strerrorname_np(errno));
		end();
		return;
	}
	while ((got = entries(fd, ROOM)) > 0)
		for (long at = 0; at < got; count++) {
			begin(p, "dir");
			say("%ld", count);
			say_entry(entry_at(&at));
			end();
		}
	begin(p, "dir");
	say("end=%s position=%lld again=%s", outcome(got), (long long)lseek(fd, 0, SEEK_CUR),
	    amount(entries(fd, ROOM)));
	lseek(fd, 0, SEEK_SET);
	say("fault=%s read=%s", outcome(syscall(SYS_getdents64, fd, NULL, ROOM)), outcome(read(fd, room, 1)));
	end();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		listing_by(p, fd, sizes[i]);
	close(fd);

	begin(p, "dir");
	snprintf(path, sizeof(path), "%s/.", p->path);
	say("dot:%s", stat(path, &st) ? strerrorname_np(errno) : amount(st.st_ino));
	if (strcmp(p->path, ".")) {
		snprintf(path, sizeof(path), "%s/..", p->path);
		say("dotdot:%s", stat(path, &st) ? strerrorname_np(errno) : amount(st.st_ino));
	}
	end();
}

static void listing_from(const struct place *p, int fd, off_t to)
{
	off_t at = lseek(fd, to, SEEK_SET);
	long got, place = 0;

	begin(p, "seekdir");
	say("%lld:%s", (long long)to, outcome(at));
	if (at >= 0) {
		/* Room for a few, so that the position afterwards is one of the middle. */
		got = entries(fd, 600);
		say("%s", got > 0 ? "some" : amount(got));
		for (int i = 0; i < 2 && place < got; i++)
			say_entry(entry_at(&place));
		if (to < 1ll << 40)
			say("then=%lld", (long long)lseek(fd, 0, SEEK_CUR));
	}
	end();
}

void observe_positions(const struct place *p)
{
	const off_t bs = p->st.st_blksize, size = p->st.st_size;
	const off_t fixed[] = {
		0, 1, 5, 11, 12, 13, 24, bs - 12, bs - 1, bs, bs + 1, bs + 11, bs + 12, 2 * bs,
		size - 1, size, size + 1, size + 2, size + bs, 1ll << 31, (1ll << 32) + 12,
		1ll << 62, LLONG_MAX, -1, -12, LLONG_MIN,
	};
	off_t *cookies = NULL;
	int fd = open_quietly(p->path, O_RDONLY | O_DIRECTORY);
	size_t count = 0, step;
	long got;

	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		listing_from(p, fd, fixed[i]);
	lseek(fd, 0, SEEK_SET);
	while ((got = entries(fd, ROOM)) > 0)
		for (long at = 0; at < got; count++) {
			if (!(count & (count - 1)))
				cookies = realloc(cookies, (count ? 2 * count : 1) * sizeof(*cookies));
			cookies[count] = entry_at(&at)->off;
		}
	/* A backward order, so that no position follows from the one before. */
	step = count / 24 + 1;
	for (size_t i = count; i-- > 0;) {
		if (i % step && i + 3 < count && i > 2)
			continue;
		listing_from(p, fd, cookies[i]);
		listing_from(p, fd, cookies[i] + 1);
	}
	begin(p, "seekdir");
	say("end=%s data=%s", amount(lseek(fd, 0, SEEK_END)), amount(lseek(fd, 0, SEEK_DATA)));
	say("hole=%s bad=%s", amount(lseek(fd, 0, SEEK_HOLE)), amount(lseek(fd, 0, 99)));
	end();
	free(cookies);
	close(fd);
}

static void look_up(const struct place *p, const char *name)
{
	char path[2 * PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	begin(p, "lookup");
	say_bytes("name", name, strlen(name));
	say("%s", lstat(path, &st) ? strerrorname_np(errno) : amount(st.st_ino));
	end();
}

/* Names close to one that exists: those that a sloppy comparison would find. */
static void look_up_around(const struct place *p, const char *name)
{
	char other[NAME_MAX + 8];
	size_t n = strlen(name);

	look_up(p, name);
	for (const char *tail = "x /\x01\xff~"; *tail; tail++) {
		sprintf(other, "%s%c", name, *tail);
		look_up(p, other);
	}
	if (n > 1) {
		sprintf(other, "%.*s", (int)n - 1, name);
		look_up(p, other);
	}
	sprintf(other, "%s", name);
	other[n - 1] ^= 1;
	if (other[n - 1] && other[n - 1] != '/')
		look_up(p, other);
	sprintf(other, "%s", name);
	other[0] ^= 0x20;
	if (other[0] && other[0] != '/')
		look_up(p, other);
}

void observe_lookups(const struct place *p)
{
	static const char *const fixed[] = {
		"...", "..x", ".x", "!", "\x01", "~", "\xff", "\xff\xff", "0", "missing", "missing/below", "A", "zzzzzzzz",
	};
	char name[NAME_MAX + 2], **names = NULL;
	int fd = open_quietly(p->path, O_RDONLY | O_DIRECTORY);
	size_t count = 0, step;
	long got;

	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		look_up(p, fixed[i]);
	for (int length = NAME_MAX - 1; length <= NAME_MAX + 1; length++) {
		memset(name, 'a', length);
		name[length] = 0;
		look_up(p, name);
	}
	while ((got = entries(fd, ROOM)) > 0)
		for (long at = 0; at < got;) {
			struct entry *e = entry_at(&at);

			if (is_name_of_dot(e->name))
				continue;
			if (!(count & (count - 1)))
				names = realloc(names, (count ? 2 * count : 1) * sizeof(*names));
			names[count++] = strdup(e->name);
		}
	close(fd);
	step = count / 16 + 1;
	for (size_t i = 0; i < count; i++) {
		if (i % step == 0 || i + 1 == count)
			look_up_around(p, names[i]);
		free(names[i]);
	}
	free(names);
}
