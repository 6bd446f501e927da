// SPDX-License-Identifier: Apache-2.0
// The schema inside the program: schema.json with the status numbers put in (rules.mk). The folder is one of -I.
#include "vmm/qmp/schema_json.h"

__asm__(".section .rodata\n"
	".global qmp_schema_json, qmp_schema_json_end\n"
	"qmp_schema_json: .incbin \"qmp_schema.json\"\n"
	"qmp_schema_json_end: .byte 0\n"
	".previous\n");
