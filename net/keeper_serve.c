// SPDX-License-Identifier: Apache-2.0
// The keeper's side. Whoever asks may have been taken over by a guest: each question is held against the rules.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/child.h"
#include "net/child_priv.h"
#include "net/keeper_priv.h"
#include "net/log.h"
#include "net/passfd.h"

#define FOLDERS_MAX 32u
#define FOLDER      "/tmp/pando-disk-XXXXXX"
#define SOCKET      "socket" // the one file in a folder

struct keeper {
	const struct keeper_rules *rules;
	char folder[FOLDERS_MAX][sizeof(FOLDER)]; // those that are there; "": free
	struct keeper_ask q;
	struct keeper_answer a;
};

int keeper_connect_here(const struct sockaddr *at, socklen_t bytes, bool *under_way)
{
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*under_way = false;
	if (fd < 0)
		return -errno;
	if (!connect(fd, at, bytes))
		return fd;
	*under_way = errno == EINPROGRESS;
	if (*under_way)
		return fd;
	int r = -errno;

	close(fd);
	return r;
}

/* ---- disks ---- */

/* Where a descriptor's file is, whatever links led to it. */
static bool is_in(int fd, const char *folder)
{
	char link[64], path[KEEPER_PATH_MAX];
	size_t n = strlen(folder);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, path, sizeof(path) - 1);

	path[got > 0 ? got : 0] = 0;
	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* 0: the rules allow that file. */
static int judge(const struct keeper *k, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	return k->rules->disks && !is_in(fd, k->rules->disks) ? -EACCES : 0;
}

/* What the kernel tells of memory, which a host looks at before it gives more of it. The folder is the kernel's own. */
static bool tells_of_memory(const char *path, int flags)
{
	static const char groups[] = "/sys/fs/cgroup/";

	return flags == (O_RDONLY | O_CLOEXEC) && !strstr(path, "..") &&
	       (strcmp(path, "/proc/meminfo") == 0 || strcmp(path, "/proc/self/cgroup") == 0 ||
		strncmp(path, groups, sizeof(groups) - 1) == 0);
}

/* Judged before it is opened: to open some things is to do something. */
static int open_disk(const struct keeper *k, const char *path, int flags)
{
	const int known = O_ACCMODE | O_CLOEXEC | O_EXCL;
	int at = open(path, O_PATH | O_CLOEXEC), r = at < 0 ? -errno : (flags & ~known) ? -EINVAL : judge(k, at);
	int fd = r ? r : open(path, flags);

	if (!r && fd < 0)
		fd = -errno;
	if (fd >= 0) { // it may be another one by now
		r = judge(k, fd);
		if (r)
			close(fd);
		fd = r ? r : fd;
	}
	if (at >= 0)
		close(at);
	return fd;
}

static int do_open(struct keeper *k, int *fd)
{
	if (tells_of_memory(k->q.text, k->q.number)) {
		*fd = open(k->q.text, k->q.number);
		return *fd < 0 ? -errno : 0;
	}
	*fd = open_disk(k, k->q.text, k->q.number);
	log_info("disk %.200s: opened for the guest's process: %s", k->q.text, *fd < 0 ? strerror(-*fd) : "yes");
	return *fd < 0 ? *fd : 0;
}

static int do_connect(struct keeper *k, int *fd)
{
	struct sockaddr_storage at;
	bool under_way;

	if (k->q.bytes > sizeof(at) || k->q.bytes < sizeof(sa_family_t))
		return -EINVAL;
	memcpy(&at, k->q.text, k->q.bytes);
	*fd = keeper_connect_here((const struct sockaddr *)&at, k->q.bytes, &under_way);
	k->a.more = under_way;
	return *fd < 0 ? *fd : 0;
}

static int do_tap(struct keeper *k, int *fd)
{
	if (!k->rules->tap)
		return -ENOSYS;
	*fd = k->rules->tap(k->q.text);
	return *fd < 0 ? *fd : 0;
}

/* ---- programs ---- */

