// SPDX-License-Identifier: Apache-2.0
#include "tests/drive/moves.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct moves {
	struct mover *m;
	struct link *link;
	moves_done done;
	void *ctx;
	unsigned wanted, gap_ms, vcpus, hosts, made, ran;
	int only;
	struct loop_timer timer;
	uint64_t seed, bytes;
	uint64_t *pause, pack, wire, unpack; // ns; of those that ran
};

static unsigned draw(struct moves *s, unsigned n)
{
	s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s->seed >> 33) % n;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void end(struct moves *s, const char *error)
{
	qsort(s->pause, s->ran, sizeof(*s->pause), by_size);
	printf("\nRESULT vcpu_moves %u moves\nRESULT vcpu_moves_of_running %u moves\n", s->made, s->ran);
	if (s->ran) {
		printf("RESULT vcpu_move_pause_median %.1f us\n", (double)s->pause[s->ran / 2] / 1e3);
		printf("RESULT vcpu_move_pause_p99 %.1f us\n", (double)s->pause[(s->ran * 99ul) / 100] / 1e3);
		printf("RESULT vcpu_move_pause_max %.1f us\n", (double)s->pause[s->ran - 1] / 1e3);
		printf("RESULT vcpu_move_pack_mean %.1f us\n", (double)s->pack / s->ran / 1e3);
		printf("RESULT vcpu_move_wire_mean %.1f us\n", (double)s->wire / s->ran / 1e3);
		printf("RESULT vcpu_move_unpack_mean %.1f us\n", (double)s->unpack / s->ran / 1e3);
		printf("RESULT vcpu_move_state_mean %lu bytes\n", (unsigned long)(s->bytes / s->made));
	}
	fflush(stdout);
	loop_timer_stop(&s->timer);
	s->done(s->ctx, error);
	free(s->pause);
	free(s);
}

static void next(struct moves *s);

static void on_moved(void *ctx, const struct mover_result *r, const char *error)
{
	struct moves *s = ctx;

	if (error) {
		end(s, error);
		return;
	}
	s->made++;
	s->bytes += r->bytes;
	if (r->ran) {
		s->pause[s->ran++] = r->pause_ns;
		s->pack += r->pack_ns;
		s->wire += r->wire_ns;
		s->unpack += r->unpack_ns;
	}
	if (s->made == s->wanted) {
		end(s, NULL);
	} else if (s->gap_ms) {
		loop_timer_in(link_loop(s->link), &s->timer, s->gap_ms * 1000000ull);
	} else {
		next(s);
	}
}

static void next(struct moves *s)
{
	uint32_t vcpu = s->only >= 0 ? (uint32_t)s->only : draw(s, s->vcpus);
	host_id to = (host_id)draw(s, s->hosts);

	if (to == mover_host(s->m, vcpu))
		to = (host_id)((to + 1) % s->hosts);
	int r = mover_move(s->m, vcpu, to, on_moved, s);

	if (r)
		end(s, strerror(-r));
}

static void on_timer(void *ctx)
{
	next(ctx);
}

int moves_begin(struct mover *m, struct link *link, const char *what, unsigned vcpus, unsigned hosts, moves_done done,
		void *ctx)
{
	struct moves *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct moves){
		.m = m, .link = link, .done = done, .ctx = ctx, .vcpus = vcpus, .hosts = hosts, .only = -1, .seed = 1};
	int n = sscanf(what, "%u,%u,%d", &s->wanted, &s->gap_ms, &s->only);

	s->pause = calloc(s->wanted + 1, sizeof(*s->pause));
	s->timer = (struct loop_timer){.fn = on_timer, .arg = s};
	if (n < 2 || !s->wanted || hosts < 2 || !s->pause) {
		free(s->pause);
		free(s);
		return -EINVAL;
	}
	next(s);
	return 0;
}
