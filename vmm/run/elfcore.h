// SPDX-License-Identifier: Apache-2.0
/*
 * The head of an ELF core of a guest's memory: what readelf, crash and gdb want in front of the bytes. Pure.
 *
 * One PT_NOTE segment: for each vCPU NT_PRSTATUS ("CORE") and the note that QEMU writes ("QEMU", type 0: control and
 * segment registers; include/elf.h and target/i386/arch_dump.c there). One PT_LOAD a run of guest-physical addresses,
 * with p_vaddr equal to p_paddr: no paging. System V ABI, AMD64 supplement.
 */
#ifndef VMM_RUN_ELFCORE_H
#define VMM_RUN_ELFCORE_H

#include "vmm/hv/show.h"

#define ELFCORE_RUNS_MAX 128u

struct elfcore_run {
	uint64_t gpa, bytes;
	uint64_t offset; // in the file; elfcore_plan() sets it
};

/* Places the runs behind a head for vcpus vCPUs, each at a multiple of a page; returns the bytes of the whole file. */
uint64_t elfcore_plan(struct elfcore_run *runs, unsigned runs_n, unsigned vcpus);
/* Bytes of the head, up to the first run. */
uint64_t elfcore_head_bytes(unsigned runs_n, unsigned vcpus);
/* Writes the head into buf (elfcore_head_bytes()). */
void elfcore_head(const struct elfcore_run *runs, unsigned runs_n, const struct hv_registers *regs, unsigned vcpus,
		  uint8_t *buf);

#endif
