# SPDX-License-Identifier: Apache-2.0
# libFuzzer programs, always by clang with its sanitizers. Without clang's runtime (libclang-rt-14-dev) they are
# scripts that say SKIP.
FUZZ_CC    ?= clang
# Every fuzz_NAME.c is a target; what it is linked with beside net/ is in fuzz_srcs_NAME.
fuzz_names := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
fuzz_net   := $(wildcard net/*.c net/rel/*.c net/seal/*.c net/id/*.c net/seal/nomb/*.c net/nodpdk/*.c) coherence/base/text.c
fuzz_srcs_trace := $(wildcard vmm/trace/*.c) coherence/ask.c coherence/engine.c coherence/home.c coherence/owner.c coherence/pages.c \
	coherence/policy.c coherence/requester.c $(wildcard coherence/base/*.c)
fuzz_srcs_blk := vmm/block/block.c vmm/block/bounce.c vmm/block/reader.c vmm/block/qemu.c vmm/block/file.c vmm/block/file_uring.c vmm/block/lock.c vmm/block/nonbd/nbd.c \
	vmm/card/blk_front.c vmm/virtio/blk.c vmm/virtio/chain.c vmm/conf/disk_config.c
fuzz_srcs_boot := $(wildcard vmm/boot/*.c) vmm/mem/layout.c vmm/mem/ram.c vmm/conf/machine_desc.c vmm/conf/desc_members.c vmm/conf/desc_board.c vmm/conf/devices.c
fuzz_srcs_board := $(wildcard vmm/dev/*.c) $(wildcard vmm/chip/*.c) vmm/pci/hotplug.c vmm/conf/devices.c
fuzz_srcs_call := vmm/call/call.c vmm/call/tame.c vmm/call/verbs.c vmm/conf/machine_desc.c vmm/conf/desc_members.c vmm/conf/desc_board.c vmm/conf/devices.c
fuzz_srcs_check := vmm/check/ask.c vmm/check/show.c vmm/call/walks.c vmm/call/call.c vmm/call/tame.c vmm/call/verbs.c vmm/conf/machine_desc.c vmm/conf/desc_members.c vmm/conf/desc_board.c vmm/conf/devices.c
fuzz_srcs_disk := $(filter-out vmm/boot/boot.c vmm/boot/bzimage.c vmm/boot/elf.c vmm/boot/multiboot.c,$(wildcard vmm/boot/*.c))
fuzz_srcs_netframes := vmm/nets/frames.c
fuzz_srcs_pci := vmm/pci/config.c vmm/pci/msix.c vmm/pci/bridge.c
fuzz_srcs_qmp := $(wildcard vmm/qmp/*.c)
fuzz_srcs_rehome := $(wildcard coherence/*.c coherence/base/*.c)
fuzz_srcs_vcpu := vmm/machine/move_state.c vmm/hv/state_fields.c $(wildcard vmm/chip/lapic*.c) vmm/chip/icr.c
fuzz_srcs_virtqueue := $(wildcard vmm/virtio/*.c) vmm/pci/config.c vmm/pci/msix.c
fuzz_srcs_virtio := $(fuzz_srcs_virtqueue)
fuzz_srcs_console := $(fuzz_srcs_virtqueue)
fuzz_srcs_homes := $(fuzz_srcs_virtqueue) vmm/block/remote.c vmm/block/serve.c vmm/machine/card_msg.c
fuzz_srcs_xml := $(wildcard vmm/bridge/*.c) vmm/conf/tuning.c vmm/conf/uuid.c vmm/conf/units.c vmm/conf/input_file.c vmm/conf/disk_config.c vmm/conf/net_config.c \
	vmm/conf/net_config_json.c
fuzz_flags := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g
fuzz_bins  := $(foreach f,$(fuzz_names),$(O)/tests/fuzz-$(f))
# What the targets share is compiled once, in a folder of its own: other compiler, other flags.
fuzz_objs_of = $(sort $(patsubst %.c,$(O)/obj-fuzz/%.o,tests/fuzz/fuzz_$(1).c $(fuzz_net) $(fuzz_srcs_$(1))))

$(O)/fuzz-runtime: $(O)/flags
	$(Q)if echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o $@.try - 2>/dev/null; then echo yes; else echo no; fi >$@; \
	rm -f $@.try

$(O)/obj-fuzz/%.o: %.c $(O)/fuzz-runtime
	@mkdir -p $(@D)
	$(Q)if grep -q yes $(O)/fuzz-runtime; then \
		$(FUZZ_CC) -std=gnu11 $(CPPFLAGS_ALL) $(fuzz_flags) -fsanitize=fuzzer-no-link -pthread -MMD -MP -c $< -o $@; \
	else : >$@; fi

define FUZZ_RULE
$(O)/tests/fuzz-$(1): $$(call fuzz_objs_of,$(1))
	@mkdir -p $$(@D)
	$$(call say,FUZZ,$$@)
	$$(Q)if grep -q yes $(O)/fuzz-runtime; then \
		$$(FUZZ_CC) $$(fuzz_flags) -fsanitize=fuzzer -pthread -o $$@ $$(filter %.o,$$^) $$(PKG_LIBS); \
	else \
		printf '#!/bin/sh\necho "SKIP fuzz-$(1): no clang with libFuzzer here (libclang-rt-14-dev)"\n' >$$@; \
		chmod +x $$@; \
	fi
endef
$(foreach f,$(fuzz_names),$(eval $(call FUZZ_RULE,$(f))))
-include $(sort $(foreach f,$(fuzz_names),$(patsubst %.o,%.d,$(call fuzz_objs_of,$(f)))))

.PHONY: fuzz-build
fuzz-build: $(fuzz_bins)