static bool may_run(const struct keeper *k, const char *name)
{
	for (const char *const *p = k->rules->programs; p && *p; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return false;
}

/* A program that opens a disk has its path as its last word: it is held against the rules as a disk is. */
static int judge_words(const struct keeper *k, const char *const *argv, unsigned n)
{
	if (!n || !may_run(k, argv[0]))
		return -EACCES;
	if (!k->rules->disks || strcmp(argv[0], "qemu-nbd"))
		return 0;
	int at = open(argv[n - 1], O_PATH | O_CLOEXEC), r = at < 0 ? -errno : judge(k, at);

	if (at >= 0)
		close(at);
	return r;
}

static int do_spawn(struct keeper *k, const int fds[PASSFD_MAX], int *pidfd)
{
	const char *argv[KEEPER_WORDS + 1] = {NULL};
	unsigned n = 0, fds_n = 0;

	for (const char *w = k->q.text; n < k->q.words; w += strlen(w) + 1)
		argv[n++] = w;
	while (fds_n + 1 < PASSFD_MAX && fds[fds_n + 1] >= 0)
		fds_n++;
	int r = judge_words(k, argv, n);

	if (!r && fds[0] < 0)
		r = -EINVAL;
	pid_t pid = r ? r : child_spawn(argv, fds + 1, fds_n, fds[0]);

	log_info("%.64s: started for the guest's process: %s", argv[0] ? argv[0] : "",
		 pid < 0 ? strerror(-pid) : "yes");
	if (pid < 0)
		return pid;
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

static int do_wait(struct keeper *k)
{
	int status = 0;
	pid_t w = k->q.number > 0 ? waitpid(k->q.number, &status, WNOHANG) : -1;

	k->a.more = status;
	return w < 0 ? -ECHILD : w;
}

/* ---- folders ---- */

static int do_folder(struct keeper *k)
{
	unsigned i = 0;

	while (i < FOLDERS_MAX && k->folder[i][0])
		i++;
	if (strcmp(k->q.text, FOLDER))
		return -EINVAL;
	if (i == FOLDERS_MAX)
		return -ENOSPC;
	strcpy(k->folder[i], FOLDER);
	if (!mkdtemp(k->folder[i])) {
		int r = -errno;

		k->folder[i][0] = 0;
		return r;
	}
	strcpy(k->a.path, k->folder[i]);
	return 0;
}

static void remove_folder(char *path)
{
	char socket[sizeof(FOLDER) + sizeof(SOCKET)];

	snprintf(socket, sizeof(socket), "%s/" SOCKET, path);
	unlink(socket);
	rmdir(path);
	path[0] = 0;
}

static int do_remove(struct keeper *k)
{
	for (unsigned i = 0; i < FOLDERS_MAX; i++) {
		if (!k->folder[i][0] || strcmp(k->folder[i], k->q.text))
			continue;
		remove_folder(k->folder[i]);
		return 0;
	}
	return -ENOENT;
}

/* ---- questions ---- */

/* Whether what came is a question at all: words that end, as many as are said. */
static bool is_whole(const struct keeper_ask *q, ssize_t n)
{
	uint32_t words = 0;

	if (n < (ssize_t)KEEPER_ASK_HEAD || q->op >= KEEPER_OPS || q->bytes > sizeof(q->text) ||
	    (size_t)n != KEEPER_ASK_HEAD + q->bytes || q->words > KEEPER_WORDS)
		return false;
	if (q->op == KEEPER_CONNECT)
		return true;
	for (uint32_t i = 0; i < q->bytes; i++)
		words += q->text[i] == 0;
	return words == q->words && words && q->text[q->bytes - 1] == 0;
}

static int do_it(struct keeper *k, const int fds[PASSFD_MAX], int *fd)
{
	switch (k->q.op) {
	case KEEPER_OPEN:
		return do_open(k, fd);
	case KEEPER_CONNECT:
		return do_connect(k, fd);
	case KEEPER_TAP:
		return do_tap(k, fd);
	case KEEPER_SPAWN:
		return do_spawn(k, fds, fd);
	case KEEPER_WAIT:
		return do_wait(k);
	case KEEPER_FOLDER:
		return do_folder(k);
	default:
		return do_remove(k);
	}
}

void keeper_serve(int at, const struct keeper_rules *rules)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int fds[PASSFD_MAX], fd;
	ssize_t n;

	if (!k)
		return;
	k->rules = rules;
	while ((n = passfd_recv(at, &k->q, sizeof(k->q), fds, 0)) > 0) {
		fd = -1;
		memset(&k->a, 0, sizeof(k->a));
		k->a.result = is_whole(&k->q, n) ? do_it(k, fds, &fd) : -EBADMSG;
		for (unsigned i = 0; i < PASSFD_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		int r = passfd_send(at, &k->a, sizeof(k->a), &fd, fd >= 0);

		if (fd >= 0)
			close(fd);
		if (r)
			break;
	}
	for (unsigned i = 0; i < FOLDERS_MAX; i++)
		if (k->folder[i][0])
			remove_folder(k->folder[i]);
	free(k);
}
