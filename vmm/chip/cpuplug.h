// SPDX-License-Identifier: Apache-2.0
/*
 * CPUs that come and go while the guest runs: the register block that ACPI's methods use (acpi/dsdt_cpus.c), with the
 * layout and meaning of QEMU's (docs/specs/acpi_cpu_hotplug.rst), which every operating system under QEMU has used.
 * A CPU is selected by its number; one command selects the next that has an event, so that a guest with a thousand
 * CPUs finds it in one access. Pure; the owner holds a lock around each call.
 *
 *   0, 4 bytes   written: selector; read: upper half of what command 3 asks for
 *   4, 1 byte    read: flags; written: CPUPLUG_INSERT, CPUPLUG_REMOVE end the event, CPUPLUG_EJECT gives it up
 *   5, 1 byte    written: command
 *   8, 4 bytes   data of the command
 *
 * The interrupt is the level of a line: high while any CPU has an event, so what comes while nobody listens yet is
 * heard by who listens later.
 */
#ifndef VMM_CHIP_CPUPLUG_H
#define VMM_CHIP_CPUPLUG_H

#include "coherence/base/fields.h"
#include "vmm/chip/plug_fx.h"

#define CPUPLUG_SELECTOR 0u
#define CPUPLUG_FLAGS    4u
#define CPUPLUG_COMMAND  5u
#define CPUPLUG_DATA     8u
#define CPUPLUG_BYTES    12u

#define CPUPLUG_ENABLED 1u // of the flags
#define CPUPLUG_INSERT  2u
#define CPUPLUG_REMOVE  4u
#define CPUPLUG_EJECT   8u

enum cpuplug_command { CPUPLUG_NEXT, CPUPLUG_OST_EVENT, CPUPLUG_OST_STATUS, CPUPLUG_ARCH_ID };

struct cpuplug {
	uint32_t n; // places
	uint32_t selector, ost_event;
	uint8_t command;
	uint8_t cpu[VCPUS_MAX];   // ENABLED, INSERT, REMOVE; EJECT: the guest was asked and has not given it up
	uint8_t words[VCPUS_MAX]; // of PLUG_WORDS that are left
};

/* n places, present[i] says which are filled. As after power-on: nothing is asked of the guest. */
void cpuplug_reset(struct cpuplug *c, uint32_t n, const bool *present);

/* A CPU is there: it waits for its start already. Told again of one that is there: the guest is told again. */
void cpuplug_add(struct cpuplug *c, uint32_t i);
/* The guest is to give it up. 0; -ENOENT: it is not there; -EPERM: it is CPU 0, which booted the guest. */
int cpuplug_ask(struct cpuplug *c, uint32_t i);
/* It is gone, whether the guest was asked or not. */
void cpuplug_remove(struct cpuplug *c, uint32_t i);

/* arch_id: of the selected CPU, for command 3 (its APIC id); asked by cpuplug_selected(). */
uint32_t cpuplug_read(const struct cpuplug *c, unsigned offset, unsigned size, uint32_t arch_id);
/* The CPU that is selected; UINT32_MAX: none, the selector is beyond the last one. */
uint32_t cpuplug_selected(const struct cpuplug *c);
/* fx: what the guest says with it. An eject of what nobody asked for, or of CPU 0, is nothing. */
void cpuplug_write(struct cpuplug *c, unsigned offset, unsigned size, uint32_t value, struct plug_fx *fx);

bool cpuplug_line(const struct cpuplug *c);

void cpuplug_fields(struct fields *f, struct cpuplug *c);

#endif
