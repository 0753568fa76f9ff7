// SPDX-License-Identifier: GPL-2.0
/* File contents by every way that a program can get at them. */
#include "observe.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#define CHUNK (256 * 1024)
static char chunk[CHUNK] __attribute__((aligned(4096)));
static void *volatile nowhere;	/* that no compiler knows to be NULL */

/* Quick where a multiplication is emulated; the parts' lengths do not matter
 * as long as all but the last are whole words. */
uint64_t hash_more(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (; length >= 8; length -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = (hash ^ word) * 0x2545f4914f6cdd1dull;
		hash ^= hash >> 32;
	}
	if (length) {
		word = (uint64_t)length << 56;
		memcpy(&word, at, length);
		hash = (hash ^ word) * 0x2545f4914f6cdd1dull;
		hash ^= hash >> 32;
	}
	return hash;
}

/* Reads until the end, refilling the chunk so that hashing sees whole words. */
static int hash_by_read(int fd, uint64_t *hash, off_t *total)
{
	size_t fill = 0;
	ssize_t got;

	*hash = HASH_START;
	*total = 0;
	do {
		got = read(fd, chunk + fill, CHUNK - fill);
		if (got < 0)
			return -1;
		fill += got;
		if (fill == CHUNK || !got) {
			*hash = hash_more(*hash, chunk, fill);
			*total += fill;
			fill = 0;
		}
	} while (got);
	return 0;
}

int hash_file(const char *path, off_t size, uint64_t *hash)
{
	int fd = open_quietly(path, O_RDONLY), ret;
	off_t total;

	if (fd < 0)
		return -1;
	ret = hash_by_read(fd, hash, &total);
	if (!ret && total != size) {
		errno = ENODATA;
		ret = -1;
	}
	close(fd);
	return ret;
}

/* Makes the next way of reading start without cached pages. */
static void forget(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void by_read(const struct place *p, int fd)
{
	uint64_t hash;
	off_t total;
	int ret;

	lseek(fd, 0, SEEK_SET);
	ret = hash_by_read(fd, &hash, &total);
	begin(p, "data");
	say("%s size=%lld hash=%016llx", outcome(ret), (long long)total, (unsigned long long)hash);
	end();
}

/* Small reads at and around block boundaries, backwards, past the end. */
static void by_pread(const struct place *p, int fd)
{
	const off_t size = p->st.st_size, bs = p->st.st_blksize > 0 ? p->st.st_blksize : 4096;
	const off_t last = size / bs + (size % bs != 0), step = last > 40 ? last / 20 : 1;
	const off_t ends[] = { -1, size - 2, size - 1, size, size + 1, size + bs, 1ll << 62, -(1ll << 62) };
	uint64_t hash = HASH_START;
	long count = 0, bytes = 0, failures = 0, got;

	for (off_t block = last; block >= 0 && failures < 8; block--) {
		if (block % step && block > 8 && block < last - 4) {
			/* To the next that counts: there may be billions of others. */
			block -= block % step;
			block = block > 8 ? block : 8;
		}
		for (int around = 1; around >= -1; around--) {
			for (size_t length = 1; length <= 513; length += 1 + 8 * length) {
				off_t at = block * bs + around;

				if (at < 0 || at >= size)
					continue;
				got = pread(fd, chunk, length, at);
				count++;
				bytes += got > 0 ? got : 0;
				failures += got < 0;
				hash = hash_more(hash, chunk, got > 0 ? got : 0);
			}
		}
	}
	begin(p, "pread");
	say("reads=%ld bytes=%ld failures=%ld hash=%016llx", count, bytes, failures, (unsigned long long)hash);
	end();
	begin(p, "pread");
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		got = pread(fd, chunk, 3, ends[i]);
		say("%s", amount(got));
		for (int b = 0; b < got; b++)
			say("%02x", (unsigned char)chunk[b]);
	}
	say("empty=%s", amount(pread(fd, chunk, 0, 0)));
	say("fault=%s", amount(pread(fd, nowhere, 16, 0)));
	end();
}

