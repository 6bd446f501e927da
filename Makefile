# SPDX-License-Identifier: Apache-2.0
# Every folder of sources becomes one static library; the includes of a folder may only point
# downwards (vmm -> net -> coherence; tests/unit/layering.sh holds this).
#
#   make            the monitor and its tools            make unit     the fast tests (a minute)
#   make check      every test                           make bench    measurements
#   make demo       boot a guest across two hosts        make soak     what takes long, and the installer
#   make install    DESTDIR= PREFIX=              make image    Debian on a disk
#   SAN=address,undefined | SAN=thread                   CC=clang

# Sanitizers' programs are clang's: it compiles a test with them in less than half of gcc's time.
CLANG    := $(shell command -v clang++ >/dev/null && command -v clang)
ifneq ($(and $(SAN),$(CLANG),$(filter default,$(origin CC))),)
CC       := clang
CXX      := clang++
# gcc's words for what a program is built with, which clang does not say.
SAN_WORDS := $(if $(findstring address,$(SAN)),-D__SANITIZE_ADDRESS__=1) $(if $(findstring thread,$(SAN)),-D__SANITIZE_THREAD__=1)
endif
CC       ?= cc
CXX      ?= c++
PREFIX   ?= /usr/local
DESTDIR  ?=
HOSTS    ?= 2
V        ?= 0
SAN      ?=
empty    :=
space    := $(empty) $(empty)
comma    := ,
O        ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))

WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
OPT      := $(if $(SAN),-O1,-O2) -g -fno-strict-aliasing -fstack-protector-strong
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
PKGS     := liburing libsodium jansson ncursesw libxml-2.0 libisal ext2fs com_err libseccomp
# libmicrohttpd is optional: without it there is no metrics page, and --metrics says so.
HAVE_MHD := $(shell pkg-config --exists libmicrohttpd && echo yes)
# DPDK is optional: without it one link transport is missing, and --link dpdk: says so.
HAVE_DPDK := $(shell pkg-config --exists libdpdk && echo yes)
# libnbd is optional: without it there are no volumes on the network, and --disk nbd:// says so.
HAVE_NBD := $(shell pkg-config --exists libnbd && echo yes)
# libipsec-mb is optional: without it libsodium seals AES-256-GCM, at less than half the speed.
HAVE_IPSEC_MB := $(shell echo '\#include <intel-ipsec-mb.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes)
DPDK_LIBS := $(if $(HAVE_DPDK),-Wl$(comma)--as-needed $(shell pkg-config --libs libdpdk))
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null) $(if $(HAVE_MHD),$(shell pkg-config --libs libmicrohttpd)) $(if $(HAVE_NBD),$(shell pkg-config --libs libnbd)) $(if $(HAVE_IPSEC_MB),-lIPSec_MB) $(DPDK_LIBS) -lm
VERSION  := 0.1.0
CPPFLAGS_ALL = -I. -I$(O)/gen $(SAN_WORDS) -D_GNU_SOURCE -DPANDO_VERSION='"$(VERSION)"' $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   = -std=gnu11 $(WARN) $(OPT) $(SANFLAGS) -pthread $(CFLAGS)
CXXFLAGS_ALL = -std=gnu++17 -Wall -Wextra $(OPT) $(SANFLAGS) -pthread $(CXXFLAGS)
# GoogleTest's macros cost an optimizer with sanitizers seven times what they cost without it, and no test waits for its own code.
# Nor is its own arithmetic on trial, and lines are all that a report needs to know of it.
CXXFLAGS_UNIT = $(CXXFLAGS_ALL) -O0 $(if $(SAN),-g1) $(if $(filter undefined,$(subst $(comma), ,$(SAN))),-fno-sanitize=undefined)
# GoogleTest's templates take clang two thirds of gcc's time, so it compiles the unit tests, what they test being the compiler's of the product.
CXX_UNIT     := $(if $(and $(CLANG),$(filter default,$(origin CXX))),clang++,$(CXX))
PCH          := $(if $(findstring clang,$(CXX_UNIT)),pch,gch)
LDFLAGS_ALL  = $(SANFLAGS) -pthread $(LDFLAGS)
ifeq ($(V),0)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

