/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How registers are described: a map is a capability or a DVSEC, a row of it a
 * register, a row of that a field. Everything that acts on registers acts by
 * these tables, and docs/registers.md is printed from them.
 */
#ifndef CXLR_MAP_H
#define CXLR_MAP_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#include "cxl_regs.h"

/* Attributes, 8.1 table "Register Attributes". The S is for sticky. */
enum cxlr_attr {
	CXLR_RSVDP,	/* reserved, software preserves it: reads zero, ignores writes */
	CXLR_RSVDZ,	/* reserved, software writes zero: reads zero, ignores writes */
	CXLR_RO,
	CXLR_ROS,
	CXLR_HWINIT,	/* read-only, set by the hardware or its firmware before software looks */
	CXLR_RW,
	CXLR_RWS,
	CXLR_RWL,	/* RW until locked, then RO; a row names its lock */
	CXLR_RWO,	/* write one to set and lock: nothing but a reset clears it */
	CXLR_RW1C,
	CXLR_RW1CS,
	CXLR_NR_ATTRS,
};

/*
 * A field is locked while register @offset, in the same map or unit, has @value in @mask;
 * or while the lock is set in another space (struct cxlr_space.locked).
 */
struct cxlr_lock {
	const char *name;
	bool outside;	/* the lock is in another space; the next three are not used */
	uint16_t offset;
	uint32_t mask;
	uint32_t value;
	bool survives;	/* what it governs is left alone by a CXL Reset (8.1.3.6) */
};

/*
 * A field that only a capable device has: register @offset of the map has a
 * bit of @mask set. Without it the field is as if reserved.
 */
struct cxlr_need {
	const char *name;
	uint16_t offset;
	uint32_t mask;
};

/* What a write to a field sets off, beyond the bits themselves. */
enum cxlr_effect {
	CXLR_EFFECT_NONE,
	CXLR_EFFECT_COMMIT,		/* 8.2.4.20.7 Commit */
	CXLR_EFFECT_HDM_ENABLE,		/* 8.2.4.20.2 HDM Decoder Enable */
	CXLR_EFFECT_MEM_ENABLE,		/* 8.1.3.2 Mem_Enable */
	CXLR_EFFECT_CACHING,		/* 8.1.3.4 Disable_Caching */
	CXLR_EFFECT_WBI,		/* 8.1.3.4 Initiate Cache Write Back and Invalidation */
	CXLR_EFFECT_CXL_RESET,		/* 8.1.3.4 Initiate CXL Reset */
	CXLR_EFFECT_BI_COMMIT,		/* 8.2.4.27 BI Decoder Commit */
};

/*
 * What a user sees of a passed-through device's field, and what the host does
 * about it. The emulated accelerator, which is a device, does not look at it.
 */
enum cxlr_view {
	CXLR_VIEW_OWN,		/* the user's own: virtual, and never reaches the device */
	CXLR_VIEW_OPEN,		/* the device's value, sampled at open */
	CXLR_VIEW_LIVE,		/* the device's value, read at each access */
	CXLR_VIEW_EDGE,		/* set when the device sets it; cleared for this user alone */
	CXLR_VIEW_OFFER,	/* what the driver offers, by what it virtualises */
	CXLR_VIEW_ZERO,		/* zero: not offered, or not a user's business */
	CXLR_VIEW_PASS,		/* written through to the device */
	CXLR_NR_VIEWS,
};

struct cxlr_field {
	const char *name;		/* the specification's */
	uint64_t mask;			/* in the register */
	enum cxlr_attr attr;
	const struct cxlr_lock *lock;	/* of RWL */
	const struct cxlr_need *need;	/* NULL if every device has the field */
	uint64_t initial;		/* after a cold reset, in the register's bits */
	enum cxlr_effect effect;
	bool reads_zero;		/* a doorbell: a one starts something, none is kept */
	enum cxlr_view view;
	const char *note;		/* for docs/registers.md; NULL if there is nothing to add */
};

/* Widths of access, one bit each: 1, 2, 4, 8. */
#define CXLR_ANY_WIDTH	(1 | 2 | 4)	/* configuration space */

struct cxlr_reg {
	const char *name;
	const char *section;
	uint16_t offset;	/* bytes, in the map or in the unit */
	uint8_t size;		/* bytes: 2, 4 or 8 */
	uint8_t widths;		/* that software may use, a bit each */
	uint8_t nr_fields;
	const struct cxlr_field *fields;	/* ascending; bits that none has are RsvdP */
};

enum cxlr_map_kind { CXLR_MAP_DVSEC, CXLR_MAP_CM };

struct cxlr_map {
	const char *name;
	const char *section;
	enum cxlr_map_kind kind;
	uint16_t id;			/* DVSEC ID, or CXL capability ID */
	uint8_t version;		/* DVSEC revision or capability version */
	uint16_t size;			/* bytes, without units */
	const struct cxlr_reg *regs;	/* ascending */
	unsigned int nr_regs;
	/* What repeats: HDM decoders, register block entries. */
	const struct cxlr_reg *unit;	/* offsets from the start of the unit; NULL if nothing */
	unsigned int nr_unit;
	uint16_t unit_first;		/* bytes from the start of the map */
	uint16_t unit_stride;
	uint8_t unit_max;
	const char *offered;		/* docs: whether and why a user is shown it */
};

/* map_dvsec.c */
extern const struct cxlr_map cxlr_map_dvsec_device;
extern const struct cxlr_map cxlr_map_dvsec_gpf;
extern const struct cxlr_map cxlr_map_dvsec_flex_bus;
extern const struct cxlr_map cxlr_map_dvsec_locator;

/* map_cm.c */
extern const struct cxlr_map cxlr_map_ras;
extern const struct cxlr_map cxlr_map_security;
extern const struct cxlr_map cxlr_map_link;
extern const struct cxlr_map cxlr_map_ext_security;
extern const struct cxlr_map cxlr_map_snoop_filter;
extern const struct cxlr_map cxlr_map_bi;
extern const struct cxlr_map cxlr_map_metadata;

/* map_array.c: the capability array; a unit is a capability's header */
extern const struct cxlr_map cxlr_map_array;

/* map_hdm.c: an endpoint's HDM Decoder capability; a unit is a decoder */
extern const struct cxlr_map cxlr_map_hdm;

/* maps.c: all of them, NULL at the end */
extern const struct cxlr_map * const cxlr_maps[];

/* The map of a DVSEC or capability by its id, or NULL. */
const struct cxlr_map *cxlr_map_find(enum cxlr_map_kind kind, unsigned int id);

#endif
