// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CXL 3.1, 8.1: the DVSECs of an endpoint that carry registers. */
#include "map_rows.h"

/* What each of them begins with: PCIe 7.9.6, with the values that CXL gives. */
#define DVSEC_HEADER(section_, id_, revision_, length_)						\
	CONFIG32("PCIe Extended Capability Header", section_, 0x00,				\
		FIELD("PCIe Extended Capability ID", BITS(15, 0), RO, OPEN, .initial = 0x0023),	\
		FIELD("Capability Version", BITS(19, 16), RO, OPEN, .initial = 1 << 16),	\
		FIELD("Next Capability Offset", BITS(31, 20), RO, OFFER,			\
		      .note = "the chain that vfio-pci shows")),				\
	CONFIG32("DVSEC Header 1", section_, CXLR_DVSEC_HDR1,					\
		FIELD("DVSEC Vendor ID", BITS(15, 0), RO, OPEN, .initial = CXLR_VENDOR_ID),	\
		FIELD("DVSEC Revision", BITS(19, 16), RO, OPEN, .initial = (revision_) << 16),	\
		FIELD("DVSEC Length", BITS(31, 20), RO, OPEN, .initial = (length_) << 20)),	\
	CONFIG16("DVSEC Header 2", section_, CXLR_DVSEC_HDR2,					\
		FIELD("DVSEC ID", BITS(15, 0), RO, OPEN, .initial = id_))

/* 8.1.3.6; what it locks stays as it is in a CXL Reset, and so does it. */
static const struct cxlr_lock config_lock = {
	.name = "CONFIG_LOCK", .offset = CXLR_DVSEC_LOCK,
	.mask = CXLR_LOCK_CONFIG_LOCK, .value = CXLR_LOCK_CONFIG_LOCK, .survives = true,
};

/* Of what tells of a cache of host memory. */
#define NO_CACHE	"0 where the administrator denies the cache (host_cache)"

/* What a field takes a capability for. */
#define NEED(variable_, name_, offset_, mask_)							\
	static const struct cxlr_need variable_ = {						\
		.name = name_, .offset = offset_, .mask = mask_,				\
	}

NEED(cache_capable, "Cache_Capable", CXLR_DVSEC_CAP, CXLR_CAP_CACHE_CAPABLE);
NEED(mem_capable, "Mem_Capable", CXLR_DVSEC_CAP, CXLR_CAP_MEM_CAPABLE);
NEED(wbi_capable, "Cache Writeback and Invalidate Capable", CXLR_DVSEC_CAP,
	CXLR_CAP_CACHE_WBI_CAPABLE);
NEED(reset_capable, "CXL Reset Capable", CXLR_DVSEC_CAP, CXLR_CAP_RESET_CAPABLE);
NEED(mem_clr_capable, "CXL Reset Mem Clr Capable", CXLR_DVSEC_CAP, CXLR_CAP_RESET_MEM_CLR);
NEED(viral_capable, "Viral_Capable", CXLR_DVSEC_CAP, CXLR_CAP_VIRAL_CAPABLE);
NEED(modified_completion, "Modified Completion Capable", CXLR_DVSEC_CAP2,
	CXLR_CAP2_MODIFIED_COMPLETION);
NEED(volatile_config, "Volatile HDM State after Hot Reset Configurability", CXLR_DVSEC_CAP3,
	CXLR_CAP3_VOLATILE_CONFIG);
NEED(second_range, "HDM_Count of two", CXLR_DVSEC_CAP, 2 << CXLR_CAP_HDM_COUNT_SHIFT);
NEED(direct_p2p, "Direct P2P Mem Capable", CXLR_DVSEC_CAP3, CXLR_CAP3_DIRECT_P2P);

/*
 * 8.1.3.8: the registers of a range, with the views of what the driver
 * computes, of what changes and of what does not. A user gets one range, so
 * those of the second are different.
 */
