# SPDX-License-Identifier: Apache-2.0
# Programs over distributed memory without a guest: tests/dsm (correctness) tests/fault_bench (latency),
# tests/trace_bench (what counting and tracing cost).
dsm_libs := $(foreach m,span trace mem conf net coherence,$(call lib_of,$(m)))
dsm_support := $(O)/obj/tests/support/dsm_host.o $(O)/obj/tests/support/link_choice.o

$(O)/tests/dsm: $(O)/obj/tests/dsm/dsm_test.o $(O)/obj/tests/dsm/litmus.o $(dsm_support) $(dsm_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(dsm_libs) -Wl,--end-group $(PKG_LIBS)

$(O)/tests/fault_bench: $(O)/obj/tests/dsm/fault_bench.o $(dsm_support) $(dsm_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(dsm_libs) -Wl,--end-group $(PKG_LIBS)

$(O)/tests/trace_bench: $(O)/obj/tests/dsm/trace_bench.o $(dsm_support) $(dsm_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(dsm_libs) -Wl,--end-group $(PKG_LIBS)
