/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the tables in map_*.c are written: one line a field, in the order of the
 * specification, every bit of a register in exactly one row. After the view of
 * a field there may be more, by the names of struct cxlr_field: .initial,
 * .effect, .reads_zero, .note.
 */
#ifndef CXLR_MAP_ROWS_H
#define CXLR_MAP_ROWS_H

#include "map.h"

#define BITS(high, low)		((~0ull >> (63 - (high))) & (~0ull << (low)))

#define FIELD(name_, mask_, attr_, view_, ...)						\
	{ .name = name_, .mask = mask_, .attr = CXLR_##attr_,				\
	  .view = CXLR_VIEW_##view_, __VA_ARGS__ }
#define RWL_FIELD(name_, mask_, lock_, view_, ...)					\
	FIELD(name_, mask_, RWL, view_, .lock = lock_, __VA_ARGS__)
#define RSVDP(high, low)	FIELD("reserved", BITS(high, low), RSVDP, ZERO)
#define RSVDZ(high, low)	FIELD("reserved", BITS(high, low), RSVDZ, ZERO)

#define NR_ROWS(rows)		(sizeof(rows) / sizeof((rows)[0]))

#define REG(size_, widths_, name_, section_, offset_, ...) {				\
	.name = name_, .section = section_, .offset = offset_,				\
	.size = size_, .widths = widths_,						\
	.fields = (const struct cxlr_field[]) { __VA_ARGS__ },				\
	.nr_fields = NR_ROWS(((const struct cxlr_field[]) { __VA_ARGS__ })),		\
}

/* Configuration space, where any byte can be accessed. */
#define CONFIG16(...)		REG(2, CXLR_ANY_WIDTH, __VA_ARGS__)
#define CONFIG32(...)		REG(4, CXLR_ANY_WIDTH, __VA_ARGS__)
/* Component registers, accessed whole (8.2.2, 8.2.3). */
#define CM32(...)		REG(4, 4, __VA_ARGS__)
#define CM64(...)		REG(8, 8, __VA_ARGS__)

/* Of struct cxlr_map. */
#define REGS(rows)		.regs = rows, .nr_regs = NR_ROWS(rows)
#define UNIT(rows)		.unit = rows, .nr_unit = NR_ROWS(rows)

#endif