#define RANGE(n_, number_, s1_, s2_, s3_, s4_, offer_, live_, open_, base_note_, need_)	\
	CONFIG32("DVSEC CXL Range " number_ " Size High", s1_, CXLR_DVSEC_RANGE_SIZE_HIGH(n_),	\
		FIELD("Memory_Size_High", BITS(31, 0), RO, offer_)),				\
	CONFIG32("DVSEC CXL Range " number_ " Size Low", s2_, CXLR_DVSEC_RANGE_SIZE_LOW(n_),	\
		FIELD("Memory_Info_Valid", CXLR_RANGE_MEM_INFO_VALID, RO, live_),		\
		FIELD("Memory_Active", CXLR_RANGE_MEM_ACTIVE, RO, live_),			\
		FIELD("Media_Type", CXLR_RANGE_MEDIA_TYPE, RO, open_),				\
		FIELD("Memory_Class", CXLR_RANGE_MEMORY_CLASS, RO, open_),			\
		FIELD("Desired_Interleave", CXLR_RANGE_INTERLEAVE, RO, open_),			\
		FIELD("Memory_Active_Timeout", CXLR_RANGE_ACTIVE_TIMEOUT, RO, open_,		\
		      .note = "1, 4, 16, 64, 256 s"),						\
		FIELD("Memory_Active_Degraded", CXLR_RANGE_ACTIVE_DEGRADED, RO, live_),		\
		RSVDP(27, 17),									\
		FIELD("Memory_Size_Low", CXLR_RANGE_SIZE_LOW_MASK, RO, offer_)),		\
	CONFIG32("DVSEC CXL Range " number_ " Base High", s3_, CXLR_DVSEC_RANGE_BASE_HIGH(n_),	\
		RWL_FIELD("Memory_Base_High", BITS(31, 0), &config_lock, OWN,			\
			  .note = base_note_, .need = need_)),\
	CONFIG32("DVSEC CXL Range " number_ " Base Low", s4_, CXLR_DVSEC_RANGE_BASE_LOW(n_),	\
		RSVDP(27, 0),									\
		RWL_FIELD("Memory_Base_Low", CXLR_RANGE_BASE_LOW_MASK, &config_lock, OWN,	\
			  .note = base_note_, .need = need_))

