// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the memory may be touched: the reasons against it, and what the device says. With
 * a reason all access ends at once; the processors' caches are flushed apart from that.
 */
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/memregion.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include "memory/memory.h"
#include "trace.h"

/* As often as functions without Immediate Readiness can be reset (PCIe 6.6.2). */
#define FLUSH_MS	100

/* Once in the life of the device. */
void cxl_vfio_mem_init(struct cxl_vfio_mem *mem, struct vfio_pci_core_device *core,
		       struct cxl_vfio_hw *hw)
{
	mem->core = core;
	mem->hw = hw;
	mem->next_flush = jiffies;
	init_rwsem(&mem->lock);
	mutex_init(&mem->backing_lock);
	xa_init(&mem->poison.pages);
}

static void zap_mappings(struct cxl_vfio_mem *mem, unsigned long why)
{
	guard(rwsem_write)(&mem->lock);
	mem->accessible_at = 0;
	/* From every user of the device, which is open. New faults come only after mem->lock. */
	if (mem->region_index)
		unmap_mapping_range(mem->file->f_mapping, 0, range_len(&mem->hpa), true);
	cxl_vfio_count(mem->hw, CXL_VFIO_COUNT_ZAPS);
	trace_cxl_vfio_revoke(&mem->hw->pdev->dev, why, mem->hw->reasons);
}

/*
 * Take all mappings away, after the user has turned memory off; memory_lock is held for write.
 * Faults, read() and write() look at memory enable themselves.
 */
void cxl_vfio_mem_zap(struct cxl_vfio_mem *mem)
{
	zap_mappings(mem, 0);
}

/* Let no access to the memory begin. Mappings stay until cxl_vfio_mem_revoke(). */
void cxl_vfio_mem_forbid(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why)
{
	guard(rwsem_write)(&mem->lock);
	mem->hw->reasons |= BIT(why);
}

/*
 * End all access to the memory: on return none is under way and no mapping is left. Sleeps;
 * callers may hold memory_lock.
 */
void cxl_vfio_mem_revoke(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why)
{
	cxl_vfio_mem_forbid(mem, why);
	zap_mappings(mem, BIT(why));
}

/* Undo cxl_vfio_mem_revoke(). Mappings come back by faults. */
void cxl_vfio_mem_allow(struct cxl_vfio_mem *mem, enum cxl_vfio_reason why)
{
	guard(rwsem_write)(&mem->lock);
	mem->hw->reasons &= ~BIT(why);
	trace_cxl_vfio_allow(&mem->hw->pdev->dev, BIT(why), mem->hw->reasons);
}

/*
 * Does the device answer CXL.mem, as far as it says itself, and nothing is done to it? DVSEC
 * Mem_Enable (8.1.3.2) is what makes it answer. Caller holds mem.lock for read at least; the
 * answer is good for as long as it does.
 */
bool cxl_vfio_mem_reachable(struct cxl_vfio_mem *mem)
{
	struct pci_dev *pdev = mem->hw->pdev;
	u16 dvsec_ctrl;

	lockdep_assert_held(&mem->lock);

	if (mem->hw->reasons || pdev->current_state != PCI_D0 ||
	    !cxl_vfio_dvsec_mem_active(mem->hw))
		return false;
	pci_read_config_word(pdev, mem->hw->dvsec + CXLR_DVSEC_CTRL, &dvsec_ctrl);
	return !PCI_POSSIBLE_ERROR(dvsec_ctrl) && dvsec_ctrl & CXLR_CTRL_MEM_ENABLE;
}

/* May the device be asked, as far as the VFIO core and this driver know? */
static bool may_ask(struct cxl_vfio_mem *mem)
{
	struct vfio_pci_core_device *core = mem->core;

	lockdep_assert_held(&core->memory_lock);

	return !mem->hw->reasons && !core->pm_runtime_engaged &&
	       core->pdev->current_state == PCI_D0 && __vfio_pci_memory_enabled(core);
}

/*
 * May a user touch the memory? Caller holds memory_lock and mem.lock, both for read at least; the
 * answer is good for as long as it does. The decoder is read only after memory enable and power
 * state allow a read of its BAR.
 */
bool cxl_vfio_mem_accessible(struct cxl_vfio_mem *mem)
{
	u32 ctrl;

	if (!may_ask(mem) || !cxl_vfio_mem_reachable(mem))
		return false;

	ctrl = readl(cxl_vfio_hdm(mem->hw) + CXLR_HDM_CTRL(mem->hw->decoder));
	return !PCI_POSSIBLE_ERROR(ctrl) && ctrl & CXLR_HDM_CTRL_COMMITTED;
}

/*
 * The same, under the same locks, for faults, which are many. Three reads of the device are dear
 * beside a fault, so its yes holds until the clock ticks, or until cxl_vfio_mem_revoke(). What is
 * mapped by then would stay for much longer, if the device changed its mind.
 */
bool cxl_vfio_mem_accessible_cached(struct cxl_vfio_mem *mem)
{
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(mem->accessible_at) == now)
		return may_ask(mem);
	if (!cxl_vfio_mem_accessible(mem))
		return false;
	WRITE_ONCE(mem->accessible_at, now);
	return true;
}

/*
 * Have no processor cache lines of the memory, which is out of reach; dirty ones are written back.
 * As cxl_region_decode_reset() does. It stops all processors. Return: 0; -EOPNOTSUPP where there
 * is no such instruction, as in a virtual machine that says it is one; or why it failed.
 */
int cxl_vfio_mem_flush_cpu_caches(struct cxl_vfio_mem *mem)
{
	const struct range *hpa = &mem->hpa;
	int ret;

	if (!cpu_cache_has_invalidate_memregion())
		return -EOPNOTSUPP;
	ret = cpu_cache_invalidate_memregion(hpa->start, range_len(hpa));
	if (!ret)
		WRITE_ONCE(mem->touched, false);
	return ret;
}

/*
 * The same for dirty lines. Does nothing if no process has mapped or written the memory since the
 * last flush, and it has no pages to pin, nor a dma-buf: what a device writes may be in the caches
 * as well. So a guest that resets its device again and again does not stop processors; nor does
 * one that writes the memory in between, more often than every FLUSH_MS.
 */
int cxl_vfio_mem_flush_touched(struct cxl_vfio_mem *mem)
{
	const struct cxl_vfio_backing *backing = READ_ONCE(mem->backing);

	if (!READ_ONCE(mem->touched) && !READ_ONCE(mem->exported) &&
	    !(backing && backing->pinnable))
		return 0;
	while (time_before(jiffies, mem->next_flush))
		schedule_timeout_uninterruptible(mem->next_flush - jiffies);
	mem->next_flush = jiffies + msecs_to_jiffies(FLUSH_MS);
	return cxl_vfio_mem_flush_cpu_caches(mem);
}
