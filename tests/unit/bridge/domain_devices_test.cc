// SPDX-License-Identifier: Apache-2.0
// Disks, network and entropy devices in libvirt's words.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

extern "C" {
#include "vmm/bridge/domain.h"
}

namespace
{

struct Devices : testing::Test {
	struct domain d;
	struct domain_errors e = {};

	int parse(const std::string &devices, const std::string &metadata = "<pando:hosts local='2'/>")
	{
		std::string meta = metadata;
		for (const char *name : {"hosts", "stream"}) {
			std::string at = std::string("<pando:") + name;
			for (size_t i = 0; (i = meta.find(at, i)) != std::string::npos; i += at.size())
				meta.insert(i + at.size(), " xmlns:pando='" DOMAIN_PANDO_URI "'");
		}
		std::string xml =
			"<domain type='kvm'><name>n</name><metadata>" + meta +
			"</metadata><memory unit='MiB'>64</memory><os><type>hvm</type><kernel>/k</kernel></os>"
			"<devices>" +
			devices + "</devices></domain>";
		memset(&d, 0x5a, sizeof(d));
		return domain_parse(xml.data(), xml.size(), &d, &e);
	}
	std::string said() const
	{
		std::string s;
		for (unsigned i = 0; i < e.n && i < DOMAIN_ERRORS_MAX; i++)
			s += std::string(e.text[i]) + "\n";
		return s;
	}
	void read(const std::string &devices, const std::string &metadata = "<pando:hosts local='2'/>")
	{
		ASSERT_EQ(0, parse(devices, metadata)) << devices << "\n" << said();
		struct domain first = d;
		char *text = domain_dump(&d);
		ASSERT_NE(nullptr, text);
		EXPECT_EQ(0, domain_parse(text, strlen(text), &d, &e)) << text << said();
		EXPECT_EQ(0, memcmp(&first, &d, sizeof(d))) << text;
		free(text);
	}
	void refused(const std::string &devices, const std::string &expected)
	{
		EXPECT_EQ(-EINVAL, parse(devices)) << devices;
		EXPECT_NE(std::string::npos, said().find(expected)) << devices << "\n" << said();
		EXPECT_EQ(1u, e.n) << said();
	}
};

const std::string vda = "<target dev='vda' bus='virtio'/>", net = "<model type='virtio'/>";

} // namespace

TEST_F(Devices, AVirtioConsole)
{
	read("<serial type='null'/><console type='file'><source path='/tmp/hvc' append='on'/><target type='virtio' "
	     "port='1'/><address type='pci' bus='1' slot='4'/></console>");
	ASSERT_TRUE(d.virtio_console.there);
	EXPECT_EQ(1u, d.virtio_console.at.host);
	EXPECT_EQ(4u, d.virtio_console.at.slot);
	EXPECT_EQ(DOMAIN_CONSOLE_FILE, d.virtio_console.kind);
	EXPECT_STREQ("/tmp/hvc", d.virtio_console.file);
	EXPECT_TRUE(d.virtio_console.append);
	EXPECT_EQ(DOMAIN_CONSOLE_NULL, d.console);
	read("<console type='pty'><target type='serial'/></console><console type='null'><target "
	     "type='virtio'/></console>");
	EXPECT_EQ(DOMAIN_CONSOLE_PTY, d.console);
	EXPECT_EQ(DOMAIN_CONSOLE_NULL, d.virtio_console.kind);
	read("<console type='stdio'><target type='virtio'/></console>");
	EXPECT_EQ(DOMAIN_CONSOLE_NULL, d.console) << "standard input is the virtio console's";
	read("<console type='pty'/>");
	EXPECT_FALSE(d.virtio_console.there);
	refused("<serial type='stdio'/><console type='stdio'><target type='virtio'/></console>",
		"has the standard streams");
	refused("<console type='null'><target type='virtio'/></console><console type='null'><target "
		"type='virtio'/></console>",
		"there can be one virtio console");
	refused("<console type='null'/><console type='null'/>", "there can be one for the serial port");
	refused("<console type='null'><target type='serial' port='1'/></console>", "the serial port is 0");
	refused("<console type='null'><address type='pci' bus='1'/></console>", "the serial port is COM1");
	refused("<console type='file'><target type='virtio'/></console>", "needs <source path");
	refused("<console type='null'><target type='virtio'/><address type='pci' bus='7'/></console>",
		"and there are 2");
	refused("<console type='null'><target type='sclp'/></console>", "serial|virtio");
}

