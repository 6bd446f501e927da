// SPDX-License-Identifier: Apache-2.0
/*
 * A small process that stays outside of the sandbox of the one that runs a guest, and does for it what it may not do
 * itself any more: open a disk, start passt or qemu-nbd, connect to a switch. It was forked before anything of a guest
 * or a stranger was read, judges each question by rules that it has from the start, says in the log what it gave, and
 * ends with the process that it serves. Without one (no sandbox) each function does the same by itself.
 *
 * Any thread but keeper_start(); one question at a time, others wait.
 */
#ifndef NET_KEEPER_H
#define NET_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define KEEPER_TEXT_MAX 16384u // of a path, or of all words of a command
#define KEEPER_PATH_MAX 4096u
#define KEEPER_WORDS    128u

struct keeper_rules {
	const char *disks; // folder in which disks are, as realpath() says it; NULL: wherever the user may open them
	const char *const *programs;  // by their names, NULL ends; none other is started
	int (*tap)(const char *name); // attaches to a tap interface: a descriptor or a negative errno
};

/* Forks it. The caller has one thread; rules live as long as the process. 0 or a negative errno. */
int keeper_start(const struct keeper_rules *rules);
bool keeper_here(void);

/*
 * A regular file or a block device, or what the kernel tells of memory; flags as open()'s. A descriptor or a negative
 * errno; -EACCES may be the rules' word, -EINVAL: it is something else.
 */
int keeper_open(const char *path, int flags);

/* A stream socket that does not block. *under_way: it is connecting. A descriptor or a negative errno. */
int keeper_connect(const struct sockaddr *at, socklen_t bytes, bool *under_way);

/* keeper_rules.tap. A descriptor or a negative errno. Only where there is a keeper. */
int keeper_tap(const char *name);

/*
 * Starts a program as child_start() does: said, then fds. Only where there is a keeper. *pidfd: its descriptor. The pid
 * or a negative errno.
 */
pid_t keeper_spawn(const char *const argv[], const int *fds, unsigned fds_n, int said, int *pidfd);
/* Whether it has ended: 0, it has not; its pid, with status as waitpid()'s; or a negative errno. */
pid_t keeper_wait(pid_t pid, int *status);

/* A new folder for one socket, for its owner only, as mkdtemp(); and its end, with the socket in it. */
int keeper_folder(char *path);
void keeper_remove_folder(const char *path, const char *socket);

#endif
