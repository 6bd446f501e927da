# SPDX-License-Identifier: Apache-2.0
# The schema inside the program is schema.json with the status numbers that QMP has put in: "@": "TYPE" stands for the
# lines of vmm/status/status.def whose qmp is that type, under their names in QMP.
qmp_schema := $(O)/gen/qmp_schema.json
$(qmp_schema): vmm/qmp/schema.json vmm/qmp/schema.awk vmm/status/status.def vmm/status/sources.h
	@mkdir -p $(@D)
	$(Q)printf '%s\n' '#define HOST_NUMBER(name, object, key, value, unit, kind, qmp, ...) MEMBER name key #qmp' \
		'#define PEER_NUMBER HOST_NUMBER' '#define QMP_NAME(name, qmp) NAME name qmp' '#include "vmm/status/status.def"' | \
		$(CC) -E -P -I. -x c - | awk -f vmm/qmp/schema.awk - vmm/qmp/schema.json >$@.new && mv $@.new $@

# The assembler reads it, which the compiler's dependency files do not see.
$(O)/obj/vmm/qmp/schema_json.o $(O)/obj-fuzz/vmm/qmp/schema_json.o: $(qmp_schema)
