// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user's mappings of the memory region: what may be mapped and moved, and when
 * a fault may be answered. With what, is the backing's matter.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "memory/memory.h"
#include "trace.h"

/* A mapping, and what forking and splitting it leads to. */
struct cxl_vfio_mapping {
	struct cxl_vfio_mem *mem;
	struct file *device;	/* the VFIO device's */
	bool pud_leaves;	/* there may be leaves of PUD_SIZE */
};

/* A fault of one page maps at most so many, its own among them; they have one table. */
#define WINDOW_PAGES	64
static_assert(PTRS_PER_PTE % WINDOW_PAGES == 0);

/* The pages around one that a fault has mapped. */
struct cxl_vfio_window {
	struct mm_struct *mm;	/* the user's */
	unsigned long addr;	/* of the fault's page */
	unsigned int ahead;	/* how many others have been mapped */
};

/* May @len bytes from @offset on, mapped at @addr, have leaves of PUD_SIZE? */
static bool pud_leaves(struct cxl_vfio_mem *mem, unsigned long addr, unsigned long len, u64 offset)
{
	return mem->backing->max_order(mem) >= PUD_ORDER &&
	       IS_ALIGNED(addr - mem->hpa.start - offset, PUD_SIZE) &&
	       ALIGN(addr, PUD_SIZE) + PUD_SIZE <= addr + len;
}

/* In the memory, bytes. */
static u64 vma_offset(struct vm_area_struct *vma)
{
	return (u64)vma->vm_pgoff << PAGE_SHIFT;
}

/* Does a leaf at @addr fit into the VMA and the memory? Its first page frame is @pfn. */
static bool leaf_fits(struct vm_area_struct *vma, unsigned long addr, unsigned int order,
		      unsigned long *pfn)
{
	struct cxl_vfio_mem *mem = vma->vm_private_data;

	*pfn = PHYS_PFN(mem->hpa.start + vma_offset(vma)) + linear_page_delta(vma, addr);
	return is_aligned_for_order(vma, addr, *pfn, order);
}

/* Map a page of the window as the fault's page is, unless something is there. */
static int map_neighbour(pte_t *pte, unsigned long addr, void *data)
{
	struct cxl_vfio_window *window = data;
	long distance = (long)(addr - window->addr) / (long)PAGE_SIZE;
	pte_t own = ptep_get(pte - distance);

	/* Unless the VMA has VM_PFNMAP, madvise() may have removed it again. */
	if (!pte_present(own))
		return -ENOENT;
	if (pte_none(ptep_get(pte))) {
		set_pte_at(window->mm, addr, pte, pte_advance_pfn(own, distance));
		window->ahead++;
	}
	return 0;
}

/*
 * Map the neighbours of a page that a fault has just mapped, where no larger leaf fits: the
 * pages of its aligned window that are in the VMA and not mapped yet. The cost is one walk of
 * the page tables and one hold of a table's lock, for WINDOW_PAGES entries at most: 5000
 * instructions, by which a zap waits longer for mem.lock (docs/bench.md).
 *
 * The fault has locked the VMA or mmap_lock, so bounds, protection and tables stay. Zaps wait
 * for mem.lock, other faults for the table's lock. Each entry has the protection and the
 * memory type of the fault's own entry.
 *
 * apply_to_page_range() warns of leaves. Where one of PMD_SIZE fits, another fault could make
 * it, in place of a table that madvise() has freed. In a window with an error each page has
 * its own fault, so that no processor fetches ahead from the poisoned page.
 */
static unsigned int map_neighbours(struct cxl_vfio_mem *mem, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long first = ALIGN_DOWN(vmf->address, WINDOW_PAGES * PAGE_SIZE);
	unsigned long start = max(first, vma->vm_start);
	unsigned long end = min(first + WINDOW_PAGES * PAGE_SIZE, vma->vm_end);
	struct cxl_vfio_window window = { .mm = vma->vm_mm, .addr = vmf->address };
	unsigned long pfn;

	if ((mem->backing->max_order(mem) >= PMD_ORDER &&
	     leaf_fits(vma, ALIGN_DOWN(vmf->address, PMD_SIZE), PMD_ORDER, &pfn)) ||
	    cxl_vfio_poison_within(mem, vma_offset(vma) + start - vma->vm_start, end - start))
		return 0;
	apply_to_page_range(window.mm, start, end - start, map_neighbour, &window);
	return window.ahead;
}

