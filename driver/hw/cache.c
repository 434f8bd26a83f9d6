// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's cache of host memory. Its requests have host physical addresses, which no IOMMU
 * checks (3.2.5.13): the device alone keeps to those that it has by ATS. Whether it is trusted
 * with that, the administrator decides.
 */
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "hw/hw.h"

#define CONFIG_POLL_MS	10

/*
 * What a device sends as translated passes the IOMMU as well, so a cache would be denied in vain
 * beside ATS. The IOMMU driver owns that: it would wait for invalidations of a device that another
 * driver has turned ATS off in.
 */
static int check_deniable(struct cxl_vfio_hw *hw)
{
	struct pci_dev *pdev = hw->pdev;
	u16 lock;

	if (device_iommu_capable(&pdev->dev, IOMMU_CAP_PCI_ATS_SUPPORTED)) {
		pci_err(pdev, "host_cache=deny takes a device without ATS, which passes the IOMMU too: boot with pci=noats\n");
		return -EOPNOTSUPP;
	}
	pci_read_config_word(pdev, hw->dvsec + CXLR_DVSEC_LOCK, &lock);
	if (lock & CXLR_LOCK_CONFIG_LOCK && hw->platform.dvsec_ctrl & CXLR_CTRL_CACHE_ENABLE) {
		pci_err(pdev, "host_cache=deny takes Cache_Enable that is not locked: have firmware leave CONFIG_LOCK clear\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int change_cache(struct cxl_vfio_hw *hw, bool allow)
{
	int ret = allow ? 0 : check_deniable(hw);

	if (ret)
		return ret;
	if (!allow)
		ret = cxl_vfio_dvsec_write_back(hw);
	if (!ret) {
		hw->cache_denied = !allow;
		ret = cxl_vfio_dvsec_restore(hw);
		if (ret) {
			hw->cache_denied = allow;
			cxl_vfio_dvsec_restore(hw);
		}
	}
	cxl_vfio_dvsec_write_control2(hw, 0);
	return ret;
}

/*
 * A reset has configuration access for as long as the device reports that it may take. Return: 0;
 * -EINTR.
 */
static int lock_config_killable(struct pci_dev *pdev)
{
	while (!pci_cfg_access_trylock(pdev)) {
		schedule_timeout_killable(msecs_to_jiffies(CONFIG_POLL_MS));
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/*
 * Have the cache as the platform had it, or off: of a device in D0 that no process has open.
 * What is off stays off, whatever restores the device (cxl_vfio_dvsec_restore()). Waits for
 * configuration access. Return: 0; -EOPNOTSUPP if it cannot be denied, or -EIO, both logged;
 * -EBUSY in a CXL Reset that does not end, and while the device recovers from an error; -EINTR
 * when killed.
 */
int cxl_vfio_cache_allow(struct cxl_vfio_hw *hw, bool allow)
{
	int ret = lock_config_killable(hw->pdev);

	if (ret)
		return ret;
	if (READ_ONCE(hw->reasons) & (BIT(CXL_VFIO_WHY_HUNG) | BIT(CXL_VFIO_WHY_ERROR)))
		ret = -EBUSY;
	else if (allow == hw->cache_denied)
		ret = change_cache(hw, allow);
	pci_cfg_access_unlock(hw->pdev);
	if (!ret && allow && hw->platform.dvsec_ctrl & CXLR_CTRL_CACHE_ENABLE)
		pci_info(hw->pdev, "CXL.cache is on, and no IOMMU checks it: the device is trusted with all host memory\n");
	return ret;
}
