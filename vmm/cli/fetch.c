// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/mutex.h"
#include "vmm/qmp/qmp_client.h"

/* The document with QMP's word for the guest's state in it, which it does not have itself. */
static int query(struct qmp_client_conn *c, json_t **document, char *why, size_t cap)
{
	json_t *status = NULL;
	int e = qmp_client_command(c, "x-pando-query-status", NULL, FETCH_WAIT_MS, document, why, cap);

	if (!e && qmp_client_command(c, "query-status", NULL, FETCH_WAIT_MS, &status, why, cap) == 0) {
		json_object_set(*document, "state", json_object_get(status, "status"));
		json_decref(status);
	}
	return e;
}

static void *work(void *ctx)
{
	struct fetch *f = ctx;
	struct qmp_client_conn *c = NULL;
	const uint64_t one = 1;
	char why[sizeof(f->why)] = "";

	pthread_mutex_lock(&f->lock);
	while (!f->quit) {
		if (!f->wanted) {
			pthread_cond_wait(&f->work, &f->lock);
			continue;
		}
		pthread_mutex_unlock(&f->lock);
		json_t *doc = NULL;
		int e = c ? 0 : qmp_client_open(&c, f->name, why, sizeof(why));
		if (e)
			c = NULL;
		else
			e = query(c, &doc, why, sizeof(why));
		if (e && c) {
			qmp_client_close(c);
			c = NULL;
		}
		pthread_mutex_lock(&f->lock);
		json_decref(f->document);
		f->document = e ? NULL : doc;
		memcpy(f->why, why, sizeof(why));
		f->wanted = false;
		f->done = true;
		if (write(f->fd, &one, sizeof(one)) != sizeof(one))
			f->quit = true; // cannot be: an eventfd takes it
	}
	pthread_mutex_unlock(&f->lock);
	qmp_client_close(c);
	return NULL;
}

int fetch_start(struct fetch *f, const char *name)
{
	memset(f, 0, sizeof(*f));
	f->name = name;
	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->fd < 0)
		return -errno;
	mutex_init(&f->lock);
	pthread_cond_init(&f->work, NULL);
	int e = pthread_create(&f->thread, NULL, work, f);
	if (e) {
		close(f->fd);
		f->fd = -1;
	}
	return -e;
}

void fetch_ask(struct fetch *f)
{
	pthread_mutex_lock(&f->lock);
	f->wanted = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
}

int fetch_take(struct fetch *f, json_t **document, char *why, size_t why_cap)
{
	uint64_t n;
	int r = 0;

	if (read(f->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return 0;
	pthread_mutex_lock(&f->lock);
	if (f->done) {
		r = f->document ? 1 : -1;
		*document = f->document;
		snprintf(why, why_cap, "%s", f->why);
	}
	f->document = NULL;
	f->done = false;
	pthread_mutex_unlock(&f->lock);
	return r;
}

void fetch_stop(struct fetch *f)
{
	if (f->fd < 0)
		return;
	pthread_mutex_lock(&f->lock);
	f->quit = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	json_decref(f->document);
	close(f->fd);
	f->fd = -1;
}
