// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/fronts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/mutex.h"
#include "vmm/machine/card_msg.h"
#include "vmm/machine/route.h"

/* ---- out (struct card_far) ---- */

/* One destination: where its vCPU is. Several, or one that only an APIC knows: any host would do. */
static host_id home(void *ctx, const struct handover_entry *e)
{
	struct fronts *f = fronts_of(ctx);
	struct machine *m = f->m;
	struct apic_msg msg;
	struct msg_irq irq;

	if (f->plain || msi_decode(e->address, e->data, true, &msg))
		return HOST_NONE;
	pthread_rwlock_rdlock(&m->placement_lock);
	host_set to = route_message(m->placement, &msg, APIC_BROADCAST, &irq);

	pthread_rwlock_unlock(&m->placement_lock);
	return __builtin_popcountll(to) == 1 ? (host_id)__builtin_ctzll(to) : HOST_NONE;
}

static int send(struct fronts *f, host_id to, const struct msg *m)
{
	return f->m->peer.card(f->m->peer.ctx, to, m);
}

static void tell(void *ctx, host_id to, uint32_t card, const struct card_word *w)
{
	const struct msg m = card_msg_of_word(card, w);

	send(fronts_of(ctx), to, &m); // at the end of the guest nobody hears it
}

static bool ask(void *ctx, host_id to, uint32_t card, const struct block_ask *a)
{
	const struct msg m = card_msg_of_ask(card, a);

	return send(fronts_of(ctx), to, &m) == 0;
}

static void answer(void *ctx, host_id to, uint32_t card, const struct block_answer *a)
{
	const struct block_answer error = {.id = a->id, .error = -ENOMEM};
	struct msg m = card_msg_of_answer(card, a);

	if (!send(fronts_of(ctx), to, &m))
		return;
	m = card_msg_of_answer(card, &error); // without data there is always room
	send(fronts_of(ctx), to, &m);
}

const struct card_far fronts_far = {.home = home, .tell = tell, .ask = ask, .answer = answer};

/* ---- in ---- */

/*
 * Bytes that two honest hosts may have on their way, either way: what the front halves of one write at the other, and
 * what they read there.
 */
static uint64_t bytes_max(unsigned disks)
{
	return (uint64_t)disks * BLOCK_ASKS_BYTES;
}

static bool is_disk_of(const struct desc_device *dev, host_id host)
{
	return dev->host == host && card_kind_find(dev->kind) == CARD_BLK;
}

bool machine_card_crowded(const struct machine_desc *d, host_id self, host_id to, uint64_t letters, uint64_t bytes)
{
	unsigned disks = 0;

	for (unsigned i = 0; i < d->devices_n && bytes; i++)
		disks += is_disk_of(&d->devices[i], self) || is_disk_of(&d->devices[i], to);
	return letters > CARD_MAIL_MAX || bytes > bytes_max(disks);
}

/* Once a description, not for each message. */
static void count_disks(struct fronts *f)
{
	const struct machine_desc *d = f->m->desc;

	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		f->disks[h] = 0;
		for (unsigned i = 0; i < d->devices_n; i++)
			f->disks[h] += is_disk_of(&d->devices[i], (host_id)h);
	}
}

int fronts_in(struct fronts *f, host_id from, const struct msg *m)
{
	const struct machine_desc *d = f->m->desc; // only the span thread changes it
	const struct desc_device *dev = desc_card(d, card_msg_card(m));
	bool far = card_msg_is_to_front(m);

	if (!dev || card_kind_find(dev->kind) != CARD_BLK || dev->host != (far ? from : f->m->self) ||
	    from == f->m->self || dev->host >= HOSTS_MAX || dev->slot >= DESC_SLOTS || (!far && !f->bus))
		return -EPROTO;
	return card_mail_put(&f->mail, from, (uint8_t)dev->slot, far, m,
			     bytes_max(f->disks[f->m->self] + f->disks[from]));
}

/* ---- on the device thread ---- */

static struct front *make(struct fronts *f, host_id owner, uint32_t id)
{
	char config[DESC_CONFIG_MAX] = "";
	struct front *made = NULL;
	int r = -ENODEV;

	pthread_rwlock_rdlock(&f->m->placement_lock); // of the description
	const struct desc_device *dev = desc_card(f->m->desc, id);

	if (dev)
		memcpy(config, dev->config, sizeof(config));
	pthread_rwlock_unlock(&f->m->placement_lock);
	if (dev)
		r = front_create(&made, f->host, owner, id, config);
	if (r)
		log_error("queues of disk %u cannot be served here: %s", id, strerror(-r));
	return made;
}

/* Its owner's first word is that a queue is here. */
static struct front *front_for(struct fronts *f, const struct card_letter *l)
{
	struct front **at = &f->of[l->from][l->slot];

	if (*at && front_card(*at) != card_msg_card(&l->m))
		return NULL; // that of a card that was in this slot before has gone by now
	bool first = l->m.kind == MSG_DEV_QUEUE && l->m.u.dev_queue.kind == HANDOVER_ON;

