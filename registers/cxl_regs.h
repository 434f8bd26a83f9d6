/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Offsets and fields of the CXL registers that this project reads, writes or
 * plays. The kernel module, the firmware stand-in, the QEMU plugins and the
 * tests all take them from here. Section numbers are those of the CXL
 * specification 3.1; names are the specification's own.
 *
 * Pure C: no includes, no types, masks as unsigned constants.
 */
#ifndef CXL_REGS_H
#define CXL_REGS_H

#define CXLR_VENDOR_ID			0x1e98	/* DVSEC vendor id of the CXL consortium */

/*
 * 8.1.3 PCIe DVSEC for CXL Devices, offsets in bytes from the start of the
 * extended capability.
 */
#define CXLR_DVSEC_ID_DEVICE		0x0
#define CXLR_DVSEC_DEVICE_REV		0x3
#define CXLR_DVSEC_DEVICE_LEN		0x3c

#define CXLR_DVSEC_HDR1			0x04
#define CXLR_DVSEC_HDR2			0x08
#define CXLR_DVSEC_HEADER_LEN		0x0a	/* what all DVSECs begin with */

#define CXLR_DVSEC_CAP			0x0a	/* 8.1.3.1, 16 bit */
#define  CXLR_CAP_CACHE_CAPABLE		0x0001u
#define  CXLR_CAP_IO_CAPABLE		0x0002u
#define  CXLR_CAP_MEM_CAPABLE		0x0004u
#define  CXLR_CAP_MEM_HWINIT		0x0008u
#define  CXLR_CAP_HDM_COUNT		0x0030u
#define  CXLR_CAP_HDM_COUNT_SHIFT	4
#define  CXLR_CAP_CACHE_WBI_CAPABLE	0x0040u
#define  CXLR_CAP_RESET_CAPABLE		0x0080u
#define  CXLR_CAP_RESET_TIMEOUT		0x0700u	/* 10 ms, 100 ms, 1 s, 10 s, 100 s */
#define  CXLR_CAP_RESET_TIMEOUT_SHIFT	8
#define  CXLR_CAP_RESET_MEM_CLR		0x0800u
#define  CXLR_CAP_TSP_CAPABLE		0x1000u
#define  CXLR_CAP_MLD			0x2000u
#define  CXLR_CAP_VIRAL_CAPABLE		0x4000u
#define  CXLR_CAP_PM_INIT_REPORTING	0x8000u

#define CXLR_DVSEC_CTRL			0x0c	/* 8.1.3.2, 16 bit, RWL by CONFIG_LOCK */
#define  CXLR_CTRL_CACHE_ENABLE		0x0001u
#define  CXLR_CTRL_IO_ENABLE		0x0002u	/* RO 1 */
#define  CXLR_CTRL_MEM_ENABLE		0x0004u
#define  CXLR_CTRL_SF_COVERAGE		0x00f8u
#define  CXLR_CTRL_SF_GRANULARITY	0x0700u
#define  CXLR_CTRL_CLEAN_EVICTION	0x0800u
#define  CXLR_CTRL_DIRECT_P2P_ENABLE	0x1000u
#define  CXLR_CTRL_VIRAL_ENABLE		0x4000u

#define CXLR_DVSEC_STATUS		0x0e	/* 8.1.3.3, 16 bit */
#define  CXLR_STATUS_VIRAL		0x4000u	/* RW1CS */

#define CXLR_DVSEC_CTRL2		0x10	/* 8.1.3.4, 16 bit */
#define  CXLR_CTRL2_DISABLE_CACHING	0x0001u
#define  CXLR_CTRL2_INITIATE_WBI	0x0002u	/* reads as zero */
#define  CXLR_CTRL2_INITIATE_RESET	0x0004u	/* reads as zero */
#define  CXLR_CTRL2_RESET_MEM_CLR	0x0008u
#define  CXLR_CTRL2_VOLATILE_HDM_STATE	0x0010u
#define  CXLR_CTRL2_MODIFIED_COMPLETION	0x0020u

