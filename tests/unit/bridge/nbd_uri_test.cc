// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

extern "C" {
#include "vmm/bridge/nbd_uri.h"
}

namespace
{

std::string make(const struct nbd_uri &u)
{
	char out[256];
	return nbd_uri_make(&u, out, sizeof(out)) ? "too long" : out;
}

} // namespace

TEST(NbdUri, WhatIsSplitIsMadeAgain)
{
	for (const char *text :
	     {"nbd://a/", "nbd://a.example:10810/vol1", "nbds://[fd00::2]:10809/a/b",
	      "nbd+unix:///x?socket=/run/n.sock", "nbds+unix:///?socket=/run/a%20b", "nbd://10.0.0.7/100%25%20full"}) {
		struct nbd_uri u = {};
		ASSERT_EQ(0, nbd_uri_split(text, &u)) << text;
		EXPECT_EQ(text, make(u));
	}
	struct nbd_uri u = {};
	ASSERT_EQ(0, nbd_uri_split("nbds://[fd00::2]:10809/100%25", &u));
	EXPECT_TRUE(u.tls);
	EXPECT_STREQ("fd00::2", u.server);
	EXPECT_EQ(10809u, u.port);
	EXPECT_STREQ("100%", u.name);
	ASSERT_EQ(0, nbd_uri_split("nbd+unix:///x?socket=/run/n.sock", &u));
	EXPECT_STREQ("", u.server);
	EXPECT_STREQ("/run/n.sock", u.socket);
}

TEST(NbdUri, WhatThePartsCannotSayIsNotSplit)
{
	struct nbd_uri u = {};
	for (const char *text : {"",
				 "nbd",
				 "nbd:",
				 "nbd://",
				 "http://a/x",
				 "nbd://a",
				 "nbd://user@a/x",
				 "nbd://a/x?tls-psk-file=/p",
				 "nbd://a:0/x",
				 "nbd://a:70000/x",
				 "nbd://a:/x",
				 "nbd://[fd00::2/x",
				 "nbd://a/%",
				 "nbd://a/%4",
				 "nbd://a/%zz",
				 "nbd://a/%00",
				 "nbd://a/x#y",
				 "nbd://a/%41",
				 "nbd+unix:///x",
				 "nbd+unix:///x?socket=/a&b=c",
				 "nbd+unix://a/x?socket=/b",
				 "/srv/nbd://a/x"})
		EXPECT_EQ(-EINVAL, nbd_uri_split(text, &u)) << text;
}

TEST(NbdUri, ALongOneIsRefused)
{
	struct nbd_uri u = {};
	char out[16];
	snprintf(u.server, sizeof(u.server), "a.example");
	EXPECT_EQ(-EINVAL, nbd_uri_make(&u, out, sizeof(out)));
}
