// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory contains: zeros, a user's data, or what the device left there.
 */
#include "memory/memory.h"

/**
 * cxl_vfio_content_dirty - a user has written to the memory, or may have
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
 * Zeros that a user has written are data, which can be lost.
 */
void cxl_vfio_content_lost(struct cxl_vfio_mem *mem)
{
	bool nobodys = mem->content.nobodys || !cxl_vfio_content_used(mem);

	cxl_vfio_content_dirty(mem);
	mem->content.nobodys = nobodys;
}

/**
 * cxl_vfio_content_precious - is there a user's data in the memory?
 * @mem: the memory of a device that is not open
 */
bool cxl_vfio_content_precious(struct cxl_vfio_mem *mem)
{
	return cxl_vfio_content_used(mem) && !mem->content.nobodys;
}

/**
 * cxl_vfio_content_used - has a user had the memory since it was cleared?
 * @mem: the memory
 */
bool cxl_vfio_content_used(struct cxl_vfio_mem *mem)
{
	return atomic64_read(&mem->content.left);
}
