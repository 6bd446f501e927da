// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/guest_work.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

struct guest_task {
	struct guest_task *next;
	void (*fn)(struct guest *g, void *arg);                   // posted, or the work
	void (*done)(struct guest *g, void *arg, bool cancelled); // of a work
	void *arg;
	bool skipped; // the work was not done
};

void guest_works_init(struct guest_works *w, struct guest *g)
{
	*w = (struct guest_works){.g = g};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->news, NULL);
	w->posted_tail = &w->posted;
	w->todo_tail = &w->todo;
}

static void append(struct guest_task ***tail, struct guest_task *t)
{
	t->next = NULL;
	**tail = t;
	*tail = &t->next;
}

bool guest_post(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	struct guest_works *w = &g->works;
	struct guest_task *t = calloc(1, sizeof(*t));

	if (!t)
		return false;
	t->fn = fn;
	t->arg = arg;
	pthread_mutex_lock(&w->lock);
	bool open = !w->closed;
	if (open)
		append(&w->posted_tail, t);
	pthread_mutex_unlock(&w->lock);
	if (open)
		link_kick(g->link);
	else
		free(t);
	return open;
}

static void run_posted(struct guest_works *w, struct guest_task *t)
{
	if (t->done)
		t->done(w->g, t->arg, t->skipped);
	else
		t->fn(w->g, t->arg);
	free(t);
}

void guest_works_run(struct guest_works *w)
{
	for (;;) {
		pthread_mutex_lock(&w->lock);
		struct guest_task *t = w->posted;

		if (t) {
			w->posted = t->next;
			if (!w->posted)
				w->posted_tail = &w->posted;
		}
		pthread_mutex_unlock(&w->lock);
		if (!t)
			return;
		run_posted(w, t);
	}
}

static void *worker(void *arg)
{
	struct guest_works *w = arg;

	pthread_setname_np(pthread_self(), "worker");
	pthread_mutex_lock(&w->lock);
	while (w->todo || !w->closed) {
		struct guest_task *t = w->todo;

		if (!t) {
			pthread_cond_wait(&w->news, &w->lock);
			continue;
		}
		w->todo = t->next;
		if (!w->todo)
			w->todo_tail = &w->todo;
		t->skipped = w->cancelled;
		pthread_mutex_unlock(&w->lock);
		if (!t->skipped)
			t->fn(w->g, t->arg);
		pthread_mutex_lock(&w->lock);
		w->todo_n--;
		append(&w->posted_tail, t);
		link_kick(w->g->link);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int guest_work(struct guest *g, void (*work)(struct guest *g, void *arg),
	       void (*done)(struct guest *g, void *arg, bool cancelled), void *arg)
{
	struct guest_works *w = &g->works;
	struct guest_task *t = calloc(1, sizeof(*t));
	int r = t ? 0 : -ENOMEM;

	pthread_mutex_lock(&w->lock);
	if (!r && w->closed)
		r = -ECANCELED;
	if (!r && w->todo_n == GUEST_WORKS_MAX)
		r = -EBUSY;
	if (!r && !w->has_thread)
		r = -pthread_create(&w->thread, NULL, worker, w);
	if (!r) {
		w->has_thread = true;
		*t = (struct guest_task){.fn = work, .done = done, .arg = arg};
		append(&w->todo_tail, t);
		w->todo_n++;
		pthread_cond_signal(&w->news);
	}
	pthread_mutex_unlock(&w->lock);
	if (r)
		free(t);
	return r;
}

bool guest_work_cancelled(const struct guest *g)
{
	return __atomic_load_n(&g->works.cancelled, __ATOMIC_RELAXED);
}

void guest_works_cancel(struct guest_works *w)
{
	pthread_mutex_lock(&w->lock);
	w->closed = true;
	__atomic_store_n(&w->cancelled, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&w->news);
	pthread_mutex_unlock(&w->lock);
}

void guest_works_join(struct guest_works *w)
{
	guest_works_cancel(w);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	w->has_thread = false;
	guest_works_run(w);
}
