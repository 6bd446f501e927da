// SPDX-License-Identifier: Apache-2.0
// A clock that tests push forward: CLOCK_MONOTONIC of this program, so that a minute's deadline passes at once.
#ifndef TESTS_UNIT_RUN_FAKE_CLOCK_H
#define TESTS_UNIT_RUN_FAKE_CLOCK_H

#include <cstdint>

void fake_clock_forward_ms(uint64_t ms);
void fake_clock_back(); // as if nobody had: at the end of a test

#endif
