// SPDX-License-Identifier: Apache-2.0
// SMBIOS as an operating system finds it; and what dmidecode and systemd-tmpfiles, which others wrote, make of it.
#include "tests/unit/acpi/iasl.h"

#include <cerrno>

extern "C" {
#include "vmm/acpi/smbios.h"
}

namespace
{

struct Structure {
	unsigned type;
	Bytes formatted;
	std::vector<std::string> strings;
};

struct Smbios {
	Bytes mem;
	std::vector<Structure> all;

	explicit Smbios(const machine_desc &d) : mem(SMBIOS_BYTES_MAX)
	{
		size_t bytes = 0;
		EXPECT_EQ(0, smbios_build(&d, mem.data(), mem.size(), SMBIOS_GPA, &bytes));
		mem.resize(bytes);
		const uint8_t *e = mem.data();
		EXPECT_EQ(0, memcmp(e, "_SM3_", 5));
		EXPECT_EQ(24, e[6]);
		EXPECT_EQ(0, Tables::sum(e, 24));
		size_t at = get_le(e + 16, 8) - SMBIOS_GPA, end = at + get_le(e + 12, 4);
		EXPECT_EQ(bytes, end);
		while (at < end)
			at = take(at, end);
	}
	size_t take(size_t at, size_t end)
	{
		EXPECT_LE(at + 4, end);
		size_t formatted = mem[at + 1], next = at + formatted;
		EXPECT_GE(formatted, 4u);
		EXPECT_EQ(all.size(), get_le(&mem[at + 2], 2)) << "its handle";
		Structure s = {mem[at], Bytes(&mem[at], &mem[next]), {}};
		for (; next < end && mem[next]; next += s.strings.back().size() + 1)
			s.strings.push_back((const char *)&mem[next]);
		EXPECT_LE(next + (s.strings.empty() ? 2 : 1), end);
		all.push_back(s);
		return next + (s.strings.empty() ? 2 : 1);
	}
	std::vector<unsigned> types() const
	{
		std::vector<unsigned> t;
		for (auto &s : all)
			t.push_back(s.type);
		return t;
	}
	std::string credential() const
	{
		const std::string begin = "io.systemd.credential:tmpfiles.extra=";
		for (auto &s : all)
			for (auto &text : s.strings)
				if (s.type == 11 && text.compare(0, begin.size(), begin) == 0)
					return text.substr(begin.size());
		return "";
	}
};

machine_desc named(const char *uuid = "00112233-4455-6677-8899-aabbccddeeff", bool elastic = false)
{
	machine_desc d = sample_desc(1);
	snprintf(d.uuid, sizeof(d.uuid), "%s", uuid);
	d.elastic = elastic;
	return d;
}

} // namespace

TEST(Smbios, StructuresFollowEachOther)
{
	EXPECT_EQ((std::vector<unsigned>{0, 1, 3, 32, 127}), Smbios(named()).types());
	EXPECT_EQ((std::vector<unsigned>{0, 1, 3, 11, 32, 127}), Smbios(named("", true)).types());
}

// The first three fields are little-endian; none is all zeroes.
TEST(Smbios, TellsTheUuid)
{
	Bytes system = Smbios(named()).all[1].formatted;
	ASSERT_EQ(27u, system.size());
	EXPECT_EQ(
		(Bytes{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}),
		Bytes(&system[8], &system[24]));
	system = Smbios(named("")).all[1].formatted;
	EXPECT_EQ(Bytes(16), Bytes(&system[8], &system[24]));
}

