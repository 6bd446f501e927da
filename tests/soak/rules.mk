# SPDX-License-Identifier: Apache-2.0
# A dpdk link under loss, reorder and restarts of its peer: in make check for a moment, here for SOAK_SECONDS. The largest
# models. And the installer on a system that has nothing.
$(O)/tests/link_soak: $(O)/obj/tests/soak/link_soak.o $(O)/obj/tests/support/link_choice.o $(call lib_of,net) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call lib_of,net) $(call lib_of,coherence) $(PKG_LIBS)

.PHONY: soak
soak: $(O)/tests/link_soak check-programs
	$(Q)bash tests/soak/run.sh $(O) $(or $(SOAK_SECONDS),600)
	$(Q)$(O)/tests/model --large --seconds 7200 --states 400000000
	$(Q)bash tests/check.sh $(O) guest_more odd_guests_more intel_more move_guest_more join_more elastic_more many_more debian_disk_more debian_soak
	$(Q)GUEST_FAR=100 bash tests/e2e/guest.sh $(O) "2 6.1 topology,pattern 900 1"
	$(Q)bash tests/soak/fresh.sh $(O)
