// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/newcomers.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/log.h"
#include "net/msg.h"
#include "net/now.h"
#include "vmm/call/steps.h"

#define TEXT_MAX 64u

/* The first message of a session always finds room in an empty socket; if not, the caller hears of the end alone. */
static void refuse(const struct newcomers *n, const struct listener_session *s)
{
	const char *text = s->hello.epoch == n->epoch ? "is a host of this guest already, by another address"
						      : "runs another guest";
	struct msg m = {.kind = MSG_CTL_STATE,
			.epoch = s->hello.epoch,
			.u.ctl_state.state = CTL_BUSY,
			.blob = (const uint8_t *)text,
			.blob_bytes = (uint32_t)strlen(text)};
	uint8_t frame[MSG_HEADER_BYTES + MSG_FIELDS_MAX + TEXT_MAX];
	int head = msg_encode(&m, frame, sizeof(frame) - TEXT_MAX);

	if (head > 0) {
		memcpy(frame + head, text, m.blob_bytes);
		if (send(s->fd, frame, (size_t)head + m.blob_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			log_debug("another `pando run` hung up before it was told of this guest");
	}
	close(s->fd);
}

static void on_due(void *arg)
{
	struct newcomers *n = arg;
	uint64_t now = now_ns();

	while (n->n && now >= n->until[0] && !*n->ending) {
		refuse(n, &n->held[0]);
		n->n--;
		memmove(n->held, n->held + 1, n->n * sizeof(n->held[0]));
		memmove(n->until, n->until + 1, n->n * sizeof(n->until[0]));
	}
	if (n->n && *n->ending)
		loop_timer_in(n->loop, &n->due, NEWCOMERS_WAIT_NS);
	else if (n->n)
		loop_timer_set(n->loop, &n->due, n->until[0]);
}

void newcomers_init(struct newcomers *n, struct loop *loop, uint32_t epoch, const bool *ending)
{
	*n = (struct newcomers){.loop = loop, .epoch = epoch, .ending = ending, .due = {.fn = on_due, .arg = n}};
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
