// SPDX-License-Identifier: Apache-2.0
// What the board's move is to `pando run`: boot images that are sent again, and keys that wait.
#include <errno.h>
#include <stdio.h>

#include "vmm/call/boot_image.h"
#include "vmm/run/run_priv.h"

static bool send_images(void *ctx, host_id to, uint64_t bytes[2])
{
	struct run *r = ctx;

	for (unsigned i = 0; i < IMAGES; i++)
		bytes[i] = r->images.file[i].fd >= 0 ? r->images.file[i].bytes : 0;
	if (!bytes[CTL_KERNEL])
		return false;
	images_send_again(&r->images, to);
	r->images_why[0] = 0;
	r->images_again = true;
	return true;
}

static int images_left(void *ctx, char *why, size_t cap)
{
	struct run *r = ctx;

	if (r->images_again)
		return 1;
	snprintf(why, cap, "%s", r->images_why);
	return r->images_why[0] ? -EIO : 0;
}

static void stop_images(void *ctx)
{
	((struct run *)ctx)->images_again = false;
}

int run_boards_pump(struct run *r)
{
	int n = images_pump(&r->images, r->link, r->desc.epoch, r->images_why, sizeof(r->images_why));

	r->images_again = n >= 0 && !images_sent(&r->images, r->link);
	return n < 0 ? 1 : n;
}

static void hold_keys(void *ctx, bool hold)
{
	run_console_hold(&((struct run *)ctx)->console, hold);
}

static bool drained(void *ctx, host_id h)
{
	return link_drained(((struct run *)ctx)->link, h);
}

int run_boards_begin(struct run *r)
{
	const struct boards_net net = {.ctx = r,
				       .send_images = send_images,
				       .images_left = images_left,
				       .stop_images = stop_images,
				       .hold_keys = hold_keys,
				       .drained = drained};

	r->boards = boards_create(r->ops, r->members, &r->desc, &net);
	return r->boards ? 0 : -ENOMEM;
}
