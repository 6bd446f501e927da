// SPDX-License-Identifier: Apache-2.0
// Writes the generated part of docs/WIRE.md from net/msg.def. Shared by the tool and the test that
// compares.
#ifndef TESTS_SUPPORT_WIRE_DOC_H
#define TESTS_SUPPORT_WIRE_DOC_H

#include <stdio.h>

#include "net/msg.h"

static inline void wire_doc_message(FILE *out, unsigned number, const char *name, int prio, unsigned blob_max,
				    const char *text)
{
	fprintf(out, "\n### %u %s\n\n%s. Priority %d", number, name, text, prio);
	if (blob_max)
		fprintf(out, ", blob of at most %u bytes", blob_max);
	fprintf(out, ".\n\n| offset | type | field | meaning |\n|---|---|---|---|\n");
}

static inline unsigned wire_doc_field(FILE *out, unsigned at, unsigned bits, const char *name, const char *text)
{
	fprintf(out, "| %u | u%u | %s | %s |\n", at, bits, name, text);
	return at + bits / 8;
}

static inline void wire_doc(FILE *out)
{
	unsigned at;

	fprintf(out, "\n## Messages\n\nOffsets count from the start of the frame. Numbers are "
		     "never used again.\n");
#define MSG(number, NAME, name, prio, blob, text)               \
	wire_doc_message(out, number, #NAME, prio, blob, text); \
	at = MSG_HEADER_BYTES;
#define U8(f, text)  at = wire_doc_field(out, at, 8, #f, text);
#define U16(f, text) at = wire_doc_field(out, at, 16, #f, text);
#define U32(f, text) at = wire_doc_field(out, at, 32, #f, text);
#define U64(f, text) at = wire_doc_field(out, at, 64, #f, text);
#define END          fprintf(out, "\nFields end at %u.\n", at);
#include "net/msg.def"
}

#endif
