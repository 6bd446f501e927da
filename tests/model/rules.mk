# SPDX-License-Identifier: Apache-2.0
# The exhaustive checks of the coherence engine's and of the virtqueues' hand-over's own object code.
$(O)/tests/model: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/model/*.c)) $(call lib_of,virtio) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
