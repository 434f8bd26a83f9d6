// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile guest: any accesses, in any order, to the registers of a device,
 * with resets and the hardware's own changes in between. After each step the
 * registers hold what their attributes promise (expect.h), the HDM decoders
 * are those of the model (pair_hdm.h), and a read has changed nothing.
 *
 * The input is three bytes that choose the device, then steps: a byte that
 * says which, and its arguments.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "input.h"
#include "pair_hdm.h"

/* Room for all maps, and not much more, so that most accesses meet a register. */
#define DVSEC_SIZE	512
#define CM_SIZE		2048

/* A space, and what it should be. */
struct half {
	struct cxlr_space space;
	struct expect expect;
	size_t bytes;
	void *memory, *before;
	uint8_t *expected;
	struct cxlr_change told[EXPECT_MAX_EFFECTS];
	unsigned int effects;
};

static struct half dvsec, cm;
static struct pair pair;

static void tell(struct half *half, const struct cxlr_change *change)
{
	insist(half->effects < EXPECT_MAX_EFFECTS, "effects without end");
	half->told[half->effects++] = *change;
}

static void dvsec_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	(void)space;
	tell(&dvsec, change);
}

static void cm_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	(void)space;
	tell(&cm, change);
	pair_effect(&pair, change);
}

static void begin(struct half *half, uint32_t size, uint32_t grain)
{
	half->bytes = cxlr_space_memory(size, grain);
	if (!half->memory) {
		half->memory = malloc(half->bytes);
		half->before = malloc(half->bytes);
		half->expected = malloc(2 * size);
	}
	memset(half->memory, 0, half->bytes);
	cxlr_space_init(&half->space, half->memory, size, grain);
	half->effects = 0;
}

/* Maps of a kind one behind the other, and @gap bytes between them. Where the decoders are. */
static uint32_t place(struct half *half, enum cxlr_map_kind kind, uint32_t at, uint32_t gap,
		      unsigned int decoders)
{
	const struct cxlr_map * const *map;
	uint32_t hdm = 0;
	unsigned int units;

	for (map = cxlr_maps; *map; map++) {
		if ((*map)->kind != kind)
			continue;
		units = (*map)->unit ? 3 : 0;
		if (*map == &cxlr_map_hdm) {
			hdm = at;
			units = decoders;
		}
		insist(cxlr_space_place(&half->space, *map, at, units, UINT32_MAX),
		       "%s has no place", (*map)->name);
		at += (*map)->size + units * (*map)->unit_stride + gap;
		at = (at + 7) & ~7u;
	}
	return hdm;
}

static void make_device(struct input *input)
{
	static const uint8_t counts[] = { 1, 2, 4, 8, 10, 16, 32, 1 };
	static const uint64_t capacities[] = {
		1ull << 28, 1ull << 32, 1ull << 34, 1ull << 40, ~0ull, 0, 3ull << 28, 1ull << 63,
	};
	uint8_t kind = take(input, 1), more = take(input, 1), bi = take(input, 1);
	struct pair_config config = {
		.count = counts[kind & 7], .capacity = capacities[kind >> 3 & 7],
		.bi_capable = bi & 1, .bi_only = bi & 2,
		.capability = (more & 0x3fu) << 8 |
			      (more >> 6 & 3u) << CXLR_HDM_CAP_COHERENCY_SHIFT,
	};
	uint32_t hdm, hidden = kind & 0x80 ? 1 << CXLR_VIEW_ZERO : 0;

	begin(&dvsec, DVSEC_SIZE, 2);
	begin(&cm, CM_SIZE, 4);
	dvsec.space.effect = dvsec_effect;
	dvsec.space.hidden = hidden;
	cm.space.effect = cm_effect;
	cm.space.hidden = hidden;
	/* A field that is hidden has no capability either. */
	if (hidden)
		config.capability &= ~CXLR_HDM_CAP_POISON_ON_ERR;

	place(&dvsec, CXLR_MAP_DVSEC, 8, kind & 3 ? 4 : 0, 0);
	hdm = place(&cm, CXLR_MAP_CM, 0, kind & 3 ? 8 : 0, config.count);
	insist(pair_init(&pair, &cm.space, hdm, &config), "%s", pair.why);
	expect_init(&dvsec.expect, &dvsec.space, dvsec.expected);
	expect_init(&cm.expect, &cm.space, cm.expected);
}