static sigjmp_buf bus;

static void on_bus(int signal)
{
	siglongjmp(bus, signal);
}

static void by_mmap(const struct place *p, int fd)
{
	const size_t size = p->st.st_size, page = 4096, pages = (size + page - 1) / page * page;
	struct sigaction old, catch = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };
	volatile size_t stray = 0, at = 0;
	char *map, *shared;

	/* Two pages more than the file has. */
	map = mmap(NULL, pages + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	begin(p, "mmap");
	say("private=%s", outcome(map == MAP_FAILED ? -1 : 0));
	if (map == MAP_FAILED)
		goto out;
	sigaction(SIGBUS, &catch, &old);
	if (!sigsetjmp(bus, 1)) {
		/* The last page first: then not all comes by readahead. */
		for (at = size; at < pages; at++)
			stray += !!map[at];
		at = 0;
		say("hash=%016llx", (unsigned long long)hash_more(HASH_START, map, size));
		at = size / 2;
		if (size) {
			map[at] ^= 1;
			say("written=%d", pread(fd, chunk, 1, at) == 1 && chunk[0] == (map[at] ^ 1));
		}
		at = pages;
		say("beyond=%d", map[at]);
	} else {
		say("bus@%s", at == pages ? "end" : amount(at));
	}
	sigaction(SIGBUS, &old, NULL);
	say("stray=%zu", stray);
	munmap(map, pages + 2 * page);

	shared = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	say("shared=%s", outcome(shared == MAP_FAILED ? -1 : 0));
	if (shared != MAP_FAILED) {
		say("protect=%s", outcome(mprotect(shared, page, PROT_READ | PROT_WRITE)));
		munmap(shared, page);
	}
	shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("writable=%s", outcome(shared == MAP_FAILED ? -1 : 0));
	shared = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	say("executable=%s", outcome(shared == MAP_FAILED ? -1 : 0));
	if (shared != MAP_FAILED)
		munmap(shared, page);
out:
	end();
}

/* Through a pipe, from an odd offset to the end. */
static void by_splice(const struct place *p, int fd)
{
	loff_t from = p->st.st_size > 4099 ? 4099 : 0;
	uint64_t hash = HASH_START;
	size_t fill = 0, total = 0;
	ssize_t moved, got;
	int ends[2];

	if (pipe(ends))
		return;
	while ((moved = splice(fd, &from, ends[1], NULL, 65536, 0)) > 0) {
		for (total += moved; moved; moved -= got, fill += got) {
			if (fill == CHUNK) {
				hash = hash_more(hash, chunk, fill);
				fill = 0;
			}
			got = read(ends[0], chunk + fill, (size_t)moved < CHUNK - fill ? (size_t)moved : CHUNK - fill);
			if (got <= 0)
				break;
		}
	}
	hash = hash_more(hash, chunk, fill);
	begin(p, "splice");
	say("%s total=%zu hash=%016llx", outcome(moved), total, (unsigned long long)hash);
	end();
	close(ends[0]);
	close(ends[1]);
}

static void by_sendfile(const struct place *p, int fd)
{
	int memory = memfd_create("observe", 0);
	off_t from = 0, to = 0, total;
	uint64_t hash;
	ssize_t moved;

	while ((moved = sendfile(memory, fd, &from, 1 << 20)) > 0)
		;
	begin(p, "sendfile");
	say("%s", outcome(moved));
	lseek(memory, 0, SEEK_SET);
	hash_by_read(memory, &hash, &total);
	say("total=%lld hash=%016llx", (long long)total, (unsigned long long)hash);
	from = 0;
	say("copy=%s", outcome(copy_file_range(fd, &from, memory, &to, 4096, 0)));
	end();
	close(memory);
}

void observe_data(const struct place *p)
{
	static const struct {
		const char *class;
		void (*way)(const struct place *p, int fd);
	} ways[] = {
		{ "pread", by_pread }, { "data", by_read }, { "mmap", by_mmap },
		{ "splice", by_splice }, { "sendfile", by_sendfile },
	};
	int fd = open_quietly(p->path, O_RDONLY);

	if (fd < 0) {
		begin(p, "data");
		say("open:%s", strerrorname_np(errno));
		end();
		return;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!wanted(ways[i].class))
			continue;
		forget(fd);
		ways[i].way(p, fd);
	}
	close(fd);
}

