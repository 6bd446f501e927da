# SPDX-License-Identifier: Apache-2.0
# docs/VERBS.md: written by hand down to the marker line, generated from verbs.def below it. A unit test compares.
$(O)/tests/gen_verbs_doc: $(O)/obj/tests/support/gen_verbs_doc.o $(O)/obj/vmm/call/verbs.o $(O)/obj/vmm/call/events.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

.PHONY: verbs-doc
verbs-doc: $(O)/tests/gen_verbs_doc
	$(Q)sed '/^<!-- generated/q' docs/VERBS.md >$(O)/VERBS.md && $< >>$(O)/VERBS.md && cp $(O)/VERBS.md docs/VERBS.md
