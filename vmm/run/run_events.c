// SPDX-License-Identifier: Apache-2.0
// What becomes of what the hosts tell. They are other machines: what they say is checked, printed, and not believed.
#include <stdio.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/run/run_priv.h"

void run_tell_resets(struct run *r, bool over)
{
	char line[DESC_REPORT_MAX + 128];

	if (reset_notes_due(&r->resets, now_ns(), over, line, sizeof(line)) && !r->opt->quiet)
		run_tell(r, "\rpando: %s", line);
}

static void on_restarted(void *ctx, const char *error)
{
	char text[DESC_REPORT_MAX];

	if (!error)
		return;
	snprintf(text, sizeof(text), "the guest could not be reset: %s", error);
	run_fail(ctx, RUN_FAILED, text);
}

static void restart(struct run *r, const char *why)
{
	char line[DESC_REPORT_MAX + 128];

	if (r->phase >= PHASE_QUIT)
		return;
	if (!ops_guest_reset(r->ops, on_restarted, r) || r->phase >= PHASE_QUIT)
		return; // another host told of it already, or it failed
	if (reset_notes_add(&r->resets, now_ns(), why, line, sizeof(line)) && !r->opt->quiet)
		run_tell(r, "\rpando: %s", line);
	loop_timer_set(r->loop, &r->resets_due, reset_notes_deadline(&r->resets));
}

/* A guest of a few instructions may be over before the last host has said that it runs. */
static void power_off(struct run *r)
{
	uint64_t since = r->running_ns ? r->running_ns : r->started_ns;

	if (r->phase < PHASE_QUIT && !r->opt->quiet && since)
		run_tell(r, "\rpando: the guest powered off after %.2f s", (double)(now_ns() - since) / 1e9);
	run_end(r, RUN_POWEROFF);
}

static void host_lost(struct run *r, host_id from, const json_t *data)
{
	const json_t *host = json_object_get(data, "host");
	const char *reason = json_string_value(json_object_get(data, "reason"));
	json_int_t h = json_is_integer(host) ? json_integer_value(host) : -1;

	bool known = h >= 0 && h < (json_int_t)HOSTS_MAX &&
		     (desc_is_member(&r->desc, (uint32_t)h) ||
		      (r->members && members_joining(r->members) & host_bit((host_id)h)));

	if (!known || h == from || !reason) {
		log_warn("host %u told of a lost host that can't be", from);
		return;
	}
	run_host_lost(r, (host_id)h, from, reason);
}

/* What a kernel that dies before it has a console leaves. */
static void say_silent(struct run *r, const json_t *data)
{
	uint64_t rip = (uint64_t)json_integer_value(json_object_get(data, "rip"));
	bool halted = json_is_true(json_object_get(data, "halted"));

	if (r->phase == PHASE_RUNS)
		run_tell(r,
			 "\rpando: the guest has shown no sign of life for %lld s: vCPU 0 %s at RIP %#llx; "
			 "a kernel that dies early looks like this",
			 (long long)json_integer_value(json_object_get(data, "seconds")),
			 halted ? "is halted without interrupts" : "goes round", (unsigned long long)rip);
}

static void on_text(struct run *r, host_id from, enum host_event e, const char *said)
{
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX + 64];

	switch (e) {
	case HOST_EV_RESET:
		snprintf(text, sizeof(text), "the guest reset itself: %s", said);
		if (r->opt->no_reboot)
			run_fail(r, RUN_RESET, text);
		else
			restart(r, text);
		break;
	case HOST_EV_CRASHED:
		snprintf(text, sizeof(text), "the guest died: %s", said);
		run_fail(r, RUN_CRASHED, text);
		break;
	case HOST_EV_BUSY:
		snprintf(text, sizeof(text), "host %u at %s %s", from, r->desc.hosts[from].address, said);
		run_fail(r, RUN_FAILED, text);
		break;
	default:
		snprintf(text, sizeof(text), "host %u failed: %s", from, said);
		run_fail(r, RUN_FAILED, text);
	}
}

void run_on_event(struct run *r, host_id from, const char *name, const json_t *data)
{
	const char *said = json_string_value(json_object_get(data, "text"));
	enum host_event e = host_event_find(name);

	log_debug("host %u: event %s", from, name);
	if (run_members_event(r, from, e, said, data))
		return;
	switch (e) {
	case HOST_EV_READY:
		if (r->phase == PHASE_SET_UP)
			run_reach(r, from);
		break;
	case HOST_EV_POWEROFF:
		power_off(r);
		break;
	case HOST_EV_RESET:
	case HOST_EV_CRASHED:
	case HOST_EV_BUSY:
	case HOST_EV_FAILED:
		on_text(r, from, e, said ? said : "it did not say why");
		break;
	case HOST_EV_HOST_LOST:
		host_lost(r, from, data);
		break;
	case HOST_EV_DEVICE_FREED:
		if (r->plugs)
			plugs_on_freed(r->plugs, from, data);
		break;
	case HOST_EV_PLUG_SAID:
		if (r->growths)
			growths_on_said(r->growths, from, data);
		break;
	case HOST_EV_GUEST_SILENT:
		say_silent(r, data);
		break;
	case HOST_EVENTS:
		log_warn("host %u told '%s', which is no event", from, name);
		break;
	default:
		break;
	}
	if (r->ops)
		ops_on_event(r->ops, from, name, data);
}
