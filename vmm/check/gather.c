// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/gather.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/dpdk_port.h"
#include "vmm/mem/uffd.h"

#define L1_ECX_PCLMUL     (1u << 1)
#define L1_ECX_VMX        (1u << 5)
#define L1_ECX_SSE42      (1u << 20)
#define L1_ECX_AES        (1u << 25)
#define L1_ECX_HYPERVISOR (1u << 31)
#define E1_ECX_SVM        (1u << 2)
#define E7_EDX_INVARIANT  (1u << 8)

static enum check_vendor vendor_of(unsigned b, unsigned c, unsigned d)
{
	char name[13] = "";

	memcpy(name, &b, 4);
	memcpy(name + 4, &d, 4);
	memcpy(name + 8, &c, 4);
	if (strcmp(name, "GenuineIntel") == 0)
		return CHECK_INTEL;
	return strcmp(name, "AuthenticAMD") == 0 || strcmp(name, "HygonGenuine") == 0 ? CHECK_AMD : CHECK_OTHER_VENDOR;
}

static void gather_model(char out[CHECK_TEXT_MAX])
{
	unsigned r[12] = {0};
	char name[sizeof(r) + 1] = "";

	for (unsigned i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
	memcpy(name, r, sizeof(r));
	snprintf(out, CHECK_TEXT_MAX, "%s", name + strspn(name, " "));
	for (size_t n = strlen(out); n && out[n - 1] == ' ';)
		out[--n] = 0;
}

static void gather_processor(struct check_facts *f)
{
	unsigned a = 0, b = 0, c = 0, d = 0, svm = 0;

	__get_cpuid(0, &a, &b, &c, &d);
	f->self.vendor = vendor_of(b, c, d);
	a = c = 0;
	__get_cpuid(1, &a, &b, &c, &d);
	f->self.signature = a;
	f->aes = c & L1_ECX_AES;
	f->crc32 = c & L1_ECX_SSE42;
	f->pclmul = c & L1_ECX_PCLMUL;
	f->virtual_machine = c & L1_ECX_HYPERVISOR;
	f->cpu_virt = (c & L1_ECX_VMX) != 0;
	__get_cpuid(0x80000001, &a, &b, &svm, &d);
	f->cpu_virt |= f->self.vendor == CHECK_AMD && svm & E1_ECX_SVM;
	d = 0;
	__get_cpuid(0x80000007, &a, &b, &c, &d);
	f->tsc_invariant = d & E7_EDX_INVARIANT;
	gather_model(f->self.model);
}

static struct check_limit limit_of(int what)
{
	struct rlimit r = {0};

	getrlimit(what, &r); // RLIM_INFINITY is UINT64_MAX
	return (struct check_limit){r.rlim_cur, r.rlim_max};
}

static void gather_process(struct check_facts *f)
{
	struct utsname u = {0};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	uname(&u);
	snprintf(f->self.kernel, sizeof(f->self.kernel), "%s", u.release);
	sscanf(u.release, "%u.%u", &f->kernel_major, &f->kernel_minor);
	snprintf(f->self.version, sizeof(f->self.version), "%s", PANDO_VERSION);
	f->root = geteuid() == 0;
	f->cpus = cpus > 0 ? (unsigned)cpus : 1;
	f->nofile = limit_of(RLIMIT_NOFILE);
	f->memlock = limit_of(RLIMIT_MEMLOCK);
	f->rtprio = limit_of(RLIMIT_RTPRIO);
}

static void gather_kvm(struct check_facts *f)
{
	struct cpuid_topology t = {.package_vcpus = 1};
	struct cpuid_table shown;

	hv_survey_take(&f->kvm);
	if (f->kvm.open_error || f->kvm.run_error)
		return;
	f->self.tsc_khz = f->kvm.tsc_khz;
	if (f->kvm.walks == HV_WALKS_READ)
		f->self.walks = WALKS_READ;
	else if (f->kvm.walks == HV_WALKS_WRITE)
		f->self.walks = f->eptad > 0 ? WALKS_WRITE_EPTAD : WALKS_WRITE;
	t.guest_tsc_khz = f->kvm.tsc_khz;
	t.no_xsave = !f->kvm.xsave;
	t.emulated = f->kvm.emulated;
	cpuid_policy(&f->kvm.supported, &t, &shown);
	cpuid_words(&shown, f->self.features);
	f->self.address_bits = (uint8_t)cpuid_address_bits(&shown);
}

void check_gather(struct check_facts *out)
{
	memset(out, 0, sizeof(*out));
	check_gather_files(out, "");
	gather_processor(out);
	gather_process(out);
	gather_kvm(out);
	out->uffd_error = uffd_probe(&out->uffd_features);
	uring_probe(&out->uring);
	out->dpdk = dpdk_present();
}
