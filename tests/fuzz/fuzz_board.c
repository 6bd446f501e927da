// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a chip of the board knows, as they come when it moves to this host: what is taken for a state goes
 * on as one, whatever a guest then does with it, and says the same when it moves on. The first byte: which of them.
 */
#include <stdlib.h>

#include "vmm/chip/cpuplug.h"
#include "vmm/chip/memplug.h"
#include "vmm/dev/device.h"
#include "vmm/pci/hotplug.h"

#define STATE_MAX 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool good)
{
	if (!good)
		abort();
}

/* What is written is what is read again. */
static void again(void (*walk)(struct fields *f, void *state), void *state)
{
	static uint8_t first[STATE_MAX], second[STATE_MAX];
	struct fields w = fields_writer(first, sizeof(first));

	walk(&w, state);
	require(!w.bad);
	size_t n = sizeof(first) - w.left;
	struct fields r = fields_reader(first, n);

	walk(&r, state);
	require(!r.bad && !r.left);
	w = fields_writer(second, sizeof(second));
	walk(&w, state);
	require(!memcmp(first, second, n));
}

static void touch(const struct device_kind *k, void *state, uint64_t now)
{
	struct device_fx fx;
	unsigned rises = 0;

	for (uint8_t i = 0; i < k->ranges_n; i++)
		for (uint64_t at = 0; at < k->ranges[i].bytes && at < 32; at++)
			for (unsigned write = 0; write < 2; write++) {
				struct device_access a = {.write = write,
							  .size = k->ops->bytewise ? 1 : 4,
							  .range = i,
							  .offset = at,
							  .value = 0x41 + at,
							  .now_ns = now};

				memset(&fx, 0, sizeof(fx));
				if (at + a.size <= k->ranges[i].bytes)
					k->ops->access(state, &a, &fx);
			}
	memset(&fx, 0, sizeof(fx));
	if (k->ops->input)
		k->ops->input(state, 3, true, &fx);
	if (k->ops->eoi)
		k->ops->eoi(state, 0x41, &fx);
	if (k->ops->acknowledge)
		k->ops->acknowledge(state);
	if (k->ops->room && k->ops->room(state))
		k->ops->receive(state, 'x', now);
	if (k->ops->run)
		k->ops->run(state, now + 1000000, &rises, &fx);
	if (k->ops->deadline)
		k->ops->deadline(state);
}

static void chip(const struct device_kind *k, const uint8_t *data, size_t n)
{
	struct fields f = fields_reader(data, n);
	void *state = calloc(1, k->ops->bytes);

	require(state != NULL);
	k->ops->fields(&f, state);
	if (!f.bad && (!k->ops->valid || k->ops->valid(state))) {
		again(k->ops->fields, state);
		touch(k, state, 1000000000);
	}
	free(state);
}

static void walk_cpus(struct fields *f, void *state)
{
	cpuplug_fields(f, state);
}

static void walk_memory(struct fields *f, void *state)
{
	memplug_fields(f, state);
}

static void walk_slots(struct fields *f, void *state)
{
	hotplug_fields(f, state);
}

static void registers(unsigned which, const uint8_t *data, size_t n)
{
	static struct cpuplug cpus;
	static struct memplug memory;
	static struct hotplug slots;
	struct fields f = fields_reader(data, n);
	struct plug_fx fx = {0};
	unsigned bus, slot;

	if (which == 0) {
		walk_cpus(&f, &cpus);
		if (f.bad)
			return;
		again(walk_cpus, &cpus);
		cpuplug_write(&cpus, CPUPLUG_COMMAND, 1, CPUPLUG_NEXT, &fx);
		cpuplug_write(&cpus, CPUPLUG_FLAGS, 1, CPUPLUG_EJECT, &fx);
		cpuplug_read(&cpus, CPUPLUG_FLAGS, 1, 0);
		require(cpuplug_selected(&cpus) == UINT32_MAX || cpuplug_selected(&cpus) < VCPUS_MAX);
	} else if (which == 1) {
		walk_memory(&f, &memory);
		if (f.bad)
			return;
		again(walk_memory, &memory);
		for (unsigned at = 0; at < MEMPLUG_BYTES; at += 4)
			memplug_read(&memory, at, 4);
	} else {
		walk_slots(&f, &slots);
		if (f.bad)
			return;
		again(walk_slots, &slots);
		for (unsigned at = 0; at < HOTPLUG_BYTES; at += 4) {
			hotplug_read(&slots, at, 4);
			hotplug_write(&slots, at, 4, 0xff, &bus, &slot);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	unsigned which = data[0] % (DEVICE_KINDS + 3);
	const struct device_kind *k = which < DEVICE_KINDS ? device_kind_of((enum device_kind_id)which) : NULL;

	if (!k)
		registers(which - DEVICE_KINDS, data + 1, n - 1);
	else if (k->ops->fields)
		chip(k, data + 1, n - 1);
	return 0;
}
