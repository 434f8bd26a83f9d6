// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is gone: the PCI core has been told, by the slot or by error recovery, and
 * that is the end of it.
 */
#include <linux/pci.h>

#include "life/life.h"

/**
 * cxl_vfio_removed - the device is gone, and does not come back
 * @cxlv: the device
 *
 * All mappings of its memory are zapped. Nothing takes this reason back: what
 * comes into the slot is another device, also where its memory gets the same addresses.
 */
void cxl_vfio_removed(struct cxl_vfio_device *cxlv)
{
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_GONE))
		return;
	pci_warn(cxlv->core.pdev, "the device was removed, or given up: its memory is gone for good\n");
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_GONE);
	wake_up_all(&cxlv->regs.request.ended);
}

/**
 * cxl_vfio_request - the user is asked to go
 * @vdev: the VFIO device, being unbound
 * @count: how often the user was asked before
 *
 * Again every ten seconds. Who powered off its slot waits for this, and would be the one
 * to hear that the device was taken out meanwhile. No reset can be under way: unbind has
 * the device lock.
 */
void cxl_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);

	if (!cxl_vfio_is_present(&cxlv->hw))
		cxl_vfio_removed(cxlv);
	vfio_pci_core_request(vdev, count);
}
