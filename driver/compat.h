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

/*
 * What vfio_pci_core_device.pci_config_map has for bytes that no capability
 * has: PCI_CAP_ID_INVALID in vfio_pci_priv.h, which only the core can include.
 */
#define CXL_VFIO_UNASSIGNED	0xff

#endif
