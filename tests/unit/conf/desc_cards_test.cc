// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/conf/sample.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

namespace
{
struct Cards : testing::Test {
	machine_desc d = sample_desc(2);
	char why[512] = "";

	int add(uint32_t host = 0, uint32_t slot = 0, const char *config = nullptr, card_kind_id kind = CARD_RNG)
	{
		return desc_add_card(&d, kind, host, slot, config, why, sizeof(why));
	}
	std::string judged()
	{
		return desc_check(&d, why, sizeof(why)) ? why : "";
	}
};

TEST_F(Cards, GetTheFirstFreeSlotAndTheNextId)
{
	unsigned n = d.devices_n;
	uint32_t last = d.devices[n - 1].id;
	EXPECT_EQ(0u, d.pci_buses);
	ASSERT_EQ((int)n, add());
	EXPECT_EQ(1u, d.devices[n].slot);
	EXPECT_EQ(last + 1, d.devices[n].id);
	ASSERT_EQ((int)n + 1, add(0, 3));
	ASSERT_EQ((int)n + 2, add());
	ASSERT_EQ((int)n + 3, add());
	EXPECT_EQ(2u, d.devices[n + 2].slot);
	EXPECT_EQ(4u, d.devices[n + 3].slot);
	EXPECT_EQ(0x1eu, desc_bus_slots(&d, 0));
	EXPECT_EQ(&d.devices[n + 1], desc_card(&d, last + 2));
	EXPECT_EQ(nullptr, desc_card(&d, last)); // a chip
	EXPECT_EQ("", judged());
	for (unsigned i = 4; i < 31; i++)
		EXPECT_LT(0, add()) << why;
	EXPECT_EQ(-ENOSPC, add());
	EXPECT_NE(std::string::npos, std::string(why).find("31 on each PCI bus")) << why;
	EXPECT_EQ("", judged());
}

// Ids are never used again, whatever has gone meanwhile.
TEST_F(Cards, ComeAndGoInVersions)
{
	struct desc_device dev = {};
	strcpy(dev.kind, "virtio-rng");
	dev.id = 99, dev.slot = 2;
	EXPECT_EQ(-EINVAL, desc_plug(&d, &dev, why, sizeof(why)));
	EXPECT_NE(std::string::npos, std::string(why).find("no PCI bus")) << why;
	ASSERT_LT(0, add());
	ASSERT_LT(0, add(1));
	machine_desc now = d;
	uint32_t first = d.devices[d.devices_n - 2].id;

	ASSERT_EQ(0, desc_plug(&d, &dev, why, sizeof(why))) << why;
	EXPECT_EQ(1u, d.version);
	EXPECT_EQ(6u, desc_bus_slots(&d, 0));
	EXPECT_EQ(0, desc_follows(&now, &d, why, sizeof(why))) << why;
	dev.id = 100;
	EXPECT_EQ(-EINVAL, desc_plug(&d, &dev, why, sizeof(why))) << "its slot is taken";
	dev.slot = 3, dev.id = 99;
	EXPECT_EQ(-EINVAL, desc_plug(&d, &dev, why, sizeof(why))) << "its number is taken";
	dev.slot = 0, dev.id = 100;
	EXPECT_EQ(-EINVAL, desc_plug(&d, &dev, why, sizeof(why)));
	EXPECT_EQ(1u, d.version);
	EXPECT_EQ("", judged());

	now = d;
	ASSERT_EQ(0, desc_unplug(&d, first));
	EXPECT_EQ(2u, d.version);
	EXPECT_EQ(0, desc_follows(&now, &d, why, sizeof(why))) << why;
	EXPECT_EQ(-ENOENT, desc_unplug(&d, first));
	EXPECT_EQ(-ENOENT, desc_unplug(&d, 0)) << "a chip";
	EXPECT_EQ(2u, d.version);
	EXPECT_EQ(4u, desc_bus_slots(&d, 0));
	EXPECT_EQ(2u, desc_bus_slots(&d, 1));
	EXPECT_EQ("", judged());

	now = d;
	d.version++;
	d.devices[d.devices_n - 1].slot = 5;
	EXPECT_EQ(-EINVAL, desc_follows(&now, &d, why, sizeof(why))) << "a card does not move";
	d = now;
	d.version++;
	d.devices[d.devices_n - 2].config[0] = 'x';
	EXPECT_EQ(-EINVAL, desc_follows(&now, &d, why, sizeof(why))) << "nor become another one";
}

TEST_F(Cards, AConsoleIsFoundByItsNumber)
{
	EXPECT_EQ(0, desc_console_host(&d, DESC_CONSOLE_SERIAL));
	EXPECT_EQ(HOST_NONE, desc_console_host(&d, DESC_CONSOLE_VIRTIO));
	ASSERT_LT(0, add(1, 0, nullptr, CARD_CONSOLE));
	EXPECT_EQ(1, desc_console_host(&d, DESC_CONSOLE_VIRTIO));
	EXPECT_EQ(HOST_NONE, desc_console_host(&d, DESC_CONSOLES));
}

TEST_F(Cards, TravelAsJson)
{
	ASSERT_LT(0, add(0, 7, "{\"serial\":\"a \\\"b\\\"\",\"path\":\"/a\"}", CARD_BLK));
	ASSERT_LT(0, add(0, 0, nullptr, CARD_RNG));
	char *text = desc_to_json(&d);
	machine_desc back;
	ASSERT_NE(nullptr, text);
	ASSERT_EQ(0, desc_from_json(text, strlen(text), &back, why, sizeof(why))) << why;
	free(text);
	const struct desc_device &disk = back.devices[d.devices_n - 2], &rng = back.devices[d.devices_n - 1];
	EXPECT_STREQ("{\"path\":\"/a\",\"serial\":\"a \\\"b\\\"\"}", disk.config);
	EXPECT_EQ(7u, disk.slot);
	EXPECT_STREQ("", rng.config);
	EXPECT_EQ(d.pci_buses, back.pci_buses);
	EXPECT_EQ(d.address_bits, back.address_bits);
}

TEST_F(Cards, WhatCannotBeIsRefused)
{
	const struct {
		const char *said;
		void (*spoil)(struct desc_device *, machine_desc *);
	} cases[] = {
		{"no card of kind 'com1'", [](struct desc_device *c, machine_desc *) { strcpy(c->kind, "com1"); }},
		{"in slot 32", [](struct desc_device *c, machine_desc *) { c->slot = 32; }},
		{"'virtio-rng' that is in no slot", [](struct desc_device *c, machine_desc *) { c->slot = 0; }},
		{"host 1, which has no PCI bus",
		 [](struct desc_device *c, machine_desc *d) { c->host = 1, d->pci_buses = 1; }},
		{"slot 2 of the PCI bus of host 0 has a 'virtio-rng'",
		 [](struct desc_device *c, machine_desc *) { c->slot = 2; }},
		{"configuration is too long",
		 [](struct desc_device *c, machine_desc *) { memset(c->config, 'x', sizeof(c->config)); }},
		{"a 'virtio-rng': it has nothing to configure",
		 [](struct desc_device *c, machine_desc *) {
			 strcpy(c->kind, "virtio-rng"), strcpy(c->config, "{\"a\":1}");
		 }},
		{"there is a 'virtio-console' already, and can be one",
		 [](struct desc_device *c, machine_desc *) {
			 strcpy(c[-1].kind, "virtio-console"), strcpy(c->kind, "virtio-console");
		 }},
		{"3 PCI buses", [](struct desc_device *, machine_desc *d) { d->pci_buses = 3; }},
		{"35 bits", [](struct desc_device *, machine_desc *d) { d->address_bits = 35; }},
		{"53 bits", [](struct desc_device *, machine_desc *d) { d->address_bits = 53; }},
		{"a 'com1' has no configuration",
		 [](struct desc_device *, machine_desc *d) { strcpy(d->devices[4].config, "{}"); }},
	};
	ASSERT_LT(0, add(0, 2, nullptr, CARD_RNG));
	int n = add();
	ASSERT_LT(0, n);
	const machine_desc good = d;
	for (auto &c : cases) {
		d = good;
		c.spoil(&d.devices[n], &d);
		EXPECT_NE(std::string::npos, judged().find(c.said)) << c.said << ": " << judged();
	}
	d = good;
	EXPECT_EQ(-EINVAL, add(0, 0, std::string(1024, 'x').c_str()));
}
} // namespace
