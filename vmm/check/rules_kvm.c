// SPDX-License-Identifier: Apache-2.0
// The processor and KVM.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/check/rules_priv.h"

#define API_VERSION             12
#define KERNEL_OF(major, minor) ((major)*1000u + (minor))
#define KERNEL_NEEDED           KERNEL_OF(6, 1)

static void judge_kernel(const struct check_facts *f, struct check_line *l)
{
	if (KERNEL_OF(f->kernel_major, f->kernel_minor) < KERNEL_NEEDED)
		check_warn(l, NULL, "Linux %s is older than 6.1, the oldest that Pando is tested on", f->self.kernel);
	else
		check_pass(l, "Linux %s", f->self.kernel);
}

static const char *module_of(const struct check_facts *f)
{
	return f->self.vendor == CHECK_AMD ? "kvm_amd" : "kvm_intel";
}

static const char *virt_of(const struct check_facts *f)
{
	return f->self.vendor == CHECK_AMD ? "AMD-V" : f->self.vendor == CHECK_INTEL ? "VT-x" : "VT-x or AMD-V";
}

static void judge_processor(const struct check_facts *f, struct check_line *l)
{
	const char *model = f->self.model[0] ? f->self.model : "a processor without a name";

	if (f->cpu_virt)
		check_pass(l, "%s with %s", model, virt_of(f));
	else if (!f->kvm.open_error || f->kvm_module[0])
		check_warn(l, NULL, "%s shows no %s; KVM does without it here (%s), slowly", model, virt_of(f),
			   f->kvm_module[0] ? f->kvm_module : "module not seen");
	else
		check_fail(l, NULL, "%s shows no %s: enable it in the firmware%s", model, virt_of(f),
			   f->virtual_machine ? ", or nesting in the machine around this one" : "");
}

static void judge_device(const struct check_facts *f, struct check_line *l)
{
	char remedy[CHECK_REMEDY_MAX];
	int e = f->kvm.open_error;

	snprintf(remedy, sizeof(remedy), "modprobe %s", module_of(f));
	if (!e)
		check_pass(l, "/dev/kvm may be opened");
	else if (e == -EACCES || e == -EPERM)
		check_fail(l, "usermod -aG kvm $USER",
			   "/dev/kvm may not be opened by this user (log in again after the "
			   "change)");
	else if (e == -ENOENT && f->kvm_module[0])
		check_fail(l, "mknod /dev/kvm c 10 232", "there is no /dev/kvm, although %s is loaded", f->kvm_module);
	else if (e == -ENOENT || e == -ENODEV || e == -ENXIO)
		check_fail(l, remedy, "there is no KVM: its module is not loaded");
	else
		check_fail(l, NULL, "/dev/kvm cannot be opened: %s", strerror(-e));
}

/* Says so where nothing can be known without KVM. */
static bool no_kvm(const struct check_facts *f, struct check_line *l)
{
	if (f->kvm.open_error)
		check_warn(l, NULL, "not seen: /dev/kvm cannot be opened");
	return f->kvm.open_error != 0;
}

static void judge_needs(const struct check_facts *f, struct check_line *l)
{
	char missing[256] = "";
	const char *remedy = "";
	size_t at = 0;

	if (no_kvm(f, l))
		return;
	if (f->kvm.api != API_VERSION) {
		check_fail(l, NULL, "KVM has API version %d, %d is needed", f->kvm.api, API_VERSION);
		return;
	}
	for (unsigned i = 0; i < hv_needs_n; i++)
		if (f->kvm.missing & 1u << i && at < sizeof(missing)) {
			at += (size_t)snprintf(missing + at, sizeof(missing) - at, "%s%s", at ? ", " : "",
					       hv_needs[i].name);
			remedy = hv_needs[i].remedy;
		}
	if (at)
		check_fail(l, NULL, "KVM lacks %s: %s is needed", missing, remedy);
	else
		check_pass(l, "API version %d and all %u capabilities that are needed", f->kvm.api, hv_needs_n);
}

static void judge_vcpu(const struct check_facts *f, struct check_line *l)
{
	if (no_kvm(f, l))
		return;
	if (f->kvm.run_error)
		check_fail(l, NULL, "no guest runs: %s", f->kvm.why);
	else if (f->kvm.emulated)
		check_warn(l, NULL,
			   "a guest runs, but KVM emulates its kernel mode instruction by instruction: for "
			   "tests only");
	else
		check_pass(l, "a guest runs");
}

static void judge_paging(const struct check_facts *f, struct check_line *l)
{
	const char *what = f->self.vendor == CHECK_AMD ? "NPT" : "EPT";
	const char *parameter = f->self.vendor == CHECK_AMD ? "npt" : "ept";
	char remedy[CHECK_REMEDY_MAX];

	snprintf(remedy, sizeof(remedy), "modprobe -r %s; modprobe %s %s=1", module_of(f), module_of(f), parameter);
	if (f->nested_paging > 0)
		check_pass(l, "%s is on", what);
	else if (f->nested_paging == 0)
		check_warn(l, remedy, "%s is off or missing: KVM shadows page tables in software, which is slow", what);
	else if (f->kvm_module[0])
		check_warn(l, NULL, "not seen: %s tells nothing of %s", f->kvm_module, what);
	else
		check_warn(l, NULL, "not seen: no module of KVM tells of %s", what);
}

static void judge_walks(const struct check_facts *f, struct check_line *l)
{
	switch (f->self.walks) {
	case WALKS_READ:
		check_pass(l, "walks of guest page tables only read them (tried): several hosts can share them");
		break;
	case WALKS_WRITE_EPTAD:
		check_warn(l, WALKS_EPTAD_REMEDY,
			   "walks of guest page tables write to them (kvm_intel.eptad=Y): a guest over several hosts "
			   "crawls; for good: 'options kvm_intel eptad=0' in /etc/modprobe.d/pando.conf");
		break;
	case WALKS_WRITE:
		check_warn(l, NULL,
			   "walks of guest page tables write to them (tried)%s: a guest over several hosts "
			   "moves those pages all the time",
			   f->self.vendor == CHECK_AMD ? "; AMD has no switch for it" : "");
		break;
	default:
		if (no_kvm(f, l))
			break;
		/* Where trying tells nothing: an emulator whose walks set accessed bits past the nested tables, as
		 * Bochs'. */
		if (f->self.vendor == CHECK_INTEL && f->eptad == 0)
			check_pass(l,
				   "kvm_intel.eptad=N: walks of guest page tables only read them (by that, not tried)");
		else
			check_warn(l, NULL, "not seen: no guest ran that could try it");
	}
}

const struct check_rule check_rules_kvm[] = {
	{"kernel", judge_kernel},    {"processor", judge_processor},
	{"kvm", judge_device},       {"kvm-needs", judge_needs},
	{"vcpu", judge_vcpu},        {"nested-paging", judge_paging},
	{"page-walks", judge_walks}, {0},
};
