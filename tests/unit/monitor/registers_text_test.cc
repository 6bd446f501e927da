// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/monitor/monitor_priv.h"
}

namespace
{

// In the layout that people know from QEMU: 64 bits in 16 digits, negative numbers are the upper half.
TEST(RegistersText, NumbersAreUnsignedAndPadded)
{
	json_t *vcpu = json_pack("{s:i,s:I,s:I}", "vcpu", 1, "rip", (json_int_t)67, "rax", (json_int_t)-1);
	char *text = monitor_registers_text(vcpu);

	ASSERT_NE(nullptr, text);
	EXPECT_NE(std::string::npos, std::string(text).find("RIP=0000000000000043")) << text;
	EXPECT_NE(std::string::npos, std::string(text).find("RAX=ffffffffffffffff")) << text;
	free(text);
	json_decref(vcpu);
}

} // namespace
