// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/card_mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/mutex.h"
#include "vmm/machine/card_msg.h"

void card_mail_init(struct card_mail *b)
{
	memset(b, 0, sizeof(*b));
	mutex_init(&b->lock);
	b->end = &b->first;
}

/*
 * The same word is waiting: whoever takes that one in looks at the ring, or raises the interrupt, later than now. What
 * came in between changes nothing of that: a queue that is given to a host is looked at there.
 */
static bool waits(const struct card_mail *b, host_id from, const struct msg *m)
{
	const struct msg_dev_queue *q = &m->u.dev_queue;

	for (const struct card_letter *l = b->first; l; l = l->next)
		if (l->from == from && card_msg_merges(&l->m) && l->m.u.dev_queue.kind == q->kind &&
		    l->m.u.dev_queue.device == q->device && l->m.u.dev_queue.queue == q->queue)
			return true;
	return false;
}

static struct card_letter *letter(host_id from, uint8_t slot, bool far, const struct msg *m)
{
	struct card_letter *l = malloc(sizeof(*l) + m->blob_bytes);

	if (!l)
		return NULL;
	*l = (struct card_letter){.from = from, .slot = slot, .far = far, .m = *m};
	l->m.blob = m->blob_bytes ? l->blob : NULL;
	if (m->blob_bytes)
		memcpy(l->blob, m->blob, m->blob_bytes);
	return l;
}

int card_mail_put(struct card_mail *b, host_id from, uint8_t slot, bool far, const struct msg *m, uint64_t bytes_max)
{
	struct card_letter *l = letter(from, slot, far, m);
	int r = 0;

	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&b->lock);
	unsigned n = b->of[from].letters;
	bool merged = n >= CARD_MAIL_MERGE_FROM && card_msg_merges(m) && waits(b, from, m);

	if (!merged && (n >= CARD_MAIL_MAX || b->of[from].bytes + m->blob_bytes > bytes_max))
		r = -ENOSPC;
	if (!r && !merged) {
		*b->end = l;
		b->end = &l->next;
		b->of[from].letters++;
		b->of[from].bytes += m->blob_bytes;
	}
	pthread_mutex_unlock(&b->lock);
	if (r || merged)
		free(l);
	return r;
}

struct card_letter *card_mail_take(struct card_mail *b)
{
	pthread_mutex_lock(&b->lock);
	struct card_letter *all = b->first;

	b->first = NULL;
	b->end = &b->first;
	memset(b->of, 0, sizeof(b->of));
	pthread_mutex_unlock(&b->lock);
	return all;
}

void card_mail_free(struct card_mail *b)
{
	struct card_letter *l = card_mail_take(b), *next;

	for (; l; l = next) {
		next = l->next;
		free(l);
	}
}
