// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/card.h"

#include <string.h>

void card_wake(struct card *c)
{
	__atomic_store_n(&c->woken, true, __ATOMIC_SEQ_CST);
	c->host->wake(c->host->ctx);
}

uint64_t card_accepted(struct card *c)
{
	c->host->lock(c->host->ctx);
	uint64_t accepted = c->f.v.accepted;

	c->host->unlock(c->host->ctx);
	return accepted;
}

void card_set_config(struct card *c, uint32_t offset, const void *bytes, uint32_t n)
{
	struct msix_message m;

	c->host->lock(c->host->ctx);
	memcpy(c->f.v.config + offset, bytes, n);
	bool told = virtio_config_changed(&c->f.v, &m);

	c->host->unlock(c->host->ctx);
	if (told)
		c->keep.send(c, &m);
}

void card_tell(struct card *c, enum card_event what, const char *text)
{
	c->host->event(c->host->ctx, c, what, text);
}
