// SPDX-License-Identifier: Apache-2.0
// schema.json, as it is, inside the program. The path is the one from the top folder, where the compiler runs.
#include "vmm/qmp/schema_json.h"

__asm__(".section .rodata\n"
	".global qmp_schema_json, qmp_schema_json_end\n"
	"qmp_schema_json: .incbin \"vmm/qmp/schema.json\"\n"
	"qmp_schema_json_end: .byte 0\n"
	".previous\n");
