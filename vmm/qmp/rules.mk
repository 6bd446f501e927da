# SPDX-License-Identifier: Apache-2.0
# The assembler reads schema.json, which the compiler's dependency files do not see.
$(O)/obj/vmm/qmp/schema_json.o: vmm/qmp/schema.json
