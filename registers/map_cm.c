// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CXL 3.1, 8.2.4: capabilities of the CM block, but for the HDM decoders. */
#include "map_rows.h"

/*
 * 8.2.4.17: the three registers of uncorrectable errors have the same bits,
 * and so have the two of correctable ones. An error is masked, and fatal,
 * until software says otherwise.
 */
#define RAS_ERROR(name_, bit_, attr_, view_, set_, ...)					\
	FIELD(name_, BITS(bit_, bit_), attr_, view_,					\
	      .initial = (set_) ? BITS(bit_, bit_) : 0, __VA_ARGS__)

#define UNCORRECTABLE(suffix_, attr_, view_, set_, reserved_)				\
	RAS_ERROR("Cache_Data_Parity" suffix_, 0, attr_, view_, set_),			\
	RAS_ERROR("Cache_Address_Parity" suffix_, 1, attr_, view_, set_),		\
	RAS_ERROR("Cache_BE_Parity" suffix_, 2, attr_, view_, set_),			\
	RAS_ERROR("Cache_Data_ECC" suffix_, 3, attr_, view_, set_),			\
	RAS_ERROR("Mem_Data_Parity" suffix_, 4, attr_, view_, set_),			\
	RAS_ERROR("Mem_Address_Parity" suffix_, 5, attr_, view_, set_),			\
	RAS_ERROR("Mem_BE_Parity" suffix_, 6, attr_, view_, set_),			\
	RAS_ERROR("Mem_Data_ECC" suffix_, 7, attr_, view_, set_),			\
	RAS_ERROR("REINIT_Threshold" suffix_, 8, attr_, view_, set_,			\
		  .note = "of links with 68-byte flits"),				\
	RAS_ERROR("Rsvd_Encoding_Violation" suffix_, 9, attr_, view_, set_),		\
	RAS_ERROR("Poison_Received" suffix_, 10, attr_, view_, set_),			\
	RAS_ERROR("Receiver_Overflow" suffix_, 11, attr_, view_, set_),			\
	reserved_(13, 12),								\
	RAS_ERROR("Internal_Error" suffix_, 14, attr_, view_, set_),			\
	RAS_ERROR("CXL_IDE_Tx_Error" suffix_, 15, attr_, view_, set_),			\
	RAS_ERROR("CXL_IDE_Rx_Error" suffix_, 16, attr_, view_, set_),			\
	reserved_(31, 17)

#define CORRECTABLE(suffix_, attr_, view_, set_, reserved_)				\
	RAS_ERROR("Cache_Data_ECC" suffix_, 0, attr_, view_, set_),			\
	RAS_ERROR("Mem_Data_ECC" suffix_, 1, attr_, view_, set_),			\
	RAS_ERROR("CRC_Threshold" suffix_, 2, attr_, view_, set_),			\
	RAS_ERROR("Retry_Threshold" suffix_, 3, attr_, view_, set_),			\
	RAS_ERROR("Cache_Poison_Received" suffix_, 4, attr_, view_, set_),		\
	RAS_ERROR("Mem_Poison_Received" suffix_, 5, attr_, view_, set_),		\
	RAS_ERROR("Physical_Layer_Error" suffix_, 6, attr_, view_, set_),		\
	reserved_(31, 7)

#define HEADER_LOG_NOTE	"sticky: it may tell of an earlier user's traffic"
#define HEADER_LOG(n_)									\
	CM32("Header Log dword " #n_, "8.2.4.17.7", CXLR_RAS_HEADER_LOG + 4 * (n_),	\
		FIELD("Header Log", BITS(31, 0), ROS, ZERO, .note = HEADER_LOG_NOTE))

