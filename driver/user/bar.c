// SPDX-License-Identifier: GPL-2.0-only
/* The BARs as a user has them: without component registers, and what is not declared safe. */
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "user/user.h"

/* Bytes. */
u64 cxl_vfio_bar_len(const struct cxl_vfio_device *cxlv, unsigned int bar)
{
	if ((int)bar == cxlv->memory_bar)
		return cxl_vfio_memory_bar_size(cxlv);
	return pci_resource_len(cxlv->core.pdev, array_index_nospec(bar, PCI_STD_NUM_BARS));
}

/*
 * May a user reach this byte of a BAR? Not if it is of the component registers (8.2.3): the
 * decoders, ARB/MUX (8.2.5), and BI and IDE in extended ranges (8.2.4.25) are the host's. If the
 * device has a BAR Virtualization ACL, only what that declares safe (8.2.6). Of the memory's BAR
 * it is the memory.
 */
static bool may_reach(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 pos, u64 *next)
{
	const struct cxl_vfio_comp *comp = &cxlv->hw.comp;
	const struct cxl_vfio_acl *acl = cxlv->hw.acl;
	bool safe = !acl;
	unsigned int i;

	if ((int)bar == cxlv->memory_bar)
		return cxl_vfio_memory_bar_reaches(cxlv, pos, next);
	*next = U64_MAX;
	for (i = 0; acl && i < acl->count; i++)
		if (acl->safe[i].bar == bar &&
		    cxl_vfio_is_inside(acl->safe[i].range.start, acl->safe[i].range.end, pos, next))
			safe = true;
	return safe && !(bar == comp->bar &&
			 cxl_vfio_is_inside(comp->block.start, comp->block.end, pos, next));
}

/* Does a range of a BAR, in bytes, lie in it, and may the user have all of it? */
bool cxl_vfio_bar_reaches(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 start, u64 len)
{
	u64 end, next;

	/* A BAR that is smaller than a page is mapped as one (vfio_pci_core_mmap()). */
	if (check_add_overflow(start, len, &end) || end > PAGE_ALIGN(cxl_vfio_bar_len(cxlv, bar)))
		return false;
	for (; start < end; start = next)
		if (!may_reach(cxlv, bar, start, &next))
			return false;
	return true;
}

/* What answers for byte @pos of a BAR, up to @next. */
cxl_vfio_rw_fn cxl_vfio_bar_rw_at(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 pos,
				  u64 *next)
{
	return may_reach(cxlv, bar, pos, next) ? cxl_vfio_core_rw : cxl_vfio_rw_reserved;
}

/* The ranges of a BAR that a user may map; @areas may be NULL. How many there are. */
static unsigned int list_areas(const struct cxl_vfio_device *cxlv, unsigned int bar,
			       struct vfio_region_sparse_mmap_area *areas)
{
	u64 pos, next, len = cxl_vfio_bar_len(cxlv, bar);
	unsigned int count = 0;

	for (pos = 0; pos < len; pos = next) {
		bool reach = may_reach(cxlv, bar, pos, &next);

		next = min(next, len);
		if (!reach)
			continue;
		if (areas)
			areas[count] = (struct vfio_region_sparse_mmap_area){ pos, next - pos };
		count++;
	}
	return count;
}

/* Tells a user which parts of a BAR can be mapped. Returns 0 or -ENOMEM. */
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_region_info *info,
		      struct vfio_info_cap *caps)
{
	unsigned int count;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) ||
	    cxl_vfio_bar_reaches(cxlv, info->index, 0, info->size))
		return 0;
	count = list_areas(cxlv, info->index, NULL);
	if (!count) {
		info->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
		return 0;
	}

	struct vfio_region_info_cap_sparse_mmap *sparse __free(kfree) =
		kzalloc_flex(*sparse, areas, count);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = list_areas(cxlv, info->index, sparse->areas);
	return vfio_info_add_capability(caps, &sparse->header, struct_size(sparse, areas, count));
}
