// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* HDM decoders: see hdm.h. */
#include "hdm.h"

/* 8.2.4.20.7: granularities of 256 bytes to 16 KiB are defined. */
#define IG_MAX		6
#define IG_4K		4	/* from here on address bits 14:12 choose, below 11:8 */

static uint32_t reg(const struct cxlr_hdm *hdm, uint32_t offset)
{
	return cxlr_get(hdm->space, hdm->at + offset);
}

static uint64_t pair(const struct cxlr_hdm *hdm, uint32_t low, uint32_t high)
{
	return (uint64_t)reg(hdm, high) << 32 | reg(hdm, low);
}

static struct cxlr_decode programmed(const struct cxlr_hdm *hdm, unsigned int n)
{
	return (struct cxlr_decode) {
		.base = pair(hdm, CXLR_HDM_BASE_LOW(n), CXLR_HDM_BASE_HIGH(n)),
		.size = pair(hdm, CXLR_HDM_SIZE_LOW(n), CXLR_HDM_SIZE_HIGH(n)),
		.dpa = hdm->dpa[n],
		.ctrl = reg(hdm, CXLR_HDM_CTRL(n)),
	};
}

unsigned int cxlr_hdm_ways(uint32_t ctrl)
{
	static const unsigned char ways[16] = { 1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12 };

	return ways[(ctrl & CXLR_HDM_CTRL_IW) >> CXLR_HDM_CTRL_IW_SHIFT];
}

static const char *object_interleave(const struct cxlr_hdm *hdm, uint32_t ctrl)
{
	uint32_t cap = reg(hdm, CXLR_HDM_CAP), ig = ctrl & CXLR_HDM_CTRL_IG;
	unsigned int ways = cxlr_hdm_ways(ctrl);

	if (!ways)
		return "interleave ways are reserved";
	if (ig > IG_MAX)
		return "interleave granularity is reserved";
	if (ways == 1)
		return NULL;
	if (!(cap & (ig < IG_4K ? CXLR_HDM_CAP_INTERLEAVE_11_8 : CXLR_HDM_CAP_INTERLEAVE_14_12)))
		return "interleave granularity is not supported";
	if (ways % 3 == 0 && !(cap & CXLR_HDM_CAP_3_6_12_WAY))
		return "3, 6 and 12 ways are not supported";
	if (ways == 16 && !(cap & CXLR_HDM_CAP_16_WAY))
		return "16 ways are not supported";
	return NULL;
}

static const char *object_target(const struct cxlr_hdm *hdm, uint32_t ctrl)
{
	uint32_t cap = reg(hdm, CXLR_HDM_CAP);
	uint32_t models = (cap & CXLR_HDM_CAP_COHERENCY) >> CXLR_HDM_CAP_COHERENCY_SHIFT;
	bool host_only = ctrl & CXLR_HDM_CTRL_HOSTONLY;

	/* 0: the device does not tell what it supports, so anything may be right. */
	if (models && !(models & (host_only ? 2 : 1)))
		return "target range type is not supported";
	if (ctrl & CXLR_HDM_CTRL_BI && (!hdm->bi_capable || host_only))
		return "Back-Invalidate is not supported";
	if (hdm->bi_only && !host_only && !(ctrl & CXLR_HDM_CTRL_BI))
		return "Back-Invalidate is needed";
	return NULL;
}

/* Decoders commit in order, each above the one before it. */
static const char *object_lower(const struct cxlr_hdm *hdm, unsigned int n, uint64_t base)
{
	struct cxlr_decode lower;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!cxlr_hdm_decode(hdm, i, &lower))
			return "a lower decoder is not committed";
		if (base < lower.base + lower.size)
			return "base is not above all lower decoders";
	}
	return NULL;
}

/* A lower decoder that commits again must fit below what is still committed. */
static const char *object_higher(const struct cxlr_hdm *hdm, unsigned int n, uint64_t end,
				 uint64_t dpa_end)
{
	struct cxlr_decode higher;
	unsigned int i;

	for (i = n + 1; i < hdm->count; i++)
		if (cxlr_hdm_decode(hdm, i, &higher) && (end > higher.base || dpa_end > higher.dpa))
			return "a higher decoder is in the way";
	return NULL;
}

/*
 * The device memory [dpa, end) that decoder @n takes: after what it skips, and
 * after all that the decoder below it takes, which is committed.
 */
