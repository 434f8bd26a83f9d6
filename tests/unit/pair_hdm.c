// SPDX-License-Identifier: GPL-2.0-or-later
/* HDM decoders in the engine and in the model: see pair_hdm.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pair_hdm.h"

#define FIRST	0x10	/* where the decoders begin */
#define STRIDE	0x20
#define CTRL	0x10	/* in a decoder */

#define LOCK		0x100u
#define COMMIT		0x200u
#define COMMITTED	0x400u

/* Bits that any register of a decoder may ever show, every 4 bytes. */
static const uint32_t shown[STRIDE / 4] = {
	0xf0000000, 0xffffffff, 0xf0000000, 0xffffffff, 0x00007fff, 0xf0000000, 0xffffffff, 0,
};

static const enum model_event model_events[] = {
	[CXLR_HDM_NOTHING] = MODEL_NOTHING,
	[CXLR_HDM_COMMITTED] = MODEL_COMMITTED,
	[CXLR_HDM_REFUSED] = MODEL_REFUSED,
	[CXLR_HDM_DECOMMITTED] = MODEL_DECOMMITTED,
};

static const enum model_reset model_resets[] = {
	[CXLR_RESET_FLR] = MODEL_FLR,
	[CXLR_RESET_CXL] = MODEL_CXL_RESET,
	[CXLR_RESET_CONVENTIONAL] = MODEL_CONVENTIONAL,
	[CXLR_RESET_COLD] = MODEL_COLD,
};

__attribute__((format(printf, 2, 3)))
static bool wrong(struct pair *pair, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(pair->why, sizeof(pair->why), format, args);
	va_end(args);
	return false;
}

uint32_t pair_size(const struct pair *pair)
{
	return FIRST + STRIDE * pair->model.count;
}

bool pair_init(struct pair *pair, struct cxlr_space *space, uint32_t at,
	       const struct pair_config *config)
{
	memset(pair, 0, sizeof(*pair));
	pair->space = space;
	pair->at = at;
	if (!model_init(&pair->model, config->count, config->capacity, config->capability,
			config->bi_capable))
		return wrong(pair, "no such number of decoders");
	if (!cxlr_hdm_init(&pair->hdm, space, at, config->count, config->capacity,
			   config->capability))
		return wrong(pair, "cxlr_hdm_init() refuses");
	pair->hdm.bi_capable = config->bi_capable;
	pair->hdm.bi_only = config->bi_only;
	pair->model.must_bi = config->bi_only;
	/* The maps say of UIO that a user is not offered it. */
	pair->model.lean = space->hidden;
	return pair_check(pair);
}

void pair_effect(struct pair *pair, const struct cxlr_change *change)
{
	if (change->field->effect != CXLR_EFFECT_COMMIT)
		return;
	pair->event = cxlr_hdm_effect(&pair->hdm, change);
	pair->events++;
}

void pair_refuse(struct pair *pair, bool refuse)
{
	pair->hdm.refuse = refuse;
	pair->model.refuse = refuse;
}

static uint32_t peek(const struct pair *pair, uint32_t offset)
{
	uint64_t val = 0xbad;

	return cxlr_read(pair->space, pair->at + offset, 4, &val) ? val : 0xbad;
}

static bool same(struct pair *pair, uint32_t offset)
{
	uint32_t engine = peek(pair, offset), model = model_read(&pair->model, offset);

	if (engine != model)
		return wrong(pair, "register 0x%x is 0x%x, the model says 0x%x", offset, engine,
			     model);
	if (offset >= FIRST && engine & ~shown[(offset - FIRST) % STRIDE / 4])
		return wrong(pair, "register 0x%x shows a reserved bit: 0x%x", offset, engine);
	return true;
}

/* What the decoders say that they decode. */
static bool same_decode(struct pair *pair, unsigned int n)
{
	const struct model_decoder *want = &pair->model.decoder[n];
	struct cxlr_decode got;

	if (cxlr_hdm_decode(&pair->hdm, n, &got) != want->committed)
		return wrong(pair, "decoder %u: committed or not?", n);
	if (!want->committed)
		return true;
	if (got.base != want->base || got.size != want->size || got.dpa != want->dpa ||
	    got.ctrl != peek(pair, FIRST + STRIDE * n + CTRL))
		return wrong(pair, "decoder %u: base 0x%llx size 0x%llx dpa 0x%llx, the model's is 0x%llx",
			     n, (unsigned long long)got.base, (unsigned long long)got.size,
			     (unsigned long long)got.dpa, (unsigned long long)want->dpa);
	return true;
}