static vm_fault_t insert_leaf(struct cxl_vfio_mem *mem, struct vm_fault *vmf,
			      unsigned long pfn, unsigned int order, unsigned int *ahead)
{
	vm_fault_t ret;

	guard(rwsem_read)(&mem->core->memory_lock);
	guard(rwsem_read)(&mem->lock);

	if (!cxl_vfio_mem_accessible_cached(mem))
		return VM_FAULT_SIGBUS;
	WRITE_ONCE(mem->touched, true);
	if (IS_ENABLED(CONFIG_VFIO_IOMMU_TYPE1) && vmf->vma->vm_flags & VM_IO &&
	    mem->type1_dma == CXL_VFIO_TYPE1_ALLOW)
		cxl_vfio_claim_type1(mem->claim);
	ret = mem->backing->insert(mem, vmf, pfn, order);
	if (!order && ret == VM_FAULT_NOPAGE && vmf->vma->vm_flags & VM_IO)
		*ahead = map_neighbours(mem, vmf);
	return ret;
}

/*
 * KVM looks a new entry without struct page up itself, under the same lock, and stops the VM where
 * it was zapped since (hva_to_pfn_remapped()). If the fault handler has released that lock, KVM
 * begins again; so does get_user_pages(). The user's own access begins again in any case.
 */
static vm_fault_t finish_insert(struct vm_fault *vmf)
{
	const unsigned int which = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY |
				   FAULT_FLAG_RETRY_NOWAIT;

	if (!(vmf->vma->vm_flags & VM_IO) || (vmf->flags & which) != FAULT_FLAG_ALLOW_RETRY)
		return VM_FAULT_NOPAGE;
	release_fault_lock(vmf);
	return VM_FAULT_NOPAGE | VM_FAULT_COMPLETED;
}

static vm_fault_t mapping_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct cxl_vfio_mem *mem = vma->vm_private_data;
	unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned int ahead = 0;
	unsigned long pfn;

	if (leaf_fits(vma, addr, order, &pfn))
		ret = insert_leaf(mem, vmf, pfn, order, &ahead);

	trace_cxl_vfio_fault(&mem->hw->pdev->dev, vmf->address, order, ahead, ret);
	if (ret == VM_FAULT_SIGBUS)
		cxl_vfio_count(mem->hw, CXL_VFIO_COUNT_BUS_ERRORS);
	return ret == VM_FAULT_NOPAGE ? finish_insert(vmf) : ret;
}

static vm_fault_t mapping_fault(struct vm_fault *vmf)
{
	return mapping_huge_fault(vmf, 0);
}

/* What cannot be mapped in smaller pieces cannot be cut inside one either. */
static int mapping_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct cxl_vfio_mem *mem = vma->vm_private_data;

	return IS_ALIGNED(addr, cxl_vfio_granule(mem)) ? 0 : -EINVAL;
}

static unsigned long mapping_pagesize(struct vm_area_struct *vma)
{
	struct cxl_vfio_mem *mem = vma->vm_private_data;

	return cxl_vfio_granule(mem);
}

static const struct vm_operations_struct mapping_vm_ops = {
	.fault = mapping_fault,
	.huge_fault = mapping_huge_fault,
	.may_split = mapping_may_split,
	.pagesize = mapping_pagesize,
};

/*
 * Only mremap() asks, for a place to move a mapping to. move_page_tables() takes a
 * leaf of PUD_SIZE for a broken table (get_old_pud() in mm/mremap.c), and clears it
 * with no flush of the TLB: its user would keep the memory whatever is zapped. So
 * what may have such leaves stays where it is, and what has none never gets any.
 */
static unsigned long mapping_get_unmapped_area(struct file *file, unsigned long addr,
					       unsigned long len, unsigned long pgoff,
					       unsigned long flags)
{
	struct cxl_vfio_mapping *mapping = file->private_data;
	struct cxl_vfio_mem *mem = mapping->mem;
	unsigned long granule = cxl_vfio_granule(mem);
	u64 offset = (u64)pgoff << PAGE_SHIFT;

	if (mapping->pud_leaves)
		return -EINVAL;
	if (!(flags & MAP_FIXED)) {
		addr = mm_get_unmapped_area(file, 0, len + 2 * granule, pgoff, flags);
		if (IS_ERR_VALUE(addr))
			return addr;
		addr = ALIGN(addr, granule);
		if (pud_leaves(mem, addr, len, offset))
			addr += granule;
	}
	if (!IS_ALIGNED(addr, granule) || pud_leaves(mem, addr, len, offset))
		return -EINVAL;
	return addr;
}

