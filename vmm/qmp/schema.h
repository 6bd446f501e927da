// SPDX-License-Identifier: Apache-2.0
/*
 * The commands, events and types that the QMP server offers, written once in schema.json in the manner of QEMU's QAPI
 * ("*name" is an optional member, ["T"] a list of T). It checks arguments, answers query-qmp-schema, and lets tests
 * check what commands return.
 */
#ifndef VMM_QMP_SCHEMA_H
#define VMM_QMP_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct qmp_schema;

#define QMP_WHY_MAX 256u

struct qmp_schema *qmp_schema_load(void); // NULL: no memory
void qmp_schema_free(struct qmp_schema *s);

bool qmp_schema_has_command(const struct qmp_schema *s, const char *name);
json_t *qmp_schema_names(const struct qmp_schema *s, const char *of); // [{"name":...}] of "commands" or "events"

/* Arguments of a known command. false: why is QEMU's sentence for it. args is an object. */
bool qmp_schema_check_args(const struct qmp_schema *s, const char *command, const json_t *args, char why[QMP_WHY_MAX]);
/* What a command returns, or an event's data (NULL: none). For tests; the same kind of sentence. */
bool qmp_schema_check_return(const struct qmp_schema *s, const char *command, const json_t *value,
			     char why[QMP_WHY_MAX]);
bool qmp_schema_check_event(const struct qmp_schema *s, const char *event, const json_t *data, char why[QMP_WHY_MAX]);

/* The answer to query-qmp-schema: an array of SchemaInfo (QEMU's introspection format). New reference. */
json_t *qmp_schema_introspect(const struct qmp_schema *s);

#endif