TEST_F(Devices, ADiskOfAFile)
{
	read("<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap' queues='4' cache='none' "
	     "io='native'/><source file='/srv/a.img'/>" +
	     vda +
	     "<serial>A1</serial><boot order='1'/><address type='pci' domain='0x0000' bus='0x01' slot='0x1f' "
	     "function='0x0'/></disk>");
	ASSERT_EQ(1u, d.disks_n);
	const struct disk_config &c = d.disks[0].config;
	EXPECT_STREQ("/srv/a.img", c.path);
	EXPECT_STREQ("A1", c.serial);
	EXPECT_EQ(DISK_QCOW2, c.format);
	EXPECT_EQ(4u, c.queues);
	EXPECT_TRUE(c.discard && c.boot && !c.read_only);
	EXPECT_EQ(1u, d.disks[0].at.host);
	EXPECT_EQ(31u, d.disks[0].at.slot);
}

TEST_F(Devices, ADiskOfABlockDevice)
{
	read("<disk type='block'><source dev='/dev/sdb'/>" + vda + "<readonly/></disk>");
	EXPECT_STREQ("/dev/sdb", d.disks[0].config.path);
	EXPECT_TRUE(d.disks[0].config.read_only);
}

TEST_F(Devices, ADiskOfTheNetwork)
{
	const struct {
		const char *source, *path;
	} of[] = {
		{"name='vol' tls='yes'><host name='a.example' port='10809'/>", "nbds://a.example:10809/vol"},
		{"name='a b'><host name='fd00::2'/>", "nbd://[fd00::2]/a%20b"},
		{"><host transport='unix' socket='/run/n.sock'/>", "nbd+unix:///?socket=/run/n.sock"},
		{"name='nbd://a/x?tls-psk-file=/p'><host name='ignored'/>", "nbd://a/x?tls-psk-file=/p"},
		{"name='nbd://a/b%3A%2F%2Fc'><host name='ignored'/>", "nbd://a/b%3A%2F%2Fc"},
		{"name='nbd+unix:///x?socket=relative'><host name='ignored'/>", "nbd+unix:///x?socket=relative"},
	};
	for (auto &o : of) {
		read(std::string("<disk type='network'><source protocol='nbd' ") + o.source + "</source>" + vda +
		     "</disk>");
		EXPECT_STREQ(o.path, d.disks[0].config.path);
	}
}

TEST_F(Devices, ADiskBootsWhereThereIsNoKernel)
{
	auto domain = [&](const std::string &os, const std::string &devices) {
		std::string xml =
			"<domain type='kvm'><name>n</name><memory unit='MiB'>64</memory><os><type>hvm</type>" + os +
			"</os><devices>" + devices + "</devices></domain>";
		memset(&d, 0x5a, sizeof(d));
		return domain_parse(xml.data(), xml.size(), &d, &e);
	};
	const std::string a = "<disk type='file'><source file='/a'/>" + vda + "</disk>";
	EXPECT_EQ(-EINVAL, domain("", ""));
	EXPECT_NE(std::string::npos, said().find("there is no disk to boot from")) << said();
	ASSERT_EQ(0, domain("", a)) << said();
	EXPECT_FALSE(d.disks[0].config.boot); // the first one goes without saying
	ASSERT_EQ(0, domain("<boot dev='hd'/>", a + a)) << said();
	EXPECT_TRUE(d.disks[0].config.boot);
	EXPECT_FALSE(d.disks[1].config.boot);
	EXPECT_EQ(-EINVAL, domain("<kernel>/k</kernel><boot dev='hd'/>", a));
	EXPECT_EQ(-EINVAL, domain("<boot dev='network'/>", a));
}

TEST_F(Devices, DisksKeepTheirOrder)
{
	std::string many;
	for (unsigned i = 0; i < DOMAIN_DEVICES_MAX; i++)
		many += "<disk type='file'><source file='/" + std::to_string(i) + "'/>" + vda + "</disk>";
	read(many);
	ASSERT_EQ(DOMAIN_DEVICES_MAX, d.disks_n);
	EXPECT_STREQ("/63", d.disks[63].config.path);
	refused(many + "<disk type='file'><source file='/x'/>" + vda + "</disk>", "more than 64");
}

