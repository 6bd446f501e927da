// SPDX-License-Identifier: Apache-2.0
/*
 * Calls from `pando run` to the hosts: a verb of verbs.def with JSON arguments goes to any set of hosts, and one
 * function gets all their answers. Everything here runs on the thread of the link's loop; nothing blocks.
 */
#ifndef VMM_CALL_CALL_H
#define VMM_CALL_CALL_H

#include <jansson.h>

#include "net/link.h"
#include "vmm/call/verbs.h"
#include "vmm/conf/machine_desc.h"

#define CALLS_MAX       256u        // under way at once
#define CALL_VERB_MAX   32u         // bytes of a verb's or an event's name, with its end
#define CALL_ARGS_MAX   65000u      // bytes of the arguments as text
#define CALL_WHOLE_MAX  (16u << 20) // bytes of an answer that comes in parts
#define CALL_JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

enum call_form { CALL_JSON = 0, CALL_BYTES, CALL_ERROR, CALL_PART, CALL_FORMS }; // PART: of a JSON; more comes

/* One host's answer; valid during the call of call_done only. */
struct call_answer {
	host_id host;
	enum call_form form;
	json_t *json;         // CALL_JSON: borrowed
	const uint8_t *bytes; // CALL_BYTES
	size_t bytes_n;
	const char *error; // CALL_ERROR: a sentence; also for a lost host and when time has run out
	bool late;         // ... the latter
};

/* Called once a call, never from inside calls_start(); answers come in the order of the hosts' numbers. */
typedef void (*call_done)(void *ctx, const struct call_answer *answers, unsigned n);

struct call;

struct calls {
	struct link *link;
	const struct machine_desc *desc;
	host_set also; // hosts that can be asked and are no members (yet)
	struct call *v[CALLS_MAX];
	uint64_t last_id;
	uint64_t strays; // answers that nobody waits for (any more)
	bool closed;     // cancelled: nothing begins any more
};

void calls_init(struct calls *c, struct link *link, const struct machine_desc *desc);
/* A host that is no member can be asked from now on, or not any more. */
void calls_admit(struct calls *c, host_id h, bool admitted);
/* Fails every call under way with reason (static text), and those to come. Their call_done run before it returns. */
void calls_cancel(struct calls *c, const char *reason);

/*
 * Sends verb with args (borrowed; NULL: {}) to the hosts in to. Returns 0, or -ENOSPC (CALLS_MAX are under way), -E2BIG
 * (the arguments), -EINVAL (no such host or verb), -ENOMEM, -ESHUTDOWN (cancelled); then done is not called. A host
 * that cannot be reached, is lost or says nothing for timeout_ms answers with an error.
 */
int calls_start(struct calls *c, host_set to, enum verb verb, const json_t *args, unsigned timeout_ms, call_done done,
		void *ctx);

/* The first answer that is an error, or NULL. */
const struct call_answer *call_first_error(const struct call_answer *answers, unsigned n);

void calls_on_return(struct calls *c, host_id from, const struct msg *m); // CTL_RETURN
void calls_on_down(struct calls *c, host_id host);

/*
 * Splits the blob of a CTL_CALL or CTL_EVENT: its name, and its JSON as a new reference. Returns false when it is not
 * well-formed. Pure.
 */
bool call_split(const uint8_t *blob, size_t n, char name[CALL_VERB_MAX], json_t **json);
/* The other way round: malloc'd, *n bytes; NULL when the name or the text is too long or memory is short. */
uint8_t *call_join(const char *name, const json_t *json, size_t *n);

#endif
