// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CXL 3.1, 8.2.4.1 to 8.2.4.16: the capability array, which the CM block begins with. */
#include "map_rows.h"

static const struct cxlr_reg array_regs[] = {
	CM32("CXL Capability Header", "8.2.4.1", CXLR_CAP_ARRAY,
		FIELD("CXL_Capability_ID", CXLR_CAP_ID, RO, OFFER, .initial = CXLR_CAP_ID_ARRAY),
		FIELD("CXL_Capability_Version", CXLR_CAP_VERSION, RO, OFFER,
		      .initial = 1 << CXLR_CAP_VERSION_SHIFT),
		FIELD("CXL_Cache_Mem_Version", CXLR_CAP_ARRAY_CM_VERSION, RO, OFFER,
		      .initial = 1 << CXLR_CAP_ARRAY_CM_VERSION_SHIFT),
		FIELD("Array_Size", CXLR_CAP_ARRAY_SIZE, RO, OFFER,
		      .note = "headers that follow: one for each capability that is offered")),
};

static const struct cxlr_reg array_header[] = {
	CM32("Header of capability n", "8.2.4.2", 0x00,
		FIELD("CXL_Capability_ID", CXLR_CAP_ID, RO, OFFER,
		      .note = "the sections to 8.2.4.16 give the others, all alike"),
		FIELD("CXL_Capability_Version", CXLR_CAP_VERSION, RO, OFFER),
		FIELD("Pointer", CXLR_CAP_POINTER, RO, OFFER,
		      .note = "bytes from the start of the CM block, as in the device")),
};

const struct cxlr_map cxlr_map_array = {
	.name = "CXL Capability Array", .section = "8.2.4.1",
	.kind = CXLR_MAP_CM, .id = CXLR_CAP_ID_ARRAY, .version = 1, .size = CXLR_CAP_HEADER(0),
	REGS(array_regs),
	UNIT(array_header),
	.unit_first = CXLR_CAP_HEADER(0), .unit_stride = 4, .unit_max = 255,
	.offered = "Always: it lists what the driver virtualises or can safely show, and no more.",
};
