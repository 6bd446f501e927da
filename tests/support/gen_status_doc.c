// SPDX-License-Identifier: Apache-2.0
// Prints the generated part of docs/MONITORING.md (make status-doc).
#include "tests/support/status_doc.h"

int main(void)
{
	status_doc(stdout);
	return ferror(stdout) ? 1 : 0;
}
