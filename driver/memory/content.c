// SPDX-License-Identifier: GPL-2.0-only
/* What the memory contains: zeros, a user's data, or what the device left there. */
#include "memory/memory.h"

/* A user has written to the memory, or may have. It is not being cleared. */
void cxl_vfio_content_dirty(struct cxl_vfio_mem *mem)
{
	mem->content.nobodys = false;
	atomic64_set(&mem->content.left, range_len(&mem->hpa));
}

/*
 * The device may have lost what was in the memory, which is not being cleared. Zeros that a user
 * has written are data, which can be lost.
 */
void cxl_vfio_content_lost(struct cxl_vfio_mem *mem)
{
	bool nobodys = mem->content.nobodys || !cxl_vfio_content_used(mem);

	cxl_vfio_content_dirty(mem);
	mem->content.nobodys = nobodys;
}

/* Is there a user's data in the memory? The device is not open. */
bool cxl_vfio_content_precious(struct cxl_vfio_mem *mem)
{
	return cxl_vfio_content_used(mem) && !mem->content.nobodys;
}

/* Has a user had the memory since it was cleared? */
bool cxl_vfio_content_used(struct cxl_vfio_mem *mem)
{
	return atomic64_read(&mem->content.left);
}
