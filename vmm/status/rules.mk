# SPDX-License-Identifier: Apache-2.0
# docs/MONITORING.md: written by hand down to the marker line, generated from status.def below it. A unit test compares.
$(O)/tests/gen_status_doc: $(O)/obj/tests/support/gen_status_doc.o $(call lib_of,status) $(call lib_of,coherence)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

.PHONY: status-doc
status-doc: $(O)/tests/gen_status_doc
	$(Q)sed '/^<!-- generated/q' docs/MONITORING.md >$(O)/MONITORING.md && $< >>$(O)/MONITORING.md && cp $(O)/MONITORING.md docs/MONITORING.md
