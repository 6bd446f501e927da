// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/guest_work.h"

#include <errno.h>
#include <stdlib.h>

#include "net/mutex.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

struct guest_task {
	struct loop_task turn; // on the span thread
	struct guest *g;
	struct guest_task *next;
	void (*fn)(struct guest *g, void *arg);                   // posted, or the work
	void (*done)(struct guest *g, void *arg, bool cancelled); // of a work
	void *arg;
	bool skipped; // the work was not done
};

void guest_works_init(struct guest_works *w, struct guest *g)
{
	*w = (struct guest_works){.g = g};
	mutex_init(&w->lock);
	pthread_cond_init(&w->news, NULL);
	w->all = (struct guest_lane){.w = w, .todo_tail = &w->all.todo};
	w->beside = (struct guest_lane){.w = w, .todo_tail = &w->beside.todo};
}

static void run_posted(void *arg)
{
	struct guest_task *t = arg;

	if (t->done)
		t->done(t->g, t->arg, t->skipped);
	else
		t->fn(t->g, t->arg);
	free(t);
}

static struct guest_task *task_new(struct guest *g, void (*fn)(struct guest *, void *), void *arg)
{
	struct guest_task *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct guest_task){.turn = {.fn = run_posted, .arg = t}, .g = g, .fn = fn, .arg = arg};
	return t;
}

bool guest_post(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	struct guest_works *w = &g->works;
	struct guest_task *t = task_new(g, fn, arg);

	if (!t)
		return false;
	pthread_mutex_lock(&w->lock);
	bool open = !w->closed;
	if (open)
		loop_call(g->loop, &t->turn); // under the lock: once it is closed, nothing more comes
	pthread_mutex_unlock(&w->lock);
	if (!open)
		free(t);
	return open;
}

static void *worker(void *arg)
{
	struct guest_lane *l = arg;
	struct guest_works *w = l->w;

	pthread_setname_np(pthread_self(), "worker");
	pthread_mutex_lock(&w->lock);
	while (l->todo || !w->closed) {
		struct guest_task *t = l->todo;

		if (!t) {
			pthread_cond_wait(&w->news, &w->lock);
			continue;
		}
		l->todo = t->next;
		if (!l->todo)
			l->todo_tail = &l->todo;
		t->skipped = w->cancelled;
		pthread_mutex_unlock(&w->lock);
		if (!t->skipped)
			t->fn(w->g, t->arg);
		pthread_mutex_lock(&w->lock);
		l->todo_n--;
		loop_call(w->g->loop, &t->turn);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int add(struct guest_lane *l, struct guest_task *t)
{
	struct guest_works *w = l->w;
	int r = t ? 0 : -ENOMEM;

	pthread_mutex_lock(&w->lock);
	if (!r && w->closed)
		r = -ECANCELED;
	if (!r && l->todo_n == GUEST_WORKS_MAX)
		r = -EBUSY;
	if (!r && !l->has_thread)
		r = -pthread_create(&l->thread, NULL, worker, l);
	if (!r) {
		l->has_thread = true;
		*l->todo_tail = t;
		l->todo_tail = &t->next;
		l->todo_n++;
		pthread_cond_broadcast(&w->news);
	}
	pthread_mutex_unlock(&w->lock);
	if (r)
		free(t);
	return r;
}

static struct guest_task *work_new(struct guest *g, void (*work)(struct guest *g, void *arg),
				   void (*done)(struct guest *g, void *arg, bool cancelled), void *arg)
{
	struct guest_task *t = task_new(g, work, arg);

	if (t)
		t->done = done;
	return t;
}

int guest_work(struct guest *g, void (*work)(struct guest *g, void *arg),
	       void (*done)(struct guest *g, void *arg, bool cancelled), void *arg)
{
	return add(&g->works.all, work_new(g, work, done, arg));
}

int guest_work_beside(struct guest *g, void (*work)(struct guest *g, void *arg),
		      void (*done)(struct guest *g, void *arg, bool cancelled), void *arg)
{
	return add(&g->works.beside, work_new(g, work, done, arg));
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
	pthread_cond_broadcast(&w->news);
	pthread_mutex_unlock(&w->lock);
}

static void join(struct guest_lane *l)
{
	if (l->has_thread)
		pthread_join(l->thread, NULL);
	l->has_thread = false;
}

void guest_works_join(struct guest_works *w)
{
	guest_works_cancel(w);
	join(&w->all);
	join(&w->beside);
	loop_run_posted(w->g->loop);
}
