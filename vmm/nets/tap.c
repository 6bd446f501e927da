// SPDX-License-Identifier: Apache-2.0
/*
 * A tap interface of the host (Documentation/networking/tuntap.rst): one frame a system call, with the header that
 * virtio has, so that checksums and segments can be left to whoever is at the end of the way. Only what the driver
 * accepted is switched on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/keeper.h"
#include "net/log.h"
#include "vmm/nets/nets_priv.h"

#define TAP_FEATURES                                                                                             \
	(NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN | NET_F_GUEST_TSO4 | \
	 NET_F_GUEST_TSO6 | NET_F_GUEST_ECN)

struct tap {
	struct nets n;
	int fd;
	bool watched, reading;
	char name[IFNAMSIZ];
	uint32_t in_n; // of the frame that is held; 0: none
	uint8_t in[NET_HEADER_BYTES + NET_FRAME_MAX], out[NET_FRAME_MAX];
};

static struct tap *tap(struct nets *n)
{
	return (struct tap *)n;
}

/* ---- in ---- */

static void gone(struct tap *t, int error)
{
	char text[96];

	if (!t->n.has_link)
		return;
	snprintf(text, sizeof(text), "tap %s: %s", t->name, strerror(error));
	log_warn("%s", text);
	loop_unwatch(t->n.loop, t->fd);
	t->watched = false;
	t->n.count.dropped_in += t->in_n != 0;
	t->in_n = 0;
	nets_link(&t->n, false, text);
}

static void read_more(struct tap *t, bool yes)
{
	if (t->watched && t->reading != yes)
		loop_rewatch(t->n.loop, t->fd, yes ? LOOP_READ : 0);
	t->reading = yes;
}

/* Reads the next one, if none is held. What the kernel hands out has a header and a frame, or is none of ours. */
static bool hold(struct tap *t)
{
	while (!t->in_n && t->watched) {
		ssize_t n = read(t->fd, t->in, sizeof(t->in));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; // nothing, or the loop will tell what is wrong
		if (n >= (ssize_t)(NET_HEADER_BYTES + NET_FRAME_MIN))
			t->in_n = (uint32_t)n;
		else
			t->n.count.dropped_in++;
	}
	return t->in_n;
}

static bool peek(struct nets *n, struct net_frame *out)
{
	struct tap *t = tap(n);

	if (!hold(t)) {
		read_more(t, true);
		return false;
	}
	out->bytes = t->in + NET_HEADER_BYTES;
	out->n = t->in_n - NET_HEADER_BYTES;
	net_header_decode(t->in, &out->header);
	return true;
}

static void consume(struct nets *n)
{
	tap(n)->in_n = 0;
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct tap *t = ctx;
	char none;

	if ((events & LOOP_HUP) && read(fd, &none, 0) < 0 && errno != EAGAIN) {
		gone(t, errno);
		return;
	}
	if (!(events & LOOP_READ) || !hold(t))
		return;
	t->n.events.received(t->n.ctx);
	if (t->in_n) // nobody takes it: the kernel keeps some more, and drops the rest
		read_more(t, false);
}

/* ---- out ---- */

static uint8_t *room(struct nets *n)
{
	return tap(n)->out;
}

static bool commit(struct nets *n, uint32_t bytes, const struct net_header *h)
{
	struct tap *t = tap(n);
	uint8_t raw[NET_HEADER_BYTES];
	struct iovec iov[] = {{.iov_base = raw, .iov_len = sizeof(raw)}, {.iov_base = t->out, .iov_len = bytes}};
	ssize_t w;

	net_header_encode(h, 0, raw);
	do
		w = writev(t->fd, iov, 2);
	while (w < 0 && errno == EINTR);
	return w >= 0; // a header that the kernel does not believe, no room, an interface that is down: as on a cable
}