# ---- libraries: name -> folders -----------------------------------------------------------------
# The folders of vmm/, upper ones first.
VMM  := cli
VMM  += monitor
VMM  += host run bridge
VMM  += check box cluster
VMM  += qmp
VMM  += metrics top report
VMM  += span call
VMM  += trace
VMM  += machine acpi boot card dev hv virtio pci block nets mem conf chip
VMM  += status
LIBS := $(VMM) net coherence
dirs_coherence := coherence coherence/base
dirs_net       := net net/rel net/seal net/id $(if $(HAVE_IPSEC_MB),net/seal/mb,net/seal/nomb) $(if $(HAVE_DPDK),net/dpdk,net/nodpdk)
$(foreach m,$(VMM),$(eval dirs_$(m) := vmm/$(m)))
dirs_block += $(if $(HAVE_NBD),vmm/block/nbd,vmm/block/nonbd)
dirs_metrics += $(if $(HAVE_MHD),vmm/metrics/mhd,vmm/metrics/nomhd)
srcs_of = $(foreach d,$(dirs_$(1)),$(wildcard $(d)/*.c))
lib_of  = $(O)/lib/lib$(1).a

.PHONY: all lib unit check demo demo-debian image bench install clean deps deps-test unit-programs unit-stage check-programs bench-programs FORCE
.SECONDARY:
all: $(O)/pando

define LIB_RULE
objs_$(1) := $$(patsubst %.c,$(O)/obj/%.o,$$(call srcs_of,$(1)))
$$(call lib_of,$(1)): $$(objs_$(1))
	@mkdir -p $$(@D); rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach m,$(LIBS),$(eval $(call LIB_RULE,$(m))))
lib: $(foreach m,$(LIBS),$(call lib_of,$(m)))

# Flags are an input too: objects are rebuilt when they change.
FLAGS_NOW := $(CC) $(CXX_UNIT) $(SAN_WORDS) $(CFLAGS_ALL) $(CPPFLAGS) $(CXXFLAGS) $(HAVE_DPDK) $(HAVE_NBD) $(HAVE_IPSEC_MB)
$(O)/flags: FORCE
	@mkdir -p $(O); echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(O)/obj/%.o: %.cc $(O)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -MMD -MP -c $< -o $@

# GoogleTest's header takes longer to read than most tests: it is read once, and each test begins with what came of that.
UNIT_FIRST := $(O)/obj/tests/unit/first.h
$(UNIT_FIRST).$(PCH): $(O)/flags
	@mkdir -p $(@D); echo '#include <gtest/gtest.h>' >$(UNIT_FIRST)
	$(call say,CXX,$(UNIT_FIRST))
	$(Q)$(CXX_UNIT) $(CPPFLAGS_ALL) $(CXXFLAGS_UNIT) -x c++-header $(if $(filter pch,$(PCH)),-fpch-instantiate-templates) -c $(UNIT_FIRST) -o $@

$(O)/obj/tests/unit/%.o: tests/unit/%.cc $(UNIT_FIRST).$(PCH)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX_UNIT) $(CPPFLAGS_ALL) $(CXXFLAGS_UNIT) -Winvalid-pch -include $(UNIT_FIRST) -MMD -MP -c $< -o $@

all_libs := $(foreach m,$(LIBS),$(call lib_of,$(m)))
$(O)/pando: $(O)/obj/vmm/main.o $(all_libs)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(all_libs) -Wl,--end-group $(PKG_LIBS)

# ---- tests: tests/unit/<lib>/*_test.cc make the program unit-<lib> ------------------------------
UNIT_MODS := $(notdir $(patsubst %/,%,$(wildcard tests/unit/*/)))
# What has one thread alone shows ThreadSanitizer nothing (tests/unit/layering.sh: none of these can make another).
ONE_THREAD := acpi boot call chip coherence id mem pci qmp rel report seal status top trace
unit_bins := $(foreach m,$(if $(filter thread,$(SAN)),$(filter-out $(ONE_THREAD),$(UNIT_MODS)),$(UNIT_MODS)),$(O)/tests/unit-$(m))
# What a module's tests link: itself and what it may include (all of it where nothing is said).
needs_coherence := coherence
needs_net       := net coherence
needs_seal      := net coherence
needs_id        := net coherence
needs_conf      := conf
needs_chip      := chip
needs_mem       := mem conf
needs_pci       := pci mem conf
needs_block     := block conf net coherence
needs_virtio    := virtio pci mem conf
needs_nets      := nets virtio pci mem conf net coherence
needs_acpi      := acpi pci mem conf
needs_boot      := boot acpi pci mem conf
needs_trace     := trace coherence
needs_hv        := hv mem conf net coherence
needs_status    := status coherence
needs_metrics   := metrics status net coherence
needs_top       := top status coherence
needs_report    := report trace coherence
needs_dev       := dev chip mem conf net coherence
needs_card      := card block nets dev chip virtio pci mem conf net coherence
needs_qmp       := qmp net coherence
needs_bridge    := bridge conf net coherence
needs_box       := box net coherence
needs_cluster   := cluster conf net coherence
needs_check     := check call hv mem conf net coherence
# There are many of them, and each has most of the house in it: where binutils has the quicker linker (half the time), it does,
# but for the sanitizers' run-time, of which it says much.
LD_UNIT := $(if $(SAN),,$(if $(shell command -v ld.gold),-fuse-ld=gold))
unit_libs = $(foreach m,$(or $(needs_$(1)),$(LIBS)),$(call lib_of,$(m)))
define UNIT_RULE
$(O)/tests/unit-$(1): $$(patsubst %.cc,$(O)/obj/%.o,$$(wildcard tests/unit/$(1)/*.cc)) $$(call unit_libs,$(1))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$$(CXX) $$(LDFLAGS_ALL) $$(LD_UNIT) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(call unit_libs,$(1)) -Wl,--end-group -lgtest_main -lgtest $$(PKG_LIBS)
endef
$(foreach m,$(UNIT_MODS),$(eval $(call UNIT_RULE,$(m))))

# each part adds its own programs and targets here
include $(sort $(wildcard */rules.mk tests/*/rules.mk vmm/*/rules.mk))

