// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>

#include "vmm/call/boot_image.h"

static const char *const names[IMAGES] = {[CTL_KERNEL] = "kernel", [CTL_INITRD] = "initrd"};

int images_open(struct images *v, const char *kernel, const char *initrd, char *why, size_t why_cap)
{
	const char *const paths[IMAGES] = {[CTL_KERNEL] = kernel, [CTL_INITRD] = initrd};
	char said[256] = "no memory";
	int r;

	*v = (struct images){.file = {{.fd = -1}, {.fd = -1}}, .piece = malloc(CTL_PIECE_BYTES)};
	r = v->piece ? 0 : -ENOMEM;
	for (unsigned i = 0; i < IMAGES && !r; i++) {
		if (paths[i])
			r = input_file_open(&v->file[i], paths[i], CTL_IMAGE_MAX, said, sizeof(said));
		if (r)
			snprintf(why, why_cap, "--%s '%.300s': %s", names[i], paths[i] ? paths[i] : "", said);
	}
	if (r)
		images_close(v);
	return r;
}

void images_close(struct images *v)
{
	for (unsigned i = 0; i < IMAGES && v->piece; i++)
		input_file_close(&v->file[i]);
	free(v->piece);
	v->piece = NULL;
}

void images_send_again(struct images *v, host_id to)
{
	for (unsigned i = 0; i < IMAGES; i++) {
		v->at[i] = 0;
		v->sum[i] = 0;
	}
	v->to = to;
	v->again = true;
}

static uint64_t left(const struct images *v, unsigned i)
{
	return v->file[i].fd >= 0 ? v->file[i].bytes - v->at[i] : 0;
}

/* A piece has been sent. A file that somebody has written to since is another one: -ESTALE. */
static int count(struct images *v, unsigned i, uint64_t bytes)
{
	v->at[i] += bytes;
	v->sum[i] = crc32_iscsi(v->piece, (int)bytes, v->sum[i]);
	if (left(v, i))
		return 0;
	if (v->again && v->sum[i] != v->first[i])
		return -ESTALE;
	v->first[i] = v->sum[i];
	return 0;
}

int images_pump(struct images *v, struct link *l, uint32_t epoch, char *why, size_t why_cap)
{
	int n = 0;

	for (unsigned i = 0; i < IMAGES; i++) {
		while (left(v, i)) {
			struct msg m = {.kind = MSG_CTL_IMAGE, .epoch = epoch, .blob = v->piece};
			uint64_t bytes = left(v, i) < CTL_PIECE_BYTES ? left(v, i) : CTL_PIECE_BYTES;
			int r = input_file_read(&v->file[i], v->at[i], v->piece, (size_t)bytes);

			if (r) {
				snprintf(why, why_cap, "the %s cannot be read: %s", names[i],
					 r == -ENODATA ? "it became shorter while it was sent" : strerror(-r));
				return r;
			}
			m.u.ctl_image.which = (uint8_t)i;
			m.u.ctl_image.offset = v->at[i];
			m.u.ctl_image.total = v->file[i].bytes;
			m.blob_bytes = (uint32_t)bytes;
			if (link_send(l, v->to, &m))
				return n; // its queue is full: when some of it has left
			r = count(v, i, bytes);
			if (r) {
				snprintf(why, why_cap, "the %s is not what the guest was started with any more",
					 names[i]);
				return r;
			}
			n++;
		}
	}
	return n;
}

bool images_sent(const struct images *v, const struct link *l)
{
	return !left(v, CTL_KERNEL) && !left(v, CTL_INITRD) && link_drained(l, v->to);
}
