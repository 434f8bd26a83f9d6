// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that leaves its slot without notice. First it only answers nothing, and
 * nobody knows whether it will again; then the PCI core is told, by the slot or by
 * error recovery, and that is the end of it.
 */
#include <linux/pci.h>

#include "cxl_vfio.h"

/**
 * cxl_vfio_is_removed - is it known that the device does not come back?
 * @cxlv: the device
 *
 * From then on nothing is written to it, nor waited for.
 */
bool cxl_vfio_is_removed(struct cxl_vfio_device *cxlv)
{
	return pci_dev_is_disconnected(cxlv->core.pdev) ||
	       READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_GONE;
}

/**
 * cxl_vfio_answers - is the device there?
 * @cxlv: the device; who resets it has waited for it
 *
 * One configuration read.
 */
bool cxl_vfio_answers(struct cxl_vfio_device *cxlv)
{
	return pci_device_is_present(cxlv->core.pdev);
}

/**
 * cxl_vfio_is_absent - is it known that the device is not there?
 * @cxlv: the device
 *
 * One that error recovery gave up may still be.
 */
bool cxl_vfio_is_absent(struct cxl_vfio_device *cxlv)
{
	return cxl_vfio_is_removed(cxlv) && !cxl_vfio_answers(cxlv);
}

/* But for a CXL Reset that did not end, which others may follow. */
static bool being_reset(struct cxl_vfio_device *cxlv)
{
	unsigned long blocked = READ_ONCE(cxlv->mem.blocked);

	return blocked & (CXL_VFIO_BLOCK_RESET | CXL_VFIO_BLOCK_ERROR) &&
	       !(blocked & CXL_VFIO_BLOCK_HUNG);
}

/**
 * cxl_vfio_check_answers - the same, for who was about to do something to it
 * @cxlv: the device
 *
 * In somebody else's reset it may take its time, and is waited for.
 *
 * Return: 0, also while it is being reset; or -ENODEV, logged once, as its removal was.
 */
int cxl_vfio_check_answers(struct cxl_vfio_device *cxlv)
{
	if (cxl_vfio_is_removed(cxlv))
		return -ENODEV;
	if (being_reset(cxlv))
		return 0;
	if (cxl_vfio_answers(cxlv)) {
		WRITE_ONCE(cxlv->silent, false);
		return 0;
	}
	if (!READ_ONCE(cxlv->silent))
		pci_err(cxlv->core.pdev, "the device does not answer\n");
	WRITE_ONCE(cxlv->silent, true);
	return -ENODEV;
}

/**
 * cxl_vfio_removed - the device is gone, and does not come back
 * @cxlv: the device
 *
 * Its memory is taken from who has it mapped. Nothing takes this reason back: what
 * comes into the slot is another device, also where its memory gets the same addresses.
 */
void cxl_vfio_removed(struct cxl_vfio_device *cxlv)
{
	if (READ_ONCE(cxlv->mem.blocked) & CXL_VFIO_BLOCK_GONE)
		return;
	pci_warn(cxlv->core.pdev, "the device was removed, or given up: its memory is gone for good\n");
	cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_GONE);
	wake_up_all(&cxlv->cxl_reset.ended);
}

/**
 * cxl_vfio_request - the user is asked to go
 * @vdev: the VFIO device, being unbound
 * @count: how often he was asked before
 *
 * Again every ten seconds. Who powered off its slot waits for this, and would be the one
 * to hear that the device was taken out meanwhile. No reset can be under way: unbind has
 * the device lock.
 */
void cxl_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	struct cxl_vfio_device *cxlv = vdev_to_cxl_vfio(vdev);

	if (!cxl_vfio_answers(cxlv))
		cxl_vfio_removed(cxlv);
	vfio_pci_core_request(vdev, count);
}

/**
 * cxl_vfio_leave_alone - let the VFIO core not reset a device that is gone
 * @cxlv: the device, about to be disabled
 *
 * The core resets what is closed, and the PCI core waits for a minute for the device to
 * come back (pci_dev_wait()). It does not where somebody has the device lock, such as
 * unbind.
 *
 * Return: what cxl_vfio_left_alone() wants to know.
 */
bool cxl_vfio_leave_alone(struct cxl_vfio_device *cxlv)
{
	return !cxl_vfio_answers(cxlv) && device_trylock(&cxlv->core.pdev->dev);
}

/* It is disabled. */
void cxl_vfio_left_alone(struct cxl_vfio_device *cxlv, bool locked)
{
	if (locked)
		device_unlock(&cxlv->core.pdev->dev);
}
