/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VMM and an administrator call: the VFIO device and its regions, sysfs, debugfs.
 */
#ifndef CXL_VFIO_USER_H
#define CXL_VFIO_USER_H

#include "life/life.h"

/* device.c */
extern const struct vfio_device_ops cxl_vfio_ops;

/* info.c */
long cxl_vfio_get_info(struct vfio_device *vdev, struct vfio_device_info __user *arg);

/* mem_region.c */
int cxl_vfio_mem_region_open(struct cxl_vfio_device *cxlv);

/* comp_region.c */
int cxl_vfio_comp_region_open(struct cxl_vfio_device *cxlv);

/* bar.c */
extern const struct vfio_pci_device_ops cxl_vfio_pci_ops;
void cxl_vfio_bar_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_bar_close(struct cxl_vfio_device *cxlv);
ssize_t cxl_vfio_bar_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			size_t count, loff_t *ppos, bool iswrite);
bool cxl_vfio_bar_reaches(const struct cxl_vfio_device *cxlv, unsigned int bar, u64 start,
			  u64 len);
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_region_info *info,
		      struct vfio_info_cap *caps);

/* config.c */
ssize_t cxl_vfio_config_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			   size_t count, loff_t *ppos, bool iswrite);

/* events_feature.c */
int cxl_vfio_events_feature(struct cxl_vfio_device *cxlv, u32 flags, void __user *arg,
			    size_t argsz);

/* doe.c */
void cxl_vfio_doe_open(struct cxl_vfio_device *cxlv);

/* sysfs.c */
extern const struct attribute_group *cxl_vfio_groups[];
void cxl_vfio_settings_of_new(struct cxl_vfio_settings *settings);

/* debugfs.c */
void cxl_vfio_debugfs_init(void);
void cxl_vfio_debugfs_exit(void);
void cxl_vfio_debugfs_add(struct cxl_vfio_device *cxlv);
void cxl_vfio_debugfs_remove(struct cxl_vfio_device *cxlv);

#endif
