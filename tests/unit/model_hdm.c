// SPDX-License-Identifier: GPL-2.0-or-later
/* A second model of HDM decoders: see model_hdm.h. */
#include <stddef.h>
#include <string.h>

#include "model_hdm.h"

#define MIB_256	0x10000000ull

/* Wide enough for every sum of addresses, so that none can wrap unnoticed. */
typedef unsigned __int128 wide;

/* 8.2.4.20.1 Decoder Count */
static int count_field(unsigned int count)
{
	if (count == 1)
		return 0;
	if (count >= 2 && count <= 16 && count % 2 == 0)
		return count / 2;
	if (count >= 20 && count <= 32 && count % 4 == 0)
		return 8 + (count - 16) / 4;
	return -1;
}

bool model_init(struct model *model, unsigned int count, uint64_t capacity, uint32_t capability,
		bool can_bi)
{
	memset(model, 0, sizeof(*model));
	if (count_field(count) < 0)
		return false;
	model->capability = (capability & ~0xfu) | (uint32_t)count_field(count);
	model->count = count;
	model->capacity = capacity;
	model->can_bi = can_bi;
	return true;
}

/* 8.2.4.20.7 Interleave Ways */
unsigned int model_ways(unsigned int iw)
{
	if (iw == 0)
		return 1;
	if (iw == 1)
		return 2;
	if (iw == 2)
		return 4;
	if (iw == 3)
		return 8;
	if (iw == 4)
		return 16;
	if (iw == 8)
		return 3;
	if (iw == 9)
		return 6;
	if (iw == 10)
		return 12;
	return 0;
}

/* Device memory behind a decoder: its share of the interleave set. */
static uint64_t share(const struct model_decoder *decoder)
{
	return decoder->size / model_ways(decoder->iw);
}

/* Decoders divide the device's memory in order; each may skip some first (8.2.4.20.9). */
static wide dpa_start(const struct model *model, unsigned int n)
{
	const struct model_decoder *last;

	if (n == 0)
		return model->decoder[0].skip;
	last = &model->decoder[n - 1];
	return (wide)last->dpa + share(last) + model->decoder[n].skip;
}

/* The fields by themselves: 8.2.4.20.1 says what each of them may be. */
static const char *objection_to_fields(const struct model *model, const struct model_decoder *d)
{
	bool can_11_8 = model->capability & 1u << 8;
	bool can_14_12 = model->capability & 1u << 9;
	bool can_3_6_12 = model->capability & 1u << 11;
	bool can_16 = model->capability & 1u << 12;
	unsigned int coherency = model->capability >> 21 & 3;
	unsigned int ways = model_ways(d->iw);

	if (ways == 0)
		return "the interleave ways are reserved";
	if (d->ig > 6)
		return "the interleave granularity is reserved";
	if (ways > 1 && d->ig <= 3 && !can_11_8)
		return "it interleaves on address bits 11 to 8 and cannot";
	if (ways > 1 && d->ig >= 4 && !can_14_12)
		return "it interleaves on address bits 14 to 12 and cannot";
	if ((ways == 3 || ways == 6 || ways == 12) && !can_3_6_12)
		return "it cannot interleave 3, 6 or 12 ways";
	if (ways == 16 && !can_16)
		return "it cannot interleave 16 ways";
	if (d->size % (MIB_256 * ways) != 0)
		return "a way's share of the size is not a multiple of 256 MiB";
	if (coherency == 1 && d->host_only)
		return "it has no host-only coherent memory";
	if (coherency == 2 && !d->host_only)
		return "it has no device coherent memory";
	if (d->bi && !model->can_bi)
		return "it has no Back-Invalidate";
	if (d->bi && d->host_only)
		return "Back-Invalidate is for device coherent memory";
	if (!d->host_only && !d->bi && model->must_bi)
		return "its device coherent memory is reached with Back-Invalidate alone";
	return NULL;
}

/* 8.2.4.20.12: what must hold before Committed is set */
const char *model_objection(const struct model *model, unsigned int n)
{
	const struct model_decoder *d = &model->decoder[n];
	const char *why;
	wide hpa_end, dpa_end;
	unsigned int i;

	if (model->refuse)
		return "the device is not ready";
	why = objection_to_fields(model, d);
	if (why)
		return why;

	hpa_end = (wide)d->base + d->size;
	if (hpa_end > UINT64_MAX)
		return "base plus size wraps around";

	/* Decoders are committed in order, at ascending addresses. */
	for (i = 0; i < n; i++) {
		if (!model->decoder[i].committed)
			return "a lower decoder is not committed";
		if (d->base < model->decoder[i].base + model->decoder[i].size)
			return "the base is below the end of a lower decoder";
	}

	dpa_end = dpa_start(model, n) + share(d);
	if (dpa_end > model->capacity)
		return "device memory does not reach so far";

	/* A lower decoder that was let go and comes back finds higher ones committed. */
	for (i = n + 1; i < model->count; i++) {
		if (!model->decoder[i].committed)
			continue;
		if (hpa_end > model->decoder[i].base)
			return "the end is above the base of a higher decoder";
		if (dpa_end > model->decoder[i].dpa)
			return "device memory would be decoded twice";
	}
	return NULL;
}

