// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The register engine: see engine.h for what it promises. */
#include "engine.h"

#define BIT_OF(n)	(1u << (n))
#define BITS_OF(bytes)	((bytes) < 8 ? (1ull << (8 * (bytes))) - 1 : ~0ull)

/* No register begins here: it would not be aligned. */
#define AT_MAX	0xffffu

#define STICKY (BIT_OF(CXLR_ROS) | BIT_OF(CXLR_RWS) | BIT_OF(CXLR_RW1CS))

static uint32_t nr_slots(uint32_t size, uint32_t grain)
{
	return size / grain;
}

size_t cxlr_space_memory(uint32_t size, uint32_t grain)
{
	return nr_slots(size, grain) * sizeof(struct cxlr_slot) + 2 * (size_t)size;
}

void cxlr_space_init(struct cxlr_space *space, void *memory, uint32_t size, uint32_t grain)
{
	struct cxlr_slot *slots = memory;
	uint32_t *words = (void *)(slots + nr_slots(size, grain));

	*space = (struct cxlr_space) {
		.size = size, .grain = grain, .slot = slots,
		.val = words, .init = words + size / sizeof(*words),
	};
}

/* A register in @words, which begins at byte @at and does not straddle, but for 64-bit ones. */
static uint64_t load(const uint32_t *words, uint32_t at, unsigned int size)
{
	uint64_t val = words[at / 4] >> (8 * (at % 4));

	if (size == 8)
		val |= (uint64_t)words[at / 4 + 1] << 32;
	return val & BITS_OF(size);
}

static void store(uint32_t *words, uint32_t at, unsigned int size, uint64_t val)
{
	unsigned int shift = 8 * (at % 4);
	uint32_t mask = (uint32_t)BITS_OF(size < 4 ? size : 4) << shift;

	words[at / 4] = (words[at / 4] & ~mask) | ((uint32_t)val << shift & mask);
	if (size == 8)
		words[at / 4 + 1] = val >> 32;
}

static const struct cxlr_slot *slot_of(const struct cxlr_space *space, uint32_t offset)
{
	/* Every access comes here: by 2 is a shift of 1, by 4 one of 2. */
	return &space->slot[offset >> space->grain / 2];
}

const struct cxlr_slot *cxlr_slot_at(const struct cxlr_space *space, uint32_t offset)
{
	const struct cxlr_slot *slot;

	if (offset >= space->size)
		return NULL;
	slot = slot_of(space, offset);
	return slot->reg ? slot : NULL;
}

uint64_t cxlr_attr_mask(const struct cxlr_reg *reg, uint32_t attrs)
{
	uint64_t mask = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (attrs & BIT_OF(reg->fields[i].attr))
			mask |= reg->fields[i].mask;
	return mask;
}

uint64_t cxlr_view_mask(const struct cxlr_reg *reg, uint32_t views)
{
	uint64_t mask = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (views & BIT_OF(reg->fields[i].view))
			mask |= reg->fields[i].mask;
	return mask;
}

/* The registers of a map, then those of its units, in one count. */
struct walk {
	const struct cxlr_map *map;
	uint32_t at;
	unsigned int units;
};

static unsigned int walk_count(const struct walk *walk)
{
	return walk->map->nr_regs + walk->units * walk->map->nr_unit;
}

static uint8_t views_of(const struct cxlr_reg *reg)
{
	uint8_t views = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		views |= BIT_OF(reg->fields[i].view);
	return views;
}

/* Slot @i of a walk. Its offsets are 16 bits: what is past those is at the last of them. */
static struct cxlr_slot walk_slot(const struct walk *walk, unsigned int i)
{
	const struct cxlr_map *map = walk->map;
	struct cxlr_slot slot = { .map = walk->at };
	uint32_t base = walk->at, at;

	if (i < map->nr_regs) {
		slot.reg = &map->regs[i];
	} else {
		i -= map->nr_regs;
		slot.reg = &map->unit[i % map->nr_unit];
		slot.unit = i / map->nr_unit;
		base += map->unit_first + slot.unit * map->unit_stride;
	}
	at = base + slot.reg->offset;
	slot.base = base < AT_MAX ? base : AT_MAX;
	slot.at = at < AT_MAX ? at : AT_MAX;
	slot.views = views_of(slot.reg);
	slot.live = cxlr_view_mask(slot.reg, BIT_OF(CXLR_VIEW_LIVE));
	slot.edge = cxlr_view_mask(slot.reg, BIT_OF(CXLR_VIEW_EDGE));
	return slot;
}

static bool is_free(const struct cxlr_space *space, const struct cxlr_slot *slot)
{
	uint32_t at;

	if (slot->at % (slot->reg->size < 4 ? slot->reg->size : 4) || slot->at % space->grain ||
	    slot->reg->size % space->grain ||
	    slot->at + (uint32_t)slot->reg->size > space->size)
		return false;
	for (at = slot->at; at < slot->at + (uint32_t)slot->reg->size; at += space->grain)
		if (slot_of(space, at)->reg)
			return false;
	return true;
}

