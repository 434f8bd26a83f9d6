/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the attributes of registers promise, to hold the engine against: a copy
 * of a space's bytes, and truth tables, bit by bit, where the engine has masks.
 * Of the engine's work it takes over only where registers are.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include "engine.h"

#define EXPECT_MAX_EFFECTS	16

struct expect {
	const struct cxlr_space *space;
	uint8_t *now;		/* what software reads */
	uint8_t *initial;	/* what a cold reset brings back */
	/* What the last write should have told of, in order. */
	struct cxlr_change effect[EXPECT_MAX_EFFECTS];
	unsigned int effects;
};

/* @memory: twice the size of the space, which has its initial values. */
void expect_init(struct expect *expect, const struct cxlr_space *space, uint8_t *memory);

/* The hardware's own doing: take over what registers hold in these bytes. */
void expect_sync(struct expect *expect, uint32_t offset, uint32_t len);

/* A write that the engine accepts. */
void expect_write(struct expect *expect, uint32_t offset, const uint8_t *buf, uint32_t len);

void expect_reset(struct expect *expect, enum cxlr_reset kind);

/* The first of these bytes that is not as expected, or -1. */
int expect_differs(const struct expect *expect, uint32_t offset, uint32_t len);

/* Is software's access to a memory-mapped space one that it may make? (8.2.3) */
bool expect_access(const struct cxlr_space *space, uint64_t offset, unsigned int width);

#endif