/* 8.2.4.20.7 */
static enum model_event write_control(struct model *model, unsigned int n, uint32_t val)
{
	struct model_decoder *d = &model->decoder[n];
	bool commit = val & 1u << 9;
	bool was_committed = d->committed;

	/* Lock On Commit: once it is committed only a reset changes it. */
	if (d->committed && d->lock)
		return MODEL_NOTHING;

	/* While Commit is set, nothing but Commit can be written. */
	if (d->commit) {
		if (commit)
			return MODEL_NOTHING;
		d->commit = false;
		d->committed = false;
		d->error = false;
		return was_committed ? MODEL_DECOMMITTED : MODEL_NOTHING;
	}

	d->ig = val & 0xf;
	d->iw = val >> 4 & 0xf;
	d->lock = val & 1u << 8;
	d->host_only = val & 1u << 12;
	d->bi = val & 1u << 13;
	if (model->capability & 1u << 13 && !model->lean)
		d->uio = val & 1u << 14;
	if (!commit)
		return MODEL_NOTHING;

	d->commit = true;
	model->why = model_objection(model, n);
	if (model->why) {
		d->error = true;
		return MODEL_REFUSED;
	}
	d->committed = true;
	d->dpa = dpa_start(model, n);
	return MODEL_COMMITTED;
}

/* Base, size and skip are each two registers; bits 27:0 of the low one are reserved. */
static uint64_t with_low(uint64_t number, uint32_t val)
{
	return (number & 0xffffffff00000000ull) | (val & 0xf0000000u);
}

static uint64_t with_high(uint64_t number, uint32_t val)
{
	return (number & 0xffffffffull) | (uint64_t)val << 32;
}

static void write_number(struct model_decoder *d, uint32_t offset, uint32_t val)
{
	/* While Commit is set, nothing but Commit can be written. */
	if (d->commit)
		return;
	if (offset == 0x00)
		d->base = with_low(d->base, val);
	if (offset == 0x04)
		d->base = with_high(d->base, val);
	if (offset == 0x08)
		d->size = with_low(d->size, val);
	if (offset == 0x0c)
		d->size = with_high(d->size, val);
	if (offset == 0x14)
		d->skip = with_low(d->skip, val);
	if (offset == 0x18)
		d->skip = with_high(d->skip, val);
}

enum model_event model_write(struct model *model, uint32_t offset, uint32_t val)
{
	unsigned int n;

	/* 8.2.4.20.2; the capability register before it cannot be written. */
	if (offset == 0x04) {
		/* Without Poison On Decode Error Capability there is nothing to enable. */
		model->poison = val & 1u << 0 && model->capability & 1u << 10;
		model->enable = val & 1u << 1;
	}
	if (offset < 0x10)
		return MODEL_NOTHING;

	n = (offset - 0x10) / 0x20;
	if (n >= model->count)
		return MODEL_NOTHING;
	offset = (offset - 0x10) % 0x20;
	if (offset == 0x10)
		return write_control(model, n, val);
	write_number(&model->decoder[n], offset, val);
	return MODEL_NOTHING;
}

static uint32_t read_control(const struct model_decoder *d)
{
	return d->ig | d->iw << 4 | (uint32_t)d->lock << 8 | (uint32_t)d->commit << 9 |
	       (uint32_t)d->committed << 10 | (uint32_t)d->error << 11 |
	       (uint32_t)d->host_only << 12 | (uint32_t)d->bi << 13 | (uint32_t)d->uio << 14;
}

uint32_t model_read(const struct model *model, uint32_t offset)
{
	const struct model_decoder *d;
	unsigned int n;

	if (offset == 0x00)
		return model->capability;
	if (offset == 0x04)
		return (uint32_t)model->poison | (uint32_t)model->enable << 1;
	if (offset < 0x10)
		return 0;

	n = (offset - 0x10) / 0x20;
	if (n >= model->count)
		return 0;
	d = &model->decoder[n];
	offset = (offset - 0x10) % 0x20;
	if (offset == 0x00)
		return (uint32_t)d->base;
	if (offset == 0x04)
		return d->base >> 32;
	if (offset == 0x08)
		return (uint32_t)d->size;
	if (offset == 0x0c)
		return d->size >> 32;
	if (offset == 0x10)
		return read_control(d);
	if (offset == 0x14)
		return (uint32_t)d->skip;
	if (offset == 0x18)
		return d->skip >> 32;
	return 0;
}

void model_reset(struct model *model, enum model_reset kind)
{
	/* 9.5: a function level reset does not touch CXL.mem. */
	if (kind == MODEL_FLR)
		return;
	model->poison = false;
	model->enable = false;
	memset(model->decoder, 0, sizeof(model->decoder));
}
