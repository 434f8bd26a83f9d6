/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cxl-vfio-pci: the device, and what its parts offer to each other.
 */
#ifndef CXL_VFIO_H
#define CXL_VFIO_H

#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>
#include <cxl/cxl.h>

#include "cxl_regs.h"
#include "vfio_cxl.h"

/**
 * struct cxl_vfio_cxl - what the CXL core sees of the device
 * @cxlds: must be first (devm_cxl_dev_state_create())
 */
struct cxl_vfio_cxl {
	struct cxl_dev_state cxlds;
};

/**
 * struct cxl_vfio_decoder - one HDM decoder as the platform programmed it
 * @base: HPA, bytes
 * @size: bytes
 * @skip: DPA skip, bytes
 * @ctrl: HDM Decoder n Control
 */
struct cxl_vfio_decoder {
	u64 base;
	u64 size;
	u64 skip;
	u32 ctrl;
};

/**
 * struct cxl_vfio_platform - the CXL state that the platform gave the device
 *
 * Sampled at bind. The host owns it: nothing that a user does changes
 * it, and a reset that loses it is followed by cxl_vfio_reset_done(), which
 * puts it back.
 */
struct cxl_vfio_platform {
	struct cxl_vfio_decoder decoder[CXLR_HDM_MAX_DECODERS];
	u32 hdm_cap;
	u32 hdm_global;
	u32 range_base_low[2];
	u32 range_base_high[2];
	u16 dvsec_ctrl;
	u16 dvsec_lock;
};

/* Why the memory may not be touched: bits of cxl_vfio_mem.blocked. */
enum {
	CXL_VFIO_BLOCK_RESET	= BIT(0),	/* a reset is under way */
	CXL_VFIO_BLOCK_ERROR	= BIT(1),	/* error recovery is under way */
	CXL_VFIO_BLOCK_CONFIG	= BIT(2),	/* a power or memory-enable change is */
	CXL_VFIO_BLOCK_UNUSABLE	= BIT(3),	/* a reset lost the decoder for good */
};

/**
 * struct cxl_vfio_mem - the device's memory
 * @hpa: the committed CXL region
 * @kaddr: write-back mapping of all of it, for read() and write(). On x86 it
 *	   also is what makes the PAT code map user PTEs write-back
 *	   (pfnmap_setup_cachemode(), arch/x86/mm/pat/memtype.c), so it lives
 *	   for as long as the binding.
 * @decoder: index of the HDM decoder that decodes @hpa
 * @lock: guards @blocked. Taken for read around every access, so that whoever
 *	  takes it for write knows that none is under way. Nests inside
 *	  memory_lock.
 * @blocked: CXL_VFIO_BLOCK_*; zero when nothing forbids access
 * @config_lock: one change of memory enable or power at a time. User memory is
 *		 touched under it, so no fault may wait for it.
 * @config_owner: who holds @config_lock
 */
struct cxl_vfio_mem {
	struct range hpa;
	void *kaddr;
	unsigned int decoder;
	struct rw_semaphore lock;
	unsigned long blocked;
	struct mutex config_lock;	/* see above */
	struct task_struct *config_owner;
};

/**
 * struct cxl_vfio_comp - the component registers and the BAR that holds them
 * @bar: index of the BAR
 * @cm: offset of the CM block in the BAR, bytes
 * @hdm: offset of the HDM Decoder capability in the CM block, bytes
 * @hdm_size: size of it, bytes
 * @hdm_id_version: its id and version, as in the capability array
 * @carve_start: first byte of the BAR that a user cannot reach, page aligned
 * @carve_end: first byte after those, page aligned
 * @base: kernel mapping of the whole BAR
 */
struct cxl_vfio_comp {
	unsigned int bar;
	resource_size_t cm;
	u32 hdm;
	u32 hdm_size;
	u32 hdm_id_version;
	resource_size_t carve_start;
	resource_size_t carve_end;
	void __iomem *base;
};

