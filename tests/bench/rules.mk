# SPDX-License-Identifier: Apache-2.0
# What the link costs by itself: link_bench [uring|uring-plain]
$(O)/tests/link_bench: $(O)/obj/tests/bench/link_bench.o $(call lib_of,net) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call lib_of,net) $(call lib_of,coherence) $(PKG_LIBS)
