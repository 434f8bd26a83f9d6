/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The physical device, and the way to it: its registers, what the platform programmed
 * there, whether it is present, the host bridge and the switches above it.
 */
#ifndef CXL_VFIO_HW_H
#define CXL_VFIO_HW_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/range.h>
#include <linux/types.h>
#include <cxl/cxl.h>

#include "blocks.h"
#include "engine.h"
#include "hw/reasons.h"

struct acpi_table_header;
struct pci_dev;
struct pci_saved_state;
struct seq_buf;

/* What the CXL core sees of the device. */
struct cxl_vfio_dev_state {
	struct cxl_dev_state cxlds;	/* must be first (devm_cxl_dev_state_create()) */
};

/* What one HDM decoder is programmed to. */
struct cxl_vfio_decoder {
	u64 base;	/* HPA, bytes */
	u64 size;	/* bytes */
	u64 skip;	/* DPA skip, bytes; of a host bridge or a switch, the target list */
	u32 ctrl;	/* HDM Decoder n Control */
};

/* The host bridge above a device. */
struct cxl_vfio_host_bridge {
	struct acpi_table_header *cedt;	/* tells of it, by @uid */
	u32 uid;
	u8 port;		/* number of the root port above the device, in target lists */
	void __iomem *base;	/* its component registers up to the end of the CM block */
	void __iomem *hdm;	/* its HDM Decoder capability */
	unsigned int count;	/* decoders; 0, and no @hdm: passes everything to its only port */
	resource_size_t at;	/* physical address of @hdm */
};

/* Registers of the CM block, beside the decoders, that the platform programs. */
enum cxl_vfio_cm_register {
	CXL_VFIO_BI_CONTROL,		/* 8.2.4.27.2 */
	CXL_VFIO_METADATA_CONTROL,	/* 8.2.4.31.2 */
	CXL_VFIO_CM_REGISTERS
};

/*
 * The CXL state that the platform gave the device, sampled at bind. The host owns it: nothing
 * that a user does changes it, and the end of a reset that loses it puts it back
 * (cxl_vfio_platform_restore()).
 */
struct cxl_vfio_platform {
	struct cxl_vfio_decoder decoder[CXLR_HDM_MAX_DECODERS];
	u32 hdm_cap;
	u32 hdm_global;
	u32 range_base_low[2];
	u32 range_base_high[2];
	u32 cm[CXL_VFIO_CM_REGISTERS];	/* all ones: the device does not have it */
	u16 dvsec_ctrl;
	u16 dvsec_ctrl2;
	u16 dvsec_lock;
};

/* What is counted of a device, since bind: see /sys/kernel/debug/cxl-vfio-pci. */
enum cxl_vfio_count {
	CXL_VFIO_COUNT_OPENS,
	CXL_VFIO_COUNT_OPENS_REFUSED,
	CXL_VFIO_COUNT_ZAPS,
	CXL_VFIO_COUNT_BUS_ERRORS,	/* faults that were answered with SIGBUS */
	CXL_VFIO_COUNT_COMMITS,		/* of the virtual decoder */
	CXL_VFIO_COUNT_RESETS,
	CXL_VFIO_COUNT_RESETS_FAILED,
	CXL_VFIO_COUNT_CLEARS,
	CXL_VFIO_COUNT_SLEEPS,
	CXL_VFIO_COUNT_ERRORS,		/* of the CXL protocols, uncorrectable */
	CXL_VFIO_COUNT_ERRORS_CORRECTED,
	CXL_VFIO_COUNTS
};

/* The component registers and the BAR that holds them. */
struct cxl_vfio_comp {
	unsigned int bar;	/* index */
	struct range block;	/* all (8.2.3), bytes in the BAR; a user reaches none there */
	resource_size_t cm;	/* offset of the CM block in the BAR, bytes */
	u32 hdm;		/* offset of the HDM Decoder capability in the CM block, bytes */
	u32 hdm_size;		/* of that capability, bytes */
	struct cxlr_blocks capabilities; /* all that the capability array lists */
	void __iomem *base;	/* kernel mapping of the whole BAR */
};

