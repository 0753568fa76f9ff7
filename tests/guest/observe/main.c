// SPDX-License-Identifier: GPL-2.0
/*
 * observe manifest|everything [--without CLASS,...] [--only CLASS,...] [--within SECONDS] DIR
 *
 * manifest    one line for each path: what must be the same in a mounted image
 *             and in the tree that it was made from
 * everything  what a program can observe of a mount: what must be the same
 *             under two drivers
 *
 * Every line starts with the path; classes are the second word of a line.
 * SIGALRM ends it after that many seconds.
 */
#include "observe.h"
#include <dirent.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/statvfs.h>

static const char *without, *only;

static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, n) && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

bool wanted(const char *class)
{
	return !listed(without, class) && (!only || listed(only, class));
}

static char *escape(char *to, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	for (; length; length--, from++) {
		if (*from > ' ' && *from < 0x7f && *from != '\\')
			*to++ = *from;
		else
			to += sprintf(to, "\\x%02x", *from);
	}
	*to = 0;
	return to;
}

void begin(const struct place *p, const char *class)
{
	printf("%s %s", p->shown, class);
}

void say(const char *format, ...)
{
	va_list args;

	putchar(' ');
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

void say_bytes(const char *key, const void *bytes, size_t length)
{
	char *text = malloc(4 * length + 1);

	escape(text, bytes, length);
	printf(" %s=%s", key, text);
	free(text);
}

void end(void)
{
	putchar('\n');
}

const char *outcome(long returned)
{
	return returned < 0 ? strerrorname_np(errno) : "ok";
}

const char *amount(long returned)
{
	static char text[8][24];
	static int next;

	if (returned < 0)
		return strerrorname_np(errno);
	next = (next + 1) % 8;
	sprintf(text[next], "%ld", returned);
	return text[next];
}

bool is_name_of_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

int open_quietly(const char *path, int flags)
{
	return open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void everything(const struct place *p)
{
	mode_t type = p->st.st_mode & S_IFMT;

	observe_stat(p);
	if (wanted("perm"))
		observe_permissions(p);
	if (wanted("refuse"))
		observe_refusals(p);
	if (wanted("ioctl") && (type == S_IFREG || type == S_IFDIR))
		observe_ioctls(p);
	if (wanted("xattr"))
		observe_xattrs(p);
	if (wanted("handle"))
		observe_handle(p);
	if (type == S_IFLNK && wanted("link"))
		observe_link(p);
	if (type == S_IFDIR) {
		if (wanted("dir"))
			observe_directory(p);
		if (wanted("seekdir"))
			observe_positions(p);
		if (wanted("lookup"))
			observe_lookups(p);
	}
	if (type == S_IFREG && !p->seen) {
		observe_data(p);
		if (wanted("seek"))
			observe_holes(p);
		if (wanted("direct"))
			observe_direct(p);
	}
	if ((type == S_IFREG || type == S_IFDIR) && wanted("fiemap"))
		observe_extents(p);
}

/* Inodes with several names, so that content is read through one of them. */
static bool seen_before(const struct stat *st)
{
	static ino_t *seen;
	static size_t count;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return false;
	for (size_t i = 0; i < count; i++)
		if (seen[i] == st->st_ino)
			return true;
	seen = realloc(seen, (count + 1) * sizeof(*seen));
	seen[count++] = st->st_ino;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **sorted_names(const struct place *p, size_t *count)
{
	char **names = NULL;
	struct dirent *de;
	DIR *dir = opendir(p->path);

	*count = 0;
	errno = dir ? 0 : errno;
	while (dir && (de = readdir(dir))) {
		if (is_name_of_dot(de->d_name))
			continue;
		if (!(*count & (*count - 1)))
			names = realloc(names, (*count ? 2 * *count : 1) * sizeof(*names));
		names[(*count)++] = strdup(de->d_name);
	}
	if (errno) {
		begin(p, "walk");
		say("%s", strerrorname_np(errno));
		end();
	}
	if (dir)
		closedir(dir);
	qsort(names, *count, sizeof(*names), by_name);
	return names;
}

#define DEEPEST 200

static void walk(const char *path, void (*visit)(const struct place *))
{
	static ino_t above[DEEPEST];
	static int depth;
	char *shown = malloc(4 * strlen(path) + 1), **names;
	struct place p = { .path = path, .shown = shown };
	size_t count;

	escape(shown, path + (path[1] != 0), strlen(path + (path[1] != 0)));
	if (lstat(path, &p.st)) {
		begin(&p, "stat");
		say("%s", strerrorname_np(errno));
		end();
		goto out;
	}
	p.seen = seen_before(&p.st);
	visit(&p);
	if (!S_ISDIR(p.st.st_mode))
		goto out;
	for (int i = 0; i < depth; i++)
		if (above[i] == p.st.st_ino)
			goto out;
	if (depth == DEEPEST || strlen(path) + NAME_MAX + 2 > PATH_MAX)
		goto out;
	above[depth++] = p.st.st_ino;
	names = sorted_names(&p, &count);
	for (size_t i = 0; i < count; i++) {
		char *below = malloc(strlen(path) + strlen(names[i]) + 2);

		sprintf(below, "%s/%s", path, names[i]);
		walk(below, visit);
		free(below);
		free(names[i]);
	}
	free(names);
	depth--;
out:
	free(shown);
}

static void usage(void)
{
	fprintf(stderr, "usage: observe manifest|everything [--without CLASS,...] [--only CLASS,...]"
		" [--within SECONDS] DIR\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "without", required_argument, NULL, 'w' },
		{ "only", required_argument, NULL, 'o' },
		{ "within", required_argument, NULL, 's' },
		{ },
	};
	bool manifest;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'w')
			without = optarg;
		else if (option == 'o')
			only = optarg;
		else if (option == 's')
			alarm(atoi(optarg));
		else
			usage();
	}
	if (argc - optind != 2)
		usage();
	manifest = !strcmp(argv[optind], "manifest");
	if (!manifest && strcmp(argv[optind], "everything"))
		usage();
	if (chdir(argv[optind + 1])) {
		perror(argv[optind + 1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	umask(0);
	setgroups(0, NULL);
	if (!manifest) {
		struct place root = { .path = ".", .shown = "." };
		struct statvfs fs;

		/* Half of what is tried would do harm if it were not refused. */
		if (statvfs(".", &fs) || !(fs.f_flag & ST_RDONLY)) {
			fprintf(stderr, "observe: %s is not mounted read-only\n", argv[optind + 1]);
			return 1;
		}
		lstat(".", &root.st);
		observe_mount(&root);
	}
	walk(".", manifest ? observe_manifest : everything);
	if (!manifest && wanted("remount")) {
		struct place root = { .path = ".", .shown = "." };

		observe_remounts(&root);
	}
	return fflush(stdout) || ferror(stdout);
}
