// SPDX-License-Identifier: Apache-2.0
// QEMU's words for PCI devices: the buses, disks with what they have counted, and the events of devices.
#include <string.h>

#include "vmm/conf/disk_config.h"
#include "vmm/monitor/monitor_priv.h"

static const struct machine_desc *desc_of(const struct monitor *m)
{
	return &m->r->desc;
}

/* ---- query-pci ---- */

/* What configuration spaces say of the kinds (OASIS virtio 1.2, 4.1.2; numbers of classes are the PCI SIG's). */
static const struct {
	const char *kind;
	int device, class;
	const char *text;
} pci_kinds[] = {
	{"virtio-net", 0x1041, 0x0200, "Ethernet controller"},
	{"virtio-blk", 0x1042, 0x0180, "Storage controller"},
	{"virtio-console", 0x1043, 0x0780, "Communication controller"},
	{"virtio-rng", 0x1044, 0x00ff, "RNG"},
};

static json_t *pci_function(int bus, int slot, const char *name, int class, const char *text, json_t *ids)
{
	json_t *class_info = json_pack("{s:i}", "class", class);

	if (text)
		json_object_set_new(class_info, "desc", json_string(text));
	return json_pack("{s:i,s:i,s:i,s:o,s:o,s:i,s:s,s:[]}", "bus", bus, "slot", slot, "function", 0, "class_info",
			 class_info, "id", ids, "irq_pin", 0, "qdev_id", name, "regions");
}

static json_t *host_bridge(void)
{
	return pci_function(0, 0, "", 0x0600, "Host bridge",
			    json_pack("{s:i,s:i}", "device", 0x0008, "vendor", 0x1b36));
}

static json_t *card(struct monitor *m, const struct desc_device *d)
{
	const char *name = device_names_of(&m->names, d->id);
	unsigned k = 0;

	while (k < sizeof(pci_kinds) / sizeof(*pci_kinds) - 1 && strcmp(pci_kinds[k].kind, d->kind))
		k++;
	return pci_function((int)d->host, (int)d->slot, name, pci_kinds[k].class, pci_kinds[k].text,
			    json_pack("{s:i,s:i,s:i,s:i}", "device", pci_kinds[k].device, "vendor", 0x1af4,
				      "subsystem-vendor", 0x1af4, "subsystem", 0x0040));
}

static void query_pci(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const struct machine_desc *d = desc_of(m);
	json_t *buses = json_array();

	(void)args;
	device_names_update(&m->names, d);
	for (uint32_t bus = 0; bus < d->pci_buses; bus++) {
		json_t *devices = json_array();

		if (bus == 0)
			json_array_append_new(devices, host_bridge());
		for (unsigned i = 0; i < d->devices_n; i++)
			if (desc_is_card(&d->devices[i]) && d->devices[i].host == bus)
				json_array_append_new(devices, card(m, &d->devices[i]));
		json_array_append_new(buses, json_pack("{s:i,s:o}", "bus", (int)bus, "devices", devices));
	}
	qmp_return(call, buses);
}

/* ---- disks ---- */

struct disk_names {
	const char *name, *node;
};

static bool read_disk(const struct desc_device *d, struct disk_config *c)
{
	char why[256];

	return strcmp(d->kind, card_kind_names[CARD_BLK]) == 0 &&
	       disk_config_from_json(d->config, c, why, sizeof(why)) == 0;
}

/* Its numbers in the status document; NULL: its host has not told them. */
static const json_t *counted(const json_t *document, uint32_t id)
{
	const json_t *host, *c;
	size_t i, k;

	json_array_foreach(json_object_get(document, "hosts"), i, host)
		json_array_foreach(json_object_get(json_object_get(host, "machine"), "cards"), k,
				   c) if (monitor_int(c, "device") == id) return c;
	return NULL;
}

static json_t *image(const struct disk_config *c, const json_t *numbers)
{
	return json_pack("{s:s,s:s,s:I,s:b}", "filename", c->path, "format", disk_format_names[c->format],
			 "virtual-size", monitor_int(numbers, "capacity_bytes"), "dirty-flag", 0);
}

