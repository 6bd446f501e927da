# SPDX-License-Identifier: Apache-2.0
# The micro-guest, its stand-alone KVM runner, and the tests that boot it over several monitors.
MICRO_SRCS := $(wildcard guest-tools/micro/*.c) guest-tools/micro/entry.S
MICRO_OBJS := $(patsubst %,$(O)/micro/%.o,$(basename $(MICRO_SRCS)))
MICRO_FLAGS := -std=gnu11 $(WARN) -O2 -g -ffreestanding -fno-builtin -fno-stack-protector -mno-red-zone -fno-pic -fno-pie \
	-mgeneral-regs-only -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none -I.
MICRO_CC ?= gcc

$(O)/micro/%.o: %.c $(wildcard guest-tools/micro/*.h) tests/micro/rules.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(MICRO_CC) $(MICRO_FLAGS) -c $< -o $@
$(O)/micro/%.o: %.S $(wildcard guest-tools/micro/*.h) tests/micro/rules.mk
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(MICRO_CC) $(MICRO_FLAGS) -c $< -o $@
# Order only: whoever builds the image to test it also gets the runner that run.sh compares with.
$(O)/guest-tools/micro.elf: $(MICRO_OBJS) guest-tools/micro/micro.ld | $(O)/tests/micro-runner
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)ld -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T guest-tools/micro/micro.ld -o $@ $(MICRO_OBJS)

$(O)/tests/micro-runner: $(O)/obj/tests/micro/runner.o $(O)/obj/tests/micro/stale.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

.PHONY: micro check-micro
micro: $(O)/guest-tools/micro.elf $(MULTIBOOT_OUT) $(O)/tests/micro-runner
check-micro: micro $(O)/pando
	$(Q)tests/micro/run.sh $(O)

# The Multiboot kernel, as ELF32 (made of ELF64, as kvm-unit-tests makes its own) and as a flat file with address fields.
MULTIBOOT_OUT := $(O)/guest-tools/multiboot.elf $(O)/guest-tools/multiboot.bin
$(O)/micro/guest-tools/multiboot/fields.o: guest-tools/multiboot/entry.S tests/micro/rules.mk
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(MICRO_CC) $(MICRO_FLAGS) -DADDRESS_FIELDS -c $< -o $@
MULTIBOOT_LD := ld -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T guest-tools/multiboot/multiboot.ld
$(O)/guest-tools/multiboot.elf: $(addprefix $(O)/micro/guest-tools/multiboot/,entry.o main.o) guest-tools/multiboot/multiboot.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(MULTIBOOT_LD) -o $@.64 $(filter %.o,$^) && objcopy -O elf32-i386 $@.64 $@ && rm $@.64
$(O)/guest-tools/multiboot.bin: $(addprefix $(O)/micro/guest-tools/multiboot/,fields.o main.o) guest-tools/multiboot/multiboot.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(MULTIBOOT_LD) -o $@.64 $(filter %.o,$^) && objcopy -O binary $@.64 $@ && rm $@.64