/* Bytes of configuration space that a CXL DVSEC takes: [start, end). */
struct cxl_vfio_dvsec {
	u16 start;
	u16 end;
};

/**
 * struct cxl_vfio_device - a CXL device bound to this driver
 * @core: must be first
 * @cxl: owned by the PCI device's devres
 * @dvsec: config offset of the PCIe DVSEC for CXL Devices (8.1.3)
 * @cap: its CXL Capability register
 * @dvsecs: all CXL DVSECs, that one included
 * @nr_dvsecs: how many
 * @mem_region_index: VFIO index of the memory region; valid while open
 * @comp_region_index: VFIO index of the register region; valid while open
 * @comp_regs: the virtual CM block, one u32 a register; allocated at open
 */
struct cxl_vfio_device {
	struct vfio_pci_core_device core;
	struct cxl_vfio_cxl *cxl;
	u16 dvsec;
	u16 cap;
	struct cxl_vfio_dvsec dvsecs[16];
	unsigned int nr_dvsecs;
	struct cxl_vfio_comp comp;
	struct cxl_vfio_platform platform;
	struct cxl_vfio_mem mem;
	u32 mem_region_index;
	u32 comp_region_index;
	u32 *comp_regs;
};

static inline struct cxl_vfio_device *to_cxl_vfio(struct vfio_pci_core_device *core)
{
	return container_of(core, struct cxl_vfio_device, core);
}

static inline struct cxl_vfio_device *vdev_to_cxl_vfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct cxl_vfio_device, core.vdev);
}

/* The physical HDM Decoder capability. */
static inline void __iomem *cxl_vfio_hdm(struct cxl_vfio_device *cxlv)
{
	return cxlv->comp.base + cxlv->comp.cm + cxlv->comp.hdm;
}

/* device.c */
extern const struct vfio_device_ops cxl_vfio_ops;

/* discover.c */
int cxl_vfio_discover(struct cxl_vfio_device *cxlv);
int cxl_vfio_wait_active(struct cxl_vfio_device *cxlv);
bool cxl_vfio_mem_active(struct cxl_vfio_device *cxlv);

/* mem.c */
int cxl_vfio_mem_init(struct cxl_vfio_device *cxlv);
int cxl_vfio_mem_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_mem_block(struct cxl_vfio_device *cxlv, unsigned long why);
void cxl_vfio_mem_unblock(struct cxl_vfio_device *cxlv, unsigned long why);
int cxl_vfio_mem_config_begin(struct cxl_vfio_device *cxlv);
void cxl_vfio_mem_config_end(struct cxl_vfio_device *cxlv);
bool cxl_vfio_mem_live(struct cxl_vfio_device *cxlv);

/* backing_pfn.c */
int cxl_vfio_pfn_mmap(struct cxl_vfio_device *cxlv, struct vm_area_struct *vma);
u64 cxl_vfio_pfn_max_map(struct cxl_vfio_device *cxlv);

/* comp_regs.c */
int cxl_vfio_comp_regs_open(struct cxl_vfio_device *cxlv);

/* bar.c */
extern const struct vfio_pci_device_ops cxl_vfio_pci_ops;
int cxl_vfio_bar_map(struct cxl_vfio_device *cxlv);
int cxl_vfio_bar_claim(struct cxl_vfio_device *cxlv);
void cxl_vfio_bar_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_bar_close(struct cxl_vfio_device *cxlv);
ssize_t cxl_vfio_bar_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			size_t count, loff_t *ppos, bool iswrite);
bool cxl_vfio_bar_carved(struct cxl_vfio_device *cxlv, u64 start, u64 len);
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_info_cap *caps);

/* config.c */
int cxl_vfio_config_init(struct cxl_vfio_device *cxlv);
ssize_t cxl_vfio_config_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			   size_t count, loff_t *ppos, bool iswrite);

/* reset.c */
int cxl_vfio_reset_sample(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_prepare(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_restore(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_done(struct cxl_vfio_device *cxlv);

#endif
