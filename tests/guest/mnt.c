// SPDX-License-Identifier: GPL-2.0
/*
 * mnt: the mount system calls as they are, with no loop device, no helper and
 * no second try.
 *
 *   mnt mount SOURCE DIR [-t TYPE] [-o OPTIONS] [-w]
 *       mount(2), read-only unless -w; TYPE is erofs
 *   mnt fsmount DIR [-t TYPE] [STEP]...
 *       fsopen, the steps in their order, FSCONFIG_CMD_CREATE, fsmount,
 *       move_mount. A step is one fsconfig:
 *         KEY             a flag
 *         KEY=VALUE       a string
 *         fd:KEY=PATH     a descriptor: PATH opened O_RDONLY
 *         path:KEY=PATH   the same opened O_PATH
 *         procfd:KEY=PATH the string /proc/self/fd/N of PATH opened O_RDONLY
 *         create          CMD_CREATE here, and not once more at the end
 *   mnt remount DIR [OPTIONS] [-w]    mount(2) with MS_REMOUNT
 *   mnt reconfigure DIR [STEP]...     fspick, the steps, CMD_RECONFIGURE
 *   mnt umount DIR                    umount2(2)
 *   mnt idmap DIR TO FROM UID COUNT   the mount on DIR once more on TO, where ids
 *                                     of the filesystem from FROM on are those
 *                                     from UID on
 *   mnt as UID COMMAND [ARG]...       runs COMMAND as that user and group
 *
 * A failure is one line, "STEP: ERRNO" with the errno's name, then a line
 * "log: MESSAGE" for each message of the context's log; the exit status is 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed(const char *step, const char *what)
{
	const char *name = strerrorname_np(errno);

	printf("%s%s%s: %s\n", step, what ? " " : "", what ? what : "", name ? name : "?");
	return 1;
}

static void usage(void)
{
	fprintf(stderr, "usage: mnt mount|fsmount|remount|reconfigure|umount|idmap|as ...: see the head of mnt.c\n");
	exit(2);
}

static int print_log(int context)
{
	char message[4096];
	ssize_t length;

	while ((length = read(context, message, sizeof(message) - 1)) > 0) {
		message[length] = 0;
		message[strcspn(message, "\n")] = 0;
		printf("log: %s\n", message);
	}
	return 1;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* One step of fsmount or reconfigure: 0, or what to return from main. */
static int configure(int context, char *step)
{
	char *colon = strchr(step, ':'), *equals = strchr(step, '='), *kind = NULL, name[64];
	int fd, ret;

	if (!strcmp(step, "create"))
		return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? failed("create", NULL) : 0;
	if (colon && equals && colon < equals &&
	    (starts(step, "fd:") || starts(step, "path:") || starts(step, "procfd:"))) {
		kind = step;
		*colon = 0;
		step = colon + 1;
	}
	if (!equals)
		return fsconfig(context, FSCONFIG_SET_FLAG, step, NULL, 0) ? failed("set", step) : 0;
	*equals = 0;
	if (!kind)
		return fsconfig(context, FSCONFIG_SET_STRING, step, equals + 1, 0) ? failed("set", step) : 0;

	/* Never closed before the end: the name in /proc has to stay good. */
	fd = open(equals + 1, kind[0] == 'p' && kind[1] == 'a' ? O_PATH : O_RDONLY);
	if (fd < 0)
		return failed("open", equals + 1);
	if (!strcmp(kind, "procfd")) {
		sprintf(name, "/proc/self/fd/%d", fd);
		ret = fsconfig(context, FSCONFIG_SET_STRING, step, name, 0);
	} else {
		ret = fsconfig(context, FSCONFIG_SET_FD, step, NULL, fd);
		close(fd);
	}
	return ret ? failed("set", step) : 0;
}

