// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory region: the claim on its HPA range, when it may be touched, and
 * read() and write(). How it is mapped is a backing's matter.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "cxl_vfio.h"
#include "trace.h"

/* User memory is not touched under locks, so data goes through a buffer. */
#define BOUNCE_SIZE SZ_64K

/**
 * cxl_vfio_mem_init - claim the HPA range and map it for the kernel
 * @cxlv: the device; its region is known
 *
 * Undone by cxl_vfio_mem_exit(). Return: 0, -EBUSY when something else has the
 * range, -ENOMEM; logged.
 */
int cxl_vfio_mem_init(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct cxl_vfio_mem *mem = &cxlv->mem;
	resource_size_t size = range_len(&mem->hpa);
	int ret;

	/* A region's offsets end where the next index begins. */
	if (size > BIT_ULL(VFIO_PCI_OFFSET_SHIFT)) {
		pci_err(pdev, "memory %pra is larger than the 1 TiB that a VFIO region can be\n",
			&mem->hpa);
		return -EFBIG;
	}

	mem->claim = request_mem_region(mem->hpa.start, size, "cxl-vfio-pci");
	if (!mem->claim) {
		pci_err(pdev, "memory %pra is in use: see /proc/iomem for by whom\n", &mem->hpa);
		return -EBUSY;
	}

	/* The claim above keeps it from becoming that later. */
	if (region_intersects(mem->hpa.start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pci_err(pdev, "memory %pra is System RAM already: take it offline first\n",
			&mem->hpa);
		ret = -EBUSY;
		goto err_release;
	}

	ret = cxl_vfio_backing_init(cxlv);
	if (ret)
		goto err_release;
	cxl_vfio_clear_dirty(cxlv);
	return 0;

err_release:
	release_mem_region(mem->hpa.start, size);
	mem->claim = NULL;
	return ret;
}

/**
 * cxl_vfio_mem_exit - undo cxl_vfio_mem_init()
 * @cxlv: the device, which nobody has open or can open
 *
 * May wait for whoever has pinned pages; killable.
 */
void cxl_vfio_mem_exit(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	cxl_vfio_backing_exit(cxlv);
	cxl_vfio_poison_forget(cxlv);
	if (mem->claim)
		release_mem_region(mem->hpa.start, range_len(&mem->hpa));
	mem->claim = NULL;
}

/**
 * cxl_vfio_mem_block - end all access to the memory
 * @cxlv: the device
 * @why: CXL_VFIO_BLOCK_*
 *
 * On return no access is under way and no mapping is left. Sleeps; callers
 * may hold memory_lock.
 */
void cxl_vfio_mem_block(struct cxl_vfio_device *cxlv, unsigned long why)
{
	guard(rwsem_write)(&cxlv->mem.lock);
	cxlv->hw.blocked |= why;
	cxlv->mem.live_at = 0;
	/* New faults come only after mem->lock. */
	if (cxlv->mem_region_index)
		cxl_vfio_mapping_zap(cxlv);
	cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_ZAPS);
	trace_cxl_vfio_zap(&cxlv->core.pdev->dev, why, cxlv->hw.blocked);
}

/**
 * cxl_vfio_mem_unblock - take back what cxl_vfio_mem_block() said
 * @cxlv: the device
 * @why: CXL_VFIO_BLOCK_*
 *
 * Mappings come back by faults.
 */
void cxl_vfio_mem_unblock(struct cxl_vfio_device *cxlv, unsigned long why)
{
	guard(rwsem_write)(&cxlv->mem.lock);
	cxlv->hw.blocked &= ~why;
	trace_cxl_vfio_unblock(&cxlv->core.pdev->dev, why, cxlv->hw.blocked);
}

/**
 * cxl_vfio_mem_config_begin - a user is about to change memory enable or power
 * @cxlv: the device
 *
 * The core takes the BARs' mappings away when it sees such a change, but
 * knows nothing of this region. Faults that come before
 * cxl_vfio_mem_config_end() are tried again; they find out then what changed.
 * This is done for every write to the registers in question: the core reads
 * what is written from user memory, which may have changed since a look at it
 * here. The caller's own get SIGBUS: the core reads the user's buffer in here, which
 * may be this very memory.
 *
 * Return: 0, or -EINTR when killed.
 */
int cxl_vfio_mem_config_begin(struct cxl_vfio_device *cxlv)
{
	if (mutex_lock_killable(&cxlv->mem.config_lock))
		return -EINTR;
	WRITE_ONCE(cxlv->mem.config_owner, current);
	cxl_vfio_mem_block(cxlv, CXL_VFIO_BLOCK_CONFIG);
	return 0;
}

