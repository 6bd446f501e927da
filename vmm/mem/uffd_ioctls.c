// SPDX-License-Identifier: Apache-2.0
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "vmm/mem/uffd.h"

/* Linux 6.8's UFFDIO_MOVE, by its number (include/uapi/linux/userfaultfd.h). */
#define MOVE _IOC(_IOC_READ | _IOC_WRITE, UFFDIO, 0x05, 40)

/* UFFDIO_API and a new descriptor are not among them: there is one, and memory that comes and goes is registered with
 * it. */
const unsigned long uffd_ioctls[] = {UFFDIO_COPY, UFFDIO_WRITEPROTECT, UFFDIO_WAKE,
				     MOVE,        UFFDIO_REGISTER,     UFFDIO_UNREGISTER};
const size_t uffd_ioctls_n = sizeof(uffd_ioctls) / sizeof(uffd_ioctls[0]);