static const struct cxlr_reg ras_regs[] = {
	CM32("Uncorrectable Error Status", "8.2.4.17.1", CXLR_RAS_UNCOR_STATUS,
		UNCORRECTABLE("", RW1CS, EDGE, 0, RSVDZ)),
	CM32("Uncorrectable Error Mask", "8.2.4.17.2", CXLR_RAS_UNCOR_MASK,
		UNCORRECTABLE("_Mask", RWS, OWN, 1, RSVDP)),
	CM32("Uncorrectable Error Severity", "8.2.4.17.3", CXLR_RAS_UNCOR_SEVERITY,
		UNCORRECTABLE("_Severity", RWS, OWN, 1, RSVDP)),
	CM32("Correctable Error Status", "8.2.4.17.4", CXLR_RAS_COR_STATUS,
		CORRECTABLE("", RW1CS, EDGE, 0, RSVDZ)),
	CM32("Correctable Error Mask", "8.2.4.17.5", CXLR_RAS_COR_MASK,
		CORRECTABLE("_Mask", RWS, OWN, 1, RSVDP)),
	CM32("Error Capabilities and Control", "8.2.4.17.6", CXLR_RAS_CAP_CTRL,
		FIELD("First_Error_Pointer", CXLR_RAS_FIRST_ERROR, ROS, ZERO,
		      .note = "it goes with the header log"),
		RSVDP(8, 6),
		FIELD("Multiple_Header_Recording_Capability", CXLR_RAS_MULTIPLE_HEADERS, RO, ZERO,
		      .note = "it goes with the header log"),
		RSVDP(12, 10),
		FIELD("Poison_Enabled", CXLR_RAS_POISON_ENABLED, RO, OWN,
		      .initial = CXLR_RAS_POISON_ENABLED,
		      .note = "software can clear it on an RCD only"),
		RSVDP(31, 14)),
	HEADER_LOG(0), HEADER_LOG(1), HEADER_LOG(2), HEADER_LOG(3),
	HEADER_LOG(4), HEADER_LOG(5), HEADER_LOG(6), HEADER_LOG(7),
	HEADER_LOG(8), HEADER_LOG(9), HEADER_LOG(10), HEADER_LOG(11),
	HEADER_LOG(12), HEADER_LOG(13), HEADER_LOG(14), HEADER_LOG(15),
};

const struct cxlr_map cxlr_map_ras = {
	.name = "CXL RAS Capability", .section = "8.2.4.17",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_RAS, .version = 3, .size = CXLR_RAS_SIZE,
	REGS(ras_regs),
	.offered = "Where the device has it: each user sees the errors of its own time.",
};

#define TRUST_LEVELS	"0 trusted, 1 for its own memory only, 2 not at all"

static const struct cxlr_reg security_regs[] = {
	CM32("CXL Security Policy", "8.2.4.18.1", 0x00,
		FIELD("Device Trust Level", BITS(1, 0), RW, ZERO, .note = TRUST_LEVELS),
		FIELD("Block_CXL.cache_HDM-DB", BITS(2, 2), RW, ZERO),
		RSVDP(31, 3)),
};

const struct cxlr_map cxlr_map_security = {
	.name = "CXL Security Capability", .section = "8.2.4.18",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_SECURITY, .version = 1, .size = 0x04,
	REGS(security_regs),
	.offered = "Never: it is a port's, of a restricted CXL host.",
};

/* 8.2.4.19: three registers that count credits of the same kinds. */
#define CREDITS(attr_, view_)								\
	FIELD("Cache Req Credits", BITS(9, 0), attr_, view_),				\
	FIELD("Cache Rsp Credits", BITS(19, 10), attr_, view_),				\
	FIELD("Cache Data Credits", BITS(29, 20), attr_, view_),			\
	FIELD("Mem Req or Rsp Credits", BITS(39, 30), attr_, view_),			\
	FIELD("Mem Data Credits", BITS(49, 40), attr_, view_),				\
	FIELD("BI Credits", BITS(59, 50), attr_, view_),				\
	RSVDP(63, 60)

