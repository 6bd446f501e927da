// SPDX-License-Identifier: Apache-2.0
/*
 * The value of an option that has several properties: "path=/srv/a.img,ro,queues=4". Pure.
 *
 * Properties stand between commas; two commas are one comma of a value (as in QEMU's options). A flag is its name
 * alone, or name=on and name=off.
 */
#ifndef VMM_CLI_PROPERTIES_H
#define VMM_CLI_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROPERTIES_MAX      24u // in a table
#define PROPERTY_LIST_MAX   16u
#define PROPERTY_VALUE_MAX  1024u
#define PROPERTY_LIST_BYTES 64u

/* The values of a property that may be repeated. */
struct property_list {
	unsigned n;
	char text[PROPERTY_LIST_MAX][PROPERTY_LIST_BYTES];
};

enum property_kind {
	PROPERTY_FLAG,  // bool *
	PROPERTY_TEXT,  // char *, of cap bytes; not empty
	PROPERTY_COUNT, // uint64_t *, from min to max
	PROPERTY_LIST,  // struct property_list *: may be repeated
};

struct property {
	const char *name; // NULL ends a table
	enum property_kind kind;
	void *to;
	size_t cap;        // TEXT
	uint64_t min, max; // COUNT
};

/*
 * Reads text by the table; what it does not name stays as it is. bare: the name of the property, a text, that the first
 * one is when it is a value alone ("/srv/a.img,ro"; a '=' in it is one of the value if a slash stands before); NULL:
 * there is none. Returns 0, or -EINVAL with a sentence that
 * names the property and what was expected.
 */
int properties_parse(const char *text, const struct property *table, const char *bare, char *why, size_t why_cap);

#endif