static const char *place(const struct cxlr_hdm *hdm, unsigned int n,
			 const struct cxlr_decode *want, uint64_t *dpa, uint64_t *end)
{
	unsigned int ways = cxlr_hdm_ways(want->ctrl);
	uint64_t below = 0;

	if (want->size % ((uint64_t)CXLR_HDM_GRANULE * ways))
		return "size is not a multiple of 256 MiB a way";
	if (n) {
		struct cxlr_decode lower = programmed(hdm, n - 1);

		below = lower.dpa + lower.size / cxlr_hdm_ways(lower.ctrl);
	}
	*dpa = below + pair(hdm, CXLR_HDM_DPA_SKIP_LOW(n), CXLR_HDM_DPA_SKIP_HIGH(n));
	*end = *dpa + want->size / ways;
	if (*dpa < below || *end < *dpa || *end > hdm->capacity)
		return "size and skip exceed the device's memory";
	return NULL;
}

static const char *object(const struct cxlr_hdm *hdm, unsigned int n, uint64_t *dpa)
{
	struct cxlr_decode want = programmed(hdm, n);
	const char *why;
	uint64_t dpa_end;

	if (hdm->refuse)
		return "the device is not ready";
	if (want.base + want.size < want.base)
		return "base and size exceed the address space";
	why = object_interleave(hdm, want.ctrl);
	if (!why)
		why = object_target(hdm, want.ctrl);
	if (!why)
		why = object_lower(hdm, n, want.base);
	if (!why)
		why = place(hdm, n, &want, dpa, &dpa_end);
	if (!why)
		why = object_higher(hdm, n, want.base + want.size, dpa_end);
	return why;
}

const char *cxlr_hdm_objection(const struct cxlr_hdm *hdm, unsigned int n)
{
	uint64_t dpa;

	return object(hdm, n, &dpa);
}

enum cxlr_hdm_event cxlr_hdm_effect(struct cxlr_hdm *hdm, const struct cxlr_change *change)
{
	unsigned int n = change->slot->unit;
	uint64_t dpa;

	if (!(change->after & CXLR_HDM_CTRL_COMMIT)) {
		cxlr_set(hdm->space, change->slot->at,
			 CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_ERROR, 0);
		return change->before & CXLR_HDM_CTRL_COMMITTED ? CXLR_HDM_DECOMMITTED :
								  CXLR_HDM_NOTHING;
	}
	if (object(hdm, n, &dpa)) {
		cxlr_set(hdm->space, change->slot->at, CXLR_HDM_CTRL_ERROR, CXLR_HDM_CTRL_ERROR);
		return CXLR_HDM_REFUSED;
	}
	hdm->dpa[n] = dpa;
	cxlr_set(hdm->space, change->slot->at, CXLR_HDM_CTRL_COMMITTED, CXLR_HDM_CTRL_COMMITTED);
	return CXLR_HDM_COMMITTED;
}

bool cxlr_hdm_decode(const struct cxlr_hdm *hdm, unsigned int n, struct cxlr_decode *decode)
{
	*decode = programmed(hdm, n);
	return decode->ctrl & CXLR_HDM_CTRL_COMMITTED;
}

bool cxlr_hdm_enabled(const struct cxlr_hdm *hdm)
{
	return reg(hdm, CXLR_HDM_GLOBAL_CTRL) & CXLR_HDM_GLOBAL_ENABLE;
}

void cxlr_hdm_reset(struct cxlr_hdm *hdm)
{
	unsigned int i;

	for (i = 0; i < hdm->count; i++)
		if (!(reg(hdm, CXLR_HDM_CTRL(i)) & CXLR_HDM_CTRL_COMMITTED))
			hdm->dpa[i] = 0;
}

bool cxlr_hdm_init(struct cxlr_hdm *hdm, struct cxlr_space *space, uint32_t at,
		   unsigned int count, uint64_t capacity, uint32_t capability)
{
	uint32_t code = 0;

	while (code <= CXLR_HDM_CAP_DECODER_COUNT && cxlr_hdm_decoder_count(code) != count)
		code++;
	if (!count || code > CXLR_HDM_CAP_DECODER_COUNT)
		return false;
	*hdm = (struct cxlr_hdm) {
		.space = space, .at = at, .count = count, .capacity = capacity,
	};
	cxlr_init(space, at + CXLR_HDM_CAP, 0xffffffff,
		  (capability & ~CXLR_HDM_CAP_DECODER_COUNT) | code);
	return true;
}
