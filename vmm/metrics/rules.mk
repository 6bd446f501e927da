# SPDX-License-Identifier: Apache-2.0
ifneq ($(HAVE_MHD),yes)
$(info libmicrohttpd was not found: pando is built without the metrics page)
endif
