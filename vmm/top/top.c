// SPDX-License-Identifier: Apache-2.0
// The only user of curses: it puts grids on the terminal and reads keys. One thread, which never waits for the guest
// alone.
#define _XOPEN_SOURCE_EXTENDED 1
#include "vmm/top/top.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/now.h"

static const double intervals[] = {0.2, 0.5, 1, 2, 5, 10, 30, 60};
#define INTERVALS (int)(sizeof(intervals) / sizeof(intervals[0]))

struct top {
	const struct top_source *source;
	struct screen *o;
	struct sample *before, *now;
	struct grid grid;
	bool asking, colour, can_colour, quit;
	uint64_t asked_ns, next_ns;
	char message[160];
};

/* ---- looks ---- */

/* Pairs of foreground and background for terminals of 256 and of 8 colours. */
static const struct {
	short fg, bg, fg8, bg8;
} owners[LOOK_OWNERS] =
	{
		{231, 25, COLOR_WHITE, COLOR_BLUE},   {16, 71, COLOR_BLACK, COLOR_GREEN},
		{16, 172, COLOR_BLACK, COLOR_YELLOW}, {231, 97, COLOR_WHITE, COLOR_MAGENTA},
		{16, 37, COLOR_BLACK, COLOR_CYAN},    {231, 131, COLOR_WHITE, COLOR_RED},
},
  heats[LOOK_HEATS] = {
	  {250, 17, COLOR_BLUE, COLOR_BLACK},    {253, 54, COLOR_CYAN, COLOR_BLACK},
	  {231, 90, COLOR_MAGENTA, COLOR_BLACK}, {231, 161, COLOR_YELLOW, COLOR_BLACK},
	  {16, 208, COLOR_RED, COLOR_BLACK},     {16, 226, COLOR_WHITE, COLOR_RED},
};
enum { PAIR_GOOD = 1, PAIR_WAIT, PAIR_BAD, PAIR_KEY, PAIR_OWNER, PAIR_HEAT = PAIR_OWNER + LOOK_OWNERS };

static void make_pairs(void)
{
	bool many = COLORS >= 256;

	use_default_colors();
	init_pair(PAIR_GOOD, many ? 77 : COLOR_GREEN, -1);
	init_pair(PAIR_WAIT, many ? 67 : COLOR_BLUE, -1);
	init_pair(PAIR_BAD, many ? 203 : COLOR_RED, -1);
	init_pair(PAIR_KEY, many ? 80 : COLOR_CYAN, -1);
	for (short i = 0; i < LOOK_OWNERS; i++)
		init_pair(PAIR_OWNER + i, many ? owners[i].fg : owners[i].fg8, many ? owners[i].bg : owners[i].bg8);
	for (short i = 0; i < LOOK_HEATS; i++)
		init_pair(PAIR_HEAT + i, many ? heats[i].fg : heats[i].fg8, many ? heats[i].bg : heats[i].bg8);
}

static void attributes(const struct top *t, unsigned look, attr_t *a, short *pair)
{
	static const attr_t plain[] = {[LOOK_TITLE] = A_REVERSE, [LOOK_TAB] = A_REVERSE | A_BOLD,
				       [LOOK_HEAD] = A_BOLD,     [LOOK_KEY] = A_BOLD,
				       [LOOK_BAD] = A_BOLD,      [LOOK_DIM] = A_DIM};

	*a = look < sizeof(plain) / sizeof(plain[0]) ? plain[look] : A_NORMAL;
	*pair = 0;
	if (!t->colour)
		return;
	if (look >= LOOK_HEAT)
		*pair = (short)(PAIR_HEAT + look - LOOK_HEAT);
	else if (look >= LOOK_OWNER)
		*pair = (short)(PAIR_OWNER + look - LOOK_OWNER);
	else
		*pair = look == LOOK_GOOD   ? PAIR_GOOD
			: look == LOOK_WAIT ? PAIR_WAIT
			: look == LOOK_BAD  ? PAIR_BAD
			: look == LOOK_KEY  ? PAIR_KEY
					    : 0;
}

static void show(struct top *t)
{
	if (t->grid.rows != LINES || t->grid.cols != COLS) {
		grid_free(&t->grid);
		if (grid_init(&t->grid, LINES, COLS))
			return;
		clear();
	}
	t->o->message = t->message[0] ? t->message : NULL;
	screen_draw(&t->grid, t->o, t->before, t->now);
	for (int r = 0; r < t->grid.rows; r++)
		for (int c = 0; c < t->grid.cols; c++) {
			const struct cell *cell = &t->grid.cells[r * t->grid.cols + c];
			wchar_t text[2] = {(wchar_t)cell->ch, 0};
			cchar_t ch;
			attr_t a;
			short pair;

			attributes(t, cell->look, &a, &pair);
			if (setcchar(&ch, text, a, pair, NULL) == OK)
				mvadd_wch(r, c, &ch);
		}
	refresh();
}

/* ---- documents ---- */

static void say(struct top *t, const char *why)
{
	snprintf(t->message, sizeof(t->message), "trying again: %s", why);
	t->asking = false;
	t->next_ns = now_ns() + 1000000000u;
}

