// SPDX-License-Identifier: Apache-2.0
// Where libdpdk was absent when this was built: nothing opens.
#include "net/dpdk_port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool dpdk_present(void)
{
	return false;
}

int dpdk_port_open(struct dpdk_port **out, const struct dpdk_spec *spec, unsigned n, char *why, size_t why_cap)
{
	(void)out;
	(void)spec;
	(void)n;
	snprintf(why, why_cap,
		 "dpdk: this pando was built without DPDK: install libdpdk-dev and build again, or use --link uring");
	return -ENOSYS;
}

void dpdk_port_close(struct dpdk_port *p)
{
	(void)p;
}

int dpdk_port_renew(struct dpdk_port *p, const struct dpdk_spec *spec, char *why, size_t why_cap)
{
	return dpdk_port_open(&p, spec, 0, why, why_cap);
}

const uint8_t *dpdk_port_mac(const struct dpdk_port *p)
{
	static const uint8_t none[6];

	(void)p;
	return none;
}

uint32_t dpdk_port_mtu(const struct dpdk_port *p)
{
	(void)p;
	return 0;
}

bool dpdk_port_up(const struct dpdk_port *p)
{
	(void)p;
	return false;
}

void dpdk_port_revive(struct dpdk_port *p)
{
	(void)p;
}

const char *dpdk_port_name(const struct dpdk_port *p)
{
	(void)p;
	return "";
}

unsigned dpdk_port_receive(struct dpdk_port *p, void (*fn)(void *ctx, const uint8_t *frame, uint32_t n), void *ctx)
{
	(void)p;
	(void)fn;
	(void)ctx;
	return 0;
}

void *dpdk_port_keep(struct dpdk_port *p)
{
	(void)p;
	return NULL;
}

void dpdk_port_let_go(struct dpdk_port *p, void *kept)
{
	(void)p;
	(void)kept;
}

uint8_t *dpdk_port_frame(struct dpdk_port *p, uint32_t n)
{
	(void)p;
	(void)n;
	return NULL;
}

uint8_t *dpdk_port_frame_before(struct dpdk_port *p, uint32_t n, const uint8_t *data, uint32_t bytes,
				struct dpdk_lent *lent)
{
	(void)data;
	(void)bytes;
	(void)lent;
	return dpdk_port_frame(p, n);
}

bool dpdk_port_lends(const struct dpdk_port *p)
{
	(void)p;
	return false;
}

void dpdk_port_drop(struct dpdk_port *p)
{
	(void)p;
}

void dpdk_port_flush(struct dpdk_port *p)
{
	(void)p;
}

bool dpdk_port_pending(const struct dpdk_port *p)
{
	(void)p;
	return false;
}

unsigned dpdk_port_wake_fds(const struct dpdk_port *p, int fds[DPDK_WAKE_FDS])
{
	(void)p;
	(void)fds;
	return 0;
}

void dpdk_port_arm(struct dpdk_port *p, bool on)
{
	(void)p;
	(void)on;
}

void dpdk_port_stats(const struct dpdk_port *p, struct dpdk_port_stats *out)
{
	(void)p;
	memset(out, 0, sizeof(*out));
}