static const struct cxlr_reg link_regs[] = {
	CM64("CXL Link Layer Capability", "8.2.4.19.1", CXLR_LINK_CAP,
		FIELD("CXL Link Version Supported", BITS(3, 0), RWS, ZERO),
		FIELD("CXL Link Version Received", BITS(7, 4), ROS, ZERO),
		FIELD("LLR Wrap Value Supported", BITS(15, 8), RWS, ZERO),
		FIELD("LLR Wrap Value Received", BITS(23, 16), ROS, ZERO),
		FIELD("NUM_Retry_Received", BITS(28, 24), ROS, ZERO),
		FIELD("NUM_Phy_Reinit_Received", BITS(33, 29), ROS, ZERO),
		FIELD("Wr_Ptr_Received", BITS(41, 34), ROS, ZERO),
		FIELD("Echo_Eseq_Received", BITS(49, 42), ROS, ZERO),
		FIELD("Num_Free_Buf_Received", BITS(57, 50), ROS, ZERO),
		FIELD("No_LL_Reset_Support", BITS(58, 58), HWINIT, ZERO),
		RSVDP(63, 59)),
	CM64("CXL Link Layer Control and Status", "8.2.4.19.2", CXLR_LINK_CTRL,
		FIELD("LL_Reset", BITS(0, 0), RW, ZERO, .note = "the link is the host's"),
		FIELD("LL_Init_Stall", BITS(1, 1), RWS, ZERO),
		FIELD("LL_Crd_Stall", BITS(2, 2), RWS, ZERO),
		FIELD("INIT_State", BITS(4, 3), ROS, ZERO),
		FIELD("LL_Retry_Buffer_Consumed", BITS(12, 5), ROS, ZERO,
		      .note = "it changes with the traffic"),
		RSVDP(63, 13)),
	CM64("CXL Link Layer Rx Credit Control", "8.2.4.19.3", CXLR_LINK_RX_CREDIT_CTRL,
		CREDITS(RWS, ZERO)),
	CM64("CXL Link Layer Rx Credit Return Status", "8.2.4.19.4", CXLR_LINK_RX_CREDIT_RETURN,
		CREDITS(ROS, ZERO)),
	CM64("CXL Link Layer Tx Credit Status", "8.2.4.19.5", CXLR_LINK_TX_CREDIT,
		CREDITS(ROS, ZERO)),
	CM64("CXL Link Layer Ack Timer Control", "8.2.4.19.6", CXLR_LINK_ACK_TIMER,
		FIELD("Ack_Force_Threshold", BITS(7, 0), RWS, ZERO, .initial = 0x10),
		FIELD("Ack or CRD Flush Retimer", BITS(17, 8), RWS, ZERO, .initial = 0x20 << 8),
		RSVDP(63, 18)),
	CM64("CXL Link Layer Defeature", "8.2.4.19.7", CXLR_LINK_DEFEATURE,
		FIELD("MDH Disable", BITS(0, 0), RWS, ZERO),
		RSVDP(63, 1)),
};

const struct cxlr_map cxlr_map_link = {
	.name = "CXL Link Capability", .section = "8.2.4.19",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_LINK, .version = 2, .size = CXLR_LINK_SIZE,
	REGS(link_regs),
	.offered = "No: it is about a link that ends at the host's port.",
};

static const struct cxlr_reg ext_security_regs[] = {
	CM32("CXL Extended Security Structure Entry Count", "8.2.4.21.1", 0x00,
		FIELD("Root Port Count", BITS(7, 0), HWINIT, ZERO),
		RSVDP(31, 8)),
};

static const struct cxlr_reg ext_security_port[] = {
	CM32("Root Port n Security Policy", "8.2.4.21.2", 0x00,
		FIELD("Trust Level", BITS(1, 0), RW, ZERO, .initial = 2, .note = TRUST_LEVELS),
		RSVDP(31, 2)),
	CM32("Root Port n ID", "8.2.4.21.3", 0x04,
		FIELD("Port Identifier", BITS(7, 0), HWINIT, ZERO),
		RSVDP(31, 8)),
};

const struct cxlr_map cxlr_map_ext_security = {
	.name = "CXL Extended Security Capability", .section = "8.2.4.21",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_EXT_SECURITY, .version = 2, .size = 0x04,
	REGS(ext_security_regs),
	UNIT(ext_security_port),
	.unit_first = 0x04, .unit_stride = 8, .unit_max = 255,
	.offered = "Never: it is a root complex's.",
};

static const struct cxlr_reg snoop_filter_regs[] = {
	CM32("Snoop Filter Group ID", "8.2.4.23.1", 0x00,
		FIELD("Group ID", BITS(15, 0), HWINIT, ZERO),
		RSVDP(31, 16)),
	CM32("Snoop Filter Effective Size", "8.2.4.23.2", 0x04,
		FIELD("Effective Snoop Filter Capacity", BITS(31, 0), HWINIT, ZERO)),
};

const struct cxlr_map cxlr_map_snoop_filter = {
	.name = "CXL Snoop Filter Capability", .section = "8.2.4.23",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_SNOOP_FILTER, .version = 1, .size = 0x08,
	REGS(snoop_filter_regs),
	.offered = "Never: it is a root port's.",
};