static void ask(struct top *t)
{
	t->asked_ns = now_ns();
	t->next_ns = t->asked_ns + (uint64_t)(t->o->interval_s * 1e9);
	t->asking = true;
	t->source->ask(t->source->ctx);
}

static void take(struct top *t, json_t *doc)
{
	struct sample *s = sample_parse(doc, now_ns());

	t->asking = false;
	if (!s) {
		say(t, "the answer is no status document");
		return;
	}
	sample_free(t->before);
	t->before = t->now;
	t->now = s;
	t->message[0] = 0;
	/* Another guest of the same name, or the same one anew: nothing to compare with. */
	if (t->before &&
	    (strcmp(t->before->name, s->name) || t->before->v[STATUS_GUEST_UPTIME] > s->v[STATUS_GUEST_UPTIME])) {
		sample_free(t->before);
		t->before = NULL;
	}
}

static void on_readable(struct top *t)
{
	const char *why = "";
	json_t *doc = NULL;
	int r = t->source->take(t->source->ctx, &doc, &why);

	if (r < 0)
		say(t, why);
	else if (r > 0)
		take(t, doc);
	json_decref(doc);
}

/* ---- keys ---- */

static void change_interval(struct top *t, int step)
{
	int at = 0;

	while (at + 1 < INTERVALS && intervals[at] < t->o->interval_s)
		at++;
	at += step;
	t->o->interval_s = intervals[at < 0 ? 0 : at >= INTERVALS ? INTERVALS - 1 : at];
	t->next_ns = t->asked_ns + (uint64_t)(t->o->interval_s * 1e9);
}

static void set_view(struct top *t, int view)
{
	t->o->view = (enum screen_view)((view + SCREEN_VIEWS) % SCREEN_VIEWS);
	t->o->scroll = 0;
	t->o->help = false;
}

static void scroll_by(struct top *t, int lines)
{
	t->o->scroll += lines;
	if (t->o->scroll < 0)
		t->o->scroll = 0;
	if (t->o->scroll > (int)VCPUS_MAX)
		t->o->scroll = (int)VCPUS_MAX;
}

static void on_key(struct top *t, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		t->quit = true;
		break;
	case '1' ... '6':
		set_view(t, key - '1');
		break;
	case '\t':
		set_view(t, (int)t->o->view + 1);
		break;
	case KEY_BTAB:
		set_view(t, (int)t->o->view - 1);
		break;
	case 's':
		t->o->sort = (enum screen_sort)((t->o->sort + 1) % SCREEN_SORTS);
		break;
	case '+':
	case '=':
		change_interval(t, -1); // more often
		break;
	case '-':
		change_interval(t, 1);
		break;
	case 'p':
	case ' ':
		t->o->paused = !t->o->paused;
		break;
	case 'r':
		t->next_ns = 0;
		break;
	case 'c':
		t->colour = !t->colour && t->can_colour;
		break;
	case 'h':
	case '?':
		t->o->help = !t->o->help;
		break;
	case KEY_UP:
		scroll_by(t, -1);
		break;
	case KEY_DOWN:
		scroll_by(t, 1);
		break;
	case KEY_PPAGE:
		scroll_by(t, -LINES / 2);
		break;
	case KEY_NPAGE:
		scroll_by(t, LINES / 2);
		break;
	default:
		break;
	}
}

static void turn(struct top *t)
{
	uint64_t now = now_ns();
	bool due = !t->asking && !t->o->paused && now >= t->next_ns;

	if (t->asking && now - t->asked_ns > TOP_ANSWER_MS * 1000000ull)
		say(t, "the guest does not answer");
	if (due)
		ask(t);
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
			      {.fd = t->asking ? t->source->fd : -1, .events = POLLIN}};
	int64_t wait_ms = t->asking || t->o->paused ? 500 : ((int64_t)t->next_ns - (int64_t)now_ns()) / 1000000 + 1;
	int n = poll(p, 2, wait_ms < 0 ? 0 : wait_ms > 500 ? 500 : (int)wait_ms);
	int key;

	if (n > 0 && p[1].revents && t->asking)
		on_readable(t);
	if (p[0].revents & (POLLHUP | POLLERR))
		t->quit = true;        // the terminal is gone
	while ((key = getch()) != ERR) // a new size of the terminal is a key too
		on_key(t, key);
	show(t);
}

int top_run(const struct top_source *source, struct screen *o)
{
	struct top t = {.source = source, .o = o};

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "pando: top needs a terminal; 'pando top --once' prints one frame as text\n");
		return 1;
	}
	setlocale(LC_ALL, "");
	SCREEN *screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		fprintf(stderr,
			"pando: the terminal '%s' is unknown here (TERM); 'pando top --once' works on every one\n",
			getenv("TERM") ? getenv("TERM") : "");
		return 1;
	}
	t.can_colour = has_colors() && start_color() == OK && COLORS >= 8;
	t.colour = t.can_colour && !getenv("NO_COLOR");
	if (t.can_colour)
		make_pairs();
	o->unicode = t.can_colour && strcmp(nl_langinfo(CODESET), "UTF-8") == 0; // a terminal this old has no blocks
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	while (!t.quit)
		turn(&t);
	endwin();
	delscreen(screen);
	grid_free(&t.grid);
	sample_free(t.before);
	sample_free(t.now);
	return 0;
}
