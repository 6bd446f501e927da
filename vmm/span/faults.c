// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/faults.h"

static void take_out(struct faults *f, unsigned i)
{
	f->v[i] = f->v[--f->n];
}

static bool same(const struct fault *v, uint32_t tid, page_idx page)
{
	return v->tid == tid && (tid || v->page == page);
}

struct fault *faults_begin(struct faults *f, uint32_t tid, page_idx page, enum fault_kind kind, uint64_t now)
{
	for (unsigned i = 0; i < f->n; i++) {
		struct fault *v = &f->v[i];

		if (!same(v, tid, page))
			continue;
		if (v->page == page) {
			if (v->kind == FAULT_READ)
				v->kind = (uint8_t)kind;
			return v;
		}
		take_out(f, i);
		f->given_up++;
		break;
	}
	if (f->n == FAULTS_MAX) {
		f->unwatched++;
		return NULL;
	}
	struct fault *v = &f->v[f->n++];

	*v = (struct fault){.page = page,
			    .since = now,
			    .settled = now,
			    .tid = tid,
			    .vcpu = FAULT_NO_VCPU,
			    .kind = (uint8_t)kind,
			    .answered = HOST_NONE};
	return v;
}

void faults_answered(struct faults *f, page_idx page, host_id host, bool grant)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->v[i].page == page && (grant || f->v[i].answered == HOST_NONE))
			f->v[i].answered = host;
}

bool faults_end(struct faults *f, page_idx first, uint64_t n, bool writable, struct fault *out)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct fault *v = &f->v[i];

		if (v->page - first >= n || (v->kind != FAULT_READ && !writable))
			continue;
		*out = *v;
		take_out(f, i);
		return true;
	}
	return false;
}
