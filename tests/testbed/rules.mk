# SPDX-License-Identifier: Apache-2.0
# An interactive shell on the nested machine, with what was built.
.PHONY: testbed
testbed: all
	@tests/testbed/run.sh --build $(O) -- $(or $(CMD),sh)

# Says whether whole guests run here directly.
$(O)/tests/detect: tests/testbed/detect.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(WARN) -O2 -D_GNU_SOURCE -o $@ $<
