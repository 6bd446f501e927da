// SPDX-License-Identifier: Apache-2.0
// Prints the generated part of docs/WIRE.md (make wire-doc).
#include "tests/support/wire_doc.h"

int main(void)
{
	wire_doc(stdout);
	return ferror(stdout) ? 1 : 0;
}
