// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/qemu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/child.h"
#include "net/keeper.h"
#include "net/log.h"
#include "net/now.h"

#define SERVES_NS 20000000000ull // a long chain of backing files is opened first
#define LOOK_MS   10u
#define ENDS_MS   1000u  // from a connection that it has closed to its own end
#define GRACE_MS  10000u // to write what it has in memory

struct qemu_image {
	struct child child;
	struct disk_config c;
	char dir[64], socket[80];
};

static int ended(const struct qemu_image *q, const char *how, char *why, size_t cap)
{
	snprintf(why, cap, "disk %.200s: qemu-nbd %s: %.200s", q->c.path, how, q->child.line);
	return -EIO;
}

int qemu_image_explain(struct qemu_image *q, int error, char *why, size_t cap)
{
	char how[96];

	return child_wait(&q->child, ENDS_MS, how, sizeof(how)) ? ended(q, how, why, cap) : error;
}

/* It ends by a socket that answers, its own end, or the time. */
static int serves(struct qemu_image *q, char *why, size_t cap)
{
	uint64_t end = now_ns() + SERVES_NS;
	struct stat st;
	char how[96];

	while (now_ns() < end) {
		if (child_wait(&q->child, LOOK_MS, how, sizeof(how)))
			return ended(q, how, why, cap);
		if (!stat(q->socket, &st))
			return 0;
	}
	snprintf(why, cap, "disk %.200s: qemu-nbd does not serve it within %llu s", q->c.path,
		 SERVES_NS / 1000000000ull);
	child_end(&q->child, GRACE_MS);
	return -ETIMEDOUT;
}

/*
 * It ends with the connection to it, so that none is left over where we are killed. Its cache is flushed when the guest
 * flushes.
 */
static int start(struct qemu_image *q, char *why, size_t cap)
{
	const char *argv[] = {"qemu-nbd",
			      "--format",
			      disk_format_names[q->c.format],
			      "--socket",
			      q->socket,
			      q->c.discard ? "--discard=unmap" : "--discard=ignore",
			      "--cache=writeback",
			      q->c.read_only ? "--read-only" : "--detect-zeroes=off",
			      q->c.path,
			      NULL};

	unlink(q->socket);
	int r = child_start(&q->child, "qemu-nbd", argv, NULL, 0);

	if (!r)
		return serves(q, why, cap);
	snprintf(why, cap, "disk %.200s: qemu-nbd cannot be started: %s%s", q->c.path, strerror(-r),
		 r == -ENOENT ? " (it is in the package qemu-utils)" : "");
	return r;
}

int qemu_image_open(const struct disk_config *c, struct qemu_image **out, char *uri, char *why, size_t cap)
{
	struct qemu_image *q = calloc(1, sizeof(*q));

	if (!q) {
		snprintf(why, cap, "disk %.200s: no memory", c->path);
		return -ENOMEM;
	}
	q->c = *c;
	q->child.pidfd = q->child.said_fd = -1;
	strcpy(q->dir, "/tmp/pando-disk-XXXXXX");
	int r = keeper_folder(q->dir);

	if (r) {
		snprintf(why, cap, "disk %.200s: no folder for its socket: %s", c->path, strerror(-r));
		free(q);
		return r;
	}
	snprintf(q->socket, sizeof(q->socket), "%s/socket", q->dir);
	r = start(q, why, cap);

	if (r) {
		qemu_image_close(q);
		return r;
	}
	snprintf(uri, DISK_PATH_MAX, "nbd+unix:///?socket=%s", q->socket);
	*out = q;
	return 0;
}

int qemu_image_revive(struct qemu_image *q, char *why, size_t cap)
{
	char how[96];

	if (q->child.pid) {
		if (!child_wait(&q->child, 0, how, sizeof(how)))
			return 0;
		log_warn("disk %s: qemu-nbd %s: %s; it is started again", q->c.path, how, q->child.line);
	}
	return start(q, why, cap);
}

void qemu_image_close(struct qemu_image *q)
{
	child_end(&q->child, GRACE_MS);
	keeper_remove_folder(q->dir, q->socket);
	free(q);
}
