// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/hv/kvm_priv.h"

static void try_it(struct hv_survey *s)
{
	struct hv hv;

	s->run_error = hv_open(&hv, s->why, sizeof(s->why));
	if (s->run_error)
		return;
	s->emulated = hv.emulated;
	s->xsave = hv.xsave;
	s->tsc_offset = hv.tsc_offset;
	s->supported = hv.supported;
	s->walks = hv_probe_walks(&hv);
	int khz = ioctl(hv.vm_fd, KVM_GET_TSC_KHZ, 0);
	s->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	hv_close(&hv);
}

void hv_survey_take(struct hv_survey *out)
{
	memset(out, 0, sizeof(*out));
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	out->open_error = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	out->api = ioctl(fd, KVM_GET_API_VERSION, 0);
	for (unsigned i = 0; i < hv_needs_n; i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, hv_needs[i].cap) < hv_needs[i].least)
			out->missing |= 1u << i;
	out->tsc_scaling = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
	close(fd);
	try_it(out);
}