/* What the device declares safe for a VM (8.2.6). */
struct cxl_vfio_acl {
	unsigned int count;
	struct {
		unsigned int bar;
		struct range range;	/* bytes in the BAR */
	} safe[];
};

/* What of errors the device had masked at bind. */
struct cxl_vfio_ras {
	bool unmasked;	/* the driver has unmasked those that it wants to hear of */
	u32 aer_uncor;	/* PCI_ERR_UNCOR_MASK */
	u32 aer_cor;	/* PCI_ERR_COR_MASK */
	u32 ras_uncor;	/* Uncorrectable Error Mask (8.2.4.17.2) */
	u32 ras_cor;	/* Correctable Error Mask (8.2.4.17.5) */
};

struct cxl_vfio_switch;

/* The physical device. */
struct cxl_vfio_hw {
	struct pci_dev *pdev;
	struct cxl_vfio_dev_state *cxl;	/* owned by the PCI device's devres */
	u16 dvsec;			/* config offset of the CXL Device DVSEC (8.1.3) */
	u16 cap;			/* its CXL Capability register */
	struct cxlr_blocks dvsecs;	/* all CXL DVSECs, that one included */
	struct cxl_vfio_comp comp;
	struct cxl_vfio_acl *acl;	/* NULL: what is not known to be unsafe is safe */
	struct cxl_vfio_platform platform;
	struct pci_saved_state *saved;	/* configuration space at bind */
	/* Its cache stays off. Changes while it is not open, with configuration access locked. */
	bool cache_denied;
	unsigned int decoder;		/* index of the HDM decoder that decodes the memory */
	struct cxl_vfio_switch *switches; /* above it, from the root port on; NULL: none */
	struct cxl_vfio_ras ras;
	bool silent;			/* it did not answer last time, and the log says so */
	/* Why its memory may not be touched, by BIT(). Written under the memory's lock. */
	unsigned long reasons;
	atomic_long_t counts[CXL_VFIO_COUNTS];
};

static inline void cxl_vfio_count(struct cxl_vfio_hw *hw, enum cxl_vfio_count what)
{
	atomic_long_inc(&hw->counts[what]);
}

/* The physical HDM Decoder capability. */
static inline void __iomem *cxl_vfio_hdm(const struct cxl_vfio_hw *hw)
{
	return hw->comp.base + hw->comp.cm + hw->comp.hdm;
}

/* Bytes of the register region: the CM block up to the end of the HDM Decoder capability. */
static inline u32 cxl_vfio_comp_regs_size(const struct cxl_vfio_comp *comp)
{
	return comp->hdm + comp->hdm_size;
}

/* Does a user of the device have its cache of host memory? */
static inline bool cxl_vfio_has_cache(const struct cxl_vfio_hw *hw)
{
	return hw->cap & CXLR_CAP_CACHE_CAPABLE && !hw->cache_denied;
}

/* Is it among the reasons now? */
static inline bool cxl_vfio_holds(const struct cxl_vfio_hw *hw, enum cxl_vfio_reason reason)
{
	return READ_ONCE(hw->reasons) & BIT(reason);
}

/* dvsec.c */
#define CXL_VFIO_ACTIVE_POLL_MS	20
int cxl_vfio_dvsec_find(struct cxl_vfio_hw *hw);
bool cxl_vfio_dvsec_mem_active(struct cxl_vfio_hw *hw);
int cxl_vfio_dvsec_check_active(struct cxl_vfio_hw *hw, unsigned long start);
int cxl_vfio_dvsec_wait_active(struct cxl_vfio_hw *hw);
u64 cxl_vfio_dvsec_capacity(struct cxl_vfio_hw *hw);
void cxl_vfio_dvsec_write_control2(struct cxl_vfio_hw *hw, u16 val);
int cxl_vfio_dvsec_run_reset(struct cxl_vfio_hw *hw, bool clear);
int cxl_vfio_dvsec_write_back(struct cxl_vfio_hw *hw);
unsigned int cxl_vfio_dvsec_reset_timeout_ms(struct cxl_vfio_hw *hw);
bool cxl_vfio_dvsec_can_reset(const struct cxl_vfio_hw *hw);
bool cxl_vfio_dvsec_reset_clears(const struct cxl_vfio_hw *hw);
int cxl_vfio_dvsec_restore(struct cxl_vfio_hw *hw);
bool cxl_vfio_dvsec_kept_mem_enable(struct cxl_vfio_hw *hw);

