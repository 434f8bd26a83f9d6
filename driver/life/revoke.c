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

/*
 * Zap the BARs of the open device, and revoke all dma-bufs; neither memory_lock is held, nor is
 * configuration access locked. Waits for importers to unmap. The dma-bufs stay revoked until
 * cxl_vfio_settle_dma_bufs(), or until the VFIO core allows them: when the user enables memory, or
 * at the end of a reset.
 */
void cxl_vfio_revoke_dma_bufs(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->revoke_lock);
	/* For the core to put: an open device has only one. */
	cxl_vfio_power_hold(cxlv);
	if (set_low_power(cxlv, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY)) {
		/* The core revokes before it looks. */
		cxl_vfio_power_put(cxlv);
		return;
	}
	/* The core's exit would allow dma-bufs where memory is enabled. */
	guard(rwsem_write)(&cxlv->core.memory_lock);
	cxlv->core.pm_runtime_engaged = false;
}

/* The core knows neither: the power state is virtual, and it does not look at decoders. */
static bool is_out_of_reach(struct cxl_vfio_device *cxlv)
{
	return cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_POWER) ||
	       cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_LOST);
}

/* Without, BARs can be reached in D3hot, and the core's entry into low power would zap them. */
static bool has_dma_bufs(struct cxl_vfio_device *cxlv)
{
	guard(rwsem_read)(&cxlv->core.memory_lock);
	return !list_empty(&cxlv->core.dmabufs);
}

/*
 * Revoke dma-bufs in D3hot, and where the memory is lost; else allow them if memory is enabled.
 * Locks as cxl_vfio_revoke_dma_bufs().
 */
void cxl_vfio_settle_dma_bufs(struct cxl_vfio_device *cxlv)
{
	bool away;

	do {
		away = is_out_of_reach(cxlv);
		if (!away)
			scoped_guard(mutex, &cxlv->revoke_lock)
				set_low_power(cxlv, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
		else if (has_dma_bufs(cxlv))
			cxl_vfio_revoke_dma_bufs(cxlv);
	} while (away != is_out_of_reach(cxlv));
}