	if (!*at && first) {
		__atomic_store_n(at, make(f, l->from, l->m.u.dev_queue.device), __ATOMIC_RELEASE);
		if (l->from >= f->hosts)
			__atomic_store_n(&f->hosts, l->from + 1u, __ATOMIC_RELEASE);
	}
	return *at;
}

static int take_word(struct fronts *f, const struct card_letter *l)
{
	struct card_word w;

	if (!card_msg_word(&l->m, &w))
		return -EPROTO;
	if (!l->far)
		return card_bus_word(f->bus, l->from, l->slot, &w);
	struct front *x = front_for(f, l);

	return x ? front_word(x, &w) : w.m.kind == HANDOVER_ON ? -ENOMEM : -EPROTO;
}

static int take_answer(struct fronts *f, const struct card_letter *l)
{
	struct front *x = front_for(f, l);
	struct block_answer a;

	return x && card_msg_answer(&l->m, &a) ? front_answer(x, &a) : -EPROTO;
}

static int take_ask(struct fronts *f, const struct card_letter *l)
{
	struct block_ask a;

	return card_msg_ask(&l->m, &a) ? card_bus_ask(f->bus, l->from, l->slot, &a) : -EPROTO;
}

static void take_in(struct fronts *f, const struct card_letter *l)
{
	int r = l->m.kind == MSG_DEV_QUEUE ? take_word(f, l)
		: l->m.kind == MSG_BLK_REP ? take_answer(f, l)
					   : take_ask(f, l);

	if (r)
		f->m->peer.blame(f->m->peer.ctx, l->from,
				 r == -EPROTO ? "said something of a device's queue that cannot be"
					      : "has a disk whose queues cannot be served");
}

void fronts_follow(struct fronts *f)
{
	count_disks(f);
	__atomic_store_n(&f->follow, true, __ATOMIC_SEQ_CST);
}

static bool is_gone(struct fronts *f, const struct front *x)
{
	pthread_rwlock_rdlock(&f->m->placement_lock); // of the description
	bool gone = !desc_card(f->m->desc, front_card(x));

	pthread_rwlock_unlock(&f->m->placement_lock);
	return gone;
}

/* Nothing is under way in one that goes: its owner has had its queues back before. */
static void follow(struct fronts *f)
{
	for (unsigned h = 0; h < f->hosts; h++)
		for (unsigned i = 0; i < DESC_SLOTS; i++) {
			struct front *x = f->of[h][i];

			if (!x || !is_gone(f, x))
				continue;
			pthread_rwlock_wrlock(&f->of_lock);
			__atomic_store_n(&f->of[h][i], NULL, __ATOMIC_RELEASE);
			f->gone_requests += front_requests(x);
			pthread_rwlock_unlock(&f->of_lock);
			front_destroy(x);
		}
}

bool fronts_work(struct fronts *f)
{
	if (__atomic_exchange_n(&f->follow, false, __ATOMIC_SEQ_CST)) // before what came after it
		follow(f);
	struct card_letter *l = card_mail_take(&f->mail), *next;
	bool more = false;

	for (; l; l = next) {
		next = l->next;
		take_in(f, l);
		free(l);
	}
	for (unsigned h = 0; h < f->hosts; h++)
		for (unsigned i = 0; i < DESC_SLOTS; i++)
			if (f->of[h][i])
				more |= front_work(f->of[h][i]);
	return more;
}

/* ---- vCPUs ---- */

bool fronts_kick(struct fronts *f, unsigned bus, uint64_t address)
{
	bool kicked = false;

	pthread_rwlock_rdlock(&f->of_lock);
	for (unsigned i = 0; i < DESC_SLOTS && !kicked; i++) {
		struct front *x = __atomic_load_n(&f->of[bus][i], __ATOMIC_ACQUIRE);

		kicked = x && front_kick(x, address);
	}
	pthread_rwlock_unlock(&f->of_lock);
	return kicked;
}

/* ---- life ---- */

/* PANDO_QUEUES=owner: a test's way to have what the other way is compared with. */
void fronts_init(struct fronts *f, struct machine *m, const struct card_host *host)
{
	const char *queues = getenv("PANDO_QUEUES");

	f->m = m;
	f->host = host;
	f->plain = queues && !strcmp(queues, "owner");
	count_disks(f);
	card_mail_init(&f->mail);
	rwlock_init(&f->of_lock); // the device thread writes, and vCPUs that notify read
}

void fronts_close(struct fronts *f)
{
	card_mail_free(&f->mail);
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		for (unsigned i = 0; i < DESC_SLOTS; i++) {
			front_destroy(f->of[h][i]);
			f->of[h][i] = NULL;
		}
}

uint64_t fronts_requests(struct fronts *f)
{
	unsigned hosts = __atomic_load_n(&f->hosts, __ATOMIC_ACQUIRE);

	pthread_rwlock_rdlock(&f->of_lock);
	uint64_t n = f->gone_requests;

	for (unsigned h = 0; h < hosts; h++)
		for (unsigned i = 0; i < DESC_SLOTS; i++) {
			const struct front *x = __atomic_load_n(&f->of[h][i], __ATOMIC_ACQUIRE);

			n += x ? front_requests(x) : 0;
		}
	pthread_rwlock_unlock(&f->of_lock);
	return n;
}