static bool is_hidden(const struct cxlr_space *space, const struct cxlr_field *field)
{
	return space->hidden & BIT_OF(field->view);
}

static uint64_t initial(const struct cxlr_space *space, const struct cxlr_reg *reg)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (!is_hidden(space, &reg->fields[i]))
			val |= reg->fields[i].initial;
	return val;
}

static bool fits(const struct cxlr_slot *slot, uint32_t end)
{
	return slot->at + (uint32_t)slot->reg->size <= end;
}

bool cxlr_space_place(struct cxlr_space *space, const struct cxlr_map *map, uint32_t at,
		      unsigned int units, uint32_t limit)
{
	struct walk walk = { .map = map, .at = at, .units = units };
	uint32_t where, end = at + limit < at ? ~0u : at + limit;
	struct cxlr_slot slot;
	unsigned int i;

	if (at > space->size || space->size > AT_MAX || units > map->unit_max)
		return false;
	for (i = 0; i < walk_count(&walk); i++) {
		slot = walk_slot(&walk, i);
		if (fits(&slot, end) && !is_free(space, &slot))
			return false;
	}
	for (i = 0; i < walk_count(&walk); i++) {
		slot = walk_slot(&walk, i);
		if (!fits(&slot, end))
			continue;
		for (where = slot.at; where < slot.at + (uint32_t)slot.reg->size;
		     where += space->grain)
			space->slot[where / space->grain] = slot;
		store(space->init, slot.at, slot.reg->size, initial(space, slot.reg));
		store(space->val, slot.at, slot.reg->size, initial(space, slot.reg));
	}
	return true;
}

uint64_t cxlr_get(const struct cxlr_space *space, uint32_t at)
{
	return load(space->val, at, slot_of(space, at)->reg->size);
}

void cxlr_set(struct cxlr_space *space, uint32_t at, uint64_t mask, uint64_t val)
{
	unsigned int size = slot_of(space, at)->reg->size;

	store(space->val, at, size, (load(space->val, at, size) & ~mask) | (val & mask));
}

void cxlr_init(struct cxlr_space *space, uint32_t at, uint64_t mask, uint64_t val)
{
	unsigned int size = slot_of(space, at)->reg->size;

	store(space->init, at, size, (load(space->init, at, size) & ~mask) | (val & mask));
	cxlr_set(space, at, mask, val);
}

void cxlr_sample(struct cxlr_space *space, uint32_t at, uint64_t now)
{
	struct cxlr_slot *slot = &space->slot[at / space->grain];

	cxlr_init(space, at, cxlr_view_mask(slot->reg, BIT_OF(CXLR_VIEW_OPEN) |
					    BIT_OF(CXLR_VIEW_LIVE)), now);
	slot->seen = now & slot->edge;
}

void cxlr_follow(struct cxlr_space *space, uint32_t at, uint64_t now)
{
	struct cxlr_slot *slot = &space->slot[at / space->grain];
	uint32_t risen = now & slot->edge & ~slot->seen;

	slot->seen = now & slot->edge;
	cxlr_set(space, at, slot->live | risen, now);
}

/* The register of a lock or a need may have been left out when the map was placed. */
bool cxlr_locked(const struct cxlr_space *space, const struct cxlr_slot *slot,
		 const struct cxlr_field *field)
{
	const struct cxlr_lock *lock = field->lock;

	if (lock && lock->outside)
		return space->locked;
	return lock && cxlr_slot_at(space, slot->base + lock->offset) &&
	       (cxlr_get(space, slot->base + lock->offset) & lock->mask) == lock->value;
}

static bool is_there(const struct cxlr_space *space, const struct cxlr_slot *slot,
		     const struct cxlr_field *field)
{
	const struct cxlr_need *need = field->need;

	if (is_hidden(space, field))
		return false;
	return !need || (cxlr_slot_at(space, slot->map + need->offset) &&
			 cxlr_get(space, slot->map + need->offset) & need->mask);
}

/* The bits of a register that a write reaches now. */
static uint64_t reachable(const struct cxlr_space *space, const struct cxlr_slot *slot)
{
	uint64_t mask = 0;
	unsigned int i;

	for (i = 0; i < slot->reg->nr_fields; i++)
		if (is_there(space, slot, &slot->reg->fields[i]) &&
		    !cxlr_locked(space, slot, &slot->reg->fields[i]))
			mask |= slot->reg->fields[i].mask;
	return mask;
}

/* The register after @val was written to the bits @mask of it. */
static uint64_t written(const struct cxlr_reg *reg, uint64_t before, uint64_t val, uint64_t mask)
{
	uint64_t after = before, bits;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++) {
		bits = reg->fields[i].mask & mask;
		if (!bits || reg->fields[i].reads_zero)
			continue;
		switch (reg->fields[i].attr) {
		case CXLR_RWL:
		case CXLR_RW:
		case CXLR_RWS:
			after = (after & ~bits) | (val & bits);
			break;
		case CXLR_RWO:
			after |= val & bits;
			break;
		case CXLR_RW1C:
		case CXLR_RW1CS:
			after &= ~(val & bits);
			break;
		default:
			break;
		}
	}
	return after;
}

