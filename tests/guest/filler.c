// SPDX-License-Identifier: GPL-2.0
/*
 * filler WATCHED ORIGINAL|deny LOG
 *
 * Watches reads of the sparse file WATCHED by fanotify's pre-content events,
 * as on-demand loaders of images do, and copies each range from ORIGINAL just
 * before it is read; or denies every read. LOG gets a line "OFFSET COUNT" for
 * each event. Creates LOG when it is ready; SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Newer than the C library's headers. */
#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif
#define INFO_TYPE_RANGE 6
struct range {
	struct fanotify_event_info_header hdr;
	__u32 pad;
	__u64 offset;
	__u64 count;
};

static void fail(const char *what)
{
	fprintf(stderr, "filler: %s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

static const struct range *range_of(const struct fanotify_event_metadata *event)
{
	const char *end = (const char *)event + event->event_len;
	const char *at = (const char *)event + event->metadata_len;

	while (at + sizeof(struct fanotify_event_info_header) <= end) {
		const struct fanotify_event_info_header *hdr = (const void *)at;

		if (hdr->info_type == INFO_TYPE_RANGE)
			return (const struct range *)at;
		if (!hdr->len)
			break;
		at += hdr->len;
	}
	return NULL;
}

/* Exactly what is asked for: what is read without being asked for stays zero. */
static bool fill(int to, int original, __u64 offset, __u64 count)
{
	static char buffer[65536];

	while (count) {
		ssize_t got = pread(original, buffer, count < sizeof(buffer) ? count : sizeof(buffer), offset);

		if (got <= 0)
			return !got;
		if (pwrite(to, buffer, got, offset) != got)
			return false;
		offset += got;
		count -= got;
	}
	return true;
}

int main(int argc, char **argv)
{
	char events[16384] __attribute__((aligned(8)));
	int group, original = -1;
	ssize_t length;
	FILE *log;

	if (argc != 4) {
		fprintf(stderr, "usage: filler WATCHED ORIGINAL|deny LOG\n");
		return 2;
	}
	if (strcmp(argv[2], "deny")) {
		original = open(argv[2], O_RDONLY);
		if (original < 0)
			fail(argv[2]);
	}
	group = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC, O_RDWR | O_LARGEFILE | O_CLOEXEC);
	if (group < 0)
		fail("fanotify_init");
	if (fanotify_mark(group, FAN_MARK_ADD, FAN_PRE_ACCESS, AT_FDCWD, argv[1]))
		fail("fanotify_mark");
	log = fopen(argv[3], "w");
	if (!log)
		fail(argv[3]);
	setlinebuf(log);

	while ((length = read(group, events, sizeof(events))) > 0) {
		const struct fanotify_event_metadata *event = (const void *)events;

		for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
			struct fanotify_response response = { .fd = event->fd, .response = FAN_DENY };
			const struct range *range = range_of(event);

			if (range)
				fprintf(log, "%llu %llu\n", (unsigned long long)range->offset,
					(unsigned long long)range->count);
			else
				fprintf(log, "no range\n");
			if (original >= 0 && range && fill(event->fd, original, range->offset, range->count))
				response.response = FAN_ALLOW;
			if (write(group, &response, sizeof(response)) != sizeof(response))
				fail("response");
			close(event->fd);
		}
	}
	fail("read");
}
