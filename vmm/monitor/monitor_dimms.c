// SPDX-License-Identifier: Apache-2.0
// QEMU's words for memory that comes and goes: memory-backend-ram objects, pc-dimm devices, and what there is of them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/mem/layout.h"
#include "vmm/monitor/monitor_priv.h"

#define PERIPHERAL "/machine/peripheral/"
#define COMING     UINT32_MAX // .slot of an object whose device is on its way

static const char *const known[] = {"driver", "id", "memdev", "node", "slot", "addr", "host"};

/* ---- names ---- */

/* What device_add called it, or the number of its slot. */
static const char *name_of(const struct monitor *m, uint32_t slot, char room[DEVICE_NAME_MAX])
{
	if (slot <= DESC_MEMORY_SLOTS && m->dimms.id[slot][0])
		return m->dimms.id[slot];
	snprintf(room, DEVICE_NAME_MAX, "dimm%u", slot - 1);
	return room;
}

uint32_t monitor_dimm_find(const struct monitor *m, const char *name)
{
	char room[DEVICE_NAME_MAX];

	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS; slot++)
		if (desc_slot(&m->r->desc, slot) && strcmp(name_of(m, slot, room), name) == 0)
			return slot;
	return 0;
}

/* ---- objects ---- */

static struct monitor_object *find(struct monitor *m, const char *id)
{
	for (unsigned i = 0; i < MONITOR_OBJECTS; i++)
		if (m->dimms.object[i].id[0] && strcmp(m->dimms.object[i].id, id) == 0)
			return &m->dimms.object[i];
	return NULL;
}

static struct monitor_object *of_slot(struct monitor *m, uint32_t slot)
{
	for (unsigned i = 0; i < MONITOR_OBJECTS; i++)
		if (m->dimms.object[i].id[0] && m->dimms.object[i].slot == slot)
			return &m->dimms.object[i];
	return NULL;
}

static const struct {
	const char *key;
	bool any; // whatever it says: where pages are is for hosts to decide
} object_keys[] = {{"qom-type", true}, {"id", true},     {"size", true},       {"share", false},   {"merge", true},
		   {"dump", true},     {"policy", true}, {"host-nodes", true}, {"prealloc", false}};

static bool object_takes(struct qmp_call *call, const json_t *args)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)args, key, v)
	{
		bool is = false;

		for (unsigned i = 0; i < sizeof(object_keys) / sizeof(*object_keys); i++)
			is |= strcmp(object_keys[i].key, key) == 0 && (object_keys[i].any || json_is_false(v));
		if (!is) {
			qmp_error(call, "Parameter '%.100s' is unexpected", key);
			return false;
		}
	}
	return true;
}

/* There can be no such object, and the call has been answered. */
static bool object_refused(struct monitor *m, struct qmp_call *call, const char *id, const json_t *size, bool room)
{
	if (!backs_is_name(id) || strlen(id) >= DEVICE_NAME_MAX)
		qmp_error(call, "Parameter 'id' expects an identifier");
	else if (find(m, id))
		qmp_error(call, "attempt to add duplicate property '%s' to object (type 'container')", id);
	else if (!size)
		qmp_error(call, "Parameter 'size' is missing");
	else if (!json_integer_value(size))
		qmp_error(call, "property 'size' of memory-backend-ram doesn't take value '0'");
	else if (!room)
		qmp_error(call, "there are %u objects, and can be no more", MONITOR_OBJECTS);
	else
		return false;
	return true;
}

static void object_add(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const char *id = json_string_value(json_object_get(args, "id"));
	struct monitor_object *o = NULL;
	uint64_t size = 0;

	if (!object_takes(call, args) || !monitor_number(call, args, "size", INT64_MAX, &size))
		return;
	for (unsigned i = 0; i < MONITOR_OBJECTS && !o; i++)
		o = m->dimms.object[i].id[0] ? NULL : &m->dimms.object[i];
	if (object_refused(m, call, id, json_object_get(args, "size"), o))
		return;
	snprintf(o->id, sizeof(o->id), "%s", id);
	o->size = size;
	o->slot = 0;
	qmp_return_empty(call);
}

