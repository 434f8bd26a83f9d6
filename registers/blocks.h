/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which CXL structures a device has and where: its DVSECs in configuration
 * space (8.1), its capabilities in the CM block (8.2.4.1). What hardware says
 * of itself is not to be trusted: a chain with a loop, a structure that leaves
 * its space, overlaps another or comes twice, is refused, with the reason.
 */
#ifndef CXLR_BLOCKS_H
#define CXLR_BLOCKS_H

#include "engine.h"

#define CXLR_MAX_BLOCKS	32

struct cxlr_block {
	uint16_t id;			/* DVSEC ID or capability ID */
	uint8_t version;		/* DVSEC revision or capability version */
	uint32_t at;			/* bytes from the start of the space */
	uint32_t size;			/* bytes; capabilities: up to the next one, or the end */
	const struct cxlr_map *map;	/* NULL if no table describes it */
};

struct cxlr_blocks {
	unsigned int count;
	struct cxlr_block block[CXLR_MAX_BLOCKS];	/* in the order of the device's list */
};

/* Where the registers are read from: 32 bits at a multiple of 4. */
struct cxlr_source {
	uint32_t (*read)(const struct cxlr_source *source, uint32_t offset);
	uint32_t size;			/* bytes of it */
	void *owner;
};

/* The CXL DVSECs, in configuration space. NULL, or why the chain is refused. */
const char *cxlr_find_dvsecs(const struct cxlr_source *config, struct cxlr_blocks *blocks);

/* The capabilities of a CM block, without the array itself. NULL, or why it is refused. */
const char *cxlr_find_capabilities(const struct cxlr_source *cm, struct cxlr_blocks *blocks);

/*
 * The other way round: the capability array of a CM block that has these
 * blocks, each with a map, and the maps at their places. @decoders is how many
 * the HDM Decoder capability has. False if they do not fit.
 */
bool cxlr_place_capabilities(struct cxlr_space *cm, const struct cxlr_blocks *blocks,
			     unsigned int decoders);

/* The first with this id, or NULL. */
const struct cxlr_block *cxlr_block_find(const struct cxlr_blocks *blocks, unsigned int id);

#endif