TEST(Smbios, LessRoomAndAnotherPlaceAreErrors)
{
	machine_desc d = named("", true);
	Smbios whole(d);
	size_t bytes;
	for (size_t cap = 0; cap < whole.mem.size(); cap++) {
		Bytes b(cap + 16, 0xee);
		ASSERT_EQ(-ENOSPC, smbios_build(&d, b.data(), cap, SMBIOS_GPA, &bytes));
		for (size_t i = cap; i < b.size(); i++)
			ASSERT_EQ(0xee, b[i]);
	}
	Bytes b(SMBIOS_BYTES_MAX);
	EXPECT_EQ(-EINVAL, smbios_build(&d, b.data(), b.size(), SMBIOS_GPA + 8, &bytes));
	EXPECT_EQ(-EINVAL, smbios_build(&d, b.data(), b.size(), ACPI_GPA, &bytes)) << "nobody looks there";
	EXPECT_EQ(-EINVAL, smbios_build(&d, b.data(), b.size(), ACPI_AREA_END - 16, &bytes));
}

class SmbiosJudged : public Iasl
{
      protected:
	std::string out(const std::string &command, int status = 0)
	{
		int r = system(("cd " + dir.string() + " && { " + command + "; } >out.txt 2>&1").c_str());
		EXPECT_EQ(status, r) << command << "\n" << read(dir / "out.txt");
		return read(dir / "out.txt");
	}
	bool there(const char *program)
	{
		if (system((std::string("PATH=$PATH:/usr/sbin; command -v ") + program + " >/dev/null").c_str()) == 0)
			return true;
		printf("SKIP SmbiosJudged: %s is not installed\n", program);
		return false;
	}
};

TEST_F(SmbiosJudged, DmidecodeReadsIt)
{
	if (!there("dmidecode"))
		GTEST_SKIP();
	Smbios s(named("01234567-89ab-cdef-0123-456789abcdef", true));
	put_le(&s.mem[16], 32, 8); // in a dump addresses are those of the file
	s.mem[5] = 0;
	s.mem[5] = (uint8_t)-Tables::sum(s.mem.data(), 24);
	write("smbios", s.mem);
	std::string said = out("PATH=$PATH:/usr/sbin dmidecode --from-dump smbios.dat");
	for (const char *word :
	     {"SMBIOS 3.4.0 present", "UUID: 01234567-89ab-cdef-0123-456789abcdef", "Product Name: Virtual Machine",
	      "System is a virtual machine", "ROM Size: 128 kB",
	      "String 1: io.systemd.credential:tmpfiles.extra=", "Status: No errors detected", "End Of Table"})
		EXPECT_NE(std::string::npos, said.find(word)) << word << "\n" << said;
	for (const char *word : {"BAD", "rong", "nvalid", "runcated", "OUT OF SPEC"})
		EXPECT_EQ(std::string::npos, said.find(word)) << word << "\n" << said;
}

// In a folder that looks like a guest's root: there is a rule then, and what waited is online.
TEST_F(SmbiosJudged, SystemdTmpfilesCarriesTheCredentialOut)
{
	EXPECT_EQ("", Smbios(named()).credential());
	if (!there("systemd-tmpfiles"))
		GTEST_SKIP();
	std::string credential = Smbios(named("", true)).credential();
	fs::path cpus = dir / "root/sys/devices/system/cpu";
	fs::create_directories(dir / "given");
	for (const char *cpu : {"cpu0", "cpu4", "cpu17"})
		fs::create_directories(cpus / cpu);
	std::ofstream(dir / "given/tmpfiles.extra") << credential;
	std::ofstream(cpus / "cpu4/online") << "0\n";
	std::ofstream(cpus / "cpu17/online") << "0\n";
	for (unsigned boot = 0; boot < 2; boot++)
		EXPECT_EQ("",
			  out("CREDENTIALS_DIRECTORY=$PWD/given systemd-tmpfiles --create --boot --root=$PWD/root"));
	EXPECT_EQ("SUBSYSTEM==\"cpu\", ACTION==\"add\", TEST==\"online\", ATTR{online}==\"0\", ATTR{online}=\"1\"",
		  read(dir / "root/run/udev/rules.d/99-pando-cpus.rules"));
	EXPECT_EQ("1", read(cpus / "cpu4/online").substr(0, 1));
	EXPECT_EQ("1", read(cpus / "cpu17/online").substr(0, 1));
	EXPECT_FALSE(fs::exists(cpus / "cpu0/online")) << "the first CPU has none";
}
