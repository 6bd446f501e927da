// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/engine.h"
#include "vmm/trace/decode.h"

static const char *const fault_kinds[] = {"read", "write", "upgrade"};

static const char *rights_name(unsigned r)
{
	return r == COH_RW ? "rw" : r == COH_RO ? "ro" : "-";
}

static const char *told_name(unsigned told)
{
	static const char *const names[] = {"nothing", "waits", "grant", "ack", "done"};

	return told < sizeof(names) / sizeof(names[0]) ? names[told] : "?";
}

static int describe_msg(const struct trace_record *r, char *buf, size_t cap)
{
	unsigned flags = r->arg & 0xff, acks = r->arg >> 16;
	const char *carries = flags & COH_MSGF_DATA ? " with data" : flags & COH_MSGF_ZERO ? " of zeroes" : "";
	bool told = r->sub == COH_MSG_CHASE || r->sub == COH_MSG_TOLD;
	unsigned rights = r->arg >> 8 & 0xff;
	int n = snprintf(buf, cap, "%s %s %u, page 0x%" PRIx64 ", %s %s%s", coh_msg_name(r->sub),
			 r->kind == TRACE_MSG_OUT ? "to" : "from", r->peer, r->page, told ? "word" : "rights",
			 told ? told_name(rights) : rights_name(rights), carries);

	if (acks && n > 0 && (size_t)n < cap)
		n += snprintf(buf + n, cap - (size_t)n, ", %u acknowledgements due", acks);
	return n;
}

static int describe_fault(const struct trace_record *r, char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "%s, page 0x%" PRIx64, fault_kinds[r->sub <= 2 ? r->sub : 0], r->page);

	if (r->arg != TRACE_NO_VCPU && n > 0 && (size_t)n < cap)
		n += snprintf(buf + n, cap - (size_t)n, ", vcpu %" PRIu32, r->arg);
	if (r->peer != HOST_NONE && n > 0 && (size_t)n < cap)
		n += snprintf(buf + n, cap - (size_t)n, ", answered by host %u", r->peer);
	return n;
}

static int describe_io(const struct trace_record *r, char *buf, size_t cap)
{
	if (r->arg & 4)
		return snprintf(buf, cap, "host %u, request %" PRIu64 ", interrupt acknowledge", r->peer, r->txn);
	return snprintf(buf, cap, "host %u, request %" PRIu64 ", %s of %" PRIu32 " bytes at %s 0x%" PRIx64, r->peer,
			r->txn, r->arg & 2 ? "write" : "read", r->arg >> 8 & 0xff, r->arg & 1 ? "address" : "port",
			r->page);
}

static int describe_kind(const struct trace_record *r, char *buf, size_t cap)
{
	switch (r->kind) {
	case TRACE_MSG_OUT:
	case TRACE_MSG_IN:
		return describe_msg(r, buf, cap);
	case TRACE_FAULT:
	case TRACE_WAKE:
		return describe_fault(r, buf, cap);
	case TRACE_INSTALL:
	case TRACE_ZERO:
		return snprintf(buf, cap, "page 0x%" PRIx64 ", %" PRIu32 " pages, rights %s", r->page, r->arg,
				rights_name(r->sub));
	case TRACE_PROTECT:
	case TRACE_UNPROTECT:
	case TRACE_DROP:
	case TRACE_TAKE:
	case TRACE_HOLD:
		return snprintf(buf, cap, "page 0x%" PRIx64, r->page);
	case TRACE_IRQ_OUT:
	case TRACE_IRQ_IN:
		return snprintf(buf, cap, "host %u, vector 0x%x, destination %" PRIu32, r->peer, r->sub, r->arg);
	case TRACE_EOI_OUT:
	case TRACE_EOI_IN:
		return snprintf(buf, cap, "host %u, vector 0x%x", r->peer, r->sub);
	case TRACE_IO_OUT:
	case TRACE_IO_IN:
		return describe_io(r, buf, cap);
	case TRACE_IO_REP_OUT:
	case TRACE_IO_REP_IN:
		return snprintf(buf, cap, "host %u, request %" PRIu64, r->peer, r->txn);
	case TRACE_VCPU_LEFT:
	case TRACE_VCPU_CAME:
		return snprintf(buf, cap, "vcpu %" PRIu32 ", host %u", r->arg, r->peer);
	case TRACE_HOME_LEFT:
	case TRACE_HOME_CAME:
		return snprintf(buf, cap, "from page 0x%" PRIx64 ", host %u", r->page, r->peer);
	default:
		return r->peer == HOST_NONE ? 0 : snprintf(buf, cap, "host %u", r->peer);
	}
}

void trace_describe(const struct trace_record *r, char *buf, size_t cap)
{
	buf[0] = 0;
	int n = describe_kind(r, buf, cap);

	if (r->requester != HOST_NONE && n >= 0 && (size_t)n < cap)
		snprintf(buf + n, cap - (size_t)n, ", transaction %u:%" PRIu64, r->requester, r->txn);
}

int trace_text(const struct trace *t, FILE *out)
{
	uint64_t *order = trace_by_clock(t), first = 0;
	struct trace_record r;
	char what[256];

	if (t->records && !order)
		return -ENOMEM;
	fprintf(out, "# guest '%s', %u hosts, clock %" PRIu64 " kHz; ms since the first event, host, event\n", t->name,
		t->hosts, t->tsc_khz);
	for (unsigned h = 0; h < t->hosts; h++) {
		if (!t->host[h].address[0]) { // a host has left, and no other has its place
			fprintf(out, "# host %u: nobody\n", h);
			continue;
		}
		fprintf(out,
			"# host %u at %s: %" PRIu64 " events, %" PRIu64
			" older ones lost, its clock is right to %" PRIu64 " ns\n",
			h, t->host[h].address, t->host[h].records, t->host[h].lost, trace_ns(t, t->host[h].bound));
	}
	for (uint64_t i = 0; i < t->records; i++) {
		host_id h = trace_get(t, order[i], &r);

		if (i == 0)
			first = r.clock;
		uint64_t ns = trace_ns(t, r.clock - first);
		trace_describe(&r, what, sizeof(what));
		fprintf(out, "%10" PRIu64 ".%06" PRIu64 "  %2u  %-12s %s\n", ns / 1000000, ns % 1000000, h,
			trace_kind_name(r.kind), what);
	}
	free(order);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