static void compare(const struct half *half, uint32_t offset, uint32_t len)
{
	unsigned int i;
	int at = expect_differs(&half->expect, offset, len);

	insist(at < 0, "byte 0x%x is wrong", at);
	insist(half->effects == half->expect.effects, "%u effects for %u changes", half->effects,
	       half->expect.effects);
	for (i = 0; i < half->effects; i++)
		insist(half->told[i].field == half->expect.effect[i].field &&
		       half->told[i].before == half->expect.effect[i].before &&
		       half->told[i].after == half->expect.effect[i].after &&
		       half->told[i].written == half->expect.effect[i].written,
		       "an effect is told wrong");
}

/* A write changes nothing far away; at the end all is compared. */
static void compare_around(const struct half *half, uint32_t offset, uint32_t len)
{
	uint32_t from = offset < 32 ? 0 : offset - 32;
	uint32_t to = offset + len + 32;

	if (to > half->space.size)
		to = half->space.size;

	compare(half, from, to - from);
}

static void forget_effects(struct half *half)
{
	half->effects = 0;
	half->expect.effects = 0;
}

/* Before what is to change nothing. */
static void remember(struct half *half)
{
	forget_effects(half);
	memcpy(half->before, half->memory, half->bytes);
}

static void assert_unchanged(const struct half *half)
{
	insist(!memcmp(half->before, half->memory, half->bytes), "something changed");
	insist(!half->effects, "an effect of nothing");
}

static void config_access(struct input *input, bool write)
{
	uint32_t offset = take(input, 2) % (DVSEC_SIZE + 8), len = take(input, 1) % 33, i;
	bool inside = offset + len <= DVSEC_SIZE;
	uint8_t buf[32];

	for (i = 0; i < len; i++)
		buf[i] = write ? take(input, 1) : 0xee;
	if (write && inside) {
		forget_effects(&dvsec);
		expect_write(&dvsec.expect, offset, buf, len);
		insist(cxlr_write_bytes(&dvsec.space, offset, buf, len), "refused");
		compare_around(&dvsec, offset, len);
		return;
	}
	remember(&dvsec);
	if (write)
		insist(!cxlr_write_bytes(&dvsec.space, offset, buf, len), "not refused");
	else
		insist(cxlr_read_bytes(&dvsec.space, offset, buf, len) == inside, "refused or not");
	assert_unchanged(&dvsec);
	if (inside)
		insist(!memcmp(buf, dvsec.expect.now + offset, len), "a read is wrong");
}

/* Mostly within the block, at a register; a 64-bit number now and then. */
static uint64_t take_offset(struct input *input)
{
	uint64_t offset = take(input, 2);

	if (offset >> 15)
		return offset & 0x4000 ? take(input, 8) : offset % (CM_SIZE + 8);
	return offset % (CM_SIZE / 4) * 4;
}

static void memory_read(struct input *input)
{
	uint64_t offset = take_offset(input), val = 0, want = 0;
	unsigned int width = take(input, 1) % 17, i;
	bool may = expect_access(&cm.space, offset, width);

	remember(&cm);
	insist(cxlr_read(&cm.space, offset, width, &val) == may, "refused or not");
	assert_unchanged(&cm);
	for (i = width; may && i--;)
		want = want << 8 | cm.expect.now[offset + i];
	insist(val == want, "a read is wrong");
}

static bool in_decoders(uint64_t offset)
{
	return offset >= pair.at && offset < pair.at + pair_size(&pair);
}

static void memory_write(uint64_t offset, unsigned int width, uint64_t val)
{
	uint8_t buf[8];
	unsigned int i;

	forget_effects(&cm);
	if (!expect_access(&cm.space, offset, width)) {
		remember(&cm);
		insist(!cxlr_write(&cm.space, offset, width, val), "not refused");
		assert_unchanged(&cm);
		return;
	}
	if (in_decoders(offset)) {
		insist(pair_write(&pair, offset - pair.at, val), "%s", pair.why);
		/* The pair has compared what there is; the rest must not have changed. */
		expect_sync(&cm.expect, offset, 4);
		forget_effects(&cm);
		compare_around(&cm, offset, 4);
		return;
	}
	for (i = 0; i < width; i++)
		buf[i] = val >> 8 * i;
	expect_write(&cm.expect, offset, buf, width);
	insist(cxlr_write(&cm.space, offset, width, val), "refused");
	compare_around(&cm, offset, width);
}

