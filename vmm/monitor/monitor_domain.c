// SPDX-License-Identifier: Apache-2.0
// The running guest in libvirt's words: its domain XML, its state and reason.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bridge/domain.h"
#include "vmm/bridge/state.h"
#include "vmm/monitor/monitor_priv.h"

static void set_text(char *to, size_t cap, const char *from)
{
	snprintf(to, cap, "%s", from ? from : "");
}

/* Whoever reads it may stand in another folder. */
static void set_path(char *to, size_t cap, const char *path)
{
	char *whole = path ? realpath(path, NULL) : NULL;

	set_text(to, cap, whole ? whole : path);
	free(whole);
}

/*
 * As it could be started again: hosts that give something, without the empty places between them. A host's number there
 * is how many such come before it.
 */
static bool gives(const struct machine_desc *m, unsigned h)
{
	return desc_is_member(m, h) && (desc_host_vcpus(m, (host_id)h) || desc_host_pages(m, (host_id)h));
}

/* What is on a host that gives nothing would be host 0's. */
static unsigned number_of(const struct machine_desc *m, unsigned host)
{
	unsigned n = 0;

	for (unsigned h = 0; gives(m, host) && h < host; h++)
		n += gives(m, h);
	return n;
}

static void set_hosts(struct domain *d, const struct run *r)
{
	const struct machine_desc *m = &r->desc;

	d->local = r->opt->local;
	for (unsigned h = 0; h < m->hosts_n; h++) {
		if (!gives(m, h))
			continue;
		d->cells[d->cells_n++] =
			(struct domain_cell){.vcpus = desc_host_vcpus(m, (host_id)h),
					     .memory_bytes = desc_host_pages(m, (host_id)h) << PAGE_SHIFT};
		if (!d->local)
			set_text(d->addresses[d->hosts_n++], sizeof(d->addresses[0]), m->hosts[h].address);
	}
	set_path(d->key, sizeof(d->key), r->opt->key_path);
}

/* Its configuration was checked when it was added. */
static void set_card(struct domain *d, const struct machine_desc *m, const struct desc_device *dev)
{
	struct domain_place at = {.host = number_of(m, dev->host), .slot = dev->slot};
	char why[256];

	switch (card_kind_find(dev->kind)) {
	case CARD_BLK:
		if (d->disks_n < DOMAIN_DEVICES_MAX &&
		    disk_config_from_json(dev->config, &d->disks[d->disks_n].config, why, sizeof(why)) == 0)
			d->disks[d->disks_n++].at = at;
		break;
	case CARD_NET:
		if (d->nets_n < DOMAIN_DEVICES_MAX &&
		    net_config_from_json(dev->config, strlen(dev->config), &d->nets[d->nets_n].config, why,
					 sizeof(why)) == 0)
			d->nets[d->nets_n++].at = at;
		break;
	case CARD_RNG:
		if (d->rngs_n < DOMAIN_RNGS_MAX)
			d->rngs[d->rngs_n++] = at;
		break;
	case CARD_CONSOLE:
		d->virtio_console.there = true;
		d->virtio_console.at = at;
		break;
	default:
		break;
	}
}

static void describe(struct domain *d, const struct run *r)
{
	static const enum domain_console consoles[] = {[CONSOLE_STDIO] = DOMAIN_CONSOLE_STDIO,
						       [CONSOLE_PTY] = DOMAIN_CONSOLE_PTY,
						       [CONSOLE_FILE] = DOMAIN_CONSOLE_FILE,
						       [CONSOLE_NULL] = DOMAIN_CONSOLE_NULL};
	const struct run_options *o = r->opt;

	domain_init(d);
	set_text(d->name, sizeof(d->name), r->desc.name);
	set_text(d->uuid, sizeof(d->uuid), o->desc.uuid);
	set_text(d->title, sizeof(d->title), o->title);
	set_text(d->description, sizeof(d->description), o->description);
	d->vcpus = desc_vcpus_present(&r->desc);
	d->memory_bytes = desc_memory_bytes(&r->desc);
	set_path(d->kernel, sizeof(d->kernel), o->kernel);
	set_path(d->initrd, sizeof(d->initrd), o->initrd);
	set_text(d->cmdline, sizeof(d->cmdline), r->desc.cmdline);
	d->host_passthrough = true;
	d->console = consoles[o->console_to.kind];
	set_path(d->console_file, sizeof(d->console_file), o->console_to.path);
	d->console_append = o->console_to.append;
	d->virtio_console.kind = consoles[o->virtio_console_to.kind];
	set_path(d->virtio_console.file, sizeof(d->virtio_console.file), o->virtio_console_to.path);
	d->virtio_console.append = o->virtio_console_to.append;
	d->no_reboot = o->no_reboot;
	set_hosts(d, r);
	for (unsigned i = 0; i < r->desc.devices_n; i++)
		if (desc_is_card(&r->desc.devices[i]))
			set_card(d, &r->desc, &r->desc.devices[i]);
	tuning_of(&d->tuning, &r->desc);
}

static void query_domain_xml(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct domain *d = malloc(sizeof(*d));
	char *xml = NULL;

	(void)args;
	if (d) {
		describe(d, ((struct monitor *)ctx)->r);
		xml = domain_dump(d);
	}
	if (xml)
		qmp_return(call, json_pack("{s:s}", "xml", xml));
	else
		qmp_error(call, "no memory");
	free(xml);
	free(d);
}

static enum bridge_phase phase_of(const struct ops *v)
{
	switch (ops_state(v)) {
	case OPS_PRELAUNCH:
		return BRIDGE_PHASE_STARTING;
	case OPS_RUNNING:
		return ops_reason(v) == OPS_UNPAUSED ? BRIDGE_PHASE_RESUMED : BRIDGE_PHASE_RUNNING;
	case OPS_PAUSED:
		return ops_reason(v) == OPS_DUMP ? BRIDGE_PHASE_DUMPING : BRIDGE_PHASE_PAUSED;
	case OPS_SAVING:
		return BRIDGE_PHASE_DUMPING;
	case OPS_SHUTDOWN:
		return ops_reason(v) == OPS_DESTROYED ? BRIDGE_PHASE_ENDING : BRIDGE_PHASE_POWERING_OFF;
	default:
		return ops_reason(v) == OPS_CRASHED ? BRIDGE_PHASE_PANICKED : BRIDGE_PHASE_HOST_LOST;
	}
}

void monitor_add_state(const struct monitor *m, json_t *document)
{
	struct bridge_status s = bridge_status_of(phase_of(m->r->ops));

	json_object_set_new(document, "uuid", json_string(m->r->opt->desc.uuid));
	json_object_set_new(document, "state", json_string(bridge_state_name(s.state)));
	json_object_set_new(document, "reason", json_string(bridge_reason_name(s.state, s.reason)));
	json_object_set_new(document, "libvirt", json_pack("{s:i,s:i}", "state", s.state, "reason", s.reason));
}

const struct qmp_command monitor_domain[] = {{"x-pando-query-domain-xml", query_domain_xml}, {0}};