static void object_del(void *ctx, struct qmp_call *call, const json_t *args)
{
	const char *id = json_string_value(json_object_get(args, "id"));
	struct monitor_object *o = find(ctx, id);

	if (!o) {
		qmp_error(call, "object '%.100s' not found", id);
	} else if (o->slot) {
		qmp_error(call, "object '%s' is in use, can not be deleted", id);
	} else {
		o->id[0] = 0;
		qmp_return_empty(call);
	}
}

/* ---- device_add ---- */

/* A device that is on its way. */
struct dimm {
	struct monitor *m;
	struct qmp_call *call;
	struct monitor_object *o;
	char id[DEVICE_NAME_MAX];
};

static void on_come(void *ctx, const char *error)
{
	struct dimm *w = ctx;
	uint32_t slot = growths_result(w->m->r->growths).slot;

	w->o->slot = error ? 0 : slot;
	if (!error)
		strcpy(w->m->dimms.id[slot], w->id);
	if (error)
		qmp_error(w->call, "%s", error);
	else
		qmp_return_empty(w->call);
	free(w);
}

/* The object; NULL: the call has been answered. */
static struct monitor_object *take_object(struct monitor *m, struct qmp_call *call, const json_t *args)
{
	const char *memdev = json_string_value(json_object_get(args, "memdev"));
	struct monitor_object *o = memdev ? find(m, memdev) : NULL;

	if (!memdev)
		qmp_error(call, "'memdev' property is not set");
	else if (!o)
		qmp_error_class(call, "DeviceNotFound", "Device '%.200s' not found", memdev);
	else if (o->slot)
		qmp_error(call, "can't use already busy memdev: %s", memdev);
	return o && !o->slot ? o : NULL;
}

static bool take_id(struct monitor *m, struct qmp_call *call, const json_t *args, char id[DEVICE_NAME_MAX])
{
	const char *said = json_string_value(json_object_get(args, "id"));

	id[0] = 0;
	if (!said)
		return true;
	device_names_update(&m->names, &m->r->desc);
	if (!backs_is_name(said) || strlen(said) >= DEVICE_NAME_MAX) {
		qmp_error(call, "Parameter 'id' expects an identifier");
		return false;
	}
	if (monitor_dimm_find(m, said) || device_names_find(&m->names, &m->r->desc, said)) {
		qmp_error(call, "Duplicate device ID '%s'", said);
		return false;
	}
	strcpy(id, said);
	return true;
}

/* Its place in the guest's addresses is not the caller's to choose: he may say the one that it gets. */
static bool take_place(struct monitor *m, struct qmp_call *call, const json_t *args, struct grow_wish *w)
{
	const struct machine_desc *d = &m->r->desc;
	uint64_t node = 0, slot = UINT64_MAX, addr = 0;
	page_idx first;

	if (!monitor_number(call, args, "node", DESC_NODES_MAX - 1, &node) ||
	    !monitor_number(call, args, "slot", DESC_MEMORY_SLOTS - 1, &slot) ||
	    !monitor_number(call, args, "addr", INT64_MAX, &addr))
		return false;
	if (!d->room) {
		qmp_error(call, "memory devices (e.g. for memory hotplug) are not enabled, please specify the maxmem "
				"option (pando run --max-memory)");
		return false;
	}
	if (node >= d->nodes_n) {
		qmp_error(call, "'DIMM property node has value %llu' which exceeds the number of numa nodes: %u",
			  (unsigned long long)node, d->nodes_n);
		return false;
	}
	if (slot != UINT64_MAX && desc_slot(d, (uint32_t)slot + 1)) {
		qmp_error(call, "slot %llu is busy", (unsigned long long)slot);
		return false;
	}
	desc_free_pages(d, (uint32_t)node, &first);
	if (addr && addr != layout_gpa(first)) {
		qmp_error(call, "address %#llx is not free: the next one of node %llu is %#llx",
			  (unsigned long long)addr, (unsigned long long)node, (unsigned long long)layout_gpa(first));
		return false;
	}
	uint64_t host = monitor_host_of_node(d, (uint32_t)node);

	if (!monitor_number(call, args, "host", HOSTS_MAX - 1, &host))
		return false;
	w->node = (uint32_t)node;
	w->slot = slot == UINT64_MAX ? 0 : (uint32_t)slot + 1;
	w->host = (host_id)host;
	return true;
}