#define CXLR_DVSEC_STATUS2		0x12	/* 8.1.3.5, 16 bit */
#define  CXLR_STATUS2_CACHE_INVALID	0x0001u
#define  CXLR_STATUS2_RESET_COMPLETE	0x0002u
#define  CXLR_STATUS2_RESET_ERROR	0x0004u
#define  CXLR_STATUS2_HDM_PRESERVE_ERR	0x0008u	/* RW1CS */
#define  CXLR_STATUS2_PM_INIT_COMPLETE	0x8000u

#define CXLR_DVSEC_LOCK			0x14	/* 8.1.3.6, 16 bit */
#define  CXLR_LOCK_CONFIG_LOCK		0x0001u	/* RWO */

#define CXLR_DVSEC_CAP2			0x16	/* 8.1.3.7, 16 bit */
#define  CXLR_CAP2_CACHE_SIZE_UNIT	0x000fu	/* 0 none, 1 64 KiB, 2 1 MiB */
#define  CXLR_CAP2_FALLBACK		0x0030u
#define  CXLR_CAP2_MODIFIED_COMPLETION	0x0040u
#define  CXLR_CAP2_NO_CLEAN_WRITEBACK	0x0080u
#define  CXLR_CAP2_CACHE_SIZE		0xff00u
#define  CXLR_CAP2_CACHE_SIZE_SHIFT	8

/* 8.1.3.8 the two range register sets, n = 0 or 1, 32 bit each */
#define CXLR_DVSEC_RANGE_SIZE_HIGH(n)	(0x18 + 0x10 * (n))
#define CXLR_DVSEC_RANGE_SIZE_LOW(n)	(0x1c + 0x10 * (n))
#define  CXLR_RANGE_MEM_INFO_VALID	0x00000001u
#define  CXLR_RANGE_MEM_ACTIVE		0x00000002u
#define  CXLR_RANGE_MEDIA_TYPE		0x0000001cu	/* 2: see CDAT */
#define  CXLR_RANGE_MEDIA_TYPE_SHIFT	2
#define  CXLR_RANGE_MEMORY_CLASS	0x000000e0u
#define  CXLR_RANGE_MEMORY_CLASS_SHIFT	5
#define  CXLR_RANGE_INTERLEAVE		0x00001f00u
#define  CXLR_RANGE_ACTIVE_TIMEOUT	0x0000e000u	/* 1, 4, 16, 64, 256 s */
#define  CXLR_RANGE_ACTIVE_TIMEOUT_SHIFT 13
#define  CXLR_RANGE_ACTIVE_DEGRADED	0x00010000u
#define  CXLR_RANGE_MEM_USABLE		0x00010002u	/* active, or active and degraded */
#define  CXLR_RANGE_SIZE_LOW_MASK	0xf0000000u
#define CXLR_DVSEC_RANGE_BASE_HIGH(n)	(0x20 + 0x10 * (n))
#define CXLR_DVSEC_RANGE_BASE_LOW(n)	(0x24 + 0x10 * (n))
#define  CXLR_RANGE_BASE_LOW_MASK	0xf0000000u

#define CXLR_DVSEC_CAP3			0x38	/* 8.1.3.9, 16 bit */
#define  CXLR_CAP3_VOLATILE_COLD	0x0001u
#define  CXLR_CAP3_VOLATILE_WARM	0x0002u
#define  CXLR_CAP3_VOLATILE_HOT		0x0004u
#define  CXLR_CAP3_VOLATILE_CONFIG	0x0008u
#define  CXLR_CAP3_DIRECT_P2P		0x0010u

/* 8.1.5 Extensions for Ports, 8.1.7 GPF for Device, 8.2.1.3 Flex Bus, 8.1.9 Register Locator */
#define CXLR_DVSEC_ID_PORT_EXT		0x3
#define CXLR_DVSEC_ID_GPF_DEVICE	0x5
#define CXLR_DVSEC_ID_FLEX_BUS_PORT	0x7
#define CXLR_DVSEC_ID_REG_LOCATOR	0x8

#define CXLR_DVSEC_GPF_LEN		0x10
#define CXLR_GPF_PHASE2_DURATION	0x0a	/* 8.1.7.1, 16 bit */
#define CXLR_GPF_PHASE2_POWER		0x0c	/* 8.1.7.2, 32 bit, mW */