static const struct cxlr_reg device_regs[] = {
	DVSEC_HEADER("8.1.3", CXLR_DVSEC_ID_DEVICE, CXLR_DVSEC_DEVICE_REV, CXLR_DVSEC_DEVICE_LEN),
	CONFIG16("DVSEC CXL Capability", "8.1.3.1", CXLR_DVSEC_CAP,
		FIELD("Cache_Capable", CXLR_CAP_CACHE_CAPABLE, RO, OPEN, .note = NO_CACHE),
		FIELD("IO_Capable", CXLR_CAP_IO_CAPABLE, RO, OPEN, .initial = CXLR_CAP_IO_CAPABLE),
		FIELD("Mem_Capable", CXLR_CAP_MEM_CAPABLE, RO, OPEN),
		FIELD("Mem_HwInit_Mode", CXLR_CAP_MEM_HWINIT, RO, OPEN),
		FIELD("HDM_Count", CXLR_CAP_HDM_COUNT, RO, OFFER),
		FIELD("Cache Writeback and Invalidate Capable", CXLR_CAP_CACHE_WBI_CAPABLE,
		      RO, OPEN, .note = NO_CACHE),
		FIELD("CXL Reset Capable", CXLR_CAP_RESET_CAPABLE, RO, OPEN),
		FIELD("CXL Reset Timeout", CXLR_CAP_RESET_TIMEOUT, RO, OPEN,
		      .note = "10 ms, 100 ms, 1 s, 10 s, 100 s"),
		FIELD("CXL Reset Mem Clr Capable", CXLR_CAP_RESET_MEM_CLR, RO, OPEN),
		FIELD("TSP Capable", CXLR_CAP_TSP_CAPABLE, RO, ZERO),
		FIELD("Multiple Logical Device", CXLR_CAP_MLD, RO, ZERO),
		FIELD("Viral_Capable", CXLR_CAP_VIRAL_CAPABLE, RO, OPEN),
		FIELD("PM Init Completion Reporting Capable", CXLR_CAP_PM_INIT_REPORTING,
		      RO, OPEN)),
	CONFIG16("DVSEC CXL Control", "8.1.3.2", CXLR_DVSEC_CTRL,
		RWL_FIELD("Cache_Enable", CXLR_CTRL_CACHE_ENABLE, &config_lock, OWN,
			  .need = &cache_capable),
		FIELD("IO_Enable", CXLR_CTRL_IO_ENABLE, RO, OWN, .initial = CXLR_CTRL_IO_ENABLE),
		RWL_FIELD("Mem_Enable", CXLR_CTRL_MEM_ENABLE, &config_lock, OWN,
			  .effect = CXLR_EFFECT_MEM_ENABLE,
			  .need = &mem_capable),
		RWL_FIELD("Cache_SF_Coverage", CXLR_CTRL_SF_COVERAGE, &config_lock, OWN,
			  .need = &cache_capable),
		RWL_FIELD("Cache_SF_Granularity", CXLR_CTRL_SF_GRANULARITY, &config_lock, OWN,
			  .need = &cache_capable),
		RWL_FIELD("Cache_Clean_Eviction", CXLR_CTRL_CLEAN_EVICTION, &config_lock, OWN,
			  .need = &cache_capable),
		RWL_FIELD("Direct P2P Mem Enable", CXLR_CTRL_DIRECT_P2P_ENABLE, &config_lock, ZERO,
			  .note = "as its capability, in DVSEC CXL Capability3",
			  .need = &direct_p2p),
		RSVDP(13, 13),
		RWL_FIELD("Viral_Enable", CXLR_CTRL_VIRAL_ENABLE, &config_lock, OWN,
			  .need = &viral_capable),
		RSVDP(15, 15)),
	CONFIG16("DVSEC CXL Status", "8.1.3.3", CXLR_DVSEC_STATUS,
		RSVDZ(13, 0),
		FIELD("Viral_Status", CXLR_STATUS_VIRAL, RW1CS, EDGE,
		      .need = &viral_capable),
		RSVDZ(15, 15)),
	CONFIG16("DVSEC CXL Control2", "8.1.3.4", CXLR_DVSEC_CTRL2,
		FIELD("Disable Caching", CXLR_CTRL2_DISABLE_CACHING, RW, PASS,
		      .effect = CXLR_EFFECT_CACHING,
		      .need = &cache_capable),
		FIELD("Initiate Cache Write Back and Invalidation", CXLR_CTRL2_INITIATE_WBI,
		      RW, PASS,
		      .effect = CXLR_EFFECT_WBI, .reads_zero = true,
		      .note = "not while caching is allowed, where it is undefined",
		      .need = &wbi_capable),
		FIELD("Initiate CXL Reset", CXLR_CTRL2_INITIATE_RESET, RW, PASS,
		      .effect = CXLR_EFFECT_CXL_RESET, .reads_zero = true,
		      .need = &reset_capable),
		FIELD("CXL Reset Mem Clr Enable", CXLR_CTRL2_RESET_MEM_CLR, RW, OWN,
		      .note = "of the user's own CXL Resets",
		      .need = &mem_clr_capable),
		FIELD("Desired Volatile HDM State after Hot Reset", CXLR_CTRL2_VOLATILE_HDM_STATE,
		      RWS, ZERO, .note = "as its capability, in DVSEC CXL Capability3",
		      .need = &volatile_config),
		FIELD("Modified Completion Enable", CXLR_CTRL2_MODIFIED_COMPLETION, RW, ZERO,
		      .note = "as its capability, in DVSEC CXL Capability2",
		      .need = &modified_completion),
		RSVDP(15, 6)),
	CONFIG16("DVSEC CXL Status2", "8.1.3.5", CXLR_DVSEC_STATUS2,
		FIELD("Cache Invalid", CXLR_STATUS2_CACHE_INVALID, RO, LIVE),
		FIELD("CXL Reset Complete", CXLR_STATUS2_RESET_COMPLETE, RO, OWN,
		      .note = "of the user's own CXL Resets, when they are over"),
		FIELD("CXL Reset Error", CXLR_STATUS2_RESET_ERROR, RO, OWN),
		FIELD("Volatile HDM Preservation Error", CXLR_STATUS2_HDM_PRESERVE_ERR,
		      RW1CS, ZERO, .note = "as its capability, in DVSEC CXL Capability3",
		      .need = &volatile_config),
		RSVDZ(14, 4),
		FIELD("Power Management Initialization Complete", CXLR_STATUS2_PM_INIT_COMPLETE,
		      RO, LIVE)),
	CONFIG16("DVSEC CXL Lock", "8.1.3.6", CXLR_DVSEC_LOCK,
		FIELD("CONFIG_LOCK", CXLR_LOCK_CONFIG_LOCK, RWO, OWN,
		      .note = "a conventional reset clears it, a CXL Reset does not"),
		RSVDP(15, 1)),
	CONFIG16("DVSEC CXL Capability2", "8.1.3.7", CXLR_DVSEC_CAP2,
		FIELD("Cache Size Unit", CXLR_CAP2_CACHE_SIZE_UNIT, RO, OPEN,
		      .note = "0 not told, 1 64 KiB, 2 1 MiB; " NO_CACHE),
		FIELD("Fallback Capability", CXLR_CAP2_FALLBACK, RO, OPEN),
		FIELD("Modified Completion Capable", CXLR_CAP2_MODIFIED_COMPLETION, RO, ZERO),
		FIELD("No Clean Writeback", CXLR_CAP2_NO_CLEAN_WRITEBACK, RO, OPEN,
		      .note = NO_CACHE),
		FIELD("Cache Size", CXLR_CAP2_CACHE_SIZE, RO, OPEN, .note = NO_CACHE)),
	RANGE(0, "1", "8.1.3.8.1", "8.1.3.8.2", "8.1.3.8.3", "8.1.3.8.4", OFFER, LIVE, OPEN,
	      "follows the first HDM decoder, unless CONFIG_LOCK is set", NULL),
	RANGE(1, "2", "8.1.3.8.5", "8.1.3.8.6", "8.1.3.8.7", "8.1.3.8.8", ZERO, ZERO, ZERO, NULL,
	      &second_range),
	CONFIG16("DVSEC CXL Capability3", "8.1.3.9", CXLR_DVSEC_CAP3,
		FIELD("Default Volatile HDM State after Cold Reset", CXLR_CAP3_VOLATILE_COLD,
		      RO, OPEN),
		FIELD("Default Volatile HDM State after Warm Reset", CXLR_CAP3_VOLATILE_WARM,
		      RO, OPEN),
		FIELD("Default Volatile HDM State after Hot Reset", CXLR_CAP3_VOLATILE_HOT,
		      RO, OPEN),
		FIELD("Volatile HDM State after Hot Reset Configurability",
		      CXLR_CAP3_VOLATILE_CONFIG, RO, ZERO,
		      .note = "who resets the bus is the host"),
		FIELD("Direct P2P Mem Capable", CXLR_CAP3_DIRECT_P2P, RO, ZERO),
		RSVDP(15, 5)),
};

