// SPDX-License-Identifier: Apache-2.0
/* The entropy device: buffers are filled with what the host's kernel gives. */
#include "vmm/virtio/rng.h"

#include "vmm/card/card.h"

static int open_rng(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap)
{
	(void)c;
	(void)config;
	(void)why;
	(void)why_cap;
	out->p = (struct virtio_params){
		.type = RNG_TYPE, .class_code = RNG_CLASS, .queues = RNG_QUEUES, .queue_size = RNG_QUEUE_SIZE};
	return 0;
}

static enum ring_error fill(void *card, uint16_t queue, const struct chain *chain, uint32_t *used, bool *later)
{
	struct card *c = card;
	uint8_t bytes[RNG_BYTES_MAX];

	(void)queue;
	(void)later;
	*used = rng_wanted(chain);
	c->host->random(bytes, *used);
	card_count(c->numbers.requests, 1);
	card_count(c->numbers.bytes_in, *used);
	return chain_put(chain, c->host->mem, 0, bytes, *used) ? RING_GOOD : RING_NO_MEMORY;
}

extern const struct card_ops rng_card;
const struct card_ops rng_card = {.bytes = sizeof(struct card), .open = open_rng, .request = fill};