#define CXLR_DVSEC_FLEX_BUS_REV		0x2
#define CXLR_DVSEC_FLEX_BUS_LEN		0x20
#define CXLR_FLEX_BUS_CAP		0x0a	/* 8.2.1.3.1, 16 bit */
#define CXLR_FLEX_BUS_CTRL		0x0c	/* 8.2.1.3.2, 16 bit */
#define CXLR_FLEX_BUS_STATUS		0x0e	/* 8.2.1.3.3, 16 bit */
#define  CXLR_FLEX_BUS_CACHE		0x0001u	/* the same bits in the three */
#define  CXLR_FLEX_BUS_IO		0x0002u
#define  CXLR_FLEX_BUS_MEM		0x0004u
#define  CXLR_FLEX_BUS_68B_FLIT_VH	0x0020u
#define  CXLR_FLEX_BUS_MLD		0x0040u
#define  CXLR_FLEX_BUS_LAT_OPT_256B	0x2000u
#define  CXLR_FLEX_BUS_PBR		0x4000u
#define CXLR_FLEX_BUS_RECEIVED_TS	0x10	/* 8.2.1.3.4, 32 bit */
#define CXLR_FLEX_BUS_CAP2		0x14	/* 8.2.1.3.5, 32 bit */
#define CXLR_FLEX_BUS_CTRL2		0x18	/* 8.2.1.3.6, 32 bit */
#define CXLR_FLEX_BUS_STATUS2		0x1c	/* 8.2.1.3.7, 32 bit */

#define CXLR_REG_LOCATOR_BLOCK_LOW(n)	(0x0c + 8 * (n))
#define  CXLR_REG_LOCATOR_BIR		0x00000007u
#define  CXLR_REG_LOCATOR_ID		0x0000ff00u
#define  CXLR_REG_LOCATOR_ID_SHIFT	8
#define  CXLR_REG_LOCATOR_ID_COMPONENT	1
#define  CXLR_REG_LOCATOR_ID_ACL	2
#define  CXLR_REG_LOCATOR_OFFSET_LOW	0xffff0000u
#define CXLR_REG_LOCATOR_BLOCK_HIGH(n)	(0x10 + 8 * (n))
#define CXLR_REG_LOCATOR_BLOCK_LEN	8

/* 8.2.6 BAR Virtualization ACL; entry registers of 64 bits */
#define CXLR_ACL_COUNT			0x3ffu	/* in the Size Register, at 0 */
#define CXLR_ACL_OFFSET(n)		(0x08ull + 0x10 * (n))
#define  CXLR_ACL_BIR			0xfull
#define  CXLR_ACL_START			0xffffffffffff0000ull
#define CXLR_ACL_SIZE(n)		(0x10ull + 0x10 * (n))

/* 8.2.3 Component register block; 8.2.4 CXL.cache and CXL.mem registers */
#define CXLR_COMPONENT_SIZE		0x10000
#define CXLR_CM_OFFSET			0x1000
#define CXLR_CM_SIZE			0x1000

#define CXLR_CAP_ARRAY			0x00	/* 8.2.4.1 */
#define  CXLR_CAP_ID			0x0000ffffu
#define  CXLR_CAP_VERSION		0x000f0000u
#define  CXLR_CAP_VERSION_SHIFT		16
#define  CXLR_CAP_ARRAY_CM_VERSION	0x00f00000u
#define  CXLR_CAP_ARRAY_CM_VERSION_SHIFT 20
#define  CXLR_CAP_ARRAY_SIZE		0xff000000u
#define  CXLR_CAP_ARRAY_SIZE_SHIFT	24
#define CXLR_CAP_HEADER(n)		(0x04 + 4 * (n))
#define  CXLR_CAP_POINTER		0xfff00000u
#define  CXLR_CAP_POINTER_SHIFT		20

