# SPDX-License-Identifier: Apache-2.0
# The deterministic simulator of two ends of reliable datagrams over a network that does everything wrong.
$(O)/tests/rel_sim: $(patsubst %.c,$(O)/obj/%.o,$(wildcard tests/rel/*.c net/rel/*.c)) $(call lib_of,net) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -o $@ $^ $(PKG_LIBS)

check-programs: $(O)/tests/rel_sim