TEST_F(Devices, WhatADiskCannotBeIsSaid)
{
	auto disk = [](const std::string &in, const std::string &type = "file") {
		return "<disk type='" + type + "'>" + in + "</disk>";
	};
	const std::string file = "<source file='/a'/>";
	refused(disk(vda), "<source file='...'> (of a block device dev='...') is missing");
	refused(disk("<source file='a'/>" + vda), "expected an absolute path");
	refused(disk("<source protocol='nbd' name='x'/>" + vda, "network"), "<source><host name='...'> is missing");
	refused(disk("<source protocol='rbd'><host name='h'/></source>" + vda, "network"), "only 'nbd'");
	refused(disk(file + "<target dev='sda'/>"), "disks are virtio disks");
	refused(disk(file + "<target dev='vda' bus='scsi'/>"), "only 'virtio'");
	refused(disk(file + vda + "<shareable/>"), "an image is one guest's");
	refused(disk(file + vda + "<serial>123456789012345678901</serial>"), "20 are the limit");
	refused(disk(file + vda + "<driver name='qemu' cache='unsafe'/>"), "only 'none|default|writeback'");
	refused(disk(file + vda + "<driver discard='unmap'/><readonly/>"), "exclude each other");
	refused(disk(file + vda + "<iotune/>"), "not held back");
	refused("<disk type='file' device='cdrom'>" + file + vda + "</disk>", "only 'disk'");
	refused(disk(file + vda, "volume"), "only 'file|block|network'");
	refused(disk(file + vda + "<boot order='1'/>") + disk(file + vda + "<boot order='1'/>"), "another disk has");
	refused(disk(file + vda + "<boot order='2'/>"), "only '1'");
}

TEST_F(Devices, ABusIsAHost)
{
	auto at = [](const std::string &attributes) {
		return "<disk type='file'><source file='/a'/>" + vda + "<address type='pci' " + attributes +
		       "/></disk>";
	};
	read(at("bus='1' slot='3'"));
	EXPECT_EQ(1u, d.disks[0].at.host);
	EXPECT_EQ(3u, d.disks[0].at.slot);
	refused(at("bus='0x02' slot='3'"), "bus='2': a bus is a host, and there are 2");
	refused(at("bus='64' slot='3'"), "expected the number of a host");
	refused(at("slot='0'"), "expected a number from 0x1 to 0x1f");
	refused(at("slot='32'"), "expected a number from 0x1 to 0x1f");
	refused(at("function='1'"), "expected a number");
	refused(at("slot='x'"), "expected a number");
	ASSERT_EQ(0, parse(at("bus='5' slot='3'"), "")); // the command line may give the hosts
}

TEST_F(Devices, Networks)
{
	read("<interface type='user'><mac address='52:54:00:00:00:01'/><backend type='passt'/>" + net +
	     "<mtu size='9000'/><portForward proto='tcp' address='127.0.0.1'><range start='2222' to='22'/>"
	     "<range start='80' end='82'/></portForward><portForward proto='udp'><range start='53'/></portForward>"
	     "<link state='up'/></interface>"
	     "<interface type='ethernet'><mac address='52:54:00:00:00:02'/><target dev='vm0' managed='no'/>" +
	     net +
	     "<driver name='qemu' queues='2'><host csum='off'/></driver><address type='pci' bus='1' slot='2'/>"
	     "</interface>"
	     "<interface type='client'><mac address='52:54:00:00:00:03'/><source address='fd00::2' port='5558'/>" +
	     net + "</interface><interface type='null'><mac address='52:54:00:00:00:04'/></interface>");
	ASSERT_EQ(4u, d.nets_n);
	const struct net_config &user = d.nets[0].config;
	EXPECT_EQ(NET_BACK_PASST, user.back);
	EXPECT_EQ(9000u, user.mtu);
	ASSERT_EQ(5u, user.forwards_n);
	EXPECT_EQ(22u, user.forward[0].guest_port);
	EXPECT_EQ(82u, user.forward[3].guest_port);
	EXPECT_STREQ("127.0.0.1", user.forward[3].address);
	EXPECT_TRUE(user.forward[4].udp);
	EXPECT_STREQ("", user.forward[4].address);
	EXPECT_STREQ("vm0", d.nets[1].config.tap);
	EXPECT_FALSE(d.nets[1].config.offload);
	EXPECT_EQ(2u, d.nets[1].config.queues);
	EXPECT_EQ(1u, d.nets[1].at.host);
	EXPECT_EQ(NET_BACK_STREAM, d.nets[2].config.back);
	EXPECT_STREQ("[fd00::2]:5558", d.nets[2].config.socket);
	EXPECT_EQ(NET_BACK_NONE, d.nets[3].config.back);
}

