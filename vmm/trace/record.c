// SPDX-License-Identifier: Apache-2.0
#include "vmm/trace/record.h"

#include "coherence/base/bytes.h"
#include "coherence/engine.h"

static const char *const names[] = {
	"?",
#define TRACE_KIND(NAME, name) #name,
#include "vmm/trace/trace_kind.def"
#undef TRACE_KIND
};

const char *trace_kind_name(unsigned kind)
{
	return names[kind < TRACE_KINDS ? kind : 0];
}

void trace_record_put(uint8_t out[TRACE_RECORD_BYTES], const struct trace_record *r)
{
	put_le(out, r->clock, 8);
	put_le(out + 8, r->page, 8);
	put_le(out + 16, r->txn, 8);
	put_le(out + 24, r->arg, 4);
	out[28] = r->kind;
	out[29] = r->sub;
	out[30] = r->peer;
	out[31] = r->requester;
}

void trace_record_get(struct trace_record *r, const uint8_t in[TRACE_RECORD_BYTES])
{
	r->clock = get_le(in, 8);
	r->page = get_le(in + 8, 8);
	r->txn = get_le(in + 16, 8);
	r->arg = (uint32_t)get_le(in + 24, 4);
	r->kind = in[28];
	r->sub = in[29];
	r->peer = in[30];
	r->requester = in[31];
}

static bool is_message(unsigned kind)
{
	return kind == TRACE_MSG_OUT || kind == TRACE_MSG_IN;
}

const char *trace_record_error(const struct trace_record *r, unsigned hosts)
{
	if (r->kind == TRACE_NONE || r->kind >= TRACE_KINDS)
		return "unknown kind of event";
	if (r->peer >= hosts && r->peer != HOST_NONE)
		return "a host that the header does not have";
	if (r->requester >= hosts && r->requester != HOST_NONE)
		return "a requester that the header does not have";
	if (is_message(r->kind) && (r->sub >= COH_MSG_KINDS || r->peer == HOST_NONE || r->requester == HOST_NONE))
		return "a message without kind, peer or requester";
	if ((r->kind == TRACE_FAULT || r->kind == TRACE_WAKE) &&
	    (r->sub > 2 || (r->arg >= VCPUS_MAX && r->arg != TRACE_NO_VCPU)))
		return "a fault of unknown kind or vCPU";
	return NULL;
}
