// SPDX-License-Identifier: Apache-2.0
// A few instructions as a kernel: an ELF64 image that machine_load() takes.
#ifndef TESTS_UNIT_MACHINE_PROGRAM_H
#define TESTS_UNIT_MACHINE_PROGRAM_H

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

extern "C" {
#include "vmm/machine/machine.h"
}

// [code, end) is loaded at 1 MiB and entered there.
inline std::vector<uint8_t> elf(const uint8_t *code, const uint8_t *end)
{
	Elf64_Ehdr e = {};
	Elf64_Phdr p = {};
	size_t n = (size_t)(end - code), at = sizeof(e) + sizeof(p);
	std::vector<uint8_t> b(at + n);
	memcpy(e.e_ident, "\177ELF\2\1\1", 7);
	e.e_type = ET_EXEC, e.e_machine = EM_X86_64, e.e_entry = 0x100000, e.e_phoff = sizeof(e);
	e.e_phentsize = sizeof(p), e.e_phnum = 1;
	p.p_type = PT_LOAD, p.p_offset = at, p.p_paddr = 0x100000, p.p_filesz = p.p_memsz = n;
	memcpy(b.data(), &e, sizeof(e));
	memcpy(b.data() + sizeof(e), &p, sizeof(p));
	memcpy(b.data() + at, code, n);
	return b;
}

// The machine's counters, as they stand in the status document.
inline std::string stats_of(struct machine *m)
{
	struct status_host *s = status_host_new();
	json_t *o = s && !machine_status(m, s) ? status_host_json(s) : nullptr;
	char *text = o ? json_dumps(o, JSON_COMPACT) : nullptr;
	std::string out = text ? text : "";
	free(text);
	json_decref(o);
	status_host_free(s);
	return out;
}

#endif
