/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows kernel versions. Included before every other
 * header of the module, by Kbuild.
 */
#ifndef CXL_VFIO_COMPAT_H
#define CXL_VFIO_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#error "cxl-vfio-pci needs Linux 7.3 or later: older kernels have no CXL Type-2 API for modules"
#endif

#endif
