# SPDX-License-Identifier: Apache-2.0
# The guest's programs: one static binary, called by the name of a tool. Static and without
# sanitizers whatever the build: it runs in a guest that has nothing else.
guest_tools_src := $(wildcard guest-tools/*.c)
guest_tools_obj := $(patsubst guest-tools/%.c,$(O)/guest-tools/%.o,$(guest_tools_src))
guest_tools_cc   = $(CC) -std=gnu11 $(WARN) -O2 -g -pthread -I. -D_GNU_SOURCE

$(O)/guest-tools/%.o: guest-tools/%.c guest-tools/rules.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(guest_tools_cc) -MMD -MP -c $< -o $@

$(O)/guest-tools/pando-guest: $(guest_tools_obj)
	$(call say,LD,$@)
	$(Q)$(guest_tools_cc) -static -o $@ $^

-include $(wildcard $(O)/guest-tools/*.d)

.PHONY: guest-tools
guest-tools: $(O)/guest-tools/pando-guest
