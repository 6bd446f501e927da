// SPDX-License-Identifier: Apache-2.0
// What can be asked of a PCI device of this host while the guest runs.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/conf/disk_config.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

static void answer_here(struct guest *g, uint64_t call, bool here)
{
	serve_return_json(g, call, json_pack("{s:b}", "here", here));
}

/* The device, if it is one of this host; NULL: the call has been answered. */
static const struct desc_device *device_of(struct guest *g, uint64_t call, const json_t *args)
{
	json_int_t id = json_integer_value(json_object_get(args, "device"));
	const struct desc_device *d = id >= 0 && id <= UINT32_MAX ? desc_card(&g->desc, (uint32_t)id) : NULL;

	if (!d)
		serve_return_error(g, call, "there is no device %lld", (long long)id);
	else if (d->host != g->self)
		answer_here(g, call, false);
	return d && d->host == g->self ? d : NULL;
}

void serve_device_link(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_device *d = device_of(g, call, args);

	if (!d)
		return;
	if (!g->machine || machine_card_link(g->machine, d->id, json_is_true(json_object_get(args, "up"))))
		serve_return_error(g, call, "device %u has no cable", d->id);
	else
		answer_here(g, call, true);
}

void serve_console_size(struct guest *g, uint64_t call, json_t *args)
{
	json_int_t columns = json_integer_value(json_object_get(args, "columns")),
		   rows = json_integer_value(json_object_get(args, "rows"));
	bool here = g->machine && desc_console_host(&g->desc, DESC_CONSOLE_VIRTIO) == g->self;

	if (columns < 0 || columns > UINT16_MAX || rows < 0 || rows > UINT16_MAX) {
		serve_return_error(g, call, "a window has up to 65535 columns and rows");
		return;
	}
	if (here)
		machine_console_size(g->machine, (uint16_t)columns, (uint16_t)rows);
	answer_here(g, call, here);
}

/* ---- a disk's size: on the worker, since a file system may take its time ---- */

struct resize {
	uint64_t call, bytes;
	struct disk_config config;
	char why[DESC_REPORT_MAX]; // "": it is done
};

static const char *refusal(const struct resize *z, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "a block device has the size that it has";
	if ((uint64_t)st->st_size > z->bytes)
		return "it is larger than that, and what would be cut off may be in use";
	return NULL;
}

static void grow(struct guest *g, void *arg)
{
	struct resize *z = arg;
	const struct disk_config *c = &z->config;
	int fd = open(c->path, O_RDWR | O_CLOEXEC);
	const char *why = NULL;
	struct stat st;

	(void)g;
	if (fd < 0 || fstat(fd, &st))
		why = strerror(errno);
	else
		why = refusal(z, &st);
	if (!why && ftruncate(fd, (off_t)z->bytes))
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	if (why)
		snprintf(z->why, sizeof(z->why), "%.200s: %s", c->path, why);
}

static void grown(struct guest *g, void *arg, bool cancelled)
{
	struct resize *z = arg;

	if (cancelled)
		serve_return_error(g, z->call, "host %u is being stopped", g->self);
	else if (z->why[0])
		serve_return_error(g, z->call, "%s", z->why);
	else
		answer_here(g, z->call, true);
	free(z);
}

/* NULL: it can be tried. */
static const char *read_disk(const struct desc_device *d, json_int_t bytes, struct resize *z)
{
	char why[256];

	if (card_kind_find(d->kind) != CARD_BLK || disk_config_from_json(d->config, &z->config, why, sizeof(why)))
		return "it is no disk";
	if (disk_config_place(&z->config) != DISK_FILE || z->config.format != DISK_RAW)
		return "only a file with a raw image can be made larger";
	if (z->config.read_only)
		return "it is read-only";
	return bytes <= 0 || bytes % 512 ? "its size is a multiple of 512 bytes" : NULL;
}

void serve_device_size(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_device *d = device_of(g, call, args);
	json_int_t bytes = json_integer_value(json_object_get(args, "bytes"));

	if (!d)
		return;
	struct resize *z = calloc(1, sizeof(*z));
	const char *why = z ? read_disk(d, bytes, z) : NULL;
	int r = z ? 0 : -ENOMEM;

	if (z && !why) {
		z->call = call;
		z->bytes = (uint64_t)bytes;
		r = guest_work(g, grow, grown, z);
		if (!r)
			return;
	}
	free(z);
	serve_return_error(g, call, "device %u: %s", d->id, why ? why : strerror(-r));
}
