/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's HDM decoders and the model's (model_hdm.h) side by side. What
 * happens to one happens to the other; afterwards they must look the same, and
 * what never may happen must not have happened in either.
 */
#ifndef PAIR_HDM_H
#define PAIR_HDM_H

#include "hdm.h"
#include "model_hdm.h"

/* A decoder's registers, as they were when it committed. */
struct pair_held {
	bool committed;
	uint32_t reg[8];
};

struct pair {
	struct cxlr_space *space;
	uint32_t at;			/* of the capability in the space */
	struct cxlr_hdm hdm;
	struct model model;
	enum cxlr_hdm_event event;	/* what the last write led to */
	unsigned int events;
	struct pair_held held[CXLR_HDM_MAX_DECODERS];
	char why[160];			/* what is wrong, for a person to read */
};

/* An HDM Decoder capability as a device may have it. */
struct pair_config {
	unsigned int count;
	uint64_t capacity;
	uint32_t capability;
	bool bi_capable, bi_only;
};

/*
 * The map is placed at @at in @space already, with @config->count decoders. The
 * space's changes are to be passed to pair_effect().
 */
bool pair_init(struct pair *pair, struct cxlr_space *space, uint32_t at,
	       const struct pair_config *config);
void pair_effect(struct pair *pair, const struct cxlr_change *change);

/*
 * One operation; @offset counts from the capability and is a multiple of 4
 * within it. False, and pair->why, if something is wrong afterwards.
 */
bool pair_write(struct pair *pair, uint32_t offset, uint32_t val);
bool pair_read(struct pair *pair, uint32_t offset);
bool pair_ask(struct pair *pair, unsigned int n);	/* would it commit? */
bool pair_reset(struct pair *pair, enum cxlr_reset kind);
void pair_refuse(struct pair *pair, bool refuse);

/* Compare all of it. */
bool pair_check(struct pair *pair);

uint32_t pair_size(const struct pair *pair);

#endif
