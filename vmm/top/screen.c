// SPDX-License-Identifier: Apache-2.0
#include "vmm/top/screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vmm/top/screen_priv.h"

static const char *const view_names[SCREEN_VIEWS] = {"Overview", "Hosts", "vCPUs", "Memory", "Hot pages", "Devices"};
static const char *const sort_names[SCREEN_VIEWS][SCREEN_SORTS] = {
	[SCREEN_OVERVIEW] = {"number", "running", "waiting"}, [SCREEN_HOSTS] = {"number", "running", "traffic"},
	[SCREEN_VCPUS] = {"number", "running", "waiting"},    [SCREEN_MAP] = {"address", "address", "address"},
	[SCREEN_HOT] = {"rate", "writes", "address"},         [SCREEN_DEVICES] = {"number", "bytes", "rate"},
};

/* What is not as at the start. */
static void hosts_news(const struct sample *s, char *text, size_t cap)
{
	int n = s->board ? snprintf(text, cap, " (board on %u", s->board) : 0;

	if (s->joining_n)
		n += snprintf(text + n, cap - (size_t)n, "%s%u joining", n ? ", " : " (", s->joining_n);
	snprintf(text + n, cap - (size_t)n, "%s", n ? ")" : "");
}

static void draw_title(struct draw *d)
{
	const struct sample *s = d->now;
	char memory[FIG], vcpus[FIG], right[64], news[48];
	int n;

	grid_fill(d->g, 0, 0, d->g->cols, ' ', LOOK_TITLE);
	if (s) {
		int64_t up = s->v[STATUS_GUEST_UPTIME] < 0 ? 0 : s->v[STATUS_GUEST_UPTIME] / 1000;

		hosts_news(s, news, sizeof(news));
		grid_printf(d->g, 0, 1, LOOK_TITLE,
			    "pando: %s%s%s  %s vCPUs  %s memory  %u hosts%s  up %" PRId64 ":%02d:%02d", s->name,
			    s->state[0] ? "  " : "", s->state, fig_count(s->v[STATUS_GUEST_VCPUS], vcpus),
			    fig_bytes(s->v[STATUS_GUEST_MEMORY] < 0 ? NAN : (double)s->v[STATUS_GUEST_MEMORY], memory),
			    s->hosts_n, news, up / 3600, (int)(up / 60 % 60), (int)(up % 60));
	} else {
		grid_text(d->g, 0, 1, LOOK_TITLE, "pando");
	}
	n = d->o->paused ? snprintf(right, sizeof(right), " PAUSED ")
			 : snprintf(right, sizeof(right), " every %g s ", d->o->interval_s);
	grid_text(d->g, 0, d->g->cols - n, LOOK_TITLE, right);
}

static void draw_tabs(struct draw *d)
{
	int col = 1;

	for (unsigned v = 0; v < SCREEN_VIEWS; v++) {
		enum look look = v == d->o->view ? LOOK_TAB : LOOK_DIM;

		col = grid_printf(d->g, 1, col, look, " %u %s ", v + 1, view_names[v]);
	}
	grid_printf(d->g, 1, col + 1, LOOK_DIM, "by %s", sort_names[d->o->view][d->o->sort]);
}

/* Returns the rows it took. */
static int draw_warning(struct draw *d)
{
	const struct sample *s = d->now;
	int row = 2;

	if (!s || !s->warnings_n)
		return 0;
	grid_printf(d->g, row++, 1, LOOK_BAD, "! %s", s->warning);
	if (s->remedy[0])
		grid_printf(d->g, row++, 1, LOOK_BAD, "  -> %s", s->remedy);
	return row - 2;
}

#define BOOT_MS 60000 // until then CPUs that wait say nothing: the guest is starting them

static unsigned cpus_waiting(const struct sample *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->hosts_n && s->v[STATUS_GUEST_UPTIME] >= BOOT_MS; i++)
		for (unsigned k = 0; k < s->hosts[i].vcpus_n; k++)
			n += strcmp(s->hosts[i].vcpus[k].state, "wait-sipi") == 0;
	return n;
}

