// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/boot/disk.h"
}

static std::string words(const char *text, size_t cap = 100)
{
	char out[100] = "before";
	boot_grub_words(text, out, cap);
	return out;
}

TEST(GrubWords, Quotes)
{
	EXPECT_EQ("", words(""));
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX="));
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX=\"\"\n"));
	EXPECT_EQ("a b", words("GRUB_CMDLINE_LINUX=\"a b\""));
	EXPECT_EQ("a b", words("x=1\n  export GRUB_CMDLINE_LINUX='a b'\ny=2"));
	EXPECT_EQ("a", words("GRUB_CMDLINE_LINUX=a b"));
	EXPECT_EQ("a \"b\" c", words("GRUB_CMDLINE_LINUX=\"a \\\"b\\\"\"' c'"));
}

TEST(GrubWords, TheLastOneCounts)
{
	EXPECT_EQ("b", words("GRUB_CMDLINE_LINUX=a\nGRUB_CMDLINE_LINUX=b\n"));
	EXPECT_EQ("a", words("GRUB_CMDLINE_LINUX=a\n#GRUB_CMDLINE_LINUX=b\nGRUB_CMDLINE_LINUX_DEFAULT=c\n"));
}

TEST(GrubWords, WhatOnlyAShellKnowsIsLeftOut)
{
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX=\"$OTHER a\""));
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX=`date`"));
	EXPECT_EQ("$a", words("GRUB_CMDLINE_LINUX='$a'"));
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX=\"no end"));
	EXPECT_EQ("", words("GRUB_CMDLINE_LINUX=too-long", 8));
}
