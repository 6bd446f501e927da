# SPDX-License-Identifier: Apache-2.0
# docs/WIRE.md: written by hand down to the marker line, generated from net/msg.def below it. A unit test compares.
$(O)/tests/gen_wire_doc: $(O)/obj/tests/support/gen_wire_doc.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $<

.PHONY: wire-doc
wire-doc: $(O)/tests/gen_wire_doc
	$(Q)sed '/^<!-- generated/q' docs/WIRE.md >$(O)/WIRE.md && $< >>$(O)/WIRE.md && cp $(O)/WIRE.md docs/WIRE.md

# DPDK's own flags (a forced header, an instruction set) are for the files that include it.
ifeq ($(HAVE_DPDK),yes)
$(O)/obj/net/dpdk/%.o: CFLAGS += $(shell pkg-config --cflags libdpdk) -Wno-pedantic
else
$(info libdpdk was not found: pando is built without the dpdk link)
endif
