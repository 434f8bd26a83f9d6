// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CXL 3.1, 8.2.4.20: the HDM Decoder capability of an endpoint. */
#include "map_rows.h"

/* Registers of a decoder count from where the decoder begins. */
#define IN_DECODER(reg)	(reg(0) - CXLR_HDM_FIRST)

/*
 * 8.2.4.20.13: what a decoder decodes does not change under its users. To
 * program a decoder again, software first clears Commit; once committed with
 * Lock On Commit, it cannot do that either, until a reset.
 */
static const struct cxlr_lock commit = {
	.name = "Commit", .offset = IN_DECODER(CXLR_HDM_CTRL),
	.mask = CXLR_HDM_CTRL_COMMIT, .value = CXLR_HDM_CTRL_COMMIT,
};

static const struct cxlr_lock lock_on_commit = {
	.name = "Lock On Commit", .offset = IN_DECODER(CXLR_HDM_CTRL),
	.mask = CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_LOCK,
	.value = CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_LOCK,
};

static const struct cxlr_need uio_capable = {
	.name = "UIO Capable", .offset = CXLR_HDM_CAP, .mask = CXLR_HDM_CAP_UIO,
};

static const struct cxlr_need poison_capable = {
	.name = "Poison On Decode Error Capability", .offset = CXLR_HDM_CAP,
	.mask = CXLR_HDM_CAP_POISON_ON_ERR,
};

static const struct cxlr_reg hdm_regs[] = {
	CM32("CXL HDM Decoder Capability", "8.2.4.20.1", CXLR_HDM_CAP,
		FIELD("Decoder Count", CXLR_HDM_CAP_DECODER_COUNT, RO, OFFER,
		      .note = "0 is 1; 1 to 8 are 2 to 16, 9 to 12 are 20 to 32"),
		FIELD("Target Count", CXLR_HDM_CAP_TARGET_COUNT, RO, ZERO, .note = "of ports only"),
		FIELD("A11to8 Interleave Capable", CXLR_HDM_CAP_INTERLEAVE_11_8, RO, ZERO,
		      .note = "the memory is offered as one piece"),
		FIELD("A14to12 Interleave Capable", CXLR_HDM_CAP_INTERLEAVE_14_12, RO, ZERO),
		FIELD("Poison On Decode Error Capability", CXLR_HDM_CAP_POISON_ON_ERR, RO, ZERO,
		      .note = "an access outside the guest's decoders does not get there"),
		FIELD("3, 6, 12 Way Interleave Capable", CXLR_HDM_CAP_3_6_12_WAY, RO, ZERO),
		FIELD("16 Way Interleave Capable", CXLR_HDM_CAP_16_WAY, RO, ZERO),
		FIELD("UIO Capable", CXLR_HDM_CAP_UIO, RO, ZERO),
		RSVDP(19, 14),
		FIELD("MemData-NXM Capable", CXLR_HDM_CAP_MEMDATA_NXM, RO, ZERO,
		      .note = "as for poison on decode error"),
		FIELD("Supported Coherency Models", CXLR_HDM_CAP_COHERENCY, RO, OFFER,
		      .note = "1 device, 2 host-only: whichever the memory is"),
		RSVDP(31, 23)),
	CM32("CXL HDM Decoder Global Control", "8.2.4.20.2", CXLR_HDM_GLOBAL_CTRL,
		FIELD("Poison On Decode Error Enable", CXLR_HDM_GLOBAL_POISON, RW, ZERO,
		      .need = &poison_capable),
		FIELD("HDM Decoder Enable", CXLR_HDM_GLOBAL_ENABLE, RW, OWN,
		      .effect = CXLR_EFFECT_HDM_ENABLE),
		RSVDP(31, 2)),
};

static const struct cxlr_reg hdm_decoder[] = {
	CM32("CXL HDM Decoder n Base Low", "8.2.4.20.3", IN_DECODER(CXLR_HDM_BASE_LOW),
		RSVDP(27, 0),
		RWL_FIELD("Memory Base Low", CXLR_HDM_LOW_MASK, &commit, OWN,
			  .note = "a guest address; no register shows the host's")),
	CM32("CXL HDM Decoder n Base High", "8.2.4.20.4", IN_DECODER(CXLR_HDM_BASE_HIGH),
		RWL_FIELD("Memory Base High", BITS(31, 0), &commit, OWN)),
	CM32("CXL HDM Decoder n Size Low", "8.2.4.20.5", IN_DECODER(CXLR_HDM_SIZE_LOW),
		RSVDP(27, 0),
		RWL_FIELD("Memory Size Low", CXLR_HDM_LOW_MASK, &commit, OWN)),
	CM32("CXL HDM Decoder n Size High", "8.2.4.20.6", IN_DECODER(CXLR_HDM_SIZE_HIGH),
		RWL_FIELD("Memory Size High", BITS(31, 0), &commit, OWN)),
	CM32("CXL HDM Decoder n Control", "8.2.4.20.7", IN_DECODER(CXLR_HDM_CTRL),
		RWL_FIELD("Interleave Granularity (IG)", CXLR_HDM_CTRL_IG, &commit, OWN),
		RWL_FIELD("Interleave Ways (IW)", CXLR_HDM_CTRL_IW, &commit, OWN,
			  .note = "0, one way, is what is offered: no other commits"),
		RWL_FIELD("Lock On Commit", CXLR_HDM_CTRL_LOCK, &commit, OWN),
		RWL_FIELD("Commit", CXLR_HDM_CTRL_COMMIT, &lock_on_commit, OWN,
			  .effect = CXLR_EFFECT_COMMIT),
		FIELD("Committed", CXLR_HDM_CTRL_COMMITTED, RO, OWN),
		FIELD("Error Not Committed", CXLR_HDM_CTRL_ERROR, RO, OWN),
		RWL_FIELD("Target Range Type", CXLR_HDM_CTRL_HOSTONLY, &commit, OWN,
			  .note = "1 host-only, 0 device-coherent; at open as the host has it"),
		RWL_FIELD("BI", CXLR_HDM_CTRL_BI, &commit, OWN,
			  .note = "at open as the host has it; commits only where the host has it"),
		RWL_FIELD("UIO", CXLR_HDM_CTRL_UIO, &commit, ZERO, .need = &uio_capable),
		/* UIG and UIW are a port's; ISP is of a device with Back-Invalidate. */
		RSVDP(31, 15)),
	CM32("CXL HDM Decoder n DPA Skip Low", "8.2.4.20.9", IN_DECODER(CXLR_HDM_DPA_SKIP_LOW),
		RSVDP(27, 0),
		RWL_FIELD("DPA Skip Low", CXLR_HDM_LOW_MASK, &commit, OWN)),
	CM32("CXL HDM Decoder n DPA Skip High", "8.2.4.20.11", IN_DECODER(CXLR_HDM_DPA_SKIP_HIGH),
		RWL_FIELD("DPA Skip High", BITS(31, 0), &commit, OWN)),
};

const struct cxlr_map cxlr_map_hdm = {
	.name = "CXL HDM Decoder Capability", .section = "8.2.4.20",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_HDM, .version = 3, .size = CXLR_HDM_FIRST,
	REGS(hdm_regs),
	UNIT(hdm_decoder),
	.unit_first = CXLR_HDM_FIRST, .unit_stride = CXLR_HDM_STRIDE,
	.unit_max = CXLR_HDM_MAX_DECODERS,
	.offered = "Always: one virtual decoder, which places the memory in the guest.",
};