# ---- what people type ----------------------------------------------------------------------------
deps:
	@sh tests/support/install-deps.sh build run
deps-test:
	@sh tests/support/install-deps.sh build run test

# Make reads pkg-config when it starts, so the work begins in a second make, after the packages are there.
unit-programs: $(unit_bins)
# The man page and the completion are compared with the command, and the guest's tools run here too.
unit-stage: unit-programs $(O)/pando $(O)/guest-tools/pando-guest
unit: deps-test
	$(Q)$(MAKE) --no-print-directory unit-stage
	$(Q)bash tests/check.sh $(O) "unit | scripts"

check_bins := $(addprefix $(O)/tests/,conform link_soak sim model dsm driver) $(O)/pando $(O)/guest-tools/micro.elf $(MULTIBOOT_OUT)
check-programs: unit-stage $(check_bins) fuzz-build
check: deps-test
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) check-programs
	$(Q)bash tests/check.sh $(O) all

# Whole guests are measured too, in the testbed where there is no hardware virtualisation.
bench:
	@sh tests/support/install-deps.sh build run test testbed
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) bench-programs
	$(Q)bash tests/bench/run.sh $(O)
bench-programs: $(O)/pando $(O)/tests/fault_bench $(O)/tests/trace_bench $(O)/tests/link_bench $(O)/tests/driver $(O)/tests/detect \
	$(O)/guest-tools/micro.elf $(O)/guest-tools/pando-guest

# Debian 12 on a disk; IMAGE_ARGS: images/make-disk.sh --help. A disk that is there stays: it may have been used.
IMAGE ?= $(O)/debian.img
image:
	$(Q)sh tests/support/install-deps.sh image
	$(Q)mkdir -p $(dir $(IMAGE))
	$(Q)if [ -e $(IMAGE) ]; then echo "$(IMAGE) is there already (images/make-disk.sh --replace makes it anew)"; \
		else images/make-disk.sh $(IMAGE_ARGS) $(IMAGE); fi

# It installs what it needs itself, which is less.
demo:
	$(Q)HOSTS=$(HOSTS) bash tests/testbed/demo.sh
# A login on a Debian that has its disk.
demo-debian:
	$(Q)HOSTS=$(HOSTS) O=$(O) bash tests/testbed/demo-debian.sh

# What the service does with a system call that is not on a guest's list: kill, errno, log or off.
SECCOMP ?= log
install: $(O)/pando
	install -D -m 755 $(O)/pando $(DESTDIR)$(PREFIX)/bin/pando
	install -D -m 644 docs/man/pando.1 $(DESTDIR)$(PREFIX)/share/man/man1/pando.1
	install -D -m 644 completions/pando.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pando
	$(Q)sed -e 's,@BINDIR@,$(PREFIX)/bin,' -e 's,@SECCOMP@,$(SECCOMP),' packaging/pando-host.service.in >$(O)/pando-host.service
	install -D -m 644 $(O)/pando-host.service $(DESTDIR)$(PREFIX)/lib/systemd/system/pando-host.service
	install -D -m 644 packaging/passt.conf $(DESTDIR)$(PREFIX)/share/pando/pando-host.service.d/passt.conf
	install -D -m 644 packaging/70-pando.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-pando.rules
	install -D -m 644 packaging/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/pando.conf

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

clean:
	rm -rf build build-*
