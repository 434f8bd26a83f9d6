/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second model of an endpoint's HDM decoders (CXL 3.1, 8.2.4.20), to compare
 * the register engine's with. It is written from the specification in the
 * plainest way and shares nothing with registers/, not even the names of
 * offsets and bits: a wrong number there must not be wrong here too.
 */
#ifndef MODEL_HDM_H
#define MODEL_HDM_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_MAX_DECODERS	32

struct model_decoder {
	uint64_t base, size, skip;
	unsigned int ig, iw;
	bool lock, commit, committed, error, host_only, bi, uio;
	uint64_t dpa;		/* where its memory starts, while it is committed */
};

struct model {
	unsigned int count;
	uint64_t capacity;	/* bytes of device memory */
	uint32_t capability;	/* the HDM Decoder Capability register */
	bool can_bi;
	bool must_bi;		/* device coherent memory is HDM-DB, never HDM-D */
	bool refuse;		/* the device is not ready: no decoder commits */
	bool lean;		/* software is not offered UIO, though the device has it */
	bool poison, enable;	/* HDM Decoder Global Control */
	struct model_decoder decoder[MODEL_MAX_DECODERS];
	const char *why;	/* the condition that the last refused commit met */
};

enum model_event {
	MODEL_NOTHING,
	MODEL_COMMITTED,
	MODEL_REFUSED,
	MODEL_DECOMMITTED,
};

enum model_reset { MODEL_FLR, MODEL_CXL_RESET, MODEL_CONVENTIONAL, MODEL_COLD };

/* @capability without the count. False if no count field says @count. */
bool model_init(struct model *model, unsigned int count, uint64_t capacity, uint32_t capability,
		bool can_bi);

/* Registers of 4 bytes, @offset from the start of the capability. */
uint32_t model_read(const struct model *model, uint32_t offset);
enum model_event model_write(struct model *model, uint32_t offset, uint32_t val);

void model_reset(struct model *model, enum model_reset kind);

/* Why decoder @n, as it is programmed, would not commit, or NULL. */
const char *model_objection(const struct model *model, unsigned int n);

/* Interleave ways, 0 for what is reserved. */
unsigned int model_ways(unsigned int iw);

#endif
