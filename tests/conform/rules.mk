# SPDX-License-Identifier: Apache-2.0
# One suite over every link transport.
$(O)/tests/conform: $(patsubst %.cc,$(O)/obj/%.o,$(wildcard tests/conform/*.cc)) $(O)/obj/tests/conform/dpdk_peek.o $(call lib_of,net) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CXX) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call lib_of,net) $(call lib_of,coherence) -lgtest $(PKG_LIBS)