const struct cxlr_map cxlr_map_dvsec_device = {
	.name = "PCIe DVSEC for CXL Devices", .section = "8.1.3",
	.kind = CXLR_MAP_DVSEC, .id = CXLR_DVSEC_ID_DEVICE,
	.version = CXLR_DVSEC_DEVICE_REV, .size = CXLR_DVSEC_DEVICE_LEN,
	REGS(device_regs),
	.offered = "Always: the guest finds the device's memory and controls its use of it here.",
};

static const struct cxlr_reg gpf_regs[] = {
	DVSEC_HEADER("8.1.7", CXLR_DVSEC_ID_GPF_DEVICE, 0, CXLR_DVSEC_GPF_LEN),
	CONFIG16("GPF Phase 2 Duration", "8.1.7.1", CXLR_GPF_PHASE2_DURATION,
		FIELD("GPF Phase 2 Time Base", BITS(3, 0), RO, OPEN),
		RSVDP(7, 4),
		FIELD("GPF Phase 2 Time Scale", BITS(11, 8), RO, OPEN,
		      .note = "powers of ten from 1 us to 10 s"),
		RSVDP(15, 12)),
	CONFIG32("GPF Phase 2 Power", "8.1.7.2", CXLR_GPF_PHASE2_POWER,
		FIELD("GPF Phase 2 Active Power", BITS(31, 0), RO, OPEN, .note = "in mW")),
};

const struct cxlr_map cxlr_map_dvsec_gpf = {
	.name = "GPF DVSEC for CXL Device", .section = "8.1.7",
	.kind = CXLR_MAP_DVSEC, .id = CXLR_DVSEC_ID_GPF_DEVICE,
	.version = 0, .size = CXLR_DVSEC_GPF_LEN,
	REGS(gpf_regs),
	.offered = "Where the device has it: facts about the device, nothing to control.",
};

