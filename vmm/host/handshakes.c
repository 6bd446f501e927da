// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/handshakes.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void handshakes_init(struct handshakes *h)
{
	memset(h, 0, sizeof(*h));
	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++)
		h->v[i].fd = -1;
}

/* The other end's address without its port; zeroes where there is none. */
static void source_of(int fd, uint8_t source[16])
{
	struct sockaddr_storage a = {0};
	socklen_t n = sizeof(a);

	memset(source, 0, 16);
	if (getpeername(fd, (struct sockaddr *)&a, &n))
		return;
	if (a.ss_family == AF_INET)
		memcpy(source, &((struct sockaddr_in *)&a)->sin_addr, 4);
	else if (a.ss_family == AF_INET6)
		memcpy(source, &((struct sockaddr_in6 *)&a)->sin6_addr, 16);
}

static bool counts(const struct handshake_entry *e)
{
	return e->fd >= 0 && !e->ending;
}

static unsigned of_source(const struct handshakes *h, const uint8_t source[16])
{
	unsigned n = 0;

	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++)
		n += counts(&h->v[i]) && !memcmp(h->v[i].source, source, 16);
	return n;
}

static void cut(struct handshakes *h, struct handshake_entry *e)
{
	shutdown(e->fd, SHUT_RDWR);
	e->ending = true;
	h->ending++;
}

static void give_way(struct handshakes *h)
{
	struct handshake_entry *oldest = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++) {
		struct handshake_entry *e = &h->v[i];
		unsigned n = counts(e) ? of_source(h, e->source) : 0;

		if (n > most || (n && n == most && e->number < oldest->number)) {
			oldest = e;
			most = n;
		}
	}
	if (!oldest)
		return;
	h->gave_way++;
	cut(h, oldest);
}

int handshakes_begin(struct handshakes *h, int fd)
{
	if (h->n == HANDSHAKES_AT_ONCE)
		return -1;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return -1;
	if (h->n - h->ending >= HANDSHAKES_MAX)
		give_way(h);
	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++) {
		if (h->v[i].fd >= 0)
			continue;
		h->v[i] = (struct handshake_entry){.fd = own, .number = h->numbers++};
		source_of(fd, h->v[i].source);
		h->n++;
		return (int)i;
	}
	close(own); // never: there are as many entries as places
	return -1;
}

bool handshakes_end(struct handshakes *h, int place)
{
	struct handshake_entry *e = &h->v[place];
	bool ending = e->ending;

	close(e->fd);
	e->fd = -1;
	h->n--;
	h->ending -= ending;
	return ending;
}

void handshakes_cut(struct handshakes *h)
{
	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++)
		if (counts(&h->v[i]))
			cut(h, &h->v[i]);
}