/* cache.c */
int cxl_vfio_cache_allow(struct cxl_vfio_hw *hw, bool allow);

/* component.c */
const char *cxl_vfio_component_capabilities(void __iomem *cm, struct cxlr_blocks *capabilities);
int cxl_vfio_component_find(struct cxl_vfio_hw *hw);
int cxl_vfio_component_claim(struct cxl_vfio_hw *hw);
u16 cxl_vfio_mmio_begin(struct pci_dev *pdev);
void cxl_vfio_mmio_end(struct pci_dev *pdev, u16 command);

/* acl.c */
int cxl_vfio_acl_read(struct cxl_vfio_hw *hw);

/* platform.c */
int cxl_vfio_platform_sample(struct cxl_vfio_hw *hw);
bool cxl_vfio_platform_bar_lost(const struct cxl_vfio_hw *hw);
void cxl_vfio_platform_restore_config(struct cxl_vfio_hw *hw);
int cxl_vfio_platform_restore(struct cxl_vfio_hw *hw, const struct range *hpa);
bool cxl_vfio_platform_decoder_lost(struct cxl_vfio_hw *hw);

/* ras.c */
void cxl_vfio_ras_init(struct cxl_vfio_hw *hw);
void cxl_vfio_ras_exit(struct cxl_vfio_hw *hw);
void cxl_vfio_ras_unmask(struct cxl_vfio_hw *hw);
u32 cxl_vfio_ras_at(const struct cxl_vfio_hw *hw);
void cxl_vfio_ras_name_errors(struct seq_buf *names, u32 offset, u32 status);

/* presence.c */
bool cxl_vfio_is_present(struct cxl_vfio_hw *hw);
bool cxl_vfio_is_gone(struct cxl_vfio_hw *hw);
bool cxl_vfio_is_absent(struct cxl_vfio_hw *hw);
int cxl_vfio_check_present(struct cxl_vfio_hw *hw);

/* decoder.c */
void cxl_vfio_decoder_read(void __iomem *hdm, unsigned int n, struct cxl_vfio_decoder *decoder);
bool cxl_vfio_decoder_targets_port(const struct cxl_vfio_decoder *decoder, u8 port);
int cxl_vfio_decoder_commit(void __iomem *hdm, unsigned int n, const struct cxl_vfio_decoder *want);
void cxl_vfio_decoder_release(void __iomem *hdm, unsigned int n,
			      const struct cxl_vfio_decoder *was);

/* host_bridge.c */
const char *cxl_vfio_host_bridge_open(struct pci_dev *pdev, struct cxl_vfio_host_bridge *bridge);
void cxl_vfio_host_bridge_close(struct cxl_vfio_host_bridge *bridge);
bool cxl_vfio_host_bridge_decoder(const struct cxl_vfio_host_bridge *bridge, unsigned int n,
				  struct cxl_vfio_decoder *decoder);
bool cxl_vfio_host_bridge_enumerated(const struct cxl_vfio_host_bridge *bridge);
bool cxl_vfio_host_bridge_cfmws(const struct cxl_vfio_host_bridge *bridge, unsigned int n,
				bool host_only, struct range *window);

/* switch.c */
bool cxl_vfio_is_behind_switch(struct pci_dev *pdev);
int cxl_vfio_switch_find(struct cxl_vfio_hw *hw);
struct pci_dev *cxl_vfio_switch_unrouted(const struct cxl_vfio_hw *hw, const struct range *hpa);

#endif
