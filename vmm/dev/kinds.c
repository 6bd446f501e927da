// SPDX-License-Identifier: Apache-2.0
#include "vmm/dev/pc.h"
#include "vmm/mem/layout.h"

#define NO_IRQ               DEVICE_NO_IRQ
#define PORTS(at, n, text)   {.first = (at), .bytes = (n), .name = (text)},
#define PORT_START(at, text) {.start_only = true, .first = (at), .bytes = 1, .name = (text)},
#define MEMORY(at, n, text)  {.mmio = true, .first = (at), .bytes = (n), .name = (text)},
#define RANGES(...)          sizeof((const struct device_range[]){__VA_ARGS__}) / sizeof(struct device_range)

static const struct device_kind kinds[DEVICE_KINDS] = {
#define DEVICE(id, kind, chip, place, line, ...)          \
	[DEVICE_##id] = {.name = kind,                    \
			 .ops = &chip##_ops,              \
			 .where = DEVICE_##place,         \
			 .irq = line,                     \
			 .ranges_n = RANGES(__VA_ARGS__), \
			 .ranges = {__VA_ARGS__}},
#include "vmm/conf/devices.def"
};

const struct device_kind *device_kind_of(enum device_kind_id id)
{
	return id < DEVICE_KINDS ? &kinds[id] : NULL;
}
