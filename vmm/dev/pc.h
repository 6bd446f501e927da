// SPDX-License-Identifier: Apache-2.0
/* What the devices of devices.def do: a chip each, or a few lines of code (pc.c). Pure. */
#ifndef VMM_DEV_PC_H
#define VMM_DEV_PC_H

#include "vmm/chip/ioapic.h"
#include "vmm/chip/kbc.h"
#include "vmm/chip/uart.h"
#include "vmm/dev/device.h"

#define DEVICE(name, kind, chip, ...) extern const struct device_ops chip##_ops;
#include "vmm/conf/devices.def"

#endif
