// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Finding CXL structures: see blocks.h. */
#include "blocks.h"

/* PCIe 7.6.3, 7.9.6: extended capabilities, and the DVSEC among them. */
#define EXT_CAP_FIRST		0x100
#define EXT_CAP_ID(header)	((header) & 0xffff)
#define EXT_CAP_NEXT(header)	((header) >> 20 & 0xffc)
#define EXT_CAP_ID_DVSEC	0x23
#define DVSEC_VENDOR(header1)	((header1) & 0xffff)
#define DVSEC_REVISION(header1)	((header1) >> 16 & 0xf)
#define DVSEC_LENGTH(header1)	((header1) >> 20)
#define DVSEC_HEADER_LEN	10
#define NO_ANSWER		0xffffffffu

static uint32_t read32(const struct cxlr_source *source, uint32_t offset)
{
	return source->read(source, offset);
}

static bool overlaps(const struct cxlr_block *a, const struct cxlr_block *b)
{
	return a->at < b->at + b->size && b->at < a->at + a->size;
}

static const char *add(struct cxlr_blocks *blocks, struct cxlr_block block)
{
	unsigned int i;

	if (blocks->count == CXLR_MAX_BLOCKS)
		return "more CXL structures than a device can need";
	for (i = 0; i < blocks->count; i++) {
		if (overlaps(&blocks->block[i], &block))
			return "CXL structures overlap";
		if (blocks->block[i].id == block.id)
			return "there are two CXL structures of a kind";
	}
	blocks->block[blocks->count++] = block;
	return NULL;
}

static const char *add_dvsec(const struct cxlr_source *config, uint32_t at,
			     struct cxlr_blocks *blocks)
{
	uint32_t header1, size;
	uint16_t id;

	if (at + CXLR_DVSEC_HDR2 + 4 > config->size)
		return "a DVSEC leaves configuration space";
	header1 = read32(config, at + CXLR_DVSEC_HDR1);
	if (DVSEC_VENDOR(header1) != CXLR_VENDOR_ID)
		return NULL;
	size = DVSEC_LENGTH(header1);
	if (size < DVSEC_HEADER_LEN || at + size > config->size)
		return "a CXL DVSEC has a wrong length";
	id = read32(config, at + CXLR_DVSEC_HDR2) & 0xffff;
	return add(blocks, (struct cxlr_block) {
		.id = id, .version = DVSEC_REVISION(header1), .at = at, .size = size,
		.map = cxlr_map_find(CXLR_MAP_DVSEC, id),
	});
}

const char *cxlr_find_dvsecs(const struct cxlr_source *config, struct cxlr_blocks *blocks)
{
	uint32_t at = EXT_CAP_FIRST, header, left;
	const char *why;

	blocks->count = 0;
	/* So many capabilities of 4 bytes there may be; more, and the chain has a loop. */
	left = config->size > EXT_CAP_FIRST ? (config->size - EXT_CAP_FIRST) / 4 : 0;
	for (; at; at = EXT_CAP_NEXT(header)) {
		if (!left--)
			return "the chain of extended capabilities has a loop";
		if (at < EXT_CAP_FIRST || at + 4 > config->size)
			return "the chain of extended capabilities leaves configuration space";
		header = read32(config, at);
		if (!header || header == NO_ANSWER)
			break;
		if (EXT_CAP_ID(header) != EXT_CAP_ID_DVSEC)
			continue;
		why = add_dvsec(config, at, blocks);
		if (why)
			return why;
	}
	return NULL;
}

/* A capability has no length: it ends where the next one in the block begins. */
static uint32_t capability_end(const struct cxlr_source *cm, unsigned int count, uint32_t at)
{
	uint32_t end = cm->size, other;
	unsigned int i;

	for (i = 0; i < count; i++) {
		other = read32(cm, CXLR_CAP_HEADER(i)) >> CXLR_CAP_POINTER_SHIFT;
		if (other > at && other < end)
			end = other;
	}
	return end;
}

const char *cxlr_find_capabilities(const struct cxlr_source *cm, struct cxlr_blocks *blocks)
{
	uint32_t array = cm->size < 4 ? NO_ANSWER : read32(cm, CXLR_CAP_ARRAY), header, at;
	unsigned int i, count = array >> CXLR_CAP_ARRAY_SIZE_SHIFT;
	const char *why;

	blocks->count = 0;
	if (array == NO_ANSWER || (array & CXLR_CAP_ID) != CXLR_CAP_ID_ARRAY)
		return "there is no capability array";
	if (CXLR_CAP_HEADER(count) > cm->size)
		return "the capability array leaves its block";
	for (i = 0; i < count; i++) {
		header = read32(cm, CXLR_CAP_HEADER(i));
		/* 8.2.4: the NULL capability is to be ignored, however many there are. */
		if ((header & CXLR_CAP_ID) == CXLR_CAP_ID_NULL)
			continue;
		at = header >> CXLR_CAP_POINTER_SHIFT;
		if (at < CXLR_CAP_HEADER(count) || at >= cm->size || at % 4)
			return "a capability's pointer is wrong";
		why = add(blocks, (struct cxlr_block) {
			.id = header & CXLR_CAP_ID,
			.version = (header & CXLR_CAP_VERSION) >> CXLR_CAP_VERSION_SHIFT,
			.at = at, .size = capability_end(cm, count, at) - at,
			.map = cxlr_map_find(CXLR_MAP_CM, header & CXLR_CAP_ID),
		});
		if (why)
			return why;
	}
	return NULL;
}

bool cxlr_place_capabilities(struct cxlr_space *cm, const struct cxlr_blocks *blocks,
			     unsigned int decoders)
{
	const struct cxlr_block *block;
	unsigned int i;

	if (!cxlr_space_place(cm, &cxlr_map_array, 0, blocks->count, cm->size))
		return false;
	cxlr_init(cm, CXLR_CAP_ARRAY, ~0u, CXLR_CAP_ID_ARRAY | 1 << CXLR_CAP_VERSION_SHIFT |
		  1 << CXLR_CAP_ARRAY_CM_VERSION_SHIFT |
		  blocks->count << CXLR_CAP_ARRAY_SIZE_SHIFT);
	for (i = 0; i < blocks->count; i++) {
		block = &blocks->block[i];
		if (!cxlr_space_place(cm, block->map, block->at,
				      block->map->unit ? decoders : 0, ~0u))
			return false;
		cxlr_init(cm, CXLR_CAP_HEADER(i), ~0u,
			  block->id | block->version << CXLR_CAP_VERSION_SHIFT |
			  block->at << CXLR_CAP_POINTER_SHIFT);
	}
	return true;
}

const struct cxlr_block *cxlr_block_find(const struct cxlr_blocks *blocks, unsigned int id)
{
	unsigned int i;

	for (i = 0; i < blocks->count; i++)
		if (blocks->block[i].id == id)
			return &blocks->block[i];
	return NULL;
}