#define CXLR_CAP_ID_NULL		0
#define CXLR_CAP_ID_ARRAY		1
#define CXLR_CAP_ID_RAS			2
#define CXLR_CAP_ID_SECURITY		3
#define CXLR_CAP_ID_LINK		4
#define CXLR_CAP_ID_HDM			5
#define CXLR_CAP_ID_EXT_SECURITY	6
#define CXLR_CAP_ID_SNOOP_FILTER	8
#define CXLR_CAP_ID_BI_DECODER		0xc
#define CXLR_CAP_ID_METADATA		0x10

/* 8.2.4.17 RAS, offsets from the capability */
#define CXLR_RAS_UNCOR_STATUS		0x00	/* RW1CS */
#define CXLR_RAS_UNCOR_MASK		0x04	/* RWS */
#define CXLR_RAS_UNCOR_SEVERITY		0x08	/* RWS */
#define  CXLR_RAS_UNCOR_ALL		0x0001cfffu
#define CXLR_RAS_COR_STATUS		0x0c	/* RW1CS */
#define CXLR_RAS_COR_MASK		0x10	/* RWS */
#define  CXLR_RAS_COR_ALL		0x0000007fu
#define CXLR_RAS_CAP_CTRL		0x14
#define  CXLR_RAS_FIRST_ERROR		0x0000003fu
#define  CXLR_RAS_MULTIPLE_HEADERS	0x00000200u
#define  CXLR_RAS_POISON_ENABLED	0x00002000u
#define CXLR_RAS_HEADER_LOG		0x18
#define CXLR_RAS_SIZE			0x58

/* 8.2.4.19 Link, offsets from the capability; all 64 bit, and accessed as such */
#define CXLR_LINK_CAP			0x00
#define CXLR_LINK_CTRL			0x08
#define CXLR_LINK_RX_CREDIT_CTRL	0x10
#define CXLR_LINK_RX_CREDIT_RETURN	0x18
#define CXLR_LINK_TX_CREDIT		0x20
#define CXLR_LINK_ACK_TIMER		0x28
#define CXLR_LINK_DEFEATURE		0x30
#define CXLR_LINK_SIZE			0x38

/* 8.2.4.27 BI Decoder, offsets from the capability */
#define CXLR_BI_CAP			0x00	/* 8.2.4.27.1 */
#define  CXLR_BI_CAP_HDM_D		0x00000001u
#define  CXLR_BI_CAP_EXPLICIT_COMMIT	0x00000002u
#define CXLR_BI_CTRL			0x04	/* 8.2.4.27.2 */
#define  CXLR_BI_CTRL_FORWARD		0x00000001u	/* ports */
#define  CXLR_BI_CTRL_ENABLE		0x00000002u
#define  CXLR_BI_CTRL_COMMIT		0x00000004u
#define CXLR_BI_STATUS			0x08	/* 8.2.4.27.3 */
#define  CXLR_BI_STATUS_COMMITTED	0x00000001u
#define  CXLR_BI_STATUS_ERROR		0x00000002u
#define  CXLR_BI_STATUS_TIMEOUT_SCALE	0x00000f00u
#define  CXLR_BI_STATUS_TIMEOUT_BASE	0x0000f000u
#define CXLR_BI_SIZE			0x0c

/* 8.2.4.31 Extended Metadata, offsets from the capability */
#define CXLR_METADATA_CAP		0x00	/* 8.2.4.31.1 */
#define  CXLR_METADATA_MAX_SIZE		0x0000007fu	/* bits, 1 to 32 */
#define  CXLR_METADATA_CAP_LOG		0x00000100u
#define CXLR_METADATA_CTRL		0x04	/* 8.2.4.31.2, RWL by CONFIG_LOCK of the DVSEC */
#define  CXLR_METADATA_CTRL_SIZE	0x0000007fu
#define  CXLR_METADATA_CTRL_LOG		0x00000100u
#define  CXLR_METADATA_CTRL_TRANSFER	0x80000000u
#define CXLR_METADATA_SIZE		0x08

