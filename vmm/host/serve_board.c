// SPDX-License-Identifier: Apache-2.0
// The board moves to another host: this host's part. The order over the hosts is vmm/run/board.c's.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/call/boot_image.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

/* ---- boot images, which the host of the board keeps for a reset ---- */

void guest_images_drop(struct guest *g)
{
	for (unsigned i = 0; i < 2; i++) {
		free(g->images[i].bytes);
		g->images[i] = (struct guest_image){0};
	}
}

static bool has_image(const struct guest_image *i, uint64_t bytes)
{
	return i->have == i->total && i->total == bytes;
}

void serve_board_images(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t kernel = serve_u64(args, "kernel"), initrd = serve_u64(args, "initrd");

	if (!serve_has_machine(g, call))
		return;
	if (g->desc.board == g->self) {
		serve_return_error(g, call, "host %u has the board already", g->self);
		return;
	}
	if (!kernel && !initrd)
		guest_images_drop(g);
	serve_result(g, call,
		     has_image(&g->images[CTL_KERNEL], kernel) && has_image(&g->images[CTL_INITRD], initrd) ? 0
													    : -EINVAL,
		     "the kernel or initrd did not arrive whole");
}

/* ---- on the worker's thread: devices are brought to an end first ---- */

struct move {
	uint64_t call;
	host_id to;
	uint8_t *state; // owned
	size_t n;
	json_t *digits; // owned: what was given
	int result;
	char why[DESC_REPORT_MAX];
};

static void move_free(struct move *w)
{
	if (w) {
		free(w->state);
		json_decref(w->digits);
	}
	free(w);
}

/* NULL: the call has been answered. */
static struct move *move_new(struct guest *g, uint64_t call, size_t room)
{
	struct move *w = serve_has_machine(g, call) ? calloc(1, sizeof(*w)) : NULL;

	if (w) {
		w->call = call;
		w->state = malloc(room + 1);
	}
	if (w && w->state)
		return w;
	if (w)
		serve_return_error(g, call, "no memory");
	move_free(w);
	return NULL;
}

static void begin(struct guest *g, struct move *w, void (*work)(struct guest *g, void *arg),
		  void (*done)(struct guest *g, void *arg, bool cancelled))
{
	int r = w ? guest_work(g, work, done, w) : 0;

	if (!r)
		return;
	serve_return_error(g, w->call, "host %u cannot move the board now: %s", g->self, strerror(-r));
	move_free(w);
}

static json_t *as_digits(const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * n + 1);

	for (size_t i = 0; i < n && text; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	json_t *o = text ? json_stringn(text, 2 * n) : NULL;

	free(text);
	return o;
}

/* What cannot be told is not given. */
static void give(struct guest *g, void *arg)
{
	struct move *w = arg;

	w->result = machine_board_give(g->machine, w->to, w->state, MACHINE_BOARD_MAX, &w->n);
	if (w->result)
		return;
	w->digits = as_digits(w->state, w->n);
	if (w->digits)
		return;
	w->result = -ENOMEM;
	if (w->n && machine_board_take(g->machine, w->state, w->n, w->why, sizeof(w->why)))
		log_error("the board can neither be given nor kept: %s", w->why);
	machine_board_open(g->machine);
}

/* What the guest has written until now leaves before the answer: what comes then comes from the other host. */
static void given(struct guest *g, void *arg, bool cancelled)
{
	struct move *w = arg;

	guest_news_flush(g);
	if (cancelled || w->result)
		serve_return_error(g, w->call, "host %u cannot give the board away: %s", g->self,
				   cancelled              ? "it is being stopped"
				   : w->result == -EBUSY  ? "the machine runs"
				   : w->result == -ENOSPC ? "it is more than a call can take"
							  : "no memory");
	else
		serve_return_json(g, w->call, json_pack("{s:O,s:b}", "state", w->digits, "alive", (int)g->life.alive));
	move_free(w);
}

void serve_board_give(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t to = serve_u64(args, "host");

	if (!serve_has_machine(g, call))
		return;
	if (!desc_is_member(&g->desc, to) || to == g->self) {
		serve_return_error(g, call, "host %u cannot give the board to host %llu", g->self,
				   (unsigned long long)to);
		return;
	}
	struct move *w = move_new(g, call, MACHINE_BOARD_MAX);

	if (w)
		w->to = (host_id)to;
	begin(g, w, give, given);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: that is no state of anything. */
static bool from_digits(const char *text, size_t n, uint8_t *to)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void take(struct guest *g, void *arg)
{
	struct move *w = arg;

	w->result = machine_board_take(g->machine, w->state, w->n, w->why, sizeof(w->why));
}

static void answer(struct guest *g, void *arg, bool cancelled)
{
	struct move *w = arg;

	if (cancelled)
		serve_return_error(g, w->call, "host %u is being stopped", g->self);
	else
		serve_result(g, w->call, w->result, w->why);
	move_free(w);
}

void serve_board_take(struct guest *g, uint64_t call, json_t *args)
{
	const json_t *state = json_object_get(args, "state");
	size_t n = json_string_length(state);

	if (n % 2 || n > 2 * MACHINE_BOARD_MAX) {
		serve_return_error(g, call, "a board's state of %zu digits: an even number up to %u was expected", n,
				   2 * MACHINE_BOARD_MAX);
		return;
	}
	struct move *w = move_new(g, call, n / 2);

	if (w && !from_digits(json_string_value(state), n / 2, w->state)) {
		serve_return_error(g, call, "a board's state is in hexadecimal digits");
		move_free(w);
		return;
	}
	if (w)
		w->n = n / 2;
	begin(g, w, take, answer);
}

static void tell_lines(struct guest *g, void *arg)
{
	(void)arg;
	machine_board_lines(g->machine);
}

void serve_board_lines(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	begin(g, move_new(g, call, 0), tell_lines, answer);
}

/* ---- all know where it is ---- */

static void let_go(struct guest *g)
{
	guest_images_drop(g);
	pthread_mutex_lock(&g->lock);
	g->consoles[DESC_CONSOLE_SERIAL].room = 0; // what may be typed says the other host
	pthread_mutex_unlock(&g->lock);
}

void serve_board_moved(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t to = serve_u64(args, "host");
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_move_board(next, to <= UINT32_MAX ? (uint32_t)to : UINT32_MAX, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else if (guest_follow_desc(g, call, next, serve_u64(args, "version")) && g->desc.board != g->self)
		let_go(g);
}

void serve_board_open(struct guest *g, uint64_t call, json_t *args)
{
	if (!serve_has_machine(g, call))
		return;
	if (g->desc.board == g->self) {
		machine_board_open(g->machine);
		guest_life_go_on(g, json_is_true(json_object_get(args, "alive")));
	}
	serve_result(g, call, g->desc.board == g->self ? 0 : -ENOENT, "the board is on another host");
}
