/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The register engine: applies accesses and resets to registers that tables
 * (map.h) describe. Pure C: no kernel, no libc, no allocation, no locks; the
 * caller serialises all use of a space, and owns the memory that it is in.
 *
 * A space is a range of bytes in which maps are placed: the DVSECs of a
 * configuration space, or the capabilities of a CM block. Section numbers are
 * those of the CXL specification 3.1.
 */
#ifndef CXLR_ENGINE_H
#define CXLR_ENGINE_H

#include "map.h"

struct cxlr_space;

/* Where a register is: a map's row, and which of the map's places and units it is in. */
struct cxlr_slot {
	const struct cxlr_reg *reg;	/* NULL: reserved bytes, read as zero */
	uint16_t at;			/* bytes from the start of the space */
	uint16_t map;			/* start of the map */
	uint16_t base;			/* of the map, or of the unit, that offsets count from */
	uint8_t unit;			/* index, for registers that repeat */
	uint8_t views;			/* bits 1 << view: what its fields have */
	uint32_t live;			/* the low half's bits with CXLR_VIEW_LIVE */
	uint32_t edge;			/* and with CXLR_VIEW_EDGE */
	uint32_t seen;			/* of @edge: what the device was seen to have set */
};

/*
 * A write that reached a field with an effect, told after the register has its
 * new value. Bits that read as zero are in @written only.
 */
struct cxlr_change {
	const struct cxlr_slot *slot;
	const struct cxlr_field *field;
	uint64_t before;	/* the whole register */
	uint64_t after;
	uint64_t written;	/* what was written, in the bytes that were */
};

struct cxlr_space {
	uint32_t size;		/* bytes */
	uint32_t grain;		/* bytes: registers start at multiples of this; 2 or 4 */
	uint32_t *val;		/* the registers as software reads them */
	uint32_t *init;		/* what a reset brings back */
	struct cxlr_slot *slot;	/* one for every grain */
	uint32_t hidden;	/* views (bits 1 << view) whose fields are as if reserved */
	bool locked;		/* locks outside the space are set; the owner keeps this true */

	/* Called for every change to a field that has an effect; may be NULL. */
	void (*effect)(struct cxlr_space *space, const struct cxlr_change *change);
	void *owner;		/* the caller's */
};

/* Bytes of memory that a space of @size bytes needs, at an alignment of 8. */
size_t cxlr_space_memory(uint32_t size, uint32_t grain);

/*
 * An empty space in @memory, which is zeroed memory of cxlr_space_memory()
 * bytes and stays the caller's. @size is a multiple of 4. Nothing is hidden;
 * whoever wants that says so before maps are placed.
 */
void cxlr_space_init(struct cxlr_space *space, void *memory, uint32_t size, uint32_t grain);

/*
 * Place a map at @at, with @units of what it repeats. Registers that would
 * end after @limit bytes from there are left out (hardware of an older
 * revision of the specification has shorter structures). All fields get their
 * initial values. False, and nothing placed, if it does not fit, is not
 * aligned, or overlaps what is there.
 */
bool cxlr_space_place(struct cxlr_space *space, const struct cxlr_map *map, uint32_t at,
		      unsigned int units, uint32_t limit);

/* The register that has the byte at @offset, or NULL. */
const struct cxlr_slot *cxlr_slot_at(const struct cxlr_space *space, uint32_t offset);

/*
 * Software's accesses.
 *
 * To a memory-mapped space: aligned, of one of the widths that the register
 * takes (8.2.3); false, and nothing happened, for any other. Bytes between
 * registers take aligned accesses of 4, read as zero and ignore writes.
 */
bool cxlr_read(const struct cxlr_space *space, uint64_t offset, unsigned int width, uint64_t *val);
bool cxlr_write(struct cxlr_space *space, uint64_t offset, unsigned int width, uint64_t val);

/*
 * To configuration space: any bytes within the space, little endian, registers
 * in ascending order. A write changes nothing outside of its own bytes. False
 * if the range leaves the space.
 */
bool cxlr_read_bytes(const struct cxlr_space *space, uint32_t offset, uint8_t *buf, uint32_t len);
bool cxlr_write_bytes(struct cxlr_space *space, uint32_t offset, const uint8_t *buf, uint32_t len);

/*
 * The hardware's own accesses, past all attributes; @at is the exact start of
 * a register that is there. They have no effects. cxlr_init() changes what a
 * reset brings back as well.
 */
uint64_t cxlr_get(const struct cxlr_space *space, uint32_t at);
void cxlr_set(struct cxlr_space *space, uint32_t at, uint64_t mask, uint64_t val);
void cxlr_init(struct cxlr_space *space, uint32_t at, uint64_t mask, uint64_t val);

/*
 * A passed-through device has @now in its register: what a user sees of it by the fields'
 * views. At open, cxlr_sample() takes what is sampled then, and status bits are seen, not set.
 * Later, cxlr_follow() takes what is live, and sets a status bit that has risen since.
 */
void cxlr_sample(struct cxlr_space *space, uint32_t at, uint64_t now);
void cxlr_follow(struct cxlr_space *space, uint32_t at, uint64_t now);

/* The bits of a register whose field has any of these attributes (bits 1 << attr). */
uint64_t cxlr_attr_mask(const struct cxlr_reg *reg, uint32_t attrs);
/* The same for what a user sees of them (bits 1 << view). */
uint64_t cxlr_view_mask(const struct cxlr_reg *reg, uint32_t views);

/* Is the field, in the register at @slot, locked now? */
bool cxlr_locked(const struct cxlr_space *space, const struct cxlr_slot *slot,
		 const struct cxlr_field *field);

/* What a reset touches, from least to most. */
enum cxlr_reset {
	CXLR_RESET_FLR,		/* 9.5: nothing of CXL.cache and CXL.mem */
	CXLR_RESET_CXL,		/* 9.7: all but sticky fields and what CONFIG_LOCK governs */
	CXLR_RESET_CONVENTIONAL,/* hot and warm: all but sticky fields */
	CXLR_RESET_COLD,	/* all */
};

/* Give all fields that a reset of this kind touches their initial values. No effects. */
void cxlr_reset(struct cxlr_space *space, enum cxlr_reset kind);

#endif