/* No two committed decoders have memory or addresses in common or are out of order. */
static bool in_order(struct pair *pair)
{
	uint64_t hpa = 0, dpa = 0;
	struct cxlr_decode it;
	unsigned int n;

	for (n = 0; n < pair->model.count; n++) {
		if (!cxlr_hdm_decode(&pair->hdm, n, &it))
			continue;
		if (it.base < hpa || it.dpa < dpa)
			return wrong(pair, "decoder %u overlaps another or is out of order", n);
		hpa = it.base + it.size;
		dpa = it.dpa + it.size / model_ways(it.ctrl >> 4 & 0xf);
		if (hpa < it.base || dpa < it.dpa || dpa > pair->hdm.capacity)
			return wrong(pair, "decoder %u decodes what is not there", n);
	}
	return true;
}

static void hold(struct pair *pair, unsigned int n)
{
	struct pair_held *held = &pair->held[n];
	unsigned int i;

	for (i = 0; i < STRIDE / 4; i++)
		held->reg[i] = peek(pair, FIRST + STRIDE * n + 4 * i);
	held->committed = held->reg[CTRL / 4] & COMMITTED;
}

/*
 * Committed implies that nothing of the decoder changes but by decommit;
 * locked as well, not even so. @let_go: the last operation was to clear Commit.
 */
static bool held_still(struct pair *pair, unsigned int n, bool let_go)
{
	const struct pair_held held = pair->held[n];
	bool locked = held.reg[CTRL / 4] & LOCK;

	hold(pair, n);
	if (!held.committed || !memcmp(held.reg, pair->held[n].reg, sizeof(held.reg)))
		return true;
	if (locked)
		return wrong(pair, "locked decoder %u changed", n);
	if (!let_go || pair->held[n].committed)
		return wrong(pair, "committed decoder %u changed", n);
	return true;
}

bool pair_check(struct pair *pair)
{
	uint32_t offset;
	unsigned int n;

	for (offset = 0; offset < pair_size(pair); offset += 4)
		if (!same(pair, offset))
			return false;
	for (n = 0; n < pair->model.count; n++)
		if (!same_decode(pair, n) || !held_still(pair, n, false))
			return false;
	if (cxlr_hdm_enabled(&pair->hdm) != pair->model.enable)
		return wrong(pair, "enabled or not?");
	return in_order(pair);
}

bool pair_write(struct pair *pair, uint32_t offset, uint32_t val)
{
	unsigned int n = (offset - FIRST) / STRIDE;
	bool is_ctrl = offset >= FIRST && (offset - FIRST) % STRIDE == CTRL;
	enum model_event event;

	pair->event = CXLR_HDM_NOTHING;
	pair->events = 0;
	event = model_write(&pair->model, offset, val);
	if (!cxlr_write(pair->space, pair->at + offset, 4, val))
		return wrong(pair, "the write is refused");
	if (model_events[pair->event] != event || pair->events > 1)
		return wrong(pair, "%u events, the last %d, the model says %d (%s)", pair->events,
			     pair->event, event,
			     event == MODEL_REFUSED ? pair->model.why : "no objection");
	if (!same(pair, offset))
		return false;
	if (offset < FIRST)
		return cxlr_hdm_enabled(&pair->hdm) == pair->model.enable ||
		       wrong(pair, "enabled or not?");
	if (!held_still(pair, n, is_ctrl && !(val & COMMIT)))
		return false;
	if (!is_ctrl)
		return true;
	return same_decode(pair, n) && (event != MODEL_COMMITTED || in_order(pair));
}

bool pair_read(struct pair *pair, uint32_t offset)
{
	return same(pair, offset);
}

bool pair_ask(struct pair *pair, unsigned int n)
{
	const struct cxlr_hdm before = pair->hdm;
	const char *engine = cxlr_hdm_objection(&pair->hdm, n), *model;

	if (memcmp(&before, &pair->hdm, sizeof(before)))
		return wrong(pair, "to ask of decoder %u has changed something", n);
	/* Once it is committed, what would stand against it is not the question. */
	if (pair->model.decoder[n].commit)
		return true;
	model = model_objection(&pair->model, n);
	if (!engine == !model)
		return true;
	return wrong(pair, "would decoder %u commit? \"%s\", the model: \"%s\"", n,
		     engine ? engine : "yes", model ? model : "yes");
}

bool pair_reset(struct pair *pair, enum cxlr_reset kind)
{
	unsigned int n;

	pair->events = 0;
	cxlr_reset(pair->space, kind);
	cxlr_hdm_reset(&pair->hdm);
	model_reset(&pair->model, model_resets[kind]);
	if (pair->events)
		return wrong(pair, "a reset is no write");
	if (kind == CXLR_RESET_FLR)
		return pair_check(pair);
	for (n = 0; n < pair->model.count; n++)
		hold(pair, n);
	return pair_check(pair);
}
