// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_QMP_SCHEMA_JSON_H
#define VMM_QMP_SCHEMA_JSON_H

extern const char qmp_schema_json[], qmp_schema_json_end[];

#endif
