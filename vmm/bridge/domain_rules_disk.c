// SPDX-License-Identifier: Apache-2.0
// The rules of <disk>: a file or block device of the host that has the disk, or an NBD export.
#include "vmm/bridge/domain_rules_priv.h"

#include <stdio.h>
#include <string.h>

#include "vmm/bridge/nbd_uri.h"

/* ---- takers ---- */

void domain_disk_begin(struct walk *w)
{
	if (w->d.disks_n == DOMAIN_DEVICES_MAX) {
		walk_error(w->errors, walk_line(w), "<devices><disk>", "there are more than %u", DOMAIN_DEVICES_MAX);
		w->d.disks_n--; // the last one is written over: the file is refused anyway
	}
	w->disk_lines[w->d.disks_n] = walk_line(w);
	w->disk = &w->d.disks[w->d.disks_n++];
	memset(w->disk, 0, sizeof(*w->disk));
	memset(&w->disk_draft, 0, sizeof(w->disk_draft));
	w->disk_draft.line = walk_line(w);
	w->disk_draft.errors = w->errors->n;
	w->place = &w->disk->at;
}

static const char *take_disk_type(struct walk *w, const char *v)
{
	w->disk_draft.network = strcmp(v, "network") == 0;
	return NULL;
}

static const char *take_format(struct walk *w, const char *v)
{
	w->disk->config.format = disk_format_find(v);
	return NULL;
}

static const char *take_discard(struct walk *w, const char *v)
{
	w->disk->config.discard = strcmp(v, "unmap") == 0;
	return NULL;
}

static const char *take_disk_queues(struct walk *w, const char *v)
{
	uint64_t n = 0;
	const char *wrong = value_count(w, v, 1, DISK_QUEUES_MAX, &n);

	w->disk->config.queues = (uint32_t)n;
	return wrong;
}

static const char *take_source(struct walk *w, const char *v)
{
	return value_path(w, v, w->disk_draft.source, sizeof(w->disk_draft.source));
}

static const char *take_export(struct walk *w, const char *v)
{
	return value_text(w, v, w->disk_draft.source, sizeof(w->disk_draft.source));
}

static const char *take_tls(struct walk *w, const char *v)
{
	w->disk_draft.tls = strcmp(v, "yes") == 0;
	return NULL;
}

static const char *take_server(struct walk *w, const char *v)
{
	if (!*v || strpbrk(v, "/?#@[]% "))
		return "expected a name or an address";
	return value_text(w, v, w->disk_draft.server, sizeof(w->disk_draft.server));
}

static const char *take_port(struct walk *w, const char *v)
{
	return value_count(w, v, 1, UINT16_MAX, &w->disk_draft.port);
}

static const char *take_transport(struct walk *w, const char *v)
{
	w->disk_draft.unix_socket = strcmp(v, "unix") == 0;
	return NULL;
}

static const char *take_socket(struct walk *w, const char *v)
{
	return value_path(w, v, w->disk_draft.socket, sizeof(w->disk_draft.socket));
}

/* The guest names its disks itself, in their order. */
static const char *take_target(struct walk *w, const char *v)
{
	(void)w;
	return strncmp(v, "vd", 2) == 0 && v[2] ? NULL : "expected vda, vdb, ...: disks are virtio disks";
}

static const char *take_serial(struct walk *w, const char *v)
{
	return value_text(w, v, w->disk->config.serial, sizeof(w->disk->config.serial));
}

static void begin_readonly(struct walk *w)
{
	w->disk->config.read_only = true;
}

static const char *take_order(struct walk *w, const char *v)
{
	(void)v; // the only one
	w->disk->config.boot = true;
	return NULL;
}

/* ---- as a whole ---- */

/* A name that is a URI already says all by itself. */
static bool make_uri(const struct disk_draft *draft, char *out, size_t cap)
{
	struct nbd_uri u = {.tls = draft->tls, .port = (uint32_t)draft->port};

	if (strstr(draft->source, "://"))
		return snprintf(out, cap, "%s", draft->source) < (int)cap;
	snprintf(u.server, sizeof(u.server), "%s", draft->unix_socket ? "" : draft->server);
	snprintf(u.socket, sizeof(u.socket), "%s", draft->socket);
	snprintf(u.name, sizeof(u.name), "%s", draft->source);
	return nbd_uri_make(&u, out, cap) == 0;
}

static const char *missing(const struct disk_draft *draft)
{
	if (!draft->network)
		return draft->source[0] ? NULL : "<source file='...'> (of a block device dev='...') is missing";
	if (draft->unix_socket)
		return draft->socket[0] ? NULL : "<source><host socket='...'> is missing";
	return draft->server[0] ? NULL : "<source><host name='...'> is missing";
}

