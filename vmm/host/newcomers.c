// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/newcomers.h"

#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/msg.h"
#include "net/now.h"
#include "net/session_talk.h"
#include "vmm/call/call.h"
#include "vmm/call/events.h"

#define BLOB_MAX 128u

/* The first message of a session always finds room in an empty socket; if not, the caller hears of the end alone. */
static void refuse(const struct newcomers *n, const struct listener_session *s)
{
	json_t *data = json_pack("{s:s}", "text",
				 s->hello.epoch == n->epoch ? "is a host of this guest already, by another address"
							    : "runs another guest");
	struct msg m = {.kind = MSG_CTL_EVENT, .epoch = s->hello.epoch};
	uint8_t frame[MSG_HEADER_BYTES + MSG_FIELDS_MAX + BLOB_MAX];
	size_t n_blob = 0;
	uint8_t *blob = call_join(host_event_name(HOST_EV_BUSY), data, &n_blob);

	m.blob = blob;
	m.blob_bytes = (uint32_t)n_blob;
	int head = blob && n_blob <= BLOB_MAX ? msg_encode(&m, frame, sizeof(frame) - BLOB_MAX) : -1;

	if (head > 0) {
		memcpy(frame + head, blob, n_blob);
		if (session_say(s->fd, s->seal, frame, (uint32_t)head + (uint32_t)n_blob))
			log_debug("another `pando run` hung up before it was told of this guest");
	}
	free(blob);
	json_decref(data);
	listener_session_close(s);
}

static void on_due(void *arg)
{
	struct newcomers *n = arg;
	uint64_t now = now_ns();

	while (n->n && now >= n->until[0] && !n->ending) {
		refuse(n, &n->held[0]);
		n->n--;
		memmove(n->held, n->held + 1, n->n * sizeof(n->held[0]));
		memmove(n->until, n->until + 1, n->n * sizeof(n->until[0]));
	}
	if (n->n && n->ending)
		loop_timer_in(n->loop, &n->due, NEWCOMERS_WAIT_NS);
	else if (n->n)
		loop_timer_set(n->loop, &n->due, n->until[0]);
}

void newcomers_init(struct newcomers *n, struct loop *loop, uint32_t epoch)
{
	*n = (struct newcomers){.loop = loop, .epoch = epoch, .due = {.fn = on_due, .arg = n}};
}

void newcomers_wait(struct newcomers *n)
{
	n->ending = true;
}

void newcomers_add(struct newcomers *n, const struct listener_session *s)
{
	if (n->n == NEWCOMERS_MAX || s->hello.epoch == n->epoch) {
		refuse(n, s);
		return;
	}
	n->held[n->n] = *s;
	n->until[n->n++] = now_ns() + NEWCOMERS_WAIT_NS;
	if (n->n == 1)
		loop_timer_set(n->loop, &n->due, n->until[0]);
}

void newcomers_release(struct newcomers *n, struct listener *l)
{
	loop_timer_stop(&n->due);
	while (n->n)
		listener_put_back(l, &n->held[--n->n]);
}