/* QEMU's BlockDeviceInfo. Nothing is throttled, encrypted or based on another image. */
static json_t *node(const struct disk_config *c, const struct disk_names *of, const json_t *numbers)
{
	json_t *o = json_pack("{s:s,s:s,s:b,s:s,s:i,s:b,s:s}", "file", c->path, "node-name", of->node, "ro",
			      c->read_only, "drv", disk_format_names[c->format], "backing_file_depth", 0, "encrypted",
			      0, "detect_zeroes", "off");

	for (unsigned i = 0; i < 6; i++) {
		static const char *const limits[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};

		json_object_set_new(o, limits[i], json_integer(0));
	}
	json_object_set_new(o, "image", image(c, numbers));
	json_object_set_new(o, "cache", json_pack("{s:b,s:b,s:b}", "writeback", 1, "direct", 1, "no-flush", 0));
	json_object_set_new(o, "write_threshold", json_integer(0));
	return o;
}

/* Calls each for all disks, and answers with what it makes of them. */
static void answer_disks(struct monitor *m, struct qmp_call *call, const json_t *document,
			 json_t *(*each)(const struct disk_config *c, const struct disk_names *of,
					 const json_t *numbers))
{
	const struct machine_desc *d = desc_of(m);
	json_t *out = json_array();
	struct disk_config c;

	device_names_update(&m->names, d);
	for (unsigned i = 0; i < d->devices_n; i++)
		if (read_disk(&d->devices[i], &c)) {
			uint32_t id = d->devices[i].id;
			const struct disk_names of = {device_names_of(&m->names, id), monitor_node_of(m, id)};

			json_array_append_new(out, each(&c, &of, counted(document, id)));
		}
	qmp_return(call, out);
}

static json_t *block(const struct disk_config *c, const struct disk_names *of, const json_t *numbers)
{
	return json_pack("{s:s,s:s,s:s,s:b,s:b,s:s,s:o}", "device", of->name, "qdev", of->name, "type", "unknown",
			 "removable", 0, "locked", 0, "io-status", "ok", "inserted", node(c, of, numbers));
}

/* What is not counted apart is 0, as in QEMU where nothing has happened. */
static json_t *stats(const json_t *numbers)
{
	static const char *const zeroes[] = {
		"unmap_bytes",
		"unmap_total_time_ns",
		"wr_highest_offset",
		"rd_merged",
		"wr_merged",
		"unmap_merged",
		"failed_wr_operations",
		"failed_flush_operations",
		"failed_unmap_operations",
		"invalid_rd_operations",
		"invalid_wr_operations",
		"invalid_flush_operations",
		"invalid_unmap_operations",
	};
	static const struct {
		const char *name, *key;
	} counts[] = {
		{"rd_bytes", "bytes_in"},           {"wr_bytes", "bytes_out"},
		{"wr_operations", "writes"},        {"flush_operations", "flushes"},
		{"unmap_operations", "discards"},   {"rd_total_time_ns", "read_ns"},
		{"wr_total_time_ns", "write_ns"},   {"flush_total_time_ns", "flush_ns"},
		{"failed_rd_operations", "errors"},
	};
	json_int_t reads = monitor_int(numbers, "requests") - monitor_int(numbers, "writes") -
			   monitor_int(numbers, "flushes") - monitor_int(numbers, "discards");
	json_t *o = json_pack("{s:I,s:b,s:b,s:[]}", "rd_operations", reads > 0 ? reads : 0, "account_invalid", 1,
			      "account_failed", 1, "timed_stats");

	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_object_set_new(o, counts[i].name, json_integer(monitor_int(numbers, counts[i].key)));
	for (unsigned i = 0; i < sizeof(zeroes) / sizeof(*zeroes); i++)
		json_object_set_new(o, zeroes[i], json_integer(0));
	return o;
}

static json_t *blockstats(const struct disk_config *c, const struct disk_names *of, const json_t *numbers)
{
	(void)c;
	return json_pack("{s:s,s:s,s:s,s:o}", "device", of->name, "qdev", of->name, "node-name", of->node, "stats",
			 stats(numbers));
}