void domain_disk_end(struct walk *w)
{
	const struct disk_draft *draft = &w->disk_draft;
	struct disk_config *c = &w->disk->config;
	const char *lacks = missing(draft);
	char why[DOMAIN_ERROR_BYTES];

	w->place = NULL;
	if (w->errors->n != draft->errors) // what is missing may be what was refused
		return;
	if (lacks) {
		walk_error(w->errors, draft->line, "<devices><disk>", "%s", lacks);
		return;
	}
	if (!draft->network)
		strcpy(c->path, draft->source);
	else if (!make_uri(draft, c->path, sizeof(c->path)))
		walk_error(w->errors, draft->line, "<devices><disk><source>", "as a URI it has more than %u bytes",
			   DISK_PATH_MAX - 1);
	if (disk_config_check(c, why, sizeof(why)))
		walk_error(w->errors, draft->line, "<devices><disk>", "%s", why);
}

/* ---- the tables ---- */

const struct attribute_rule domain_disk_attributes[] = {
	ATTR("type", .values = "file|block|network", .take = take_disk_type, .required = true),
	ATTR("device", .values = "disk"),
	ATTR("snapshot", .treatment = NO_EFFECT, .why = "there are no snapshots", .values = "no"),
	REFUSES("model", "virtio disks are of one kind"),
	REFUSES("rawio", "disks pass no SCSI commands"),
	REFUSES("sgio", "disks pass no SCSI commands"),
	{0},
};

static const struct attribute_rule driver_attributes[] = {
	ATTR("name", .treatment = NO_EFFECT, .why = "disks are pando's own", .values = "qemu"),
	ATTR("type", .values = "raw|qcow2", .take = take_format),
	ATTR("discard", .values = "unmap|ignore", .take = take_discard),
	TAKES("queues", take_disk_queues),
	ATTR("cache", .treatment = NO_EFFECT,
	     .why = "a write is on the disk when the guest has flushed it; the host's cache is passed by where it can "
		    "be",
	     .values = "none|default|writeback"),
	ATTR("io", .treatment = NO_EFFECT, .why = "requests go by io_uring", .values = "native|threads|io_uring"),
	ATTR("error_policy", .treatment = NO_EFFECT, .why = "the guest is told of errors", .values = "report"),
	ATTR("rerror_policy", .treatment = NO_EFFECT, .why = "the guest is told of errors", .values = "report"),
	REFUSES("iothread", "each host has one device thread"),
	REFUSES("detect_zeroes", "zeroes are written as the guest says"),
	REFUSES("copy_on_read", "images have no copies elsewhere"),
	REFUSES("packed", "rings are split ones"),
	REFUSES("iommu", "there is no IOMMU"),
	{0},
};

static const struct attribute_rule source_attributes[] = {
	TAKES("file", take_source),
	TAKES("dev", take_source),
	ATTR("protocol", .values = "nbd"),
	TAKES("name", take_export),
	ATTR("tls", .values = "yes|no", .take = take_tls),
	IGNORES("index", "a number that a run gives"),
	REFUSES("startupPolicy", "a disk that is not there is an error"),
	{0},
};

static const struct attribute_rule server_attributes[] = {
	TAKES("name", take_server),
	TAKES("port", take_port),
	ATTR("transport", .values = "tcp|unix", .take = take_transport),
	TAKES("socket", take_socket),
	{0},
};

static const struct element_rule source_children[] = {
	{.name = "host", .attributes = server_attributes},
	{.name = "encryption", .treatment = REFUSED, .why = "images are not encrypted"},
	{.name = "reservations", .treatment = REFUSED, .why = "disks pass no SCSI commands"},
	{0},
};

static const struct attribute_rule target_attributes[] = {
	NEEDS("dev", take_target),
	ATTR("bus", .values = "virtio"),
	REFUSES("rotation_rate", "virtio disks have none"),
	REFUSES("removable", "virtio disks are not removable"),
	{0},
};

static const struct attribute_rule boot_attributes[] = {
	ATTR("order", .values = "1", .take = take_order, .required = true),
	{0},
};

const struct element_rule domain_disk_children[] = {
	{.name = "driver", .attributes = driver_attributes},
	{.name = "source", .attributes = source_attributes, .children = source_children},
	{.name = "target", .attributes = target_attributes},
	{.name = "serial", .take = take_serial},
	{.name = "readonly", .begin = begin_readonly},
	{.name = "boot", .attributes = boot_attributes},
	{.name = "address", .attributes = domain_place_attributes},
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "backingStore", .treatment = NO_EFFECT, .why = "what an image is based on stands in it"},
	{.name = "shareable", .treatment = REFUSED, .why = "an image is one guest's"},
	{.name = "transient", .treatment = REFUSED, .why = "what is written stays"},
	{.name = "iotune", .treatment = REFUSED, .why = "requests are not held back"},
	{.name = "blockio", .treatment = REFUSED, .why = "blocks have 512 bytes, or what the device says"},
	{.name = "geometry", .treatment = REFUSED, .why = "virtio disks need none"},
	{.name = "encryption", .treatment = REFUSED, .why = "images are not encrypted"},
	{.name = "wwn", .treatment = REFUSED, .why = "virtio disks have none: <serial>"},
	{.name = "vendor", .treatment = REFUSED, .why = "virtio disks have none"},
	{.name = "product", .treatment = REFUSED, .why = "virtio disks have none"},
	{.name = "mirror", .treatment = REFUSED, .why = "images are not mirrored"},
	{0},
};
