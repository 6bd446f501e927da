// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/nbd/connect.h"

#include <errno.h>
#include <libnbd.h>
#include <stdio.h>

#include "net/now.h"
#include "vmm/block/nbd.h"

#define SLICE_MS 100

static int said(const char *uri, char *why, size_t cap)
{
	int e = nbd_get_errno();

	snprintf(why, cap, "disk %.200s: %.200s", uri, nbd_get_error() ? nbd_get_error() : "no connection");
	return e > 0 ? -e : -EIO;
}

static int begin(struct nbd_handle *h, const char *uri)
{
	if (nbd_set_uri_allow_transports(h, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX) ||
	    nbd_set_uri_allow_tls(h, LIBNBD_TLS_ALLOW) || nbd_set_uri_allow_local_file(h, true))
		return -1;
	return nbd_aio_connect_uri(h, uri);
}

static int wait_for(struct nbd_handle *h, const char *uri, const bool *stop, char *why, size_t cap)
{
	uint64_t end = now_ns() + NBD_CONNECT_MS * 1000000ull;

	while (nbd_aio_is_connecting(h) > 0) {
		if (__atomic_load_n(stop, __ATOMIC_RELAXED)) {
			snprintf(why, cap, "disk %.200s: given up", uri);
			return -ECANCELED;
		}
		if (now_ns() > end) {
			snprintf(why, cap, "disk %.200s: its server does not answer within %u s", uri,
				 NBD_CONNECT_MS / 1000);
			return -ETIMEDOUT;
		}
		if (nbd_poll(h, SLICE_MS) < 0)
			return said(uri, why, cap);
	}
	return nbd_aio_is_ready(h) > 0 ? 0 : said(uri, why, cap);
}

static uint32_t power_of_two(int64_t n)
{
	uint32_t p = BLOCK_SECTOR;

	while ((int64_t)p < n && p < 4096)
		p *= 2;
	return p;
}

/* What the server says is a stranger's word: it is judged, and nothing is sized by it. */
static int judge(struct nbd_handle *h, const char *uri, bool read_only, struct nbd_volume *v, char *why, size_t cap)
{
	int64_t bytes = nbd_get_size(h), least = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM),
		best = nbd_get_block_size(h, LIBNBD_SIZE_PREFERRED), most = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);

	if (bytes < BLOCK_SECTOR)
		snprintf(why, cap, "disk %.200s: the volume is empty", uri);
	else if (least > BLOCK_SECTOR)
		snprintf(why, cap, "disk %.200s: its server wants blocks of %lld bytes, and guests use 512", uri,
			 (long long)least);
	else if (most > 0 && most < BOUNCE_LARGE_BYTES)
		snprintf(why, cap, "disk %.200s: its server takes at most %lld bytes at once, %u are needed", uri,
			 (long long)most, BOUNCE_LARGE_BYTES);
	else if (!read_only && nbd_is_read_only(h) > 0)
		snprintf(why, cap, "disk %.200s: the volume may not be written; as a read-only disk it could be used",
			 uri);
	else {
		v->flush = nbd_can_flush(h) > 0;
		v->fua = nbd_can_fua(h) > 0;
		v->trim = nbd_can_trim(h) > 0;
		v->zero = nbd_can_zero(h) > 0;
		v->info.bytes = (uint64_t)bytes / BLOCK_SECTOR * BLOCK_SECTOR;
		v->info.read_only = read_only;
		v->info.discards = v->trim;
		v->info.block_bytes = power_of_two(best);
		v->info.discard_bytes = v->info.block_bytes;
		return 0;
	}
	return -EINVAL;
}

int nbd_connect_to(const char *uri, bool read_only, const bool *stop, struct nbd_handle **out, struct nbd_volume *v,
		   char *why, size_t why_cap)
{
	struct nbd_handle *h = nbd_create();
	int r = !h ? said(uri, why, why_cap) : begin(h, uri) ? said(uri, why, why_cap) : 0;

	if (!r)
		r = wait_for(h, uri, stop, why, why_cap);
	if (!r)
		r = judge(h, uri, read_only, v, why, why_cap);
	if (!r)
		*out = h;
	else if (h)
		nbd_close(h);
	return r;
}
