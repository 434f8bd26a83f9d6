// SPDX-License-Identifier: GPL-2.0-or-later
/* What attributes promise: see expect.h. */
#include <string.h>

#include "expect.h"

/* The bit after a write, by what it was and what was written: 00, 01, 10, 11. */
#define KEEPS	"0011"
#define TAKES	"0101"
#define SETS	"0111"
#define CLEARS	"0010"

/* Which resets leave it alone: FLR, CXL Reset, conventional, cold. */
#define ALL_BUT_COLD	"1110"
#define FLR_AND_CXL	"1100"
#define FLR_ALONE	"1000"

static const struct {
	const char *write;
	const char *kept;
} promise[CXLR_NR_ATTRS] = {
	[CXLR_RSVDP]	= { KEEPS, FLR_ALONE },
	[CXLR_RSVDZ]	= { KEEPS, FLR_ALONE },
	[CXLR_RO]	= { KEEPS, FLR_ALONE },
	[CXLR_ROS]	= { KEEPS, ALL_BUT_COLD },
	[CXLR_HWINIT]	= { KEEPS, FLR_ALONE },
	[CXLR_RW]	= { TAKES, FLR_ALONE },
	[CXLR_RWS]	= { TAKES, ALL_BUT_COLD },
	[CXLR_RWL]	= { TAKES, FLR_ALONE },
	[CXLR_RWO]	= { SETS, FLR_AND_CXL },
	[CXLR_RW1C]	= { CLEARS, FLR_ALONE },
	[CXLR_RW1CS]	= { CLEARS, ALL_BUT_COLD },
};

static uint64_t get(const uint8_t *bytes, unsigned int size)
{
	uint64_t val = 0;

	while (size--)
		val = val << 8 | bytes[size];
	return val;
}

static void put(uint8_t *bytes, unsigned int size, uint64_t val)
{
	for (; size--; val >>= 8)
		*bytes++ = val;
}

void expect_sync(struct expect *expect, uint32_t offset, uint32_t len)
{
	cxlr_read_bytes(expect->space, offset, expect->now + offset, len);
}

void expect_init(struct expect *expect, const struct cxlr_space *space, uint8_t *memory)
{
	*expect = (struct expect) {
		.space = space, .now = memory, .initial = memory + space->size,
	};
	expect_sync(expect, 0, space->size);
	memcpy(expect->initial, expect->now, space->size);
}

int expect_differs(const struct expect *expect, uint32_t offset, uint32_t len)
{
	uint8_t now[64];
	uint32_t piece, i;

	for (; len; len -= piece, offset += piece) {
		piece = len < sizeof(now) ? len : sizeof(now);
		if (!cxlr_read_bytes(expect->space, offset, now, piece))
			return offset;
		if (!memcmp(now, expect->now + offset, piece))
			continue;
		for (i = 0; now[i] == expect->now[offset + i]; i++)
			;
		return offset + i;
	}
	return -1;
}

static const struct cxlr_field *field_of(const struct cxlr_reg *reg, unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (reg->fields[i].mask >> bit & 1)
			return &reg->fields[i];
	return NULL;
}

static bool is_locked(const struct expect *expect, const struct cxlr_slot *slot,
		      const struct cxlr_field *field)
{
	const struct cxlr_slot *where;

	if (!field->lock)
		return false;
	if (field->lock->outside)
		return expect->space->locked;
	/* A map may have been placed without the register that would hold the lock. */
	where = cxlr_slot_at(expect->space, slot->base + field->lock->offset);
	if (!where)
		return false;
	return (get(expect->now + where->at, where->reg->size) & field->lock->mask) ==
	       field->lock->value;
}

/*
 * A field is as if reserved if the space hides it from software, by its view,
 * or if the device lacks the capability that it is for.
 */
static bool is_there(const struct expect *expect, const struct cxlr_slot *slot,
		     const struct cxlr_field *field)
{
	const struct cxlr_slot *where;

	if (expect->space->hidden >> field->view & 1)
		return false;
	if (!field->need)
		return true;
	where = cxlr_slot_at(expect->space, slot->map + field->need->offset);
	return where && get(expect->now + where->at, where->reg->size) & field->need->mask;
}

/* What becomes of a field's bits when they are written. */
static const char *fate(const struct expect *expect, const struct cxlr_slot *slot,
			const struct cxlr_field *field)
{
	if (!field || field->reads_zero || !is_there(expect, slot, field) ||
	    is_locked(expect, slot, field))
		return KEEPS;
	return promise[field->attr].write;
}