/* 8.2.4.20 HDM Decoder, offsets from the capability */
#define CXLR_HDM_CAP			0x00	/* 8.2.4.20.1 */
#define  CXLR_HDM_CAP_DECODER_COUNT	0x0000000fu
#define  CXLR_HDM_CAP_TARGET_COUNT	0x000000f0u
#define  CXLR_HDM_CAP_INTERLEAVE_11_8	0x00000100u
#define  CXLR_HDM_CAP_INTERLEAVE_14_12	0x00000200u
#define  CXLR_HDM_CAP_POISON_ON_ERR	0x00000400u
#define  CXLR_HDM_CAP_3_6_12_WAY	0x00000800u
#define  CXLR_HDM_CAP_16_WAY		0x00001000u
#define  CXLR_HDM_CAP_UIO		0x00002000u
#define  CXLR_HDM_CAP_MEMDATA_NXM	0x00100000u
#define  CXLR_HDM_CAP_COHERENCY		0x00600000u	/* 1 HDM-D, 2 HDM-H, 3 both, 0 unknown */
#define  CXLR_HDM_CAP_COHERENCY_SHIFT	21
#define CXLR_HDM_GLOBAL_CTRL		0x04	/* 8.2.4.20.2 */
#define  CXLR_HDM_GLOBAL_POISON		0x00000001u
#define  CXLR_HDM_GLOBAL_ENABLE		0x00000002u
#define CXLR_HDM_FIRST			0x10	/* decoder 0 */
#define CXLR_HDM_STRIDE			0x20	/* from one decoder to the next */
#define CXLR_HDM_BASE_LOW(n)		(0x10 + 0x20 * (n))	/* 8.2.4.20.3 */
#define CXLR_HDM_BASE_HIGH(n)		(0x14 + 0x20 * (n))
#define CXLR_HDM_SIZE_LOW(n)		(0x18 + 0x20 * (n))	/* 8.2.4.20.5 */
#define CXLR_HDM_SIZE_HIGH(n)		(0x1c + 0x20 * (n))
#define  CXLR_HDM_LOW_MASK		0xf0000000u
#define CXLR_HDM_CTRL(n)		(0x20 + 0x20 * (n))	/* 8.2.4.20.7 */
#define  CXLR_HDM_CTRL_IG		0x0000000fu
#define  CXLR_HDM_CTRL_IW		0x000000f0u
#define  CXLR_HDM_CTRL_IW_SHIFT		4
#define  CXLR_HDM_CTRL_LOCK		0x00000100u
#define  CXLR_HDM_CTRL_COMMIT		0x00000200u
#define  CXLR_HDM_CTRL_COMMITTED	0x00000400u
#define  CXLR_HDM_CTRL_ERROR		0x00000800u
#define  CXLR_HDM_CTRL_HOSTONLY		0x00001000u	/* target: 1 HDM-H, 0 HDM-D or HDM-DB */
#define  CXLR_HDM_CTRL_BI		0x00002000u
#define  CXLR_HDM_CTRL_UIO		0x00004000u
#define  CXLR_HDM_CTRL_UIG		0x000f0000u
#define  CXLR_HDM_CTRL_UIW		0x00f00000u
#define  CXLR_HDM_CTRL_ISP		0x0f000000u
#define CXLR_HDM_DPA_SKIP_LOW(n)	(0x24 + 0x20 * (n))	/* 8.2.4.20.9, endpoints */
#define CXLR_HDM_DPA_SKIP_HIGH(n)	(0x28 + 0x20 * (n))
#define CXLR_HDM_TARGET_LOW(n)		(0x24 + 0x20 * (n))	/* 8.2.4.20.8, ports */
#define CXLR_HDM_TARGET_HIGH(n)		(0x28 + 0x20 * (n))

#define CXLR_HDM_MAX_DECODERS		32
/* Granularity of base, size and skip, in bytes (8.2.4.20.3). */
#define CXLR_HDM_GRANULE		0x10000000u
/* Bytes of the capability with n decoders. */
#define CXLR_HDM_SIZE(n)		(0x10 + 0x20 * (n))

/*
 * Number of decoders by the DECODER_COUNT field (8.2.4.20.1); 0 for a value
 * that the specification reserves.
 */
static inline unsigned int cxlr_hdm_decoder_count(unsigned int hdm_cap)
{
	static const unsigned char count[16] = {
		1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32,
	};

	return count[hdm_cap & CXLR_HDM_CAP_DECODER_COUNT];
}

#endif
