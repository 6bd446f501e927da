// SPDX-License-Identifier: Apache-2.0
// QEMU's words for devices that come and go: block nodes and network ends, device_add, device_del.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/conf/boot_disk.h"
#include "vmm/conf/units.h"
#include "vmm/monitor/monitor_priv.h"

#define PERIPHERAL "/machine/peripheral/"
#define WHY_MAX    (DESC_REPORT_MAX + 64u)

/* A device that is on its way. */
struct plugging {
	struct plugging *next;
	struct monitor *m;
	struct qmp_call *call;
	uint32_t id;
	char name[DEVICE_NAME_MAX];
	struct back *back; // NULL: none
};

/* What device_add knows. */
static const struct model {
	const char *driver, *device;
	enum card_kind_id kind;
	const char *properties[4];
} models[] = {
	{"virtio-blk-pci", "virtio-blk-device", CARD_BLK, {"drive", "serial", "num-queues"}},
	{"virtio-blk-pci-non-transitional", "virtio-blk-device", CARD_BLK, {"drive", "serial", "num-queues"}},
	{"virtio-net-pci", "virtio-net-device", CARD_NET, {"netdev", "mac", "host_mtu"}},
	{"virtio-net-pci-non-transitional", "virtio-net-device", CARD_NET, {"netdev", "mac", "host_mtu"}},
	{"virtio-rng-pci", "virtio-rng-device", CARD_RNG, {NULL}},
	{"virtio-rng-pci-non-transitional", "virtio-rng-device", CARD_RNG, {NULL}},
};

/* One device_add, while it is read. */
struct request {
	struct monitor *m;
	const json_t *args;
	const struct model *model;
	struct desc_device dev;
	struct back *back;
	char why[WHY_MAX];
};