/* Reserved in devices (8.2.4.27.1); without it, BI Decoder Commit may be fixed at 0. */
static const struct cxlr_need explicit_commit = {
	.name = "Explicit BI Decoder Commit Required", .offset = CXLR_BI_CAP,
	.mask = CXLR_BI_CAP_EXPLICIT_COMMIT,
};

static const struct cxlr_reg bi_regs[] = {
	CM32("CXL BI Decoder Capability", "8.2.4.27.1", CXLR_BI_CAP,
		FIELD("HDM-D Capable", CXLR_BI_CAP_HDM_D, HWINIT, ZERO),
		FIELD("Explicit BI Decoder Commit Required", CXLR_BI_CAP_EXPLICIT_COMMIT,
		      HWINIT, ZERO),
		RSVDP(31, 2)),
	CM32("CXL BI Decoder Control", "8.2.4.27.2", CXLR_BI_CTRL,
		FIELD("BI Forward", CXLR_BI_CTRL_FORWARD, RSVDP, ZERO, .note = "of ports only"),
		FIELD("BI Enable", CXLR_BI_CTRL_ENABLE, RW, ZERO),
		FIELD("BI Decoder Commit", CXLR_BI_CTRL_COMMIT, RW, ZERO,
		      .effect = CXLR_EFFECT_BI_COMMIT, .need = &explicit_commit),
		RSVDP(31, 3)),
	CM32("CXL BI Decoder Status", "8.2.4.27.3", CXLR_BI_STATUS,
		FIELD("BI Decoder Committed", CXLR_BI_STATUS_COMMITTED, RO, ZERO),
		FIELD("BI Decoder Error Not Committed", CXLR_BI_STATUS_ERROR, RO, ZERO),
		RSVDP(7, 2),
		FIELD("BI Decoder Commit Timeout Scale", CXLR_BI_STATUS_TIMEOUT_SCALE,
		      HWINIT, ZERO),
		FIELD("BI Decoder Commit Timeout Base", CXLR_BI_STATUS_TIMEOUT_BASE,
		      HWINIT, ZERO),
		RSVDP(31, 16)),
};

const struct cxlr_map cxlr_map_bi = {
	.name = "CXL BI Decoder Capability", .section = "8.2.4.27",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_BI_DECODER, .version = 1, .size = CXLR_BI_SIZE,
	REGS(bi_regs),
	.offered = "No: back-invalidation is the host's to say, and shows in the decoder's BI.",
};

/* 8.1.3.6: a CXL Reset leaves the lock and what it locks alone. */
static const struct cxlr_lock config_lock = {
	.name = "CONFIG_LOCK of the DVSEC", .outside = true, .survives = true,
};

static const struct cxlr_need metadata_log = {
	.name = "Support for Extended Metadata Error Logging", .offset = CXLR_METADATA_CAP,
	.mask = CXLR_METADATA_CAP_LOG,
};

static const struct cxlr_reg metadata_regs[] = {
	CM32("CXL Extended Metadata Capability", "8.2.4.31.1", CXLR_METADATA_CAP,
		FIELD("Max Size of Extended Metadata", CXLR_METADATA_MAX_SIZE, RO, ZERO,
		      .note = "in bits, 1 to 32"),
		RSVDP(7, 7),
		FIELD("Support for Extended Metadata Error Logging", CXLR_METADATA_CAP_LOG,
		      RO, ZERO),
		RSVDP(31, 9)),
	CM32("CXL Extended Metadata Control", "8.2.4.31.2", CXLR_METADATA_CTRL,
		RWL_FIELD("Size of Extended Metadata", CXLR_METADATA_CTRL_SIZE, &config_lock, ZERO,
			  .note = "in bits"),
		RSVDP(7, 7),
		RWL_FIELD("Enable Extended Metadata Error Logging", CXLR_METADATA_CTRL_LOG,
			  &config_lock, ZERO, .need = &metadata_log),
		RSVDP(30, 9),
		RWL_FIELD("Enable Extended Metadata Field Transfers", CXLR_METADATA_CTRL_TRANSFER,
			  &config_lock, ZERO)),
};

const struct cxlr_map cxlr_map_metadata = {
	.name = "CXL Extended Metadata Capability", .section = "8.2.4.31",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_METADATA, .version = 1, .size = CXLR_METADATA_SIZE,
	REGS(metadata_regs),
	.offered = "No: it is about what the host and the device send each other.",
};