/* What has come to a guest that nobody told what to do with it. Returns the rows it took. */
static int draw_waiting(struct draw *d)
{
	const struct sample *s = d->now;
	unsigned cpus = s ? cpus_waiting(s) : 0;
	int64_t pages = 0;
	char memory[FIG];

	for (unsigned i = 0; s && i < s->hosts_n; i++)
		pages += s->hosts[i].v[STATUS_UNUSED_PAGES] > 0 ? s->hosts[i].v[STATUS_UNUSED_PAGES] : 0;
	if (!cpus && !pages)
		return 0;
	int col = grid_text(d->g, d->top - 1, 1, LOOK_DIM, "in the guest: ");

	if (cpus)
		col = grid_printf(d->g, d->top - 1, col, LOOK_DIM, "%u CPU%s to be brought online (chcpu -e LIST)%s",
				  cpus, cpus == 1 ? " waits" : "s wait", pages ? "; " : "");
	if (pages)
		grid_printf(d->g, d->top - 1, col, LOOK_DIM, "%s of memory that came not used (lsmem; chmem -e)",
			    fig_pages(pages, memory));
	return 1;
}

static void draw_keys(struct draw *d)
{
	static const struct {
		const char *key, *does;
	} keys[] = {
		{"q", "quit"},  {"1-6,Tab", "view"}, {"s", "sort"},      {"+-", "speed"},
		{"p", "pause"}, {"c", "colour"},     {"arrows", "move"}, {"h", "help"},
	};
	int row = d->g->rows - 1, col = 1;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		col = grid_text(d->g, row, col, LOOK_KEY, keys[i].key);
		col = grid_printf(d->g, row, col, LOOK_DIM, " %s", keys[i].does) + 2;
	}
	if (d->o->message)
		grid_printf(d->g, row - 1, 1, LOOK_BAD, "%s", d->o->message);
}

static void draw_help(struct draw *d)
{
	static const char *const lines[] = {
		"Each screen shows what happened since the screen before it.",
		"",
		"  1  Overview    the whole guest on one screen",
		"  2  Hosts       memory, faults and links of each host",
		"  3  vCPUs       share of real time each vCPU runs, halts, waits for a page",
		"  4  Memory      guest memory by the host that owns it, and by traffic",
		"  5  Hot pages   the pages that move most, and who reads and writes them",
		"  6  Devices     requests and bytes of disks and networks, and their host",
		"",
		"  Tab  next view      s  another order      up down PgUp PgDn  scroll",
		"  +  -  interval      p  pause              c  colours on and off",
		"  q  quit             h  ?  this help       r  read again now",
		"",
		"  vCPU bars: # running   w waiting for a page   - halted   . nothing known",
		"  Faults: read (page missing), write (missing), upgrade (there, not writable).",
		"  p50, p99: half, and 99 of 100, of the faults were served within that time.",
		"  write-shared: several hosts write to the page; each write moves it.",
		"  '-' for a figure: the hosts do not tell it, or this is the first sample.",
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]) && d->top + (int)i < d->bottom; i++)
		grid_text(d->g, d->top + (int)i, 2, LOOK_PLAIN, lines[i]);
}

void screen_draw(struct grid *g, const struct screen *o, const struct sample *before, const struct sample *now)
{
	static void (*const views[SCREEN_VIEWS])(struct draw *) = {view_overview, view_hosts, view_vcpus,
								   view_map,      view_hot,   view_devices};
	struct draw d = {
		.g = g, .o = o, .before = before, .now = now, .top = 3, .bottom = g->rows - (o->message ? 2 : 1)};

	grid_clear(g);
	if (g->rows < SCREEN_ROWS_MIN || g->cols < SCREEN_COLS_MIN) {
		grid_printf(g, 0, 0, LOOK_BAD, "%dx%d is too small: %dx%d at least", g->cols, g->rows, SCREEN_COLS_MIN,
			    SCREEN_ROWS_MIN);
		return;
	}
	draw_title(&d);
	draw_tabs(&d);
	d.top += draw_warning(&d);
	d.top += draw_waiting(&d);
	if (o->help)
		draw_help(&d);
	else if (now)
		views[o->view](&d);
	else
		grid_text(g, d.top, 2, LOOK_PLAIN, "Waiting for the first answer ...");
	for (int row = d.bottom; row < g->rows; row++) // a view that needs more room than there is may have come here
		grid_fill(g, row, 0, g->cols, ' ', LOOK_PLAIN);
	draw_keys(&d);
}