#define DISKS(query, each)                                                                       \
	static void query##_of(struct monitor *m, struct qmp_call *call, const json_t *document) \
	{                                                                                        \
		answer_disks(m, call, document, each);                                           \
	}                                                                                        \
	static void query(void *ctx, struct qmp_call *call, const json_t *args)                  \
	{                                                                                        \
		(void)args;                                                                      \
		monitor_with_status(ctx, call, query##_of);                                      \
	}
DISKS(query_block, block)
DISKS(query_blockstats, blockstats)
DISKS(query_named_block_nodes, node)

/* ---- what is done to a device ---- */

/* All hosts are asked; the one that has it has done it. */
static void on_done(void *ctx, const json_t *answers, const char *error)
{
	const json_t *a;
	bool here = false;
	size_t i;

	json_array_foreach(answers, i, a) here |= json_is_true(json_object_get(a, "here"));
	if (error)
		qmp_error(ctx, "%s", error);
	else if (!here)
		qmp_error(ctx, "no host has this device any more");
	else
		qmp_return_empty(ctx);
}

static void ask(struct monitor *m, struct qmp_call *call, enum verb verb, json_t *args)
{
	int e = ops_ask_all(m->r->ops, verb, args, OP_FREE, on_done, call);

	if (e)
		monitor_refuse(call, e);
}

static const struct desc_device *named(struct monitor *m, const char *name, enum card_kind_id kind)
{
	device_names_update(&m->names, desc_of(m));
	const struct desc_device *d = name ? device_names_find(&m->names, desc_of(m), name) : NULL;

	return d && strcmp(d->kind, card_kind_names[kind]) == 0 ? d : NULL;
}

static void set_link(void *ctx, struct qmp_call *call, const json_t *args)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	const struct desc_device *d = named(ctx, name, CARD_NET);

	if (d)
		ask(ctx, call, VERB_DEVICE_LINK,
		    json_pack("{s:I,s:b}", "device", (json_int_t)d->id, "up",
			      json_is_true(json_object_get(args, "up"))));
	else
		qmp_error_class(call, "DeviceNotFound", "Device '%.200s' not found", name);
}

static void block_resize(void *ctx, struct qmp_call *call, const json_t *args)
{
	const char *device = json_string_value(json_object_get(args, "device")),
		   *node = json_string_value(json_object_get(args, "node-name"));
	json_int_t size = monitor_int(args, "size");
	struct monitor *m = ctx;
	const struct desc_device *d = named(m, device, CARD_BLK);

	if (node)
		d = monitor_disk_of_node(m, node);

	if (!device == !node)
		qmp_error(call, "Need exactly one of 'device' and 'node-name'");
	else if (!d)
		qmp_error(call, "Cannot find device='%.200s' nor node-name='%.200s'", device ? device : "",
			  node ? node : "");
	else if (size < 0)
		qmp_error(call, "Parameter 'size' expects a >0 size");
	else
		ask(ctx, call, VERB_DEVICE_SIZE, json_pack("{s:I,s:I}", "device", (json_int_t)d->id, "bytes", size));
}

/* ---- events ---- */

/* What a host says of a failed request begins with what was tried. */
static json_t *io_error(struct monitor *m, const json_t *data)
{
	uint32_t id = (uint32_t)monitor_int(data, "device");
	const char *text = json_string_value(json_object_get(data, "text")), *name = device_names_of(&m->names, id);
	bool reads = text && strncmp(text, "read", 4) == 0;

	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:s}", "device", name, "node-name", monitor_node_of(m, id), "operation",
			 reads ? "read" : "write", "action", "report", "nospace",
			 text && strstr(text, "No space") != NULL, "reason", text ? text : "");
}

static json_t *link_changed(struct monitor *m, const json_t *data)
{
	const char *text = json_string_value(json_object_get(data, "text"));

	return json_pack("{s:s,s:b,s:s}", "device", device_names_of(&m->names, (uint32_t)monitor_int(data, "device")),
			 "up", json_is_true(json_object_get(data, "up")), "text", text ? text : "");
}

json_t *monitor_device_event(struct monitor *m, const char *event, const json_t *data)
{
	device_names_update(&m->names, desc_of(m));
	if (strcmp(event, "BLOCK_IO_ERROR") == 0)
		return io_error(m, data);
	if (strcmp(event, "X_PANDO_LINK") == 0)
		return link_changed(m, data);
	if (json_object_get(data, "slot"))
		return monitor_dimm_event(m, (uint32_t)monitor_int(data, "slot"), strcmp(event, "DEVICE_DELETED") == 0);
	if (strcmp(event, "ACPI_DEVICE_OST") == 0)
		return monitor_ost_event(m, data);
	if (strcmp(event, "DEVICE_DELETED") == 0)
		return monitor_device_deleted(m, (uint32_t)monitor_int(data, "device"));
	return json_incref((json_t *)data);
}

const struct qmp_command monitor_devices[] = {
	{"query-pci", query_pci},
	{"query-block", query_block},
	{"query-blockstats", query_blockstats},
	{"query-named-block-nodes", query_named_block_nodes},
	{"set_link", set_link},
	{"block_resize", block_resize},
	{0},
};
