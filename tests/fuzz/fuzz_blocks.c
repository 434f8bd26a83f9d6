// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hostile hardware: what it says of its DVSECs and capabilities is found, or
 * refused, with reads inside the block alone and not too many of them. What is
 * found lies inside, and nothing overlaps. Where the hardware does not change
 * while it is read, a walk of its own says what must be found.
 *
 * The input is a byte that chooses what is looked for and how large the block
 * is, then pairs of an offset and 32 bits that the block has there; or the
 * answers to one read after the other, for hardware that changes its mind.
 */
#include <stdbool.h>
#include <string.h>

#include "blocks.h"
#include "input.h"

#define BLOCK_SIZE	4096

/* Each of 32 capabilities at most costs a look at all 255 headers. */
#define MAX_READS	20000

#define ALL_ONES	0xffffffffu

/* A block of registers that answers. */
struct hardware {
	uint32_t word[BLOCK_SIZE / 4];
	struct input answers;
	bool changes;
	unsigned int reads;
};

static uint32_t answer(const struct cxlr_source *source, uint32_t offset)
{
	struct hardware *hardware = source->owner;

	insist(offset % 4 == 0, "an unaligned read at 0x%x", offset);
	insist(offset < source->size, "a read outside, at 0x%x", offset);
	insist(hardware->reads++ < MAX_READS, "reads without end");
	if (hardware->changes)
		return hardware->answers.left ? take(&hardware->answers, 4) : ALL_ONES;
	return hardware->word[offset / 4];
}

static bool overlap(const struct cxlr_block *a, const struct cxlr_block *b)
{
	uint32_t i;

	for (i = a->at; i < a->at + a->size; i++)
		if (i >= b->at && i < b->at + b->size)
			return true;
	return false;
}

static void check(const struct cxlr_source *source, const struct cxlr_blocks *blocks,
		  enum cxlr_map_kind kind)
{
	const struct cxlr_block *it;
	unsigned int i, j;

	insist(blocks->count <= CXLR_MAX_BLOCKS, "more than there is room for");
	for (i = 0; i < blocks->count; i++) {
		it = &blocks->block[i];
		insist(it->size && it->at % 4 == 0, "no block at all");
		insist(it->at < source->size && it->size <= source->size - it->at,
		       "block 0x%x with 0x%x bytes leaves its space", it->at, it->size);
		insist(it->map == cxlr_map_find(kind, it->id), "another's map");
		for (j = 0; j < i; j++)
			insist(!overlap(it, &blocks->block[j]), "blocks overlap");
		insist(cxlr_block_find(blocks, it->id) == it, "another is found");
	}
	insist(!cxlr_block_find(blocks, 0x10000), "no id is so large");
}

/* The same, in a plain way. False: it must be refused. */

static bool keep(struct cxlr_blocks *blocks, const struct cxlr_block *it)
{
	unsigned int i;

	if (blocks->count == CXLR_MAX_BLOCKS)
		return false;
	for (i = 0; i < blocks->count; i++)
		if (overlap(it, &blocks->block[i]) || it->id == blocks->block[i].id)
			return false;
	blocks->block[blocks->count++] = *it;
	return true;
}

static bool walk_dvsecs(const struct hardware *hardware, uint32_t size, struct cxlr_blocks *blocks)
{
	bool visited[BLOCK_SIZE / 4] = { false };
	uint32_t at = 0x100, header, header1;
	struct cxlr_block it;

	blocks->count = 0;
	while (at) {
		if (at < 0x100 || at + 4 > size || visited[at / 4])
			return false;
		visited[at / 4] = true;
		header = hardware->word[at / 4];
		if (header == 0 || header == ALL_ONES)
			return true;
		if ((header & 0xffff) == 0x23) {
			if (at + 12 > size)
				return false;
			header1 = hardware->word[at / 4 + 1];
			it = (struct cxlr_block) {
				.at = at, .size = header1 >> 20, .version = header1 >> 16 & 0xf,
				.id = hardware->word[at / 4 + 2] & 0xffff,
			};
			if ((header1 & 0xffff) == 0x1e98 &&
			    (it.size < 10 || at + it.size > size || !keep(blocks, &it)))
				return false;
		}
		/* The two low bits of the pointer are reserved. */
		at = header >> 22 << 2;
	}
	return true;
}

static bool walk_capabilities(const struct hardware *hardware, uint32_t size,
			      struct cxlr_blocks *blocks)
{
	uint32_t array = hardware->word[0], count = array >> 24, i, j, at, other, end;
	struct cxlr_block it;

	blocks->count = 0;
	if (array == ALL_ONES || (array & 0xffff) != 1 || 4 + 4 * count > size)
		return false;
	for (i = 0; i < count; i++) {
		at = hardware->word[1 + i] >> 20;
		end = size;
		for (j = 0; j < count; j++) {
			other = hardware->word[1 + j] >> 20;
			if (other > at && other < end)
				end = other;
		}
		it = (struct cxlr_block) {
			.at = at, .size = end - at, .id = hardware->word[1 + i] & 0xffff,
			.version = hardware->word[1 + i] >> 16 & 0xf,
		};
		if (it.id == 0)
			continue;
		if (at < 4 + 4 * count || at >= size || at % 4 || !keep(blocks, &it))
			return false;
	}
	return true;
}

static void compare(const struct cxlr_blocks *found, const struct cxlr_blocks *want)
{
	unsigned int i;

	insist(found->count == want->count, "%u found, there are %u", found->count, want->count);
	for (i = 0; i < found->count; i++)
		insist(found->block[i].id == want->block[i].id &&
		       found->block[i].version == want->block[i].version &&
		       found->block[i].at == want->block[i].at &&
		       found->block[i].size == want->block[i].size,
		       "block %u is another", i);
}

static void run(struct hardware *hardware, uint32_t size, enum cxlr_map_kind kind)
{
	struct cxlr_source source = { .read = answer, .size = size, .owner = hardware };
	struct cxlr_blocks found, want;
	const char *why;
	bool ok;

	memset(&found, 0xee, sizeof(found));
	why = kind == CXLR_MAP_DVSEC ? cxlr_find_dvsecs(&source, &found) :
				       cxlr_find_capabilities(&source, &found);
	if (!why)
		check(&source, &found, kind);
	if (hardware->changes)
		return;
	ok = kind == CXLR_MAP_DVSEC ? walk_dvsecs(hardware, size, &want) :
				      walk_capabilities(hardware, size, &want);
	insist(ok == !why, "refused or not: %s", why ? why : "it is not");
	if (!why)
		compare(&found, &want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t sizes[8] = { 4096, 256, 260, 512, 1024, 4, 64, 4092 };
	struct input input = { data, size };
	static struct hardware hardware;
	uint8_t how = take(&input, 1);
	uint32_t block_size = sizes[how >> 2 & 7], offset;

	memset(&hardware, 0, sizeof(hardware));
	hardware.changes = how & 2;
	if (hardware.changes)
		hardware.answers = input;
	while (!hardware.changes && input.left) {
		offset = take(&input, 2) % block_size;
		hardware.word[offset / 4] = take(&input, 4);
	}
	run(&hardware, block_size, how & 1 ? CXLR_MAP_DVSEC : CXLR_MAP_CM);
	return 0;
}
