// SPDX-License-Identifier: Apache-2.0
// What can be said of a host that is to join before anybody is called.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/run/grow.h"
#include "vmm/run/members_priv.h"

int members_refused(int r, char *why, size_t cap)
{
	return refuse_with(why, cap, r, "%s",
			   r == -ESHUTDOWN ? "the guest does not run"
			   : r == -ENOSPC  ? "too many commands are under way"
					   : strerror(-r));
}

int members_check_wish(const struct members *m, const struct members_wish *w, char *why, size_t cap)
{
	if (!*w->address || strlen(w->address) >= DESC_ADDRESS_MAX)
		return refuse_with(why, cap, -EINVAL, "an address has 1 to %u characters", DESC_ADDRESS_MAX - 1);
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		if (!strcmp(members_address(m, (host_id)h), w->address))
			return refuse_with(why, cap, -EEXIST, "%s %s of this guest already", w->address,
					   members_joining(m) & host_bit((host_id)h) ? "is on its way to be a host"
										     : "is a host");
	if ((w->cpus || w->memory) && !m->grow)
		return refuse_with(why, cap, -ENOTSUP, "this guest cannot be given more vCPUs or memory while it runs");
	return 0;
}

/* What it is to give is judged before anything is done, as if it were a member. */
int members_check_growth(const struct members *m, const struct members_wish *w, host_id h, char *why, size_t cap)
{
	const struct grow_wish wish = {
		.host = h, .cpus = w->cpus, .memory_bytes = w->memory, .node = GROW_ANY_NODE, .vcpu = GROW_ANY_VCPU};
	struct machine_desc *trial = w->cpus || w->memory ? malloc(sizeof(*trial)) : NULL;
	host_id at[VCPUS_MAX];
	uint32_t node;

	if (!w->cpus && !w->memory)
		return 0;
	if (!trial)
		return members_refused(-ENOMEM, why, cap);
	members_places(m, at);
	*trial = *m->desc;
	int r = desc_join(trial, h, w->address, at, why, cap);

	if (!r)
		r = grow_node(trial, &wish, &node, why, cap);
	free(trial);
	return r;
}
