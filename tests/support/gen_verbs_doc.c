// SPDX-License-Identifier: Apache-2.0
// Prints the generated part of docs/VERBS.md (make verbs-doc).
#include "tests/support/verbs_doc.h"

int main(void)
{
	verbs_doc(stdout);
	return ferror(stdout) ? 1 : 0;
}
