// SPDX-License-Identifier: GPL-2.0-only
/* The memory as a VFIO region: read(), write(), mmap() and what its capability says. */
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* User memory is not touched under locks, so data goes through a buffer. */
#define BOUNCE_SIZE SZ_64K

/* Copy between the memory and a kernel buffer, if the memory may be touched. */
static int copy_mem(struct cxl_vfio_device *cxlv, u64 pos, void *buf, size_t count, bool iswrite)
{
	guard(rwsem_read)(&cxlv->core.memory_lock);
	guard(rwsem_read)(&cxlv->mem.lock);

	if (!cxl_vfio_mem_accessible(&cxlv->mem))
		return -EIO;
	WRITE_ONCE(cxlv->mem.touched, true);
	if (!iswrite)
		return cxl_vfio_backing_read(&cxlv->mem, pos, buf, count);
	cxl_vfio_backing_write(&cxlv->mem, pos, buf, count);
	return 0;
}

/* As vfio_pci_bar_rw(): clipped at the end, -EINVAL from there on; a short count at an error. */
ssize_t cxl_vfio_mem_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			loff_t *ppos, bool iswrite)
{
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	u64 size = range_len(&cxlv->mem.hpa);
	size_t done = 0;
	int ret = 0;

	if (pos >= size)
		return -EINVAL;
	count = min_t(u64, count, size - pos);

	void *bounce __free(kvfree) =
		kvmalloc(min_t(size_t, count, BOUNCE_SIZE), GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return -ENOMEM;

	while (!ret && done < count) {
		size_t chunk = min_t(size_t, count - done, BOUNCE_SIZE);

		if (iswrite && copy_from_user(bounce, buf + done, chunk))
			ret = -EFAULT;
		if (!ret)
			ret = copy_mem(cxlv, pos + done, bounce, chunk, iswrite);
		if (!ret && !iswrite && copy_to_user(buf + done, bounce, chunk))
			ret = -EFAULT;
		if (!ret)
			done += chunk;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}

	*ppos += done;
	return done ?: ret;
}

static ssize_t rw_mem(struct vfio_pci_core_device *core, char __user *buf, size_t count,
		      loff_t *ppos, bool iswrite)
{
	return cxl_vfio_mem_rw(to_cxl_vfio(core), buf, count, ppos, iswrite);
}

static int mmap_mem(struct vfio_pci_core_device *core, struct vfio_pci_region *region,
		    struct vm_area_struct *vma)
{
	return cxl_vfio_mapping_mmap(&to_cxl_vfio(core)->mem, vma);
}

/* The ABI of today; it grows at its end. */
static_assert(sizeof(struct vfio_cxl_region_cap_memory) == 48);

static u32 get_coherence(u32 ctrl)
{
	if (ctrl & CXLR_HDM_CTRL_HOSTONLY)
		return VFIO_CXL_COHERENCE_HDM_H;
	return ctrl & CXLR_HDM_CTRL_BI ? VFIO_CXL_COHERENCE_HDM_DB : VFIO_CXL_COHERENCE_HDM_D;
}

static int add_mem_capability(struct vfio_pci_core_device *core, struct vfio_pci_region *region,
			      struct vfio_info_cap *caps)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);
	const struct cxl_vfio_backing *backing = cxlv->mem.backing;
	int index = cxl_vfio_dmabuf_index(cxlv);
	u32 ctrl = cxlv->hw.platform.decoder[cxlv->hw.decoder].ctrl;
	struct vfio_cxl_region_cap_memory cap = {
		.header.id = VFIO_CXL_REGION_CAP_MEMORY,
		.header.version = 1,
		.size = sizeof(cap),
		.backing = backing->id,
		.coherence = get_coherence(ctrl),
		.max_map_size = backing->max_map(&cxlv->mem),
		.map_align = backing->max_map(&cxlv->mem),
	};

	scoped_guard(rwsem_read, &cxlv->mem.lock)
		if (!(cxlv->hw.reasons &
		      (BIT(CXL_VFIO_WHY_LOST) | BIT(CXL_VFIO_WHY_GONE))))
			cap.flags |= VFIO_CXL_MEM_COMMITTED;
	if (ctrl & CXLR_HDM_CTRL_LOCK)
		cap.flags |= VFIO_CXL_MEM_LOCKED;
	if (cxl_vfio_dvsec_reset_clears(&cxlv->hw))
		cap.flags |= VFIO_CXL_MEM_RESET_CLEARS;
	if (index >= 0) {
		cap.flags |= VFIO_CXL_MEM_DMABUF;
		cap.dmabuf_index = index;
	}
	if (cxlv->mem.uncached)
		cap.flags |= VFIO_CXL_MEM_UNCACHED;

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static void release_mem(struct vfio_pci_core_device *core, struct vfio_pci_region *region)
{
	struct cxl_vfio_device *cxlv = to_cxl_vfio(core);

	guard(rwsem_write)(&cxlv->mem.lock);
	cxlv->mem.region_index = 0;
}

const struct vfio_pci_regops cxl_vfio_mem_region_ops = {
	.rw = rw_mem,
	.release = release_mem,
	.mmap = mmap_mem,
	.add_capability = add_mem_capability,
};