static void program(struct input *input)
{
	unsigned int n = take(input, 1) % pair.model.count;
	uint64_t base = take(input, 1) * CXLR_HDM_GRANULE, size = take(input, 1) * CXLR_HDM_GRANULE;
	uint64_t skip = take(input, 1) * CXLR_HDM_GRANULE;
	uint32_t ctrl = take(input, 2);

	/* The upper half of them is at the end of the address space. */
	if (base >> 35)
		base |= 0xfffffff000000000ull;
	if (skip >> 35)
		skip |= 0xfffffff000000000ull;
	memory_write(pair.at + CXLR_HDM_BASE_LOW(n), 4, (uint32_t)base);
	memory_write(pair.at + CXLR_HDM_BASE_HIGH(n), 4, base >> 32);
	memory_write(pair.at + CXLR_HDM_SIZE_LOW(n), 4, (uint32_t)size);
	memory_write(pair.at + CXLR_HDM_SIZE_HIGH(n), 4, size >> 32);
	memory_write(pair.at + CXLR_HDM_DPA_SKIP_LOW(n), 4, (uint32_t)skip);
	memory_write(pair.at + CXLR_HDM_DPA_SKIP_HIGH(n), 4, skip >> 32);
	insist(pair_ask(&pair, n), "%s", pair.why);
	memory_write(pair.at + CXLR_HDM_CTRL(n), 4, ctrl);
}

static void reset(enum cxlr_reset kind)
{
	forget_effects(&dvsec);
	forget_effects(&cm);
	cxlr_reset(&dvsec.space, kind);
	insist(pair_reset(&pair, kind), "%s", pair.why);
	expect_reset(&dvsec.expect, kind);
	expect_reset(&cm.expect, kind);
	compare(&dvsec, 0, DVSEC_SIZE);
	compare(&cm, 0, CM_SIZE);
}

/* The hardware sets and clears bits of its own, but no reserved ones. */
static void hardware(struct input *input, struct half *half)
{
	uint32_t offset = take(input, 2) % half->space.size;
	uint64_t val = take(input, 8);
	const struct cxlr_slot *slot = cxlr_slot_at(&half->space, offset);

	if (!slot || (half == &cm && in_decoders(offset)))
		return;
	cxlr_set(&half->space, slot->at,
		 cxlr_attr_mask(slot->reg, ~(1u << CXLR_RSVDP | 1u << CXLR_RSVDZ)) &
		 ~cxlr_view_mask(slot->reg, half->space.hidden), val);
	expect_sync(&half->expect, slot->at, slot->reg->size);
}

static void step(struct input *input)
{
	uint8_t what = take(input, 1);
	uint64_t offset;
	unsigned int width;

	switch (what & 7) {
	case 0:
		config_access(input, true);
		break;
	case 1:
		config_access(input, false);
		break;
	case 2:
		offset = take_offset(input);
		width = take(input, 1) % 17;
		memory_write(offset, width, take(input, 8));
		break;
	case 3:
		memory_read(input);
		break;
	case 4:
		offset = take(input, 1) * 4 % pair_size(&pair);
		memory_write(pair.at + offset, 4, take(input, 4));
		break;
	case 5:
		program(input);
		break;
	case 6:
		if (what >= 0xc0)
			reset(what >> 3 & 3);
		else
			pair_refuse(&pair, what & 0x10);
		break;
	default:
		hardware(input, what & 0x80 ? &cm : &dvsec);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	make_device(&input);
	while (input.left)
		step(&input);
	insist(pair_check(&pair), "%s", pair.why);
	forget_effects(&dvsec);
	forget_effects(&cm);
	compare(&dvsec, 0, DVSEC_SIZE);
	compare(&cm, 0, CM_SIZE);
	return 0;
}
