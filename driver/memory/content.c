// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory contains: nothing, somebody's data, or what nobody put there.
 */
#include "memory/memory.h"

/**
 * cxl_vfio_content_dirty - somebody has written to the memory, or may have
 * @mem: the memory; it is not being cleared
 */
void cxl_vfio_content_dirty(struct cxl_vfio_mem *mem)
{
	mem->content.nobodys = false;
	atomic64_set(&mem->content.left, range_len(&mem->hpa));
}

/**
 * cxl_vfio_content_lost - the device may have lost what was in the memory
 * @mem: the memory; it is not being cleared
 *
 * Zeros that somebody has put there are something to lose as well.
 */
void cxl_vfio_content_lost(struct cxl_vfio_mem *mem)
{
	bool nobodys = mem->content.nobodys || !cxl_vfio_content_used(mem);

	cxl_vfio_content_dirty(mem);
	mem->content.nobodys = nobodys;
}

/**
 * cxl_vfio_content_precious - is there anything of somebody's in the memory?
 * @mem: the memory, which nobody uses
 */
bool cxl_vfio_content_precious(struct cxl_vfio_mem *mem)
{
	return cxl_vfio_content_used(mem) && !mem->content.nobodys;
}

/**
 * cxl_vfio_content_used - has somebody used the memory since it was cleared?
 * @mem: the memory
 */
bool cxl_vfio_content_used(struct cxl_vfio_mem *mem)
{
	return atomic64_read(&mem->content.left);
}
