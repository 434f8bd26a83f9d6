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
 * The driver relies on what these parts of the kernel do not promise. Look at each before a
 * newer version is allowed.
 *
 * - pci_reset_fn_methods[] (drivers/pci/pci.c): while a CXL Reset has not ended, the flags NO_FLR
 *   and NO_PM keep the methods away that do not end it (life/state.c). Another method, as a CXL
 *   Reset by the PCI core would be, knows neither flag.
 * - vfio_pci_core_device.barmap: what is not NULL there the core neither requests nor releases
 *   (vfio_pci_core_setup_barmap()). The driver lends it its own mapping (user/device.c).
 * - vfio_pci_core_device.vconfig: Memory Space Enable there is the one gate to the BARs
 *   (__vfio_pci_memory_enabled()). A CXL Reset closes it (life/cxl_reset.c).
 * - vfio_pci_core_close_device() only tries the device lock. The driver has it meanwhile where
 *   the core is not to reset the device (life/reset.c).
 * - dev_pm_domain_set(): no other code gives a PCI device a PM domain. The driver does
 *   (life/runtime_pm.c), and keeps a device that has one awake.
 * - vfio_pci_core_device.needs_reset, .reset_works, .needs_pm_restore mean what they do in 7.3.
 * - pci_try_reset_function(), pci_reset_bus(): they call reset_prepare() and reset_done() in the
 *   context of their caller. By that the driver tells its user's reset from others (life/reset.c).
 * - insert_resource(): the CXL core's region takes in a claim of the same range (life/commit.c).
 * - VM_MIXEDMAP: whatever walks page tables asks vm_normal_page_pmd(), and its like, of each large
 *   leaf, not the leaf itself (memory/backing_pfn.c).
 * - vmemmap_can_optimize(): the second page of a folio's memmap is the folio's own, and is not
 *   read-only (memory/backing_folio.c).
 * - struct pci_error_handlers: errors that AER reports for the device arrive here, those in its
 *   RAS capability too, and not in the CXL core.
 */
/*
 * What vfio_pci_core_device.pci_config_map has for bytes that no capability
 * has: PCI_CAP_ID_INVALID in vfio_pci_priv.h, which only the core can include.
 */
#define CXL_VFIO_UNASSIGNED	0xff

#endif