/**
 * cxl_vfio_mem_config_end - the change is made
 * @cxlv: the device
 *
 * A device that came back from D3 may have lost its decoders.
 */
void cxl_vfio_mem_config_end(struct cxl_vfio_device *cxlv)
{
	scoped_guard(rwsem_write, &cxlv->core.memory_lock)
		if (cxlv->core.pdev->current_state == PCI_D0)
			cxl_vfio_reset_restore(cxlv);
	cxl_vfio_mem_unblock(cxlv, CXL_VFIO_BLOCK_CONFIG);
	WRITE_ONCE(cxlv->mem.config_owner, NULL);
	mutex_unlock(&cxlv->mem.config_lock);
}

/**
 * cxl_vfio_mem_reachable - does the device answer CXL.mem?
 * @cxlv: the device
 *
 * As far as the device itself says, and nothing is done to it. DVSEC Mem_Enable
 * (8.1.3.2) is what makes it answer. Caller holds mem.lock for read at least; the
 * answer is good for as long as it does.
 */
bool cxl_vfio_mem_reachable(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	u16 dvsec_ctrl;

	lockdep_assert_held(&cxlv->mem.lock);

	if (cxlv->hw.blocked || pdev->current_state != PCI_D0 || !cxl_vfio_dvsec_mem_active(&cxlv->hw))
		return false;
	pci_read_config_word(pdev, cxlv->hw.dvsec + CXLR_DVSEC_CTRL, &dvsec_ctrl);
	return !PCI_POSSIBLE_ERROR(dvsec_ctrl) && dvsec_ctrl & CXLR_CTRL_MEM_ENABLE;
}

/* May the device be asked, as far as the VFIO core and this driver know? */
static bool may_ask(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;

	lockdep_assert_held(&core->memory_lock);

	return !cxlv->hw.blocked && !core->pm_runtime_engaged &&
	       core->pdev->current_state == PCI_D0 && __vfio_pci_memory_enabled(core);
}

/**
 * cxl_vfio_mem_live - may a user touch the memory?
 * @cxlv: the device, which is open
 *
 * Caller holds memory_lock and mem.lock, both for read at least; the answer is
 * good for as long as it does. The decoder is read only after memory enable
 * and power state allow a read of its BAR.
 */
bool cxl_vfio_mem_live(struct cxl_vfio_device *cxlv)
{
	u32 ctrl;

	if (!may_ask(cxlv) || !cxl_vfio_mem_reachable(cxlv))
		return false;

	ctrl = readl(cxl_vfio_hdm(&cxlv->hw) + CXLR_HDM_CTRL(cxlv->hw.decoder));
	return !PCI_POSSIBLE_ERROR(ctrl) && ctrl & CXLR_HDM_CTRL_COMMITTED;
}

/**
 * cxl_vfio_mem_live_lately - the same, for those who come often
 * @cxlv: the device, which is open
 *
 * Locks as cxl_vfio_mem_live(). Three reads of the device are dear beside a fault,
 * so its yes holds until the clock ticks, or until cxl_vfio_mem_block(). What is
 * mapped by then would stay for much longer, if the device changed its mind.
 */
bool cxl_vfio_mem_live_lately(struct cxl_vfio_device *cxlv)
{
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(cxlv->mem.live_at) == now)
		return may_ask(cxlv);
	if (!cxl_vfio_mem_live(cxlv))
		return false;
	WRITE_ONCE(cxlv->mem.live_at, now);
	return true;
}

/* Copy between the memory and a kernel buffer, if the memory may be touched. */
static int mem_copy(struct cxl_vfio_device *cxlv, u64 pos, void *buf, size_t count, bool iswrite)
{
	guard(rwsem_read)(&cxlv->core.memory_lock);
	guard(rwsem_read)(&cxlv->mem.lock);

	/* Short, and the outcome is not known yet: come again. */
	if (cxlv->hw.blocked == CXL_VFIO_BLOCK_CONFIG)
		return -EAGAIN;
	if (!cxl_vfio_mem_live(cxlv) || cxl_vfio_poison_hidden(cxlv, pos, count))
		return -EIO;
	if (iswrite)
		cxlv->mem.backing->write(cxlv, pos, buf, count);
	else if (copy_mc_to_kernel(buf, cxlv->mem.kaddr + pos, count))
		return -EIO;	/* poison */
	return 0;
}

/*
 * As vfio_pci_bar_rw(): clipped at the end, -EINVAL from there on. What was
 * moved before an error is returned as a short count.
 */