static int refuse(struct request *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct request *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A property as text, whichever way it was written; "": it was not. */
static const char *property(const struct request *q, const char *key, char room[32])
{
	const json_t *v = json_object_get(q->args, key);

	if (json_is_string(v))
		return json_string_value(v);
	room[0] = 0;
	if (json_is_integer(v))
		snprintf(room, 32, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(room, 32, "%s", json_is_true(v) ? "on" : "off");
	else if (v)
		snprintf(room, 32, "?"); // nothing takes it
	return room;
}

static int not_taken(struct request *q, const char *key, const char *value)
{
	return refuse(q, "Property '%s.%s' doesn't take value '%.100s'", q->model->driver, key, value);
}

static bool known(const struct model *m, const char *key)
{
	static const char *const all[] = {"driver", "bus", "id", "addr", "host"};
	bool is = false;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		is |= strcmp(key, all[i]) == 0;
	for (unsigned i = 0; m->properties[i]; i++)
		is |= strcmp(key, m->properties[i]) == 0;
	return is;
}

static int find_model(struct request *q)
{
	const char *driver = json_string_value(json_object_get(q->args, "driver")), *key;
	json_t *v;

	for (unsigned i = 0; i < sizeof(models) / sizeof(*models); i++)
		if (strcmp(models[i].driver, driver) == 0)
			q->model = &models[i];
	if (!q->model)
		return refuse(q, "'%.200s' is not a valid device model name", driver);
	json_object_foreach((json_t *)q->args, key, v) if (!known(q->model, key)) return refuse(
		q, "Property '%s.%.100s' not found", driver, key);
	return 0;
}

/* ---- where it goes ---- */

static bool is_coming(void *ctx, const char *name)
{
	const struct plugging *g = ((struct monitor *)ctx)->plugging;

	while (g && strcmp(g->name, name) != 0)
		g = g->next;
	return g;
}

static int take_name(struct request *q, char name[DEVICE_NAME_MAX])
{
	const char *id = json_string_value(json_object_get(q->args, "id"));

	if (!id) {
		device_names_make(&q->m->names, card_kind_names[q->model->kind], is_coming, q->m, name);
		return 0;
	}
	if (!backs_is_name(id) || strlen(id) >= DEVICE_NAME_MAX)
		return refuse(q, "Parameter 'id' expects an identifier");
	if (device_names_find(&q->m->names, &q->m->r->desc, id) || is_coming(q->m, id) || monitor_dimm_find(q->m, id))
		return refuse(q, "Duplicate device ID '%s'", id);
	strcpy(name, id);
	return 0;
}

/* A host that joined later, by its number or its address; HOST_NONE: it is none. Its place has no bus. */
static uint32_t came_later(const struct machine_desc *d, const char *host)
{
	char end;
	unsigned h;

	if (sscanf(host, "%u%c", &h, &end) == 1)
		return h >= d->pci_buses && desc_is_member(d, h) ? h : HOST_NONE;
	for (h = d->pci_buses; h < d->hosts_n; h++)
		if (desc_is_member(d, h) && strcmp(d->hosts[h].address, host) == 0)
			return h;
	return HOST_NONE;
}

static int has_no_bus(struct request *q, uint32_t host)
{
	return refuse(q,
		      "host %u joined later, so it has no PCI bus: devices can be on the %u hosts that the guest was "
		      "started with",
		      host, q->m->r->desc.pci_buses);
}

/* QEMU's bus, which has the number of its host here, and our own word for the host. */
static int take_host(struct request *q)
{
	const char *bus = json_string_value(json_object_get(q->args, "bus"));
	char room[32], end;
	const char *host = property(q, "host", room);
	uint32_t of_bus = 0;

	if (bus && sscanf(bus, "pci.%u%c", &of_bus, &end) == 1 && of_bus >= q->m->r->desc.pci_buses &&
	    desc_is_member(&q->m->r->desc, of_bus))
		return has_no_bus(q, of_bus);
	if (bus && (sscanf(bus, "pci.%u%c", &of_bus, &end) != 1 || of_bus >= q->m->r->desc.pci_buses))
		return refuse(q, "Bus '%.100s' not found", bus);
	q->dev.host = of_bus;
	if (!*host)
		return 0;
	if (came_later(&q->m->r->desc, host) != HOST_NONE)
		return has_no_bus(q, came_later(&q->m->r->desc, host));
	if (run_host_named(q->m->r->opt, host, &q->dev.host))
		return refuse(q, "Property '%s.host' can't find value '%.100s'", q->model->driver, host);
	if (bus && of_bus != q->dev.host)
		return refuse(q, "Bus '%s' is of host %u, not of host %u", bus, of_bus, q->dev.host);
	return 0;
}

static const char *user_of(struct monitor *m, uint32_t bus, uint32_t slot)
{
	const struct machine_desc *d = &m->r->desc;

	for (unsigned i = 0; i < d->devices_n; i++)
		if (desc_is_card(&d->devices[i]) && d->devices[i].host == bus && d->devices[i].slot == slot)
			return device_names_of(&m->names, d->devices[i].id);
	return slot || bus ? NULL : "host-bridge";
}

/* "SLOT[.FUNCTION]", hexadecimal, as in QEMU. */
static int take_slot(struct request *q)
{
	char room[32], end;
	const char *addr = property(q, "addr", room), *user;
	unsigned slot, function = 0;

	if (!*addr)
		return 0;
	if ((sscanf(addr, "%x.%x%c", &slot, &function, &end) != 2 && sscanf(addr, "%x%c", &slot, &end) != 1) ||
	    slot >= DESC_SLOTS || function)
		return not_taken(q, "addr", addr);
	user = user_of(q->m, q->dev.host, slot);
	if (user || !slot)
		return refuse(q, "PCI: slot %u function 0 not available for %s, in use by %s", slot, q->model->driver,
			      user ? user : "nothing, and never");
	q->dev.slot = slot;
	return 0;
}

/* ---- what is behind it ---- */

static int find_back(struct request *q, const char *key, const char *name)
{
	struct back *k = backs_find(&q->m->backs, q->model->kind == CARD_NET, name);

	if (!k)
		return refuse(q, "Property '%s.%s' can't find value '%.100s'", q->model->device, key, name);
	if (back_in_use(k))
		return refuse(q, "Property '%s.%s' can't take value '%s', it's in use", q->model->device, key, k->name);
	q->back = k;
	return 0;
}

/* json is consumed. */
static int set_config(struct request *q, char *json)
{
	bool fits = json && strlen(json) < sizeof(q->dev.config);

	snprintf(q->dev.config, sizeof(q->dev.config), "%s", fits ? json : "");
	free(json);
	return fits ? 0 : refuse(q, "its properties are too long");
}

/* A guest names disks by their serial numbers. */
static int check_serial(struct request *q, const struct disk_config *c)
{
	const struct machine_desc *d = &q->m->r->desc;
	char mine[DISK_SERIAL_MAX], other[DISK_SERIAL_MAX], why[256];
	struct disk_config o;

	disk_config_serial(c, q->dev.host, mine);
	for (unsigned i = 0; i < d->devices_n; i++) {
		if (card_kind_find(d->devices[i].kind) != CARD_BLK ||
		    disk_config_from_json(d->devices[i].config, &o, why, sizeof(why)))
			continue;
		disk_config_serial(&o, d->devices[i].host, other);
		if (memcmp(mine, other, sizeof(mine)) == 0)
			return refuse(q, "the disk '%s' has the serial number '%.20s' already",
				      device_names_of(&q->m->names, d->devices[i].id), mine);
	}
	return 0;
}

static int take_disk(struct request *q)
{
	char room[32], room2[32];
	const char *drive = property(q, "drive", room), *serial, *queues = property(q, "num-queues", room2);

	if (!*drive)
		return refuse(q, "drive property not set");
	if (find_back(q, "drive", drive))
		return -EINVAL;
	struct disk_config c = q->back->disk;
	uint64_t n = 0;

	serial = property(q, "serial", room);
	if (strlen(serial) > DISK_SERIAL_MAX)
		return not_taken(q, "serial", serial);
	if (*queues && units_parse_count(queues, 1, DISK_QUEUES_MAX, &n))
		return not_taken(q, "num-queues", queues);
	strcpy(c.serial, serial);
	c.queues = (uint32_t)n;
	if (disk_config_check(&c, q->why, sizeof(q->why)) || check_serial(q, &c))
		return -EINVAL;
	return set_config(q, disk_config_to_json(&c));
}

static bool has_mac(const struct machine_desc *d, const uint8_t *mac)
{
	struct net_config c;
	char why[256];

	for (unsigned i = 0; i < d->devices_n; i++)
		if (card_kind_find(d->devices[i].kind) == CARD_NET &&
		    net_config_from_json(d->devices[i].config, strlen(d->devices[i].config), &c, why, sizeof(why)) ==
			    0 &&
		    memcmp(c.mac, mac, sizeof(c.mac)) == 0)
			return true;
	return false;
}

static int take_mac(struct request *q, struct net_config *c)
{
	const struct machine_desc *d = &q->m->r->desc;
	char room[32];
	const char *mac = property(q, "mac", room);
	uint32_t number = 0;

	if (!*mac) {
		do
			net_mac_make(d->name, number++, c->mac);
		while (has_mac(d, c->mac));
		return 0;
	}
	if (net_mac_parse(mac, c->mac))
		return not_taken(q, "mac", mac);
	return has_mac(d, c->mac) ? refuse(q, "another network device has the address %s", mac) : 0;
}

static int take_net(struct request *q)
{
	char room[32], room2[32];
	const char *netdev = property(q, "netdev", room), *mtu = property(q, "host_mtu", room2);
	struct net_config c;
	uint64_t n = 0;

	if (*netdev && find_back(q, "netdev", netdev))
		return -EINVAL;
	net_config_init(&c);
	if (q->back)
		c = q->back->end;
	if (*mtu && units_parse_count(mtu, NET_CONFIG_MTU_MIN, NET_CONFIG_MTU_MAX, &n))
		return not_taken(q, "host_mtu", mtu);
	c.mtu = (uint16_t)n;
	if (take_mac(q, &c) || net_config_check(&c, q->why, sizeof(q->why)))
		return -EINVAL;
	return set_config(q, net_config_to_json(&c));
}

static int take_config(struct request *q)
{
	snprintf(q->dev.kind, sizeof(q->dev.kind), "%s", card_kind_names[q->model->kind]);
	switch (q->model->kind) {
	case CARD_BLK:
		return take_disk(q);
	case CARD_NET:
		return take_net(q);
	default:
		return 0;
	}
}

/* ---- device_add ---- */

static void forget(struct plugging *g)
{
	struct plugging **at = &g->m->plugging;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g);
}

static void on_plugged(void *ctx, const char *error)
{
	struct plugging *g = ctx;
	struct monitor *m = g->m;

	if (g->back)
		g->back->claimed = false;
	if (g->back && !error)
		g->back->device = g->id;
	if (!error)
		device_names_set(&m->names, &m->r->desc, g->id, g->name);
	if (error)
		qmp_error(g->call, "%s", error);
	else
		qmp_return_empty(g->call);
	forget(g);
}

static int read_request(struct request *q, char name[DEVICE_NAME_MAX])
{
	int r = find_model(q);

	if (!r)
		r = take_name(q, name);
	if (!r)
		r = take_host(q);
	if (!r)
		r = take_slot(q);
	return r ? r : take_config(q);
}

static void device_add(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	struct request q = {.m = m, .args = args};

	if (strcmp(json_string_value(json_object_get(args, "driver")), MONITOR_CPU_TYPE) == 0) {
		monitor_add_cpu(m, call, args);
		return;
	}
	if (strcmp(json_string_value(json_object_get(args, "driver")), "pc-dimm") == 0) {
		monitor_add_dimm(m, call, args);
		return;
	}
	struct plugging *g = calloc(1, sizeof(*g));

	device_names_update(&m->names, &m->r->desc);
	int r = g ? read_request(&q, g->name) : refuse(&q, "no memory");

	if (!r) {
		g->m = m;
		g->call = call;
		g->back = q.back;
		r = plugs_add(m->r->plugs, &q.dev, &g->id, on_plugged, g, q.why, sizeof(q.why));
	}
	if (r) {
		free(g);
		qmp_error(call, "%s", q.why);
		return;
	}
	if (g->back)
		g->back->claimed = true;
	g->next = m->plugging;
	m->plugging = g;
}

/* ---- device_del ---- */

static void on_asked(void *ctx, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return_empty(ctx);
}

static bool boots_from(const struct run *r, const struct desc_device *d)
{
	struct disk_config c;
	char why[256];

	return !r->opt->kernel && desc_boot_disk(&r->desc, &c, why, sizeof(why)) == d;
}

static void device_del(void *ctx, struct qmp_call *call, const json_t *args)
{
	const char *said = json_string_value(json_object_get(args, "id")), *name = said;
	struct monitor *m = ctx;
	char why[DESC_REPORT_MAX];

	device_names_update(&m->names, &m->r->desc);
	if (strncmp(name, PERIPHERAL, strlen(PERIPHERAL)) == 0)
		name += strlen(PERIPHERAL);
	const struct desc_device *d = device_names_find(&m->names, &m->r->desc, name);
	uint32_t slot = d ? 0 : monitor_dimm_find(m, name);

	if (slot) {
		monitor_del_dimm(m, call, slot, 0);
		return;
	}
	if (!d) {
		qmp_error_class(call, "DeviceNotFound", "Device '%.200s' not found", said);
		return;
	}
	if (boots_from(m->r, d)) {
		qmp_error(call, "Device '%s' is what the guest boots from", name);
		return;
	}
	int r = plugs_remove(m->r->plugs, d->id, on_asked, call, why, sizeof(why));

	if (r == -EBUSY)
		qmp_error(call, "Device %s is already in the process of unplug", name);
	else if (r)
		qmp_error(call, "%s", why);
}

/* ---- nodes and ends ---- */

static void blockdev_add(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const char *name = json_string_value(json_object_get(args, "node-name"));
	char why[WHY_MAX];

	device_names_update(&m->names, &m->r->desc);
	if (name && device_names_find(&m->names, &m->r->desc, name))
		qmp_error(call, "node-name=%s is conflicting with a device id", name);
	else if (backs_add_node(&m->backs, args, why, sizeof(why)))
		qmp_error(call, "%s", why);
	else
		qmp_return_empty(call);
}

static void blockdev_del(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const char *name = json_string_value(json_object_get(args, "node-name"));
	struct back *k = backs_find(&m->backs, false, name);

	device_names_update(&m->names, &m->r->desc);
	if (k ? back_in_use(k) : monitor_disk_of_node(m, name) != NULL) {
		qmp_error(call, "Node %s is in use", name);
	} else if (!k) {
		qmp_error(call, "Failed to find node with node-name='%.200s'", name);
	} else {
		backs_remove(&m->backs, k);
		qmp_return_empty(call);
	}
}

static void netdev_add(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	char why[WHY_MAX];

	if (backs_add_end(&m->backs, args, why, sizeof(why)))
		qmp_error(call, "%s", why);
	else
		qmp_return_empty(call);
}

static void netdev_del(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const char *name = json_string_value(json_object_get(args, "id"));
	struct back *k = backs_find(&m->backs, true, name);

	if (!k) {
		qmp_error_class(call, "DeviceNotFound", "Device '%.200s' not found", name);
	} else if (back_in_use(k)) {
		qmp_error(call, "Device '%s' is in use", name);
	} else {
		backs_remove(&m->backs, k);
		qmp_return_empty(call);
	}
}

/* ---- what others want to know ---- */

const char *monitor_node_of(const struct monitor *m, uint32_t device)
{
	const struct back *k = backs_of_device(&m->backs, device);

	return k && !k->net ? k->name : device_names_of(&m->names, device);
}

const struct desc_device *monitor_disk_of_node(const struct monitor *m, const char *node)
{
	const struct machine_desc *d = &m->r->desc;

	for (unsigned i = 0; i < d->devices_n; i++)
		if (card_kind_find(d->devices[i].kind) == CARD_BLK &&
		    strcmp(monitor_node_of(m, d->devices[i].id), node) == 0)
			return &d->devices[i];
	return NULL;
}

json_t *monitor_device_deleted(struct monitor *m, uint32_t device)
{
	struct back *k = backs_of_device(&m->backs, device);
	const char *name = device_names_of(&m->names, device);

	if (k)
		k->device = BACK_NO_DEVICE;
	return json_pack("{s:s,s:o}", "device", name, "path", json_sprintf(PERIPHERAL "%s", name));
}

const struct qmp_command monitor_plug[] = {
	{"device_add", device_add},
	{"device_del", device_del},
	{"blockdev-add", blockdev_add},
	{"blockdev-del", blockdev_del},
	{"netdev_add", netdev_add},
	{"netdev_del", netdev_del},
	{0},
};
