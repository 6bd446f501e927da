// SPDX-License-Identifier: Apache-2.0
// What another host tells as JSON, made fit to be shown.
#ifndef VMM_CALL_TAME_H
#define VMM_CALL_TAME_H

#include <jansson.h>

/*
 * Every string in o, at any depth, without control characters (coherence/base/text.h); members with such a name are
 * dropped. o: NULL or of json_loadb(), whose depth is bounded; changed in place. Returns o.
 */
json_t *tame_json(json_t *o);

#endif