/* An endpoint's end of the link: what ports can write is read-only here. */
static const struct cxlr_reg flex_bus_regs[] = {
	DVSEC_HEADER("8.2.1.3", CXLR_DVSEC_ID_FLEX_BUS_PORT, CXLR_DVSEC_FLEX_BUS_REV,
		     CXLR_DVSEC_FLEX_BUS_LEN),
	CONFIG16("DVSEC Flex Bus Port Capability", "8.2.1.3.1", CXLR_FLEX_BUS_CAP,
		FIELD("Cache_Capable", CXLR_FLEX_BUS_CACHE, RO, OPEN, .note = NO_CACHE),
		FIELD("IO_Capable", CXLR_FLEX_BUS_IO, RO, OPEN, .initial = CXLR_FLEX_BUS_IO),
		FIELD("Mem_Capable", CXLR_FLEX_BUS_MEM, RO, OPEN),
		RSVDP(4, 3),
		FIELD("CXL 68B Flit and VH Capable", CXLR_FLEX_BUS_68B_FLIT_VH, RO, OPEN),
		FIELD("CXL Multi-Logical Device Capable", CXLR_FLEX_BUS_MLD, RO, ZERO),
		RSVDP(12, 7),
		FIELD("CXL Latency_Optimized_256B_Flit_Capable", CXLR_FLEX_BUS_LAT_OPT_256B,
		      RO, OPEN),
		FIELD("CXL PBR Flit Capable", CXLR_FLEX_BUS_PBR, RO, OPEN),
		RSVDP(15, 15)),
	CONFIG16("DVSEC Flex Bus Port Control", "8.2.1.3.2", CXLR_FLEX_BUS_CTRL,
		FIELD("Cache_Enable", CXLR_FLEX_BUS_CACHE, HWINIT, OPEN, .note = NO_CACHE),
		FIELD("IO_Enable", CXLR_FLEX_BUS_IO, RO, OPEN, .initial = CXLR_FLEX_BUS_IO),
		FIELD("Mem_Enable", CXLR_FLEX_BUS_MEM, HWINIT, OPEN),
		FIELD("CXL_Sync_Hdr_Bypass_Enable", BITS(3, 3), HWINIT, OPEN),
		FIELD("Drift_Buffer_Enable", BITS(4, 4), HWINIT, OPEN),
		FIELD("CXL 68B Flit and VH Enable", CXLR_FLEX_BUS_68B_FLIT_VH, HWINIT, OPEN),
		FIELD("CXL Multi-Logical Device Enable", CXLR_FLEX_BUS_MLD, HWINIT, ZERO),
		FIELD("Disable_RCD_Training", BITS(7, 7), HWINIT, OPEN),
		FIELD("Retimer1_Present", BITS(8, 8), HWINIT, OPEN),
		FIELD("Retimer2_Present", BITS(9, 9), HWINIT, OPEN),
		RSVDP(12, 10),
		FIELD("CXL Latency_Optimized_256B_Flit_Enable", CXLR_FLEX_BUS_LAT_OPT_256B,
		      HWINIT, OPEN),
		FIELD("CXL PBR Flit Enable", CXLR_FLEX_BUS_PBR, HWINIT, OPEN),
		RSVDP(15, 15)),
	CONFIG16("DVSEC Flex Bus Port Status", "8.2.1.3.3", CXLR_FLEX_BUS_STATUS,
		FIELD("Cache_Enabled", CXLR_FLEX_BUS_CACHE, RO, OPEN, .note = NO_CACHE),
		FIELD("IO_Enabled", CXLR_FLEX_BUS_IO, RO, OPEN),
		FIELD("Mem_Enabled", CXLR_FLEX_BUS_MEM, RO, OPEN),
		FIELD("CXL_Sync_Hdr_Bypass_Enabled", BITS(3, 3), RO, OPEN),
		FIELD("Drift_Buffer_Enabled", BITS(4, 4), RO, OPEN),
		FIELD("CXL 68B Flit and VH Enabled", CXLR_FLEX_BUS_68B_FLIT_VH, RO, OPEN),
		FIELD("CXL Multi-Logical Device Enabled", CXLR_FLEX_BUS_MLD, RO, ZERO),
		RSVDZ(7, 7),
		FIELD("CXL_Correctable_Protocol_ID_Framing_Error", BITS(8, 8), RW1CS, EDGE),
		FIELD("CXL_Uncorrectable_Protocol_ID_Framing_Error", BITS(9, 9), RW1CS, EDGE),
		FIELD("CXL_Unexpected_Protocol_ID_Dropped", BITS(10, 10), RW1CS, EDGE),
		FIELD("CXL_Retimers_Present_Mismatched", BITS(11, 11), RW1CS, EDGE),
		FIELD("FlexBusEnableBits_Phase2_Mismatch", BITS(12, 12), RW1CS, EDGE),
		FIELD("CXL Latency_Optimized_256B_Flit_Enabled", CXLR_FLEX_BUS_LAT_OPT_256B,
		      RO, OPEN),
		FIELD("CXL PBR Flit Enabled", CXLR_FLEX_BUS_PBR, RO, OPEN),
		FIELD("CXL.io_Throttle_Required_at_64GT/s", BITS(15, 15), RO, OPEN)),
	CONFIG32("DVSEC Flex Bus Port Received Modified TS Data Phase1", "8.2.1.3.4",
		 CXLR_FLEX_BUS_RECEIVED_TS,
		FIELD("Received_Flex_Bus_Data_Phase_1", BITS(23, 0), RO, OPEN),
		RSVDZ(31, 24)),
	CONFIG32("DVSEC Flex Bus Port Capability2", "8.2.1.3.5", CXLR_FLEX_BUS_CAP2,
		FIELD("NOP_Hint_Capable", BITS(0, 0), RO, OPEN),
		RSVDP(31, 1)),
	CONFIG32("DVSEC Flex Bus Port Control2", "8.2.1.3.6", CXLR_FLEX_BUS_CTRL2,
		FIELD("NOP_Hint_Enable", BITS(0, 0), HWINIT, OPEN),
		RSVDP(31, 1)),
	CONFIG32("DVSEC Flex Bus Port Status2", "8.2.1.3.7", CXLR_FLEX_BUS_STATUS2,
		FIELD("NOP_Hint_Info", BITS(1, 0), RO, OPEN),
		RSVDZ(31, 2)),
};

