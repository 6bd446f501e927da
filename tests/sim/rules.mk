# SPDX-License-Identifier: Apache-2.0
# The deterministic simulator of a whole cluster over the coherence engine.
$(O)/tests/sim: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/sim/*.c)) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
