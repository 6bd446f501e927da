# tests/e2e/single: one machine without the control plane
single_libs := $(foreach m,machine acpi boot card dev hv virtio pci block nets mem conf chip status net coherence,$(call lib_of,$(m)))
$(O)/tests/single: $(O)/obj/tests/e2e/single.o $(single_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< -Wl,--start-group $(single_libs) -Wl,--end-group $(PKG_LIBS)