const struct cxlr_map cxlr_map_dvsec_flex_bus = {
	.name = "PCIe DVSEC for Flex Bus Port", .section = "8.2.1.3",
	.kind = CXLR_MAP_DVSEC, .id = CXLR_DVSEC_ID_FLEX_BUS_PORT,
	.version = CXLR_DVSEC_FLEX_BUS_REV, .size = CXLR_DVSEC_FLEX_BUS_LEN,
	REGS(flex_bus_regs),
	.offered = "Where the device has it: how the link was trained; the link is the host's.",
};

/* The length is that of a locator without entries; each adds 8 bytes. */
static const struct cxlr_reg locator_regs[] = {
	DVSEC_HEADER("8.1.9", CXLR_DVSEC_ID_REG_LOCATOR, 0, CXLR_REG_LOCATOR_BLOCK_LOW(0)),
};

static const struct cxlr_reg locator_block[] = {
	CONFIG32("Register Offset Low", "8.1.9.1", 0x00,
		FIELD("Register BIR", CXLR_REG_LOCATOR_BIR, HWINIT, OPEN),
		RSVDP(7, 3),
		FIELD("Register Block Identifier", CXLR_REG_LOCATOR_ID, HWINIT, OPEN,
		      .note = "0 empty, 1 component registers, 3 device registers"),
		FIELD("Register Block Offset Low", CXLR_REG_LOCATOR_OFFSET_LOW, HWINIT, OPEN,
		      .note = "in the BAR, so the same for host and guest")),
	CONFIG32("Register Offset High", "8.1.9.2", 0x04,
		FIELD("Register Block Offset High", BITS(31, 0), HWINIT, OPEN)),
};

const struct cxlr_map cxlr_map_dvsec_locator = {
	.name = "Register Locator DVSEC", .section = "8.1.9",
	.kind = CXLR_MAP_DVSEC, .id = CXLR_DVSEC_ID_REG_LOCATOR,
	.version = 0, .size = CXLR_REG_LOCATOR_BLOCK_LOW(0),
	REGS(locator_regs),
	UNIT(locator_block),
	.unit_first = CXLR_REG_LOCATOR_BLOCK_LOW(0), .unit_stride = 8, .unit_max = 255,
	.offered = "Always: the guest finds the component registers by it.",
};
