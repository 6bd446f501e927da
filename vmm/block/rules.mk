# SPDX-License-Identifier: Apache-2.0
ifneq ($(HAVE_NBD),yes)
$(info libnbd was not found: pando is built without volumes on the network)
endif
