// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO core exports BARs and the memory as dma-bufs, and revokes them around the resets that
 * it makes (vfio_pci_dma_buf_move()). It exports no function for that. But the entry into low
 * power, which this driver's users cannot ask for, revokes them (vfio_pci_runtime_pm_entry()),
 * and the exit allows them again (vfio_pci_runtime_pm_exit()). Neither touches user memory.
 */
#include "life/life.h"

static int set_low_power(struct cxl_vfio_device *cxlv, u32 feature)
{
	return vfio_pci_core_ioctl_feature(&cxlv->core.vdev, VFIO_DEVICE_FEATURE_SET | feature,
					   NULL, 0);
}

/**
 * cxl_vfio_revoke_dma_bufs - zap the BARs, and revoke all dma-bufs
 * @cxlv: the device, open; neither memory_lock is held, nor is configuration access locked
 *
 * Waits for importers to unmap. The dma-bufs stay revoked until cxl_vfio_settle_dma_bufs(), or
 * until the VFIO core allows them: when the user enables memory, or at the end of a reset.
 */
void cxl_vfio_revoke_dma_bufs(struct cxl_vfio_device *cxlv)
{
	/* For the core to put: an open device has only one. */
	cxl_vfio_power_hold(cxlv);
	if (set_low_power(cxlv, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY)) {
		/* Another thread is here as well. The core revokes before it looks. */
		cxl_vfio_power_put(cxlv);
		return;
	}
	/* The core's exit would allow dma-bufs where memory is enabled, and take a reference. */
	guard(rwsem_write)(&cxlv->core.memory_lock);
	cxlv->core.pm_runtime_engaged = false;
}

/**
 * cxl_vfio_settle_dma_bufs - revoke dma-bufs in D3hot, else allow them if memory is enabled
 * @cxlv: as in cxl_vfio_revoke_dma_bufs()
 *
 * The power state is virtual, so the core does not know it.
 */
void cxl_vfio_settle_dma_bufs(struct cxl_vfio_device *cxlv)
{
	bool asleep;

	do {
		asleep = cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_POWER);
		if (asleep)
			cxl_vfio_revoke_dma_bufs(cxlv);
		else
			set_low_power(cxlv, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
	} while (asleep != cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_POWER));
}
