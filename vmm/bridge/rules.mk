# SPDX-License-Identifier: Apache-2.0
# docs/DOMAIN-XML.md: written by hand down to the marker line, generated from the rules below it. A unit test compares.
$(O)/tests/gen_domain_doc: $(O)/obj/tests/support/gen_domain_doc.o $(foreach m,bridge conf net coherence,$(call lib_of,$(m)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

.PHONY: domain-doc
domain-doc: $(O)/tests/gen_domain_doc
	$(Q)sed '/^<!-- generated/q' docs/DOMAIN-XML.md >$(O)/DOMAIN-XML.md && $< >>$(O)/DOMAIN-XML.md && cp $(O)/DOMAIN-XML.md docs/DOMAIN-XML.md