static void write_register(struct cxlr_space *space, const struct cxlr_slot *slot, uint64_t val,
			   uint64_t enabled)
{
	struct cxlr_change change = { .slot = slot, .written = val & enabled };
	uint64_t reached = reachable(space, slot);
	unsigned int i;

	change.before = load(space->val, slot->at, slot->reg->size);
	change.after = written(slot->reg, change.before, val, enabled & reached);
	store(space->val, slot->at, slot->reg->size, change.after);
	if (!space->effect)
		return;

	for (i = 0; i < slot->reg->nr_fields; i++) {
		const struct cxlr_field *field = &slot->reg->fields[i];
		uint64_t bits = field->reads_zero ? change.written : change.before ^ change.after;

		if (!field->effect || !(bits & field->mask & reached))
			continue;
		change.field = field;
		space->effect(space, &change);
	}
}

/* May software access so many bytes here in one go? (8.2.3) */
static bool access_ok(const struct cxlr_space *space, uint64_t offset, unsigned int width)
{
	const struct cxlr_slot *slot;

	if (offset >= space->size || (width != 4 && width != 8) || offset & (width - 1))
		return false;
	slot = slot_of(space, offset);
	return slot->reg ? slot->at == offset && slot->reg->size == width &&
			   slot->reg->widths & width : width == 4;
}

bool cxlr_read(const struct cxlr_space *space, uint64_t offset, unsigned int width, uint64_t *val)
{
	if (!access_ok(space, offset, width))
		return false;
	*val = load(space->val, offset, width);
	return true;
}

bool cxlr_write(struct cxlr_space *space, uint64_t offset, unsigned int width, uint64_t val)
{
	if (!access_ok(space, offset, width))
		return false;
	if (slot_of(space, offset)->reg)
		write_register(space, slot_of(space, offset), val, BITS_OF(width));
	return true;
}

static bool range_ok(const struct cxlr_space *space, uint32_t offset, uint32_t len)
{
	return offset <= space->size && len <= space->size - offset;
}

bool cxlr_read_bytes(const struct cxlr_space *space, uint32_t offset, uint8_t *buf, uint32_t len)
{
	uint32_t i;

	if (!range_ok(space, offset, len))
		return false;
	for (i = 0; i < len; i++, offset++)
		buf[i] = space->val[offset / 4] >> (8 * (offset % 4));
	return true;
}

/* Write what of @len bytes at @offset is in the register that is there; how many those are. */
static uint32_t write_some(struct cxlr_space *space, uint32_t offset, const uint8_t *buf,
			   uint32_t len)
{
	const struct cxlr_slot *slot = slot_of(space, offset);
	uint64_t val = 0, enabled = 0;
	uint32_t i, shift, end;

	if (!slot->reg)
		return 1;
	end = slot->at + slot->reg->size;
	for (i = 0; i < len && offset + i < end; i++) {
		shift = 8 * (offset + i - slot->at);
		val |= (uint64_t)buf[i] << shift;
		enabled |= 0xffull << shift;
	}
	write_register(space, slot, val, enabled);
	return i;
}

bool cxlr_write_bytes(struct cxlr_space *space, uint32_t offset, const uint8_t *buf, uint32_t len)
{
	uint32_t done;

	if (!range_ok(space, offset, len))
		return false;
	for (done = 0; done < len;)
		done += write_some(space, offset + done, buf + done, len - done);
	return true;
}

/* What of a register a reset leaves alone. */
static uint64_t kept(const struct cxlr_reg *reg, enum cxlr_reset kind)
{
	uint64_t mask = kind == CXLR_RESET_COLD ? 0 : cxlr_attr_mask(reg, STICKY);
	unsigned int i;

	if (kind != CXLR_RESET_CXL)
		return mask;
	/* 8.1.3.6: CONFIG_LOCK, and the fields that it governs. */
	mask |= cxlr_attr_mask(reg, BIT_OF(CXLR_RWO));
	for (i = 0; i < reg->nr_fields; i++)
		if (reg->fields[i].lock && reg->fields[i].lock->survives)
			mask |= reg->fields[i].mask;
	return mask;
}

void cxlr_reset(struct cxlr_space *space, enum cxlr_reset kind)
{
	uint32_t at;

	if (kind == CXLR_RESET_FLR)
		return;
	for (at = 0; at < space->size; at += space->grain) {
		const struct cxlr_slot *slot = slot_of(space, at);

		if (slot->reg && slot->at == at)
			cxlr_set(space, at, ~kept(slot->reg, kind),
				 load(space->init, at, slot->reg->size));
	}
}
