// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/front.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/block/remote.h"
#include "vmm/card/blk_queues.h"
#include "vmm/chip/icr.h"
#include "vmm/virtio/transport.h"

struct front {
	const struct card_host *host;
	host_id owner;
	uint32_t id;
	struct server s;
	struct ring rings[DISK_QUEUES_MAX];
	struct blk_queues q;
	struct block_remote remote;
	uint64_t notify; // atomic: of queue 0; 0: nowhere
	bool woken;      // atomic: rings are to be looked at
};

/* ---- what the queues want (server_link, server_ops, blk_queues_ops) ---- */

static void tell(void *ctx, uint16_t queue, const struct handover *m)
{
	struct front *f = ctx;

	f->host->far->tell(f->host->ctx, f->owner, f->id, &(struct card_word){.queue = queue, .m = *m});
}

static void interrupt(void *ctx, const struct handover_entry *e)
{
	struct front *f = ctx;
	struct apic_msg m;

	if (!msi_decode(e->address, e->data, true, &m)) // else it means nothing, as at its owner
		f->host->send(f->host->ctx, &m);
}

static enum ring_error request(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	return blk_queues_request(&((struct front *)ctx)->q, queue, c, used, later);
}

static bool full(void *ctx)
{
	return blk_queues_full(&((struct front *)ctx)->q);
}

static const struct server_ops server_ops = {.request = request, .full = full};

static void submit(void *ctx, uint16_t queue, struct block_request *r)
{
	struct front *f = ctx;

	block_remote_submit(&f->remote, queue, f->s.homes[queue].turn, r);
}

/* Its owner has told people, and has counted it. */
static void failed(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error)
{
	(void)ctx;
	(void)op;
	(void)offset;
	(void)bytes;
	(void)error;
}

static const struct blk_queues_ops queues_ops = {.submit = submit, .failed = failed};

static void ask(void *ctx, const struct block_ask *a)
{
	struct front *f = ctx;

	if (!f->host->far->ask(f->host->ctx, f->owner, f->id, a))
		block_remote_answer(&f->remote, &(struct block_answer){.id = a->id, .error = -ENOMEM});
}

/* ---- life ---- */

int front_create(struct front **out, const struct card_host *host, host_id owner, uint32_t id, const char *config)
{
	const struct server_link link = {.tell = tell, .interrupt = interrupt};
	struct disk_config what;
	char why[160];

	if (disk_config_from_json(config, &what, why, sizeof(why)))
		return -EINVAL;
	struct front *f = calloc(1, sizeof(*f));

	if (!f || block_remote_init(&f->remote, ask, f)) {
		free(f);
		return -ENOMEM;
	}
	f->host = host;
	f->owner = owner;
	f->id = id;
	server_init(&f->s, DISK_QUEUES_MAX, f->rings, host->mem, &server_ops, f, &link);
	f->s.link.ctx = f;
	blk_queues_init(&f->q, &f->s, host->mem, &queues_ops, f);
	/* How large the disk is its owner knows by then; it refuses what is beyond. */
	f->q.front.disk = (struct blk_disk){.sectors = UINT64_MAX / BLK_SECTOR, .block_bytes = BLK_SECTOR};
	disk_config_serial(&what, owner, f->q.front.disk.id);
	*out = f;
	return 0;
}

void front_destroy(struct front *f)
{
	if (!f)
		return;
	blk_queues_close(&f->q);
	block_remote_cancel(&f->remote);
	block_remote_free(&f->remote);
	free(f);
}

/* ---- what the owner says ---- */

int front_word(struct front *f, const struct card_word *w)
{
	if (w->m.kind == HANDOVER_ON) {
		f->q.front.disk.read_only = w->read_only;
		f->q.front.disk.discards = w->discards;
		__atomic_store_n(&f->notify, w->notify, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&f->woken, true, __ATOMIC_SEQ_CST);
	return server_in(&f->s, w->queue, &w->m);
}

int front_answer(struct front *f, const struct block_answer *a)
{
	return block_remote_answer(&f->remote, a);
}

/* ---- rounds ---- */

bool front_work(struct front *f)
{
	bool more = false;

	block_remote_turn(&f->remote); // answers have made room
	if (blk_queues_turn(&f->q))
		__atomic_store_n(&f->woken, true, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&f->woken, false, __ATOMIC_SEQ_CST)) // before it looks: who comes later asks again
		more = server_round(&f->s);
	if (more)
		__atomic_store_n(&f->woken, true, __ATOMIC_SEQ_CST);
	if (block_remote_turn(&f->remote) > 0 && blk_queues_turn(&f->q)) { // they have ended here: there is room again
		__atomic_store_n(&f->woken, true, __ATOMIC_SEQ_CST);
		more = true;
	}
	return more;
}

bool front_kick(struct front *f, uint64_t address)
{
	uint64_t first = __atomic_load_n(&f->notify, __ATOMIC_ACQUIRE), at = address - first;

	if (!first || address < first || at >= DISK_QUEUES_MAX * VIRTIO_NOTIFY_STEP || at % VIRTIO_NOTIFY_STEP ||
	    !server_kick(&f->s, (uint16_t)(at / VIRTIO_NOTIFY_STEP)))
		return false;
	__atomic_store_n(&f->woken, true, __ATOMIC_SEQ_CST);
	return true;
}

uint32_t front_card(const struct front *f)
{
	return f->id;
}

uint64_t front_requests(const struct front *f)
{
	return __atomic_load_n(&f->q.front.numbers.requests, __ATOMIC_RELAXED);
}
