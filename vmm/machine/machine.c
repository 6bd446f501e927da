// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/acpi/smbios.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/boot_disk.h"
#include "vmm/machine/growth.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/pause.h"
#include "vmm/machine/pcibus.h"

/* ---- composition: each step can be undone; a failure undoes the steps before it ---- */

static int do_clock(struct machine *m, char *why, size_t cap)
{
	if (guest_clock_valid(&m->clock))
		return 0;
	snprintf(why, cap,
		 "a TSC of %llu kHz, dilated %u times, is no clock a guest can be told of: at most "
		 "4 THz",
		 (unsigned long long)m->clock.tsc_khz, m->clock.dilate);
	return -EINVAL;
}

static int do_kvm(struct machine *m, char *why, size_t cap)
{
	int r = hv_open(&m->hv, why, cap);

	if (r)
		return r;
	if (!m->hv.tsc_offset && atomic_load(&m->tsc_offset)) {
		log_warn("this KVM does not apply a TSC offset: the guest sees this host's own TSC");
		atomic_store(&m->tsc_offset, 0);
	}
	return 0;
}

static void undo_kvm(struct machine *m)
{
	hv_close(&m->hv);
}

static int do_ram(struct machine *m, char *why, size_t cap)
{
	int r = hv_map_ram(&m->hv, m->ram, why, cap);

	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS && !r; slot++) { // what came before this host did
		struct desc_range more;

		if (desc_slot_whole(m->desc, slot, &more))
			r = hv_map_more(&m->hv, m->ram, slot, more.first, more.pages, why, cap);
	}
	return r;
}

static void undo_cpus(struct machine *m)
{
	for (uint32_t i = 0; i < m->cpus_n; i++) {
		cpu_join(&m->cpus[i]); // one that was made while the machine was being stopped
		cpu_close(&m->cpus[i]);
	}
	free(m->cpus);
	m->cpus = NULL;
	m->cpus_n = 0;
	moves_destroy(m);
	threads_close(&m->threads);
}

static int do_cpus(struct machine *m, char *why, size_t cap)
{
	uint32_t n = desc_vcpus(m->desc);
	int r = hv_kick_setup();

	if (!r)
		r = moves_create(m);
	if (!r)
		r = threads_init(&m->threads, n);
	m->cpus = calloc(n ? n : 1, sizeof(*m->cpus));
	if (!m->cpus || r) {
		snprintf(why, cap, "no memory or no signal for the vCPUs");
		undo_cpus(m);
		return r ? r : -ENOMEM;
	}
	for (; m->cpus_n < n; m->cpus_n++)
		cpu_init(&m->cpus[m->cpus_n], m, m->cpus_n);
	for (uint32_t i = 0; i < n && !r; i++) {
		m->cpus[i].present = placement_host(m->placement, i) == m->self;
		if (!m->cpus[i].present)
			continue;
		r = cpu_open(&m->cpus[i], why, cap);
		if (!r)
			moves_learn(&m->cpus[i]); // if that fails, vCPUs stay where they are
	}
	if (r)
		undo_cpus(m);
	return r;
}

static void undo_devices(struct machine *m)
{
	pcibus_stop(m);
	board_stop(m);
	pcibus_close(m); // cards use the lock of their device
	board_destroy(m);
	pcibus_destroy(m);
	growth_destroy(m);
	bus_close(&m->ports);
	bus_close(&m->mmio);
}

static int do_devices(struct machine *m, char *why, size_t cap)
{
	bus_init(&m->ports);
	bus_init(&m->mmio);
	machine_name_absent(m);
	int r = board_create(m);

	if (!r)
		r = growth_create(m);
	if (r)
		snprintf(why, cap, "cannot set up the devices: %s", strerror(-r));
	else
		r = pcibus_create(m, why, cap);
	if (r)
		undo_devices(m);
	return r;
}

