# SPDX-License-Identifier: Apache-2.0
# An interactive shell on the nested machine, with what was built.
.PHONY: testbed
testbed: all
	@tests/testbed/run.sh --build $(O) -- $(or $(CMD),sh)