static uint64_t after_write(const struct expect *expect, const struct cxlr_slot *slot,
			    uint64_t before, uint64_t val, uint64_t enabled)
{
	const struct cxlr_field *field = NULL;
	const char *write = KEEPS;
	uint64_t after = 0, mask;
	unsigned int bit, which;

	for (bit = 0, mask = 1; bit < 8u * slot->reg->size; bit++, mask <<= 1) {
		/* Neighbours are mostly of one field: look for another when it ends. */
		if (!field || !(field->mask & mask)) {
			field = field_of(slot->reg, bit);
			write = fate(expect, slot, field);
		}
		which = (before & mask ? 2 : 0) + (val & mask ? 1 : 0);
		if (enabled & mask ? write[which] == '1' : before & mask)
			after |= mask;
	}
	return after;
}

/* A field's change is told of once; a doorbell is pressed by a one, if it is not locked. */
static bool is_told(const struct expect *expect, const struct cxlr_field *field,
		    const struct cxlr_change *change)
{
	if (!field->effect || !is_there(expect, change->slot, field))
		return false;
	if (field->reads_zero)
		return change->written & field->mask && !is_locked(expect, change->slot, field);
	return (change->before ^ change->after) & field->mask;
}

static void write_register(struct expect *expect, const struct cxlr_slot *slot, uint64_t val,
			   uint64_t enabled)
{
	uint8_t *bytes = expect->now + slot->at;
	struct cxlr_change change = { .slot = slot, .written = val & enabled };
	unsigned int i;

	change.before = get(bytes, slot->reg->size);
	change.after = after_write(expect, slot, change.before, val, enabled);
	for (i = 0; i < slot->reg->nr_fields; i++) {
		change.field = &slot->reg->fields[i];
		if (is_told(expect, change.field, &change) &&
		    expect->effects < EXPECT_MAX_EFFECTS)
			expect->effect[expect->effects++] = change;
	}
	put(bytes, slot->reg->size, change.after);
}

void expect_write(struct expect *expect, uint32_t offset, const uint8_t *buf, uint32_t len)
{
	const struct cxlr_slot *slot;
	uint64_t val = 0, enabled = 0;
	unsigned int shift;

	expect->effects = 0;
	for (; len; len--, buf++, offset++) {
		slot = cxlr_slot_at(expect->space, offset);
		if (!slot)
			continue;
		shift = 8 * (offset - slot->at);
		val |= (uint64_t)*buf << shift;
		enabled |= 0xffull << shift;
		/* The end of the register, or of what is written. */
		if (len > 1 && offset + 1 < slot->at + (uint32_t)slot->reg->size)
			continue;
		write_register(expect, slot, val, enabled);
		val = 0;
		enabled = 0;
	}
}

static bool is_kept(const struct cxlr_field *field, enum cxlr_reset kind)
{
	if (!field)
		return kind == CXLR_RESET_FLR;
	/* 8.1.3.6: what CONFIG_LOCK governs, whether it is set or not. */
	if (kind == CXLR_RESET_CXL && field->lock && field->lock->survives)
		return true;
	return promise[field->attr].kept[kind] == '1';
}

static void reset_register(struct expect *expect, const struct cxlr_slot *slot,
			   enum cxlr_reset kind)
{
	uint64_t now = get(expect->now + slot->at, slot->reg->size);
	uint64_t initial = get(expect->initial + slot->at, slot->reg->size), after = 0, mask;
	const struct cxlr_field *field = NULL;
	unsigned int bit;

	for (bit = 0, mask = 1; bit < 8u * slot->reg->size; bit++, mask <<= 1) {
		if (!field || !(field->mask & mask))
			field = field_of(slot->reg, bit);
		after |= (is_kept(field, kind) ? now : initial) & mask;
	}
	put(expect->now + slot->at, slot->reg->size, after);
}

void expect_reset(struct expect *expect, enum cxlr_reset kind)
{
	const struct cxlr_slot *slot;
	uint32_t at;

	expect->effects = 0;
	for (at = 0; at < expect->space->size; at += expect->space->grain) {
		slot = cxlr_slot_at(expect->space, at);
		if (slot && slot->at == at)
			reset_register(expect, slot, kind);
	}
}

bool expect_access(const struct cxlr_space *space, uint64_t offset, unsigned int width)
{
	const struct cxlr_slot *slot;

	if (offset >= space->size || offset + width > space->size)
		return false;
	slot = cxlr_slot_at(space, offset);
	if (!slot)
		return width == 4 && offset % 4 == 0;
	return offset == slot->at && width == slot->reg->size && offset % width == 0;
}
