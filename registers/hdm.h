/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HDM decoders of an endpoint: when they commit, when they let go, and what
 * they decode (CXL 3.1, 8.2.4.20). Their registers are in a space of the
 * engine; the caller serialises as for that.
 */
#ifndef CXLR_HDM_H
#define CXLR_HDM_H

#include "engine.h"

struct cxlr_hdm {
	struct cxlr_space *space;
	uint32_t at;		/* of the capability in the space */
	unsigned int count;	/* decoders, 1 to 32 */
	uint64_t capacity;	/* bytes of device memory that they divide */
	bool bi_capable;	/* Back-Invalidate: there may be HDM-DB */
	bool bi_only;		/* device-coherent memory is HDM-DB, never HDM-D */
	bool refuse;		/* commits fail, as from a device that is not ready */
	uint64_t dpa[CXLR_HDM_MAX_DECODERS];	/* where their memory starts; fixed by commit */
};

/* What a committed decoder decodes. */
struct cxlr_decode {
	uint64_t base;		/* HPA or GPA, bytes */
	uint64_t size;		/* bytes of address space, of all ways together */
	uint64_t dpa;		/* bytes */
	uint32_t ctrl;
};

/*
 * Decoders at @at in @space, where their map has been placed with as many
 * units; the Decoder Count field is set to say so. @capability has the other
 * fields of the HDM Decoder Capability register (8.2.4.20.1): interleave,
 * coherency, UIO. False if the count is none that the field can say.
 */
bool cxlr_hdm_init(struct cxlr_hdm *hdm, struct cxlr_space *space, uint32_t at,
		   unsigned int count, uint64_t capacity, uint32_t capability);

/* What a change led to. */
enum cxlr_hdm_event {
	CXLR_HDM_NOTHING,
	CXLR_HDM_COMMITTED,
	CXLR_HDM_REFUSED,	/* Error Not Committed is set */
	CXLR_HDM_DECOMMITTED,
};

/*
 * To be called for every change with effect CXLR_EFFECT_COMMIT; which decoder
 * it was is in its slot.
 */
enum cxlr_hdm_event cxlr_hdm_effect(struct cxlr_hdm *hdm, const struct cxlr_change *change);

/* To be called after a reset of the space: what the decoders no longer hold is forgotten. */
void cxlr_hdm_reset(struct cxlr_hdm *hdm);

/* True, and what it decodes, if decoder @n is committed. */
bool cxlr_hdm_decode(const struct cxlr_hdm *hdm, unsigned int n, struct cxlr_decode *decode);

/* HDM Decoder Enable (8.2.4.20.2). */
bool cxlr_hdm_enabled(const struct cxlr_hdm *hdm);

/*
 * Would decoder @n, as it is programmed, commit? The name of the condition of
 * 8.2.4.20.12 that stands against it, or NULL.
 */
const char *cxlr_hdm_objection(const struct cxlr_hdm *hdm, unsigned int n);

/* Interleave ways by the IW field (8.2.4.20.7), 0 for what is reserved. */
unsigned int cxlr_hdm_ways(uint32_t ctrl);

#endif
