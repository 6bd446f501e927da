// SPDX-License-Identifier: Apache-2.0
/*
 * A sample in Prometheus' text exposition format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats):
 * names start with pando_, units are seconds and bytes, counters end in _total. What a document does not tell is left
 * out. Pure.
 */
#ifndef VMM_METRICS_EXPOSITION_H
#define VMM_METRICS_EXPOSITION_H

#include "vmm/status/sample.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Text (malloc'd, the caller frees), *n bytes. NULL: no memory. */
char *metrics_exposition(const struct sample *s, size_t *n);

#endif
