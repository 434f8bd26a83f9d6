// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the device there? One that leaves its slot without notice only answers nothing,
 * and may answer again; it is gone when the PCI core has been told so.
 */
#include <linux/pci.h>

#include "hw/hw.h"

/* Was the PCI core told that it is gone? Nothing is written to it then, nor waited for. */
bool cxl_vfio_is_gone(struct cxl_vfio_hw *hw)
{
	return pci_dev_is_disconnected(hw->pdev) || cxl_vfio_holds(hw, CXL_VFIO_WHY_GONE);
}

/* Does the device answer? One configuration read. */
bool cxl_vfio_is_present(struct cxl_vfio_hw *hw)
{
	return pci_device_is_present(hw->pdev);
}

/* Is it gone, and not there? One that did not answer when its user was asked to go may be there. */
bool cxl_vfio_is_absent(struct cxl_vfio_hw *hw)
{
	return cxl_vfio_is_gone(hw) && !cxl_vfio_is_present(hw);
}

/* But for a CXL Reset that did not end, which others may follow. */
static bool being_reset(struct cxl_vfio_hw *hw)
{
	unsigned long reasons = READ_ONCE(hw->reasons);

	return reasons & (BIT(CXL_VFIO_WHY_RESET) | BIT(CXL_VFIO_WHY_CXL_RESET) |
			  BIT(CXL_VFIO_WHY_ERROR)) && !(reasons & BIT(CXL_VFIO_WHY_HUNG));
}

/*
 * Check that the device answers, before something is done to it. In a reset it need not answer
 * yet: the code that resets it waits for that.
 * Return: 0, also while it is being reset; or -ENODEV, logged once, as its removal was.
 */
int cxl_vfio_check_present(struct cxl_vfio_hw *hw)
{
	if (cxl_vfio_is_gone(hw))
		return -ENODEV;
	if (being_reset(hw))
		return 0;
	if (cxl_vfio_is_present(hw)) {
		WRITE_ONCE(hw->silent, false);
		return 0;
	}
	if (!READ_ONCE(hw->silent))
		pci_err(hw->pdev, "the device does not answer\n");
	WRITE_ONCE(hw->silent, true);
	return -ENODEV;
}
