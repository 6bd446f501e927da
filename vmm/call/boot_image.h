// SPDX-License-Identifier: Apache-2.0
// Boot images on their way from `pando run` to host 0: the numbers of CTL_IMAGE.
#ifndef VMM_CALL_BOOT_IMAGE_H
#define VMM_CALL_BOOT_IMAGE_H

#define CTL_KERNEL      0
#define CTL_INITRD      1
#define CTL_IMAGE_MAX   (1ull << 30) // bytes of one boot image at most
#define CTL_PIECE_BYTES 131072u      // bytes of one CTL_IMAGE

#endif
