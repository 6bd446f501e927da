// SPDX-License-Identifier: Apache-2.0
// Devices that come and go in QEMU's words: what is refused before any host is asked, and what is left of what failed.
#include "tests/unit/conf/sample.h"
#include "tests/unit/monitor/live.h"

extern "C" {
#include "vmm/run/ops_priv.h"
}

namespace
{
struct Plugs : Live {
	char why[256];
	int disk = -1;

	void SetUp() override
	{
		Live::SetUp();
		desc_devices();
		opt.kernel = "vmlinuz";
		opt.hosts_n = 2;
		strcpy(opt.addresses[1], "b.example:1");
		Say("{\"execute\":\"qmp_capabilities\"}");
		ops_started(r->ops);
	}
	// A disk on host 0 and two hosts that nobody reaches.
	void desc_devices()
	{
		char name[DESC_NAME_MAX];
		strcpy(name, r->desc.name);
		r->desc = sample_desc(2, 1, 4);
		strcpy(r->desc.name, name);
		disk = desc_add_card(&r->desc, CARD_BLK, 0, 0, "{\"path\":\"/a\",\"serial\":\"A\"}", why, sizeof(why));
		ASSERT_LE(0, disk) << why;
		ASSERT_LE(0, desc_add_card(&r->desc, CARD_NET, 0, 0,
					   "{\"back\":\"none\",\"mac\":\"52:54:00:00:00:01\"}", why, sizeof(why)))
			<< why;
	}
};

// What the guest reads of buses it reads once.
TEST_F(Plugs, AHostThatJoinedLaterHasNoBus)
{
	r->desc.hosts_n = 3;
	strcpy(r->desc.hosts[2].address, "c.example:1");
	for (const char *how : {R"("host":2)", R"("host":"c.example:1")", R"("bus":"pci.2")"})
		refused("device_add", std::string(R"("driver":"virtio-rng-pci",)") + how,
			"host 2 joined later, so it has no PCI bus: devices can be on the 2 hosts that the guest was "
			"started with");
}

TEST_F(Plugs, DeviceAddRefusesInQemusWords)
{
	done("blockdev-add", R"("driver":"file","node-name":"n","filename":"/n")");
	done("netdev_add", R"("type":"user","id":"u")");
	const char *bad[][2] = {
		{R"("driver":"nosuch")", "'nosuch' is not a valid device model name"},
		{R"("driver":"virtio-rng-pci","foo":"x")", "Property 'virtio-rng-pci.foo' not found"},
		{R"("driver":"virtio-rng-pci","drive":"n")", "Property 'virtio-rng-pci.drive' not found"},
		{R"("driver":"virtio-rng-pci","id":"a b")", "Parameter 'id' expects an identifier"},
		{R"("driver":"virtio-rng-pci","id":"disk0")", "Duplicate device ID 'disk0'"},
		{R"("driver":"virtio-rng-pci","bus":"pci.2")", "Bus 'pci.2' not found"},
		{R"("driver":"virtio-rng-pci","bus":"pcie.0")", "Bus 'pcie.0' not found"},
		{R"("driver":"virtio-rng-pci","host":"b","bus":"pci.0")", "Bus 'pci.0' is of host 0, not of host 1"},
		{R"("driver":"virtio-rng-pci","host":2)", "Property 'virtio-rng-pci.host' can't find value '2'"},
		{R"("driver":"virtio-rng-pci","host":1,"bus":"pci.0")", "Bus 'pci.0' is of host 0, not of host 1"},
		{R"("driver":"virtio-rng-pci","addr":"0x40")",
		 "Property 'virtio-rng-pci.addr' doesn't take value '0x40'"},
		{R"("driver":"virtio-rng-pci","addr":"5.1")",
		 "Property 'virtio-rng-pci.addr' doesn't take value '5.1'"},
		{R"("driver":"virtio-rng-pci","addr":"z")", "Property 'virtio-rng-pci.addr' doesn't take value 'z'"},
		{R"("driver":"virtio-rng-pci","addr":[1])", "Property 'virtio-rng-pci.addr' doesn't take value '?'"},
		{R"("driver":"virtio-rng-pci","addr":"0")",
		 "PCI: slot 0 function 0 not available for virtio-rng-pci, in use by host-bridge"},
		{R"("driver":"virtio-rng-pci","addr":"1")",
		 "PCI: slot 1 function 0 not available for virtio-rng-pci, in use by disk0"},
		{R"("driver":"virtio-blk-pci")", "drive property not set"},
		{R"("driver":"virtio-blk-pci","drive":"x")", "Property 'virtio-blk-device.drive' can't find value 'x'"},
		{R"("driver":"virtio-blk-pci","drive":"u")", "Property 'virtio-blk-device.drive' can't find value 'u'"},
		{R"("driver":"virtio-blk-pci","drive":"n","num-queues":0)",
		 "Property 'virtio-blk-pci.num-queues' doesn't take value '0'"},
		{R"("driver":"virtio-blk-pci","drive":"n","serial":"123456789012345678901")",
		 "Property 'virtio-blk-pci.serial' doesn't take value '123456789012345678901'"},
		{R"("driver":"virtio-blk-pci","drive":"n","serial":"A")",
		 "the disk 'disk0' has the serial number 'A' already"},
		{R"("driver":"virtio-net-pci","netdev":"n")",
		 "Property 'virtio-net-device.netdev' can't find value 'n'"},
		{R"("driver":"virtio-net-pci","mac":"zz")", "Property 'virtio-net-pci.mac' doesn't take value 'zz'"},
		{R"("driver":"virtio-net-pci","mac":"52:54:00:00:00:01")",
		 "another network device has the address 52:54:00:00:00:01"},
		{R"("driver":"virtio-net-pci","host_mtu":7)",
		 "Property 'virtio-net-pci.host_mtu' doesn't take value '7'"},
	};
	for (auto &x : bad)
		refused("device_add", x[0], x[1]);
	EXPECT_EQ(nullptr, static_cast<struct monitor *>(r->monitor)->plugging);
}

// No host is reached: the device is not there, and what it would have had is free again.
TEST_F(Plugs, WhatFailsLeavesNothing)
{
	done("blockdev-add", R"("driver":"file","node-name":"n","filename":"/n")");
	for (unsigned i = 0; i < 2; i++)
		refused("device_add",
			R"("driver":"virtio-blk-pci","drive":"n","id":"d","bus":"pci.1","addr":"1f","num-queues":"4")",
			"host 1: the host cannot be reached");
	EXPECT_EQ(0u, r->desc.version);
	done("blockdev-del", R"("node-name":"n")");
	refused("blockdev-del", R"("node-name":"n")", "Failed to find node with node-name='n'");
}

TEST_F(Plugs, DeviceDel)
{
	refused("device_del", R"("id":"nosuch")", "Device 'nosuch' not found", "DeviceNotFound");
	refused("device_del", R"("id":"/machine/peripheral/x")", "Device '/machine/peripheral/x' not found",
		"DeviceNotFound");
	refused("device_del", R"("id":"/machine/peripheral/disk0")", "host 0: the host cannot be reached");
	opt.kernel = nullptr;
	refused("device_del", R"("id":"disk0")", "Device 'disk0' is what the guest boots from");
}

TEST_F(Plugs, NodesAndEnds)
{
	refused("blockdev-add", R"("driver":"file","node-name":"disk0","filename":"/n")",
		"node-name=disk0 is conflicting with a device id");
	refused("blockdev-add", R"("driver":"nosuch","node-name":"n")",
		"Parameter 'driver' does not accept value 'nosuch'");
	refused("blockdev-del", R"("node-name":"disk0")", "Node disk0 is in use");
	refused("netdev_add", R"("type":"nosuch","id":"n")", "Parameter 'type' does not accept value 'nosuch'");
	refused("netdev_del", R"("id":"n")", "Device 'n' not found", "DeviceNotFound");
	done("netdev_add", R"("type":"user","id":"n")");
	done("netdev_del", R"("id":"n")");
}

TEST_F(Plugs, ADeviceThatIsGoneIsToldWithItsName)
{
	done("blockdev-add", R"("driver":"file","node-name":"n","filename":"/n")");
	auto *m = static_cast<struct monitor *>(r->monitor);
	uint32_t id = r->desc.devices[disk].id;
	backs_find(&m->backs, false, "n")->device = id; // as if it were its
	EXPECT_NE(std::string::npos, Say("{\"execute\":\"query-block\"}").find("\"node-name\": \"n\""));
	EXPECT_NE(std::string::npos, say("blockdev-del", R"("node-name":"n")").find("Node n is in use"));
	ops_tell(r->ops, "DEVICE_DELETED", json_pack("{s:i}", "device", (int)id));
	EXPECT_NE(std::string::npos, Say("{\"execute\":\"query-name\"}")
					     .find("\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"disk0\", "
						   "\"path\": \"/machine/peripheral/disk0\"}"));
	done("blockdev-del", R"("node-name":"n")");
}
} // namespace