TEST_F(Devices, TheSocketOfAStreamStandsInTheMetadata)
{
	const std::string null = "<interface type='null'><mac address='52:54:00:00:00:04'/></interface>";
	read(null, "<pando:hosts local='2'/><pando:stream mac='52:54:00:00:00:04' socket='/run/s'/>");
	EXPECT_EQ(NET_BACK_STREAM, d.nets[0].config.back);
	EXPECT_STREQ("/run/s", d.nets[0].config.socket);
	EXPECT_EQ(-EINVAL, parse(null, "<pando:stream mac='52:54:00:00:00:04' socket='h:1'/>"));
	read("<interface type='client'><mac address='52:54:00:00:00:03'/><source address='a.example' "
	     "port='1'/></interface>");
	EXPECT_STREQ("a.example:1", d.nets[0].config.socket);
	EXPECT_EQ(-EINVAL, parse(null, "<pando:stream mac='52:54:00:00:00:05' socket='/run/s'/>"));
	EXPECT_NE(std::string::npos, said().find("there is no <interface type='null'>")) << said();
}

TEST_F(Devices, WhatANetworkCannotBeIsSaid)
{
	auto one = [](const std::string &in, const std::string &type = "user") {
		return "<interface type='" + type + "'>" + in + "</interface>";
	};
	refused(one("", "bridge"), "only 'user|ethernet|client|null'");
	refused(one("<source bridge='br0'/>"), "tap interface that is in the bridge");
	refused(one("", "ethernet"), "<target dev='...'>");
	refused(one("", "client"), "<source address='...' port='...'>");
	refused(one("<mac address='01:00:00:00:00:00'/>"), "address of one station");
	refused(one("<model type='e1000'/>"), "only 'virtio'");
	refused(one("<mtu size='67'/>"), "from 68 to");
	refused(one("<portForward proto='tcp'><range start='5' end='4'/></portForward>"), "no port from 5 to 4");
	refused(one("<portForward proto='tcp'><range start='65535' to='65535' end='65535'/><range start='1' "
		    "end='65535'/></portForward>"),
		"more than 16 ports");
	refused(one("<portForward proto='tcp'><range start='1' exclude='yes'/></portForward>"), "only 'no'");
	refused(one("<target dev='t'/><portForward proto='tcp'><range start='1'/></portForward>", "ethernet"),
		"only passt forwards ports");
	refused(one("<link state='down'/>"), "only 'up'");
	refused(one("<bandwidth/>"), "not held back");
}

TEST_F(Devices, EntropyAndWatchdog)
{
	read("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
	     "<rng model='virtio'><backend model='builtin'/><address type='pci' bus='1' slot='1'/></rng>"
	     "<watchdog model='ib700' action='reset'/><controller type='pci' index='0' model='pci-root'/>");
	ASSERT_EQ(2u, d.rngs_n);
	EXPECT_EQ(1u, d.rngs[1].host);
	refused("<rng model='virtio'><backend model='egd'/></rng>", "only 'random|builtin'");
	refused("<rng model='virtio'><backend model='random'>/dev/hwrng</backend></rng>", "expected /dev/urandom");
	refused("<rng model='virtio'><backend model='random'/><rate bytes='1'/></rng>", "not held back");
	refused("<watchdog model='i6300esb' action='reset'/>", "only 'ib700'");
	refused("<watchdog model='ib700' action='poweroff'/>", "only 'reset'");
	refused("<controller type='usb' model='pci-root'/>", "expected type='usb' model='none'");
	refused("<console type='pty'><target type='sclp' port='0'/></console>", "only 'serial|virtio'");
}