static int do_fsmount(char *dir, char **steps)
{
	const char *type = "erofs";
	bool created = false;
	int context, mount;

	if (steps[0] && !strcmp(steps[0], "-t") && steps[1]) {
		type = steps[1];
		steps += 2;
	}
	context = fsopen(type, 0);
	if (context < 0)
		return failed("fsopen", NULL);
	for (; *steps; steps++) {
		created |= !strcmp(*steps, "create");
		if (configure(context, *steps))
			return print_log(context);
	}
	if (!created && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		failed("create", NULL);
		return print_log(context);
	}
	mount = fsmount(context, 0, 0);
	if (mount < 0) {
		failed("fsmount", NULL);
		return print_log(context);
	}
	print_log(context);
	if (move_mount(mount, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH))
		return failed("move_mount", NULL);
	return 0;
}

static int do_reconfigure(char *dir, char **steps)
{
	int context = fspick(AT_FDCWD, dir, 0);

	if (context < 0)
		return failed("fspick", NULL);
	for (; *steps; steps++)
		if (configure(context, *steps))
			return print_log(context);
	if (fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0)) {
		failed("reconfigure", NULL);
		return print_log(context);
	}
	print_log(context);
	return 0;
}

static int do_as(char *user, char **command)
{
	uid_t id = atoi(user);

	if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
		return failed("as", user);
	execvp(command[0], command);
	return failed("exec", command[0]);
}

static void write_map(pid_t pid, const char *which, const char *text)
{
	char path[64];
	FILE *file;

	sprintf(path, "/proc/%d/%s", pid, which);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		failed("write", path);
}

static int do_idmap(char **argv)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int ready[2], mount, user;
	char path[64], map[64];
	pid_t pid;

	/* A mapping is that of a user namespace, and that needs a process. */
	if (pipe(ready))
		return failed("pipe", NULL);
	pid = fork();
	if (!pid) {
		unshare(CLONE_NEWUSER);
		close(ready[0]);
		close(ready[1]);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], map, 1) < 0)
		return failed("read", NULL);
	snprintf(map, sizeof(map), "%s %s %s", argv[2], argv[3], argv[4]);
	write_map(pid, "uid_map", map);
	write_map(pid, "gid_map", map);
	sprintf(path, "/proc/%d/ns/user", pid);
	user = open(path, O_RDONLY);
	attr.userns_fd = user;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	mount = open_tree(AT_FDCWD, argv[0], OPEN_TREE_CLONE);
	if (mount < 0)
		return failed("open_tree", NULL);
	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return failed("mount_setattr", NULL);
	if (move_mount(mount, "", AT_FDCWD, argv[1], MOVE_MOUNT_F_EMPTY_PATH))
		return failed("move_mount", NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *type = "erofs", *options = NULL, *what = argc > 2 ? argv[1] : "";
	unsigned long flags = MS_RDONLY;
	int option;

	if (!strcmp(what, "fsmount"))
		return do_fsmount(argv[2], argv + 3);
	if (!strcmp(what, "reconfigure"))
		return do_reconfigure(argv[2], argv + 3);
	if (!strcmp(what, "as") && argc > 3)
		return do_as(argv[2], argv + 3);
	if (!strcmp(what, "idmap") && argc == 7)
		return do_idmap(argv + 2);
	if (!strcmp(what, "umount"))
		return umount2(argv[2], 0) ? failed("umount", NULL) : 0;

	while ((option = getopt(argc - 1, argv + 1, "t:o:w")) != -1) {
		if (option == 't')
			type = optarg;
		else if (option == 'o')
			options = optarg;
		else if (option == 'w')
			flags = 0;
		else
			usage();
	}
	argv += optind + 1;
	argc -= optind + 1;
	if (!strcmp(what, "mount") && argc == 2)
		return mount(argv[0], argv[1], type, flags, options) ? failed("mount", NULL) : 0;
	if (!strcmp(what, "remount") && (argc == 1 || argc == 2))
		return mount(NULL, argv[0], NULL, flags | MS_REMOUNT, argv[1]) ? failed("remount", NULL) : 0;
	usage();
}
