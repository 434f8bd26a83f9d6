/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VMM and an administrator call: the VFIO device and its regions, sysfs, debugfs. */
#ifndef CXL_VFIO_USER_H
#define CXL_VFIO_USER_H

#include <linux/log2.h>

#include "life/life.h"

/*
 * No CXL Reset begins in the scope. One that runs ends first, by _kill, which fails with -EINTR
 * when killed before; or makes _try fail.
 */
DEFINE_GUARD(cxl_vfio_gate, struct cxl_vfio_device *, down_read(&_T->cxl_reset.gate),
	     up_read(&_T->cxl_reset.gate))
DEFINE_GUARD_COND(cxl_vfio_gate, _kill, down_read_killable(&_T->cxl_reset.gate), _RET == 0)
DEFINE_GUARD_COND(cxl_vfio_gate, _try, cxl_vfio_cxl_reset_keep_off(_T))

/* Reads or writes a piece of a region. Returns bytes moved, which @ppos advances by, or -errno. */
typedef ssize_t (*cxl_vfio_rw_fn)(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
				  loff_t *ppos, bool iswrite);

static inline ssize_t cxl_vfio_core_rw(struct cxl_vfio_device *cxlv, char __user *buf,
				       size_t count, loff_t *ppos, bool iswrite)
{
	return iswrite ? vfio_pci_core_write(&cxlv->core.vdev, buf, count, ppos) :
			 vfio_pci_core_read(&cxlv->core.vdev, buf, count, ppos);
}

/* Is @pos in the range? Lower @next to the next position for which the answer differs. */
static inline bool cxl_vfio_is_inside(u64 start, u64 end, u64 pos, u64 *next)
{
	if (pos > end)
		return false;
	*next = min(*next, pos < start ? start : end + 1);
	return pos >= start;
}

/* nothing.c */
ssize_t cxl_vfio_rw_nothing(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			    loff_t *ppos, bool iswrite);
ssize_t cxl_vfio_rw_reserved(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			     loff_t *ppos, bool iswrite);

/* device.c */
extern const struct vfio_device_ops cxl_vfio_ops;

/* Bytes of the BAR that the memory is presented as: a power of two (PCI 6.2.5.1). */
static inline u64 cxl_vfio_memory_bar_size(const struct cxl_vfio_device *cxlv)
{
	return roundup_pow_of_two(range_len(&cxlv->mem.hpa));
}

/* Is byte @pos of that BAR the memory's? Lower @next as cxl_vfio_is_inside(), from none. */
static inline bool cxl_vfio_memory_bar_reaches(const struct cxl_vfio_device *cxlv, u64 pos,
					       u64 *next)
{
	*next = U64_MAX;
	return cxl_vfio_is_inside(0, range_len(&cxlv->mem.hpa) - 1, pos, next);
}

/* presentation.c */
int cxl_vfio_present(struct cxl_vfio_device *cxlv, unsigned int presentation);
bool cxl_vfio_is_memory_bar_register(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next);
ssize_t cxl_vfio_memory_bar_register_rw(struct cxl_vfio_device *cxlv, char __user *buf,
					size_t count, loff_t *ppos, bool iswrite);
cxl_vfio_rw_fn cxl_vfio_memory_bar_rw_at(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next);
int cxl_vfio_memory_bar_mmap(struct cxl_vfio_device *cxlv, struct vm_area_struct *vma);

/* info.c */
long cxl_vfio_get_info(struct vfio_device *vdev, struct vfio_device_info __user *arg);
long cxl_vfio_get_irq_info(struct cxl_vfio_device *cxlv, struct vfio_irq_info __user *arg);

/* mem_region.c */
ssize_t cxl_vfio_mem_rw(struct cxl_vfio_device *cxlv, char __user *buf, size_t count,
			loff_t *ppos, bool iswrite);
extern const struct vfio_pci_regops cxl_vfio_mem_region_ops;

/* comp_region.c */
extern const struct vfio_pci_regops cxl_vfio_comp_region_ops;

/* bar.c */
u64 cxl_vfio_bar_len(const struct cxl_vfio_device *cxlv, unsigned int bar);
cxl_vfio_rw_fn cxl_vfio_bar_rw_at(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 pos,
				  u64 *next);
bool cxl_vfio_bar_reaches(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 start,
			  u64 len);
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_region_info *info,
		      struct vfio_info_cap *caps);

/* dmabuf.c */
extern const struct vfio_pci_device_ops cxl_vfio_pci_ops;
int cxl_vfio_dmabuf_index(const struct cxl_vfio_device *cxlv);
void cxl_vfio_dmabuf_init(struct cxl_vfio_device *cxlv);
int cxl_vfio_dmabuf_feature(struct cxl_vfio_device *cxlv, u32 flags,
			    struct vfio_device_feature_dma_buf __user *arg, size_t argsz);

/* config.c */
cxl_vfio_rw_fn cxl_vfio_config_rw_at(const struct cxl_vfio_device *cxlv, u64 pos, u64 *next);

/* events_feature.c */
int cxl_vfio_events_feature(struct cxl_vfio_device *cxlv, u32 flags, void __user *arg,
			    size_t argsz);

/* doe.c */
void cxl_vfio_doe_open(struct cxl_vfio_device *cxlv);

/* sysfs.c */
extern const struct attribute_group cxl_vfio_group;
extern const struct attribute_group cxl_vfio_driver_group;
void cxl_vfio_settings_of_new(struct cxl_vfio_settings *settings);

/* debugfs.c */
void cxl_vfio_debugfs_init(void);
void cxl_vfio_debugfs_exit(void);
void cxl_vfio_debugfs_add(struct cxl_vfio_device *cxlv);
void cxl_vfio_debugfs_remove(struct cxl_vfio_device *cxlv);

#endif