static ssize_t mem_rw(struct vfio_pci_core_device *core, char __user *buf, size_t count,
		      loff_t *ppos, bool iswrite)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	u64 size = range_len(&cxlv->mem.hpa);
	size_t done = 0;
	void *bounce;
	int ret = 0;

	if (pos >= size)
		return -EINVAL;
	count = min_t(u64, count, size - pos);

	bounce = kvmalloc(min_t(size_t, count, BOUNCE_SIZE), GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return -ENOMEM;

	while (done < count) {
		size_t chunk = min_t(size_t, count - done, BOUNCE_SIZE);

		if (iswrite && copy_from_user(bounce, buf + done, chunk)) {
			ret = -EFAULT;
			break;
		}
		do {
			ret = mem_copy(cxlv, pos + done, bounce, chunk, iswrite);
		} while (ret == -EAGAIN && !schedule_timeout_killable(1));
		if (ret)
			break;
		if (!iswrite && copy_to_user(buf + done, bounce, chunk)) {
			ret = -EFAULT;
			break;
		}
		done += chunk;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	kvfree(bounce);

	*ppos += done;
	return done ?: (ret == -EAGAIN ? -EINTR : ret);
}

static int mem_mmap(struct vfio_pci_core_device *core, struct vfio_pci_region *region,
		    struct vm_area_struct *vma)
{
	return cxl_vfio_mapping_mmap(to_cxl_vfio(core), vma);
}

static u32 coherence(u32 ctrl)
{
	if (ctrl & CXLR_HDM_CTRL_HOSTONLY)
		return VFIO_CXL_COHERENCE_HDM_H;
	return ctrl & CXLR_HDM_CTRL_BI ? VFIO_CXL_COHERENCE_HDM_DB : VFIO_CXL_COHERENCE_HDM_D;
}

static int mem_add_capability(struct vfio_pci_core_device *core, struct vfio_pci_region *region,
			      struct vfio_info_cap *caps)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	const struct cxl_vfio_backing *backing = cxlv->mem.backing;
	u32 ctrl = cxlv->hw.platform.decoder[cxlv->hw.decoder].ctrl;
	struct vfio_region_info_cap_cxl_mem cap = {
		.header.id = VFIO_REGION_INFO_CAP_CXL_MEM,
		.header.version = 1,
		.backing = backing->id,
		.coherence = coherence(ctrl),
		.max_map_size = backing->max_map(cxlv),
		.map_align = backing->max_map(cxlv),
	};

	scoped_guard(rwsem_read, &cxlv->mem.lock)
		if (!(cxlv->hw.blocked & (CXL_VFIO_BLOCK_UNUSABLE | CXL_VFIO_BLOCK_GONE)))
			cap.flags |= VFIO_CXL_MEM_COMMITTED;
	if (ctrl & CXLR_HDM_CTRL_LOCK)
		cap.flags |= VFIO_CXL_MEM_LOCKED;
	if (cxl_vfio_dvsec_reset_clears(&cxlv->hw))
		cap.flags |= VFIO_CXL_MEM_RESET_CLEARS;

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static void mem_release(struct vfio_pci_core_device *core, struct vfio_pci_region *region)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);

	guard(rwsem_write)(&cxlv->mem.lock);
	cxlv->mem_region_index = 0;
}

static const struct vfio_pci_regops mem_ops = {
	.rw = mem_rw,
	.release = mem_release,
	.mmap = mem_mmap,
	.add_capability = mem_add_capability,
};

/**
 * cxl_vfio_mem_open - offer the memory as a VFIO region
 * @cxlv: the device, being opened
 *
 * Undone by vfio_pci_core_disable(). Return: 0 or -ENOMEM.
 */
int cxl_vfio_mem_open(struct cxl_vfio_device *cxlv)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	int ret;

	ret = vfio_pci_core_register_dev_region(core,
						VFIO_REGION_TYPE_PCI_VENDOR_TYPE |
						VFIO_CXL_PCI_VENDOR_ID,
						VFIO_REGION_SUBTYPE_CXL, &mem_ops,
						range_len(&cxlv->mem.hpa),
						VFIO_REGION_INFO_FLAG_READ |
						VFIO_REGION_INFO_FLAG_WRITE |
						VFIO_REGION_INFO_FLAG_MMAP, NULL);
	if (ret)
		return ret;

	guard(rwsem_write)(&cxlv->mem.lock);
	cxlv->mem_region_index = VFIO_PCI_NUM_REGIONS + core->num_regions - 1;
	return 0;
}