void monitor_add_dimm(struct monitor *m, struct qmp_call *call, const json_t *args)
{
	struct grow_wish wish = {.vcpu = GROW_ANY_VCPU, .one = true};
	char id[DEVICE_NAME_MAX], why[DESC_REPORT_MAX] = "no memory";
	struct monitor_object *o;

	if (!monitor_knows(call, args, "pc-dimm", known, sizeof(known) / sizeof(*known)) ||
	    !(o = take_object(m, call, args)) || !take_id(m, call, args, id) || !take_place(m, call, args, &wish))
		return;
	struct dimm *w = malloc(sizeof(*w));
	int e = -ENOMEM;

	wish.memory_bytes = o->size;
	if (w) {
		*w = (struct dimm){.m = m, .call = call, .o = o};
		strcpy(w->id, id);
		e = growths_grow(m->r->growths, &wish, on_come, w, why, sizeof(why));
	}
	if (e) {
		free(w);
		qmp_error(call, "%s", why);
		return;
	}
	o->slot = COMING;
}

/* ---- device_del, and what comes of it ---- */

static void on_asked(void *ctx, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return_empty(ctx);
}

void monitor_del_dimm(struct monitor *m, struct qmp_call *call, uint32_t slot, uint64_t ms)
{
	char why[DESC_REPORT_MAX];

	if (growths_remove_memory(m->r->growths, slot, ms, on_asked, call, why, sizeof(why)))
		qmp_error(call, "%s", why);
}

json_t *monitor_dimm_event(struct monitor *m, uint32_t slot, bool gone)
{
	char room[DEVICE_NAME_MAX];
	const char *name = name_of(m, slot, room);
	json_t *data = json_pack("{s:s,s:o}", "device", name, "path", json_sprintf(PERIPHERAL "%s", name));
	struct monitor_object *o = of_slot(m, slot);

	if (gone && o)
		o->slot = 0;
	if (gone)
		m->dimms.id[slot][0] = 0;
	return data;
}

/* The guest's word has the number of the slot; of memory it has a name too. */
json_t *monitor_ost_event(struct monitor *m, const json_t *data)
{
	json_t *copy = json_deep_copy(data), *info = json_object_get(copy, "info");
	const char *type = json_string_value(json_object_get(info, "slot-type"));
	const char *slot = json_string_value(json_object_get(info, "slot"));
	char room[DEVICE_NAME_MAX];

	if (type && slot && strcmp(type, "DIMM") == 0)
		json_object_set_new(info, "device",
				    json_string(name_of(m, (uint32_t)strtoul(slot, NULL, 10) + 1, room)));
	return copy;
}

/* ---- what there is ---- */

static void query_memory_devices(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const struct machine_desc *d = &m->r->desc;
	json_t *out = json_array();
	char room[DEVICE_NAME_MAX];

	(void)args;
	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS; slot++) {
		const struct monitor_object *o = of_slot(m, slot);
		struct desc_range r;

		if (!desc_slot_whole(d, slot, &r))
			continue;
		json_array_append_new(
			out, json_pack("{s:s,s:{s:s,s:I,s:I,s:i,s:i,s:o,s:b,s:b}}", "type", "dimm", "data", "id",
				       name_of(m, slot, room), "addr", (json_int_t)layout_gpa(r.first), "size",
				       (json_int_t)(r.pages << PAGE_SHIFT), "slot", (int)slot - 1, "node", (int)r.node,
				       "memdev", json_sprintf("/objects/%s", o ? o->id : "ram"), "hotplugged", 1,
				       "hotpluggable", 1));
	}
	qmp_return(call, out);
}

static void query_memory(void *ctx, struct qmp_call *call, const json_t *args)
{
	const struct machine_desc *d = &((struct monitor *)ctx)->r->desc;
	uint64_t base = desc_boot_bytes(d);

	(void)args;
	qmp_return(call, json_pack("{s:I,s:I}", "base-memory", (json_int_t)base, "plugged-memory",
				   (json_int_t)(desc_memory_bytes(d) - base)));
}

const struct qmp_command monitor_dimms[] = {
	{"object-add", object_add},
	{"object-del", object_del},
	{"query-memory-devices", query_memory_devices},
	{"query-memory-size-summary", query_memory},
	{0},
};