static const struct step {
	const char *name;
	int (*run)(struct machine *m, char *why, size_t cap);
	void (*undo)(struct machine *m);
} steps[] = {
	{"clock", do_clock, NULL},
	{"kvm", do_kvm, undo_kvm},
	{"memory slots", do_ram, NULL},
	{"vCPUs", do_cpus, undo_cpus},
	{"devices", do_devices, undo_devices},
};
#define STEPS (sizeof(steps) / sizeof(*steps))

static void undo_steps(struct machine *m)
{
	while (m->steps_done) {
		const struct step *s = &steps[--m->steps_done];

		if (s->undo)
			s->undo(m);
	}
}

int machine_create(struct machine **out, const struct machine_config *cfg, char *why, size_t why_cap)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(why, why_cap, "no memory for the machine");
		return -ENOMEM;
	}
	m->desc = cfg->desc;
	m->x2apic = !desc_fits_xapic(cfg->desc);
	m->self = cfg->self;
	m->ram = cfg->ram;
	m->peer = cfg->peer;
	m->event = cfg->event;
	m->event_ctx = cfg->event_ctx;
	m->vcpu_begins = cfg->vcpu_begins;
	m->clock = (struct guest_clock){.tsc_khz = cfg->clock.tsc_khz, .dilate = cfg->clock.dilate};
	atomic_store(&m->tsc_offset, cfg->clock.tsc_offset);
	m->hv.kvm_fd = m->hv.vm_fd = -1;
	pause_init(m);
	for (; m->steps_done < STEPS; m->steps_done++) {
		int r = steps[m->steps_done].run(m, why, why_cap);

		if (r) {
			log_error("machine: step '%s' failed: %s", steps[m->steps_done].name, why);
			undo_steps(m);
			free(m);
			return r;
		}
	}
	*out = m;
	return 0;
}

/* ---- loading ---- */

_Static_assert(SMBIOS_GPA + SMBIOS_BYTES_MAX <= BOOT_ROM, "the reset vector is behind them");

static void put_tables(struct machine *m, uint64_t gpa, const uint8_t *from, size_t bytes)
{
	uint8_t *to = ram_at(m->ram, gpa, bytes);

	if (to)
		memcpy(to, from, bytes);
}

static int place_tables(struct machine *m, const struct pci_windows *pci, uint64_t *rsdp, char *why, size_t cap)
{
	struct acpi_tables t;
	uint8_t smbios[SMBIOS_BYTES_MAX], *acpi = calloc(1, ACPI_BYTES_MAX);
	size_t bytes;
	int r = acpi ? acpi_build(m->desc, pci, acpi, ACPI_BYTES_MAX, ACPI_GPA, &t) : -ENOMEM;

	if (!r)
		r = smbios_build(m->desc, smbios, sizeof(smbios), SMBIOS_GPA, &bytes);
	if (r) {
		snprintf(why, cap, "the firmware tables do not fit: %s", strerror(-r));
	} else {
		put_tables(m, ACPI_GPA, acpi, t.bytes);
		put_tables(m, SMBIOS_GPA, smbios, bytes);
		*rsdp = t.rsdp;
	}
	free(acpi);
	return r;
}

static int set_start(struct machine *m, const struct boot_entry *e)
{
	const struct hv_linux64 linux64 = {
		.entry = e->entry,
		.boot_params = e->boot_params,
		.cr3 = e->cr3,
		.gdt_base = e->gdt_base,
		.gdt_limit = e->gdt_limit,
	};
	const struct hv_flat32 flat32 = {
		.entry = (uint32_t)e->entry,
		.eax = e->eax,
		.ebx = e->ebx,
		.gdt_base = e->gdt_base,
		.gdt_limit = e->gdt_limit,
	};
	struct hv_vcpu *v = &m->cpus[0].vcpu;

	return e->flat32 ? hv_vcpu_set_flat32(v, &flat32) : hv_vcpu_set_linux64(v, &linux64);
}

