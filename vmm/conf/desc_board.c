// SPDX-License-Identifier: Apache-2.0
// The board: what one host does for all, and which host that is.
#include <errno.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/machine_desc.h"

/* A card has a slot, and stays where what is behind it is. */
static bool is_chip(const struct desc_device *dev)
{
	return !dev->slot;
}

bool desc_goes_with_board(const struct machine_desc *d, const struct desc_device *dev)
{
	return is_chip(dev) && dev->host == d->board;
}

int desc_move_board(struct machine_desc *d, uint32_t to, char *why, size_t cap)
{
	if (!desc_is_member(d, to))
		return refuse_with(why, cap, -ENOENT, "there is no host %u", to);
	if (to == d->board)
		return refuse_with(why, cap, -EEXIST, "the board is on host %u already", to);
	for (unsigned i = 0; i < d->devices_n; i++)
		if (is_chip(&d->devices[i]) && !desc_goes_with_board(d, &d->devices[i]))
			return refuse_with(why, cap, -EBUSY, "device %u, a %s, is on host %u and not with the board",
					   d->devices[i].id, d->devices[i].kind, d->devices[i].host);
	for (unsigned i = 0; i < d->devices_n; i++)
		if (is_chip(&d->devices[i]))
			d->devices[i].host = to;
	d->board = to;
	d->version++;
	return 0;
}

int desc_bus_holds(const struct machine_desc *d, host_id h, char *why, size_t cap)
{
	if (h || !d->pci_buses)
		return 0;
	return refuse_with(
		why, cap, -EBUSY,
		"host 0 has PCI bus 0, with the ways to the guest's devices on all hosts, which cannot move: "
		"it can leave only a guest that was started without PCI devices");
}

int desc_board_holds(const struct machine_desc *d, host_id h, char *why, size_t cap)
{
	if (h == d->board)
		return refuse_with(why, cap, -EBUSY,
				   "host %u has the board, the guest's chips, and boots it: pando move-board", h);
	return desc_bus_holds(d, h, why, cap);
}