void observe_holes(const struct place *p)
{
	const off_t size = p->st.st_size, tries[] = { -1, 1, size - 1, size, size + 1, 1ll << 62 };
	int fd = open_quietly(p->path, O_RDONLY), turns = 0;
	off_t at = 0;

	if (fd < 0)
		return;
	begin(p, "seek");
	while (at >= 0 && at < size && turns < 64) {
		at = lseek(fd, at, turns++ % 2 ? SEEK_HOLE : SEEK_DATA);
		say("%s", amount(at));
	}
	end();
	begin(p, "seek");
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		say("set=%s", amount(lseek(fd, tries[i], SEEK_SET)));
		say("data=%s", amount(lseek(fd, tries[i], SEEK_DATA)));
		say("hole=%s", amount(lseek(fd, tries[i], SEEK_HOLE)));
	}
	say("end=%s", amount(lseek(fd, 0, SEEK_END)));
	end();
	close(fd);
}

void observe_extents(const struct place *p)
{
	enum { MOST = 16 };
	char room[sizeof(struct fiemap) + MOST * sizeof(struct fiemap_extent)];
	struct fiemap *map = (void *)room;
	int fd = open_quietly(p->path, O_RDONLY), ret;
	uint64_t at = 0;
	bool last = false;

	if (fd < 0)
		return;
	memset(room, 0, sizeof(room));
	map->fm_length = ~0ull;
	ret = ioctl(fd, FS_IOC_FIEMAP, map);
	begin(p, "fiemap");
	say("%s count=%u", outcome(ret), map->fm_mapped_extents);
	end();
	for (int turns = 0; !ret && !last && turns < 16; turns++) {
		memset(room, 0, sizeof(room));
		map->fm_start = at;
		map->fm_length = ~0ull - at;
		map->fm_extent_count = MOST;
		ret = ioctl(fd, FS_IOC_FIEMAP, map);
		if (ret || !map->fm_mapped_extents)
			break;
		for (unsigned int i = 0; i < map->fm_mapped_extents; i++) {
			struct fiemap_extent *e = map->fm_extents + i;

			begin(p, "fiemap");
			say("logical=%llu physical=%llu length=%llu flags=%x", (unsigned long long)e->fe_logical,
			    (unsigned long long)e->fe_physical, (unsigned long long)e->fe_length, e->fe_flags);
			end();
			at = e->fe_logical + e->fe_length;
			last = e->fe_flags & FIEMAP_EXTENT_LAST;
		}
	}
	close(fd);
}

void observe_direct(const struct place *p)
{
	const off_t size = p->st.st_size;
	const struct { off_t at; size_t length, shift; } reads[] = {
		{ 0, 512, 0 }, { 0, 4096, 0 }, { 512, 512, 0 }, { 0, CHUNK - 4096, 0 }, { 1, 512, 0 }, { 0, 511, 0 },
		{ 0, 512, 1 }, { 0, 512, 512 }, { size & ~511ll, 512, 0 }, { size & ~4095ll, 4096, 0 },
		{ (size + 511) & ~511ll, 512, 0 }, { (size + 8191) & ~4095ll, 4096, 0 },
	};
	int fd = open_quietly(p->path, O_RDONLY | O_DIRECT);

	begin(p, "direct");
	say("open:%s", outcome(fd));
	for (size_t i = 0; fd >= 0 && i < sizeof(reads) / sizeof(*reads); i++) {
		ssize_t got = pread(fd, chunk + reads[i].shift, reads[i].length, reads[i].at);

		say("%s", amount(got));
		if (got > 0)
			say("%016llx", (unsigned long long)hash_more(HASH_START, chunk + reads[i].shift, got));
	}
	end();
	if (fd >= 0)
		close(fd);
}