static int place_kernel(struct machine *m, struct boot_images *in, char *why, size_t why_cap)
{
	const struct pci_windows *pci = pcibus_windows(m);
	struct boot_entry e;
	int r = place_tables(m, pci, &in->rsdp, why, why_cap);

	in->ecam = pci ? PCI_ECAM : 0;
	in->ecam_bytes = pci ? pci->ecam_bytes : 0;
	if (!r)
		r = boot_load(m->ram, in, &e, why, why_cap);
	if (r)
		return r;
	r = set_start(m, &e);
	if (r)
		snprintf(why, why_cap, "KVM takes no %u-bit start state: %s", e.flat32 ? 32 : 64, strerror(-r));
	return r;
}

int machine_place_kernel(struct machine *m, const struct machine_images *images, char *why, size_t why_cap)
{
	struct boot_images in = {
		.kernel = images->kernel,
		.kernel_bytes = images->kernel_bytes,
		.initrd = images->initrd,
		.initrd_bytes = images->initrd ? images->initrd_bytes : 0,
		.cmdline = m->desc->cmdline,
	};
	struct boot_disk disk;

	if (in.kernel)
		return place_kernel(m, &in, why, why_cap);
	int r = machine_read_boot_disk(m, &disk, why, why_cap);

	if (r)
		return r;
	in.kernel = disk.kernel;
	in.kernel_bytes = disk.kernel_bytes;
	in.initrd = disk.initrd;
	in.initrd_bytes = disk.initrd_bytes;
	in.cmdline = disk.cmdline;
	r = place_kernel(m, &in, why, why_cap);
	boot_disk_free(&disk);
	return r;
}

int machine_load(struct machine *m, const void *kernel, size_t kernel_bytes, const void *initrd, size_t initrd_bytes,
		 char *why, size_t why_cap)
{
	struct machine_images images = {kernel, initrd, kernel_bytes, initrd_bytes};

	if (m->self != m->desc->board || m->running || !m->cpus_n || !m->cpus[0].present) {
		snprintf(why, why_cap, "only the host that has the board loads the kernel, and before it runs");
		return -EINVAL;
	}
	int r = machine_place_kernel(m, &images, why, why_cap);

	m->loaded = r == 0;
	return r;
}

/* ---- running ---- */

void machine_kick_all(struct machine *m)
{
	for (uint32_t i = 0; i < m->cpus_n; i++)
		if (m->cpus[i].opened)
			hv_vcpu_kick(&m->cpus[i].vcpu);
}

int machine_start(struct machine *m)
{
	if (m->running || (m->self == m->desc->board && !m->loaded))
		return -EINVAL;
	m->running = true;
	board_open_consoles(m);
	int r = 0;

	for (uint32_t i = 0; i < m->cpus_n && !r; i++)
		if (m->cpus[i].present)
			r = cpu_start(&m->cpus[i]);
	if (r)
		machine_stop(m);
	return r;
}

void machine_stop(struct machine *m)
{
	atomic_store(&m->stopping, true);
	machine_kick_all(m); // all at once, before waiting for the first
	pcibus_stop(m);
	board_stop(m);
	for (uint32_t i = 0; i < m->cpus_n; i++)
		cpu_join(&m->cpus[i]);
	m->running = false;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	if (m->running)
		machine_stop(m);
	undo_steps(m);
	free(m);
}

void machine_tell(struct machine *m, const struct machine_event *e)
{
	if (m->event)
		m->event(m->event_ctx, e);
}

void machine_end(struct machine *m, enum machine_end how, const char *text)
{
	const struct machine_event e = {.kind = MACHINE_EV_ENDED, .end = how, .text = text};

	if (how == MACHINE_RESET) { // not its end: whoever put it together decides
		if (atomic_exchange(&m->reset_asked, true))
			return;
		pause_hold(m);
		machine_tell(m, &e);
		return;
	}
	if (atomic_exchange(&m->ended, true))
		return;
	atomic_store(&m->stopping, true);
	machine_kick_all(m);
	machine_tell(m, &e);
}