static void accepted(struct nets *n, uint64_t f)
{
	unsigned on = 0;

	on |= f & NET_F_GUEST_CSUM ? TUN_F_CSUM : 0;
	on |= f & NET_F_GUEST_TSO4 ? TUN_F_TSO4 : 0;
	on |= f & NET_F_GUEST_TSO6 ? TUN_F_TSO6 : 0;
	on |= f & NET_F_GUEST_ECN ? TUN_F_TSO_ECN : 0;
	if (ioctl(tap(n)->fd, TUNSETOFFLOAD, on))
		log_warn("tap %s: its offloads cannot be set: %s", tap(n)->name, strerror(errno));
}

/* ---- open and close ---- */

static void close_tap(struct nets *n)
{
	struct tap *t = tap(n);

	if (t->watched)
		loop_unwatch(n->loop, t->fd);
	if (t->fd >= 0)
		close(t->fd);
	nets_fini(n);
}

static int attach_here(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (!ioctl(fd, TUNSETIFF, &r))
		return fd;
	int e = -errno;

	close(fd);
	return e;
}

int nets_tap_attach(const char *name)
{
	return keeper_here() ? keeper_tap(name) : attach_here(name);
}

static int attach(struct tap *t, const char *name, char *why, size_t cap)
{
	t->fd = nets_tap_attach(name);
	if (t->fd >= 0)
		return 0;
	if (access("/dev/net/tun", F_OK))
		return refuse_with(why, cap, t->fd, "tap %s: /dev/net/tun cannot be opened: %s", name,
				   strerror(-t->fd));
	return refuse_with(
		why, cap, t->fd,
		"tap %s: %s; /dev/net/tun that this user may open is expected, and an interface that was made for it "
		"(ip tuntap add %s mode tap user NAME), or the right to make one (CAP_NET_ADMIN)",
		name, strerror(-t->fd), name);
}

static int set_up(struct tap *t, char *why, size_t cap)
{
	int header = NET_HEADER_BYTES, on = 1;
	struct ifreq r = {.ifr_flags = 0};

	if (ioctl(t->fd, TUNGETIFF, &r))
		return refuse_with(why, cap, -errno, "tap: the descriptor is of none: %s", strerror(errno));
	snprintf(t->name, sizeof(t->name), "%s", r.ifr_name);
	if (!(r.ifr_flags & IFF_TAP) || !(r.ifr_flags & IFF_NO_PI) || !(r.ifr_flags & IFF_VNET_HDR))
		return refuse_with(why, cap, -EINVAL, "tap %s: a tap with IFF_NO_PI and IFF_VNET_HDR is expected",
				   t->name);
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &header) || ioctl(t->fd, TUNSETVNETLE, &on) || ioctl(t->fd, TUNSETOFFLOAD, 0))
		return refuse_with(why, cap, -errno, "tap %s: its header cannot be set: %s", t->name, strerror(errno));
	fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

static int open_tap(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why, size_t cap)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (!t || nets_init(&t->n, &nets_tap, o)) {
		free(t);
		return refuse_with(why, cap, -ENOMEM, "no memory for a network card");
	}
	t->fd = o->tap_fd;
	int r = t->fd ? 0 : attach(t, c->tap, why, cap);

	if (!r)
		r = set_up(t, why, cap);
	if (r) {
		close_tap(&t->n);
		return r;
	}
	t->n.features = c->offload ? TAP_FEATURES : 0;
	t->n.has_link = true;
	*out = &t->n;
	return 0;
}

static int start_tap(struct nets *n)
{
	struct tap *t = tap(n);
	int r = loop_watch(n->loop, t->fd, LOOP_READ, on_ready, t);

	t->watched = t->reading = !r;
	return r;
}

const struct nets_ops nets_tap = {
	.open = open_tap,
	.start = start_tap,
	.close = close_tap,
	.accepted = accepted,
	.room = room,
	.commit = commit,
	.peek = peek,
	.consume = consume,
};
