# SPDX-License-Identifier: Apache-2.0
# A guest driven from inside of its run process: tests/drive (run.sh uses it).
$(O)/tests/driver: $(O)/obj/tests/drive/driver.o $(O)/obj/tests/drive/moves.o $(O)/obj/tests/drive/hostile.o $(foreach m,$(LIBS),$(call lib_of,$(m)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(foreach m,$(LIBS),$(call lib_of,$(m))) -Wl,--end-group $(PKG_LIBS)
