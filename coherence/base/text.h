// SPDX-License-Identifier: Apache-2.0
// Text of others (a host, a guest) on its way to a terminal, a log or a page.
#ifndef COHERENCE_BASE_TEXT_H
#define COHERENCE_BASE_TEXT_H

#include <stdbool.h>

/*
 * Makes each control character a '?', in place: those of ASCII, line ends included, DEL, and those that ISO 6429 has at
 * 0x80 to 0x9f in UTF-8, and bytes that are no part of UTF-8, which a terminal may take for them. Such characters could
 * forge lines or drive the terminal. lines: line ends stay. Returns whether anything was changed.
 */
bool text_tame(char *s, bool lines);

#endif