/* The VFIO device is open for as long as it is mapped. */
static int mapping_release(struct inode *inode, struct file *file)
{
	struct cxl_vfio_mapping *mapping = file->private_data;

	if (mapping)
		fput(mapping->device);
	kfree(mapping);
	return 0;
}

static const struct file_operations mapping_fops = {
	.owner = THIS_MODULE,
	.get_unmapped_area = mapping_get_unmapped_area,
	.release = mapping_release,
};

/*
 * A file that has the address space of all mappings, or an error pointer. Not the VFIO device's,
 * which has its BARs as well. With pages to pin the inode is a DAX character device's, as
 * device-dax's is: leaves of PUD_SIZE that have pages are for DAX alone
 * (__thp_vma_allowable_orders(), __split_huge_pud_locked() in mm/huge_memory.c), long-term pins of
 * DAX for character devices alone (vma_is_fsdax()). With memmap it is none: zap_huge_pud() takes
 * references of pages for DAX, and a special entry has none.
 */
struct file *cxl_vfio_mapping_file(const struct cxl_vfio_backing *backing)
{
	struct file *file = anon_inode_create_getfile("[cxl-vfio-memory]", &mapping_fops, NULL,
						      O_RDWR, NULL);

	if (IS_ERR(file) || !backing->pinnable)
		return file;
	file_inode(file)->i_mode = S_IFCHR | 0600;
	inode_set_flags(file_inode(file), S_DAX, S_DAX);
	return file;
}

/* One more file of the inode that @all has. */
static struct file *another_file(struct file *all)
{
	struct inode *inode = file_inode(all);
	struct file *file;

	__module_get(THIS_MODULE);
	ihold(inode);
	file = alloc_file_pseudo(inode, all->f_path.mnt, "[cxl-vfio-memory]", O_RDWR,
				 &mapping_fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(THIS_MODULE);
	}
	return file;
}

static int set_file(struct cxl_vfio_mem *mem, struct vm_area_struct *vma)
{
	struct cxl_vfio_mapping *mapping __free(kfree) = kzalloc_obj(*mapping, GFP_KERNEL_ACCOUNT);

	if (!mapping)
		return -ENOMEM;

	struct file *file __free(fput) = another_file(mem->file);

	if (IS_ERR(file))
		return PTR_ERR(file);
	mapping->mem = mem;
	mapping->device = get_file(vma->vm_file);
	mapping->pud_leaves = pud_leaves(mem, vma->vm_start, vma->vm_end - vma->vm_start,
					 vma_offset(vma));
	file->private_data = no_free_ptr(mapping);
	vma_set_file(vma, file);
	return 0;
}

/*
 * Map part of the memory region by a shared mapping (vfio_pci_core_mmap() refuses private ones:
 * copying a page that has no struct page on write ends in a BUG). Nothing is mapped yet; faults do
 * that, when access is safe. Return: 0; -EINVAL past the region's end, and where address, length
 * or offset is no multiple of what the backing maps at once; -ENOMEM; -ENFILE.
 */
int cxl_vfio_mapping_mmap(struct cxl_vfio_mem *mem, struct vm_area_struct *vma)
{
	u64 end;
	int ret;

	vma->vm_pgoff &= PHYS_PFN(VFIO_PCI_OFFSET_MASK);
	if (check_add_overflow(vma_offset(vma), (u64)vma->vm_end - vma->vm_start, &end) ||
	    end > range_len(&mem->hpa) ||
	    !IS_ALIGNED(vma->vm_start | vma->vm_end | vma_offset(vma), cxl_vfio_granule(mem)))
		return -EINVAL;

	ret = set_file(mem, vma);
	if (ret)
		return ret;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	mem->backing->mmap(mem, vma);
	vma->vm_private_data = mem;
	vma->vm_ops = &mapping_vm_ops;
	return 0;
}
