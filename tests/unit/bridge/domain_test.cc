// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <unistd.h>

extern "C" {
#include "vmm/bridge/domain.h"
}

namespace
{

const char kMinimal[] = "<domain type='kvm'><name>n</name><memory unit='MiB'>64</memory><os><type>hvm</type>"
			"<kernel>/k</kernel></os></domain>";

struct Read {
	int r;
	struct domain d;
	struct domain_errors e;
	std::string all() const
	{
		std::string s;
		for (unsigned i = 0; i < e.n && i < DOMAIN_ERRORS_MAX; i++)
			s += std::string(e.text[i]) + "\n";
		return s;
	}
};

Read read(const std::string &xml)
{
	static Read r;
	memset(&r.d, 0x5a, sizeof(r.d));
	r.r = domain_parse(xml.data(), xml.size(), &r.d, &r.e);
	return r;
}

// The minimal domain with more in it: at the end of <domain>, or of one of its elements.
std::string with(const std::string &more, const std::string &before = "</domain>")
{
	std::string s = kMinimal;
	s.insert(s.find(before), more);
	return s;
}

std::string file(const char *path)
{
	std::ifstream f(path);
	std::stringstream s;
	s << f.rdbuf();
	return s.str();
}

TEST(Domain, TheLeastThatIsADomain)
{
	Read r = read(kMinimal);
	ASSERT_EQ(r.r, 0) << r.all();
	EXPECT_STREQ(r.d.name, "n");
	EXPECT_EQ(r.d.memory_bytes, 64u << 20);
	EXPECT_EQ(r.d.vcpus, 1u);
	EXPECT_STREQ(r.d.kernel, "/k");
	EXPECT_EQ(r.d.console, DOMAIN_CONSOLE_STDIO);
	EXPECT_EQ(r.d.cells_n, 0u);
	EXPECT_FALSE(r.d.no_reboot);
}

TEST(Domain, TheExampleIsUnderstood)
{
	Read r = read(file("docs/examples/two-hosts.xml"));
	ASSERT_EQ(r.r, 0) << r.all();
	EXPECT_EQ(r.d.vcpus, 8u);
	EXPECT_EQ(r.d.memory_bytes, 16ull << 30);
	ASSERT_EQ(r.d.cells_n, 2u);
	EXPECT_EQ(r.d.cells[1].vcpus, 4u);
	EXPECT_EQ(r.d.cells[1].memory_bytes, 8ull << 30);
	EXPECT_EQ(r.d.hosts_n, 2u);
	EXPECT_STREQ(r.d.addresses[1], "b.example:7411");
	EXPECT_STREQ(r.d.key, "/etc/pando/cluster.key");
	EXPECT_EQ(r.d.tuning.value[TUNING_PEER_TIMEOUT], 10000u);
	EXPECT_EQ(r.d.tuning.value[TUNING_DILATE], TUNING_UNSET);
	EXPECT_EQ(r.d.console, DOMAIN_CONSOLE_PTY);
}

TEST(Domain, WhatIsWrittenReadsBackTheSame)
{
	const std::string more[] = {
		"",
		"<vcpu>3</vcpu><cpu><numa><cell cpus='0-1' memory='32' unit='MiB'><distances><sibling id='1' "
		"value='20'/>"
		"</distances></cell><cell cpus='2' memory='32768'/></numa></cpu>",
		"<vcpu>2</vcpu><cpu><numa><cell cpus='0,1' memory='32768'/><cell memory='32768'/></numa></cpu>",
		"<title>a &amp; b</title><description>&lt;x&gt; \"q\"</description><on_reboot>destroy</on_reboot>",
		"<title>Gr\xc3\xb6\xc3\x9f"
		"e</title><description>\n two\n\tlines &#x20ac;\n</description><on_reboot>destroy</on_reboot>",
		"<devices><serial type='file'><source path='/tmp/&quot;o' append='on'/></serial></devices>",
		"<devices><console type='null'/></devices>",
		"<metadata><pando:hosts xmlns:pando='" DOMAIN_PANDO_URI
		"' local='3'/><pando:tuning xmlns:pando='" DOMAIN_PANDO_URI
		"' dilate='20' hold='0'/><other:x xmlns:other='u:v'>text<other:y/></other:x></metadata>",
	};
	for (auto &m : more) {
		Read a = read(with(m));
		ASSERT_EQ(a.r, 0) << m << a.all();
		char *text = domain_dump(&a.d);
		ASSERT_NE(text, nullptr);
		Read b = read(text);
		EXPECT_EQ(b.r, 0) << text << b.all();
		EXPECT_EQ(memcmp(&a.d, &b.d, sizeof(a.d)), 0) << text;
		free(text);
	}
}

const char kHosts[] = "<metadata><pando:hosts xmlns:pando='" DOMAIN_PANDO_URI "'>";

TEST(Domain, ProseMayHaveLinesAndAnyLanguage)
{
	Read r = read(with("<title>Gr\xc3\xb6\xc3\x9f"
			   "e</title><description>\n  a note\n\tin two lines \xe2\x82\xac\n</description>"));
	ASSERT_EQ(r.r, 0) << r.all();
	EXPECT_STREQ(r.d.title, "Gr\xc3\xb6\xc3\x9f"
				"e");
	EXPECT_STREQ(r.d.description, "\n  a note\n\tin two lines \xe2\x82\xac\n");
	for (const char *bad : {"<title>a\nb</title>", "<title>&#13;</title>", "<description>\x7f</description>",
				"<description>&#13;</description>",
				"<title>\xc2\x9b"
				"2J</title>",
				"<description>\xc2\x85</description>"})
		EXPECT_EQ(read(with(bad)).r, -EINVAL) << bad;
}

TEST(Domain, AnEmptyElementIsAsIfItWereNotThere)
{
	Read r = read(with("<initrd></initrd><cmdline/>", "</os>"));
	ASSERT_EQ(r.r, 0) << r.all();
	EXPECT_STREQ(r.d.initrd, "");
	r = read(with("<uuid></uuid><title/><description/>"));
	ASSERT_EQ(r.r, 0) << r.all();
	EXPECT_STREQ(r.d.uuid, "");
	std::string s = kMinimal;
	s.replace(s.find("/k"), 2, "");
	r = read(s);
	EXPECT_EQ(r.r, -EINVAL);
	EXPECT_NE(r.all().find("<os><kernel>: this element is missing"), std::string::npos) << r.all();
}

// One wrong word is one error, and it is the one that is said.
TEST(Domain, EachHostHasOneAddress)
{
	for (const char *bad :
	     {"nonsense", "", ":7411", "a:1,b:2", "a:1, b:2", "a:", "a:x", "a:70000", "a b:1", "::1:7"}) {
		Read r = read(
			with(std::string(kHosts) + "<pando:host address='" + bad + "'/></pando:hosts></metadata>"));
		EXPECT_EQ(r.r, -EINVAL) << bad;
		EXPECT_EQ(r.e.n, 1u) << r.all();
		EXPECT_NE(r.all().find("expected one address"), std::string::npos) << r.all();
	}
	Read r = read(with(std::string(kHosts) +
			   "<pando:host address='a:1'/><pando:host address='a:1'/></pando:hosts></metadata>"));
	EXPECT_NE(r.all().find("twice"), std::string::npos) << r.all();
	r = read(with(std::string(kHosts) +
		      "<pando:host address='[::1]:1'/><pando:host address='b:2'/></pando:hosts></metadata>"));
	EXPECT_EQ(r.r, 0) << r.all();
}

// Tools write a controller for each bus; every one is judged.
TEST(Domain, ASecondElementHidesNothing)
{
	Read r = read(with("<devices><controller type='usb' index='0' model='none'/>\n<controller type='pci' index='0' "
			   "model='pcie-root'/></devices>"));
	EXPECT_NE(r.all().find("line 2: <devices><controller>: model='pcie-root'"), std::string::npos) << r.all();
	EXPECT_EQ(r.all().find("second time"), std::string::npos) << r.all();
	r = read(with("<vcpu>1</vcpu><vcpu cpuset='0'>1</vcpu>"));
	EXPECT_NE(r.all().find("second time"), std::string::npos) << r.all();
	EXPECT_NE(r.all().find("not pinned"), std::string::npos) << r.all();
}

TEST(Domain, APipeThatComesLaterIsReadToItsEnd)
{
	static struct domain d;
	static struct domain_errors e;
	int p[2];
	ASSERT_EQ(pipe(p), 0);
	std::thread writer([&] {
		usleep(50000);
		EXPECT_EQ(::write(p[1], kMinimal, sizeof(kMinimal) - 1), (ssize_t)sizeof(kMinimal) - 1);
		close(p[1]);
	});
	EXPECT_EQ(domain_read(("/dev/fd/" + std::to_string(p[0])).c_str(), &d, &e), 0) << e.text[0];
	writer.join();
	close(p[0]);
	EXPECT_NE(domain_read("/tmp", &d, &e), 0);
	EXPECT_NE(std::string(e.text[0]).find("is a folder"), std::string::npos) << e.text[0];
}

struct Case {
	std::string xml, path, says;
};

// Each thing that cannot be honoured is named, with its line.
TEST(Domain, WhatCannotBeHonouredIsNamed)
{
	const Case cases[] = {
		{with("<devices><disk type='file'/></devices>"), "<devices><disk>", "is missing"},
		{with("<devices><interface type='network'/></devices>"), "<devices><interface>",
		 "type='network': only"},
		{with("<devices><graphics type='vnc'/></devices>"), "<devices><graphics>", "no display"},
		{with("<devices><nosuch/></devices>"), "<devices><nosuch>", "not known"},
		{with("<nosuch/>"), "<nosuch>", "not known"},
		{with("<on_reboot>preserve</on_reboot>"), "<on_reboot>", "restart|destroy"},
		{with("<vcpu cpuset='0'>1</vcpu>"), "<vcpu>", "not pinned"},
		{with("<vcpu current='1'>2</vcpu>"), "<vcpu>", "from the start"},
		{with("<vcpu nosuch='1'>2</vcpu>"), "<vcpu>", "nosuch"},
		{with("<vcpu>0</vcpu>"), "<vcpu>", "from 1"},
		{with("<vcpu>1</vcpu><vcpu>1</vcpu>"), "<vcpu>", "second time"},
		{with("<currentMemory unit='MiB'>32</currentMemory>"), "<currentMemory>", "balloon"},
		{with("<maxMemory>1</maxMemory>"), "<maxMemory>", "not added"},
		{with("<cpu mode='custom'/>"), "<cpu>", "host-passthrough"},
		{with("<cpu><feature name='x'/></cpu>"), "<cpu><feature>", "not chosen"},
		{with("<cpu><topology sockets='2' cores='2' threads='1'/></cpu>"), "<cpu><topology>", "not 1 vCPUs"},
		{with("<cpu><topology sockets='1' cores='1' threads='2'/></cpu>"), "<cpu><topology>", "threads='1'"},
		{with("<cpu><numa><cell cpus='1' memory='65536'/></numa></cpu>"), "<cpu><numa><cell>",
		 "numbered cell by cell"},
		{with("<cpu><numa><cell cpus='0' memory='32768'/></numa></cpu>"), "<cpu><numa>", "<memory> says"},
		{with("<cpu><numa><cell cpus='0' memory='65536'><distances><sibling id='0' "
		      "value='11'/></distances></cell></numa></cpu>"),
		 "<cpu><numa><cell><distances>", "only 10"},
		{with("<clock offset='localtime'/>"), "<clock>", "utc"},
		{with("<clock offset='utc'><timer name='hpet' present='yes'/></clock>"), "<clock><timer>",
		 "hpet is never"},
		{with("<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>"), "<clock><timer>",
		 "delay"},
		{with("<features><hyperv/></features>"), "<features><hyperv>", "Hyper-V"},
		{with("<boot dev='hd'/>", "</os>"), "<os><boot>", "kernel"},
		{with("<loader>/x</loader>", "</os>"), "<os><loader>", "firmware"},
		{with("<devices><serial type='tcp'/></devices>"), "<devices><serial>", "pty|stdio|file|null"},
		{with("<devices><serial type='file'/></devices>"), "<devices><serial>", "source"},
		{with("<devices><serial type='pty'/><console type='null'/></devices>"), "<devices><console>",
		 "one port"},
		{with("<devices><memballoon model='virtio'/></devices>"), "<devices><memballoon>", "none"},
		{with("<metadata><pando:hosts xmlns:pando='" DOMAIN_PANDO_URI
		      "' local='2'><pando:host address='a:1'/></pando:hosts></metadata>"),
		 "<metadata><pando:hosts>", "either"},
		{with("<metadata><pando:nosuch xmlns:pando='" DOMAIN_PANDO_URI "'/></metadata>"),
		 "<metadata><pando:nosuch>", "not known"},
		{with("<metadata><pando:hosts xmlns:pando='" DOMAIN_PANDO_URI
		      "'><pando:host address='a:1' cell='1'/></pando:hosts></metadata>"),
		 "<metadata><pando:hosts>", "cell 0 has no host"},
		{with("<metadata><pando:tuning xmlns:pando='" DOMAIN_PANDO_URI "' dilate='0'/></metadata>"),
		 "<metadata><pando:tuning>", "dilate"},
		{with("text"), "<domain>", "no text"},
		{"<domain type='qemu'><name>n</name></domain>", "<domain>", "'kvm'"},
		{"<domain type='kvm'><memory>2048</memory><os><kernel>/k</kernel></os></domain>", "<name>", "missing"},
		{"<domain type='kvm'><name>n</name><memory>2048</memory></domain>", "<os><kernel>", "missing"},
		{"<domain type='kvm'><name>n</name><os><kernel>/k</kernel></os></domain>", "<memory>", "missing"},
		{"<domain type='kvm'><name>../n</name><memory>2048</memory><os><kernel>/k</kernel></os></domain>",
		 "<name>", "letters"},
		{"<domain type='kvm'><name>n</name><memory>2049</memory><os><kernel>/k</kernel></os></domain>",
		 "<memory>", "2 MiB"},
		{"<domain type='kvm'><name>n</name><memory "
		 "unit='XB'>2048</memory><os><kernel>/k</kernel></os></domain>",
		 "<memory>", "unit"},
		{"<domain type='kvm'><name>n</name><memory>2048</memory><os><kernel>k</kernel></os></domain>",
		 "<os><kernel>", "absolute"},
		{"<network/>", "", "<network>, expected <domain>"},
	};
	for (auto &c : cases) {
		Read r = read(c.xml);
		EXPECT_EQ(r.r, -EINVAL) << c.xml;
		EXPECT_NE(r.all().find(c.path + (c.path.empty() ? "" : ": ")), std::string::npos) << c.xml << "\n"
												  << r.all();
		EXPECT_NE(r.all().find(c.says), std::string::npos) << c.xml << "\n" << r.all();
	}
}

TEST(Domain, EveryErrorIsSaidWithItsLine)
{
	Read r = read(
		"<domain "
		"type='kvm'>\n<name>n</name>\n<devices>\n<disk/>\n<interface/>\n</devices>\n<memory>2048</memory>\n"
		"<os><kernel>/k</kernel></os>\n</domain>");
	EXPECT_EQ(r.e.n, 2u);
	EXPECT_NE(r.all().find("line 4: <devices><disk>: "), std::string::npos) << r.all();
	EXPECT_NE(r.all().find("line 5: <devices><interface>: "), std::string::npos) << r.all();
	std::string many;
	for (int i = 0; i < 100; i++)
		many += "<graphics/>";
	r = read(with("<devices>" + many + "</devices>"));
	EXPECT_EQ(r.e.n, 100u); // counted, though not all kept
}

TEST(Domain, HostileTextHarmsNobody)
{
	std::string lol = "<!DOCTYPE d [<!ENTITY a 'lol'>", deep, wide = "<domain type='kvm' ";
	for (char c = 'b'; c < 'k'; c++) {
		lol += std::string("<!ENTITY ") + c + " '";
		for (int i = 0; i < 10; i++)
			lol += std::string("&") + (char)(c - 1) + ";";
		lol += "'>";
	}
	lol += "]><domain type='kvm'><name>&j;</name></domain>";
	for (int i = 0; i < 5000; i++)
		deep += "<a>";
	for (int i = 0; i < 60000; i++)
		wide += "a" + std::to_string(i) + "='' ";
	std::string elements = "<domain type='kvm'>";
	for (int i = 0; i < 20000; i++)
		elements += "<a/>";
	const Case cases[] = {
		{lol, "", "DOCTYPE"},
		{"<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>", "", "DOCTYPE"},
		{"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>", "",
		 "DOCTYPE"},
		{deep, "", "nested too deep"},
		{wide + "/>", "", "16 KiB"},
		{elements + "</domain>", "", "too many elements"},
		{std::string(2 << 20, ' '), "", "1 MiB"},
		{std::string("<domain\0/>", 10), "", "UTF-8"},
		{"<?xml version='1.0' encoding='ISO-8859-1'?><domain type='kvm'><name>\xe9</name></domain>", "",
		 "UTF-8"},
		{"<domain type='kvm'><name>\xc3\x28</name></domain>", "", "not well-formed"},
		{"<domain", "", "not well-formed"},
		{"", "", "not well-formed"},
		{"hello", "", "not well-formed"},
	};
	for (auto &c : cases) {
		Read r = read(c.xml);
		EXPECT_EQ(r.r, -EINVAL) << c.xml.substr(0, 80);
		EXPECT_NE(r.all().find(c.says), std::string::npos) << c.xml.substr(0, 80) << "\n" << r.all();
	}
}

// docs/DOMAIN-XML.md has every rule, and nothing that is none.
TEST(Domain, TheDocumentationHasEveryRule)
{
	std::string doc = file("docs/DOMAIN-XML.md");
	static std::set<std::string> rows; // "| `<vcpu> current` | honoured |"
	rows.clear();
	domain_rules_each(
		[](void *, const char *path, const char *how, const char *why) {
			std::string row = std::string("| `") + path + "` | " + how + " | " + (why ? why : "") + " |";
			rows.insert(row);
		},
		nullptr);
	EXPECT_GT(rows.size(), 100u);
	for (auto &r : rows)
		EXPECT_NE(doc.find(r + "\n"), std::string::npos) << r;
	std::stringstream lines(doc);
	for (std::string line; std::getline(lines, line);)
		if (line.rfind("| `<", 0) == 0) {
			EXPECT_TRUE(rows.count(line)) << line;
		}
}

} // namespace
