// SPDX-License-Identifier: GPL-2.0-or-later
#include <stddef.h>
#include <time.h>

#include "cxl_regs.h"
#include "hdm.h"

/* 8.2.4.20.12: a component commits, or reports an error, within 10 ms. */
#define COMMIT_TIMEOUT_NS	10000000
#define POLL_INTERVAL_NS	100000

/* 8.2.2: 32-bit registers are accessed as 4 bytes, and only so. */
static uint32_t reg(const struct hdm *hdm, unsigned int offset)
{
	return hdm->regs[offset / 4];
}

static void set_reg(const struct hdm *hdm, unsigned int offset, uint32_t value)
{
	hdm->regs[offset / 4] = value;
}

static uint64_t reg_pair(const struct hdm *hdm, unsigned int low)
{
	return (uint64_t)reg(hdm, low + 4) << 32 | reg(hdm, low);
}

static void set_reg_pair(const struct hdm *hdm, unsigned int low, uint64_t value)
{
	set_reg(hdm, low + 4, value >> 32);
	set_reg(hdm, low, value);
}

/* Offset of a capability in the CM block; 0 if the array has none. */
static unsigned int find_capability(volatile uint32_t *cm, unsigned int id)
{
	unsigned int count = (cm[CXLR_CAP_ARRAY / 4] & CXLR_CAP_ARRAY_SIZE) >>
			     CXLR_CAP_ARRAY_SIZE_SHIFT;

	for (unsigned int i = 0; i < count; i++) {
		uint32_t header = cm[CXLR_CAP_HEADER(i) / 4];

		if ((header & CXLR_CAP_ID) == id)
			return (header & CXLR_CAP_POINTER) >> CXLR_CAP_POINTER_SHIFT;
	}
	return 0;
}

volatile uint32_t *cm_capability(volatile uint32_t *cm, unsigned int id, unsigned int size)
{
	unsigned int offset = find_capability(cm, id);

	return offset && offset % 4 == 0 && offset <= CXLR_CM_SIZE - size ? cm + offset / 4 : NULL;
}

const char *hdm_find(struct hdm *hdm, volatile uint32_t *cm)
{
	uint32_t array = cm[CXLR_CAP_ARRAY / 4];
	unsigned int offset;

	*hdm = (struct hdm){ 0 };
	if (array == UINT32_MAX)
		return "component registers read as all ones: memory space is off on the way there, "
			"or the device is gone";
	if ((array & CXLR_CAP_ID) != CXLR_CAP_ID_ARRAY)
		return "component registers do not begin with a capability array";

	offset = find_capability(cm, CXLR_CAP_ID_HDM);
	if (!offset)
		return NULL;
	if (offset % 4 || offset > CXLR_CM_SIZE - CXLR_HDM_SIZE(1))
		return "HDM decoder capability is outside the component registers";

	hdm->regs = cm + offset / 4;
	hdm->cap = reg(hdm, CXLR_HDM_CAP);
	hdm->decoders = cxlr_hdm_decoder_count(hdm->cap);
	if (!hdm->decoders)
		return "HDM decoder capability has a reserved number of decoders";
	if (offset + CXLR_HDM_SIZE(hdm->decoders) > CXLR_CM_SIZE)
		return "HDM decoders run past the end of the component registers";
	return NULL;
}

void hdm_read(const struct hdm *hdm, unsigned int n, struct hdm_decoder *decoder)
{
	const uint64_t mask = ~0ull << 32 | CXLR_HDM_LOW_MASK;

	*decoder = (struct hdm_decoder){
		.base = reg_pair(hdm, CXLR_HDM_BASE_LOW(n)) & mask,
		.size = reg_pair(hdm, CXLR_HDM_SIZE_LOW(n)) & mask,
		.targets = reg_pair(hdm, CXLR_HDM_TARGET_LOW(n)),
		.ctrl = reg(hdm, CXLR_HDM_CTRL(n)),
	};
}

unsigned int hdm_committed(const struct hdm *hdm)
{
	unsigned int n = 0;

	while (hdm->regs && n < hdm->decoders &&
	       (reg(hdm, CXLR_HDM_CTRL(n)) & CXLR_HDM_CTRL_COMMITTED))
		n++;
	return n;
}

uint64_t hdm_next_base(const struct hdm *hdm)
{
	unsigned int count = hdm_committed(hdm);
	struct hdm_decoder last;

	if (!count)
		return 0;
	hdm_read(hdm, count - 1, &last);
	return last.base + last.size;
}

unsigned int hdm_decoder_for(const struct hdm *hdm, uint64_t base, uint64_t size)
{
	unsigned int n, count = hdm_committed(hdm);
	struct hdm_decoder decoder;

	for (n = 0; n < count; n++) {
		hdm_read(hdm, n, &decoder);
		if (decoder.base == base && decoder.size == size)
			break;
	}
	return n;
}

bool hdm_leads_to(const struct hdm *hdm, unsigned int target, uint64_t size,
		  struct hdm_decoder *decoder)
{
	unsigned int count = hdm_committed(hdm);

	for (unsigned int n = 0; n < count; n++) {
		hdm_read(hdm, n, decoder);
		if (!(decoder->ctrl & CXLR_HDM_CTRL_IW) &&
		    (decoder->targets & HDM_TARGET) == target && decoder->size == size)
			return true;
	}
	return false;
}

static bool elapsed(const struct timespec *start, int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000000000ll +
	       (now.tv_nsec - start->tv_nsec) >= ns;
}

/* The last look is after the deadline, however long this program was held up. */
static uint32_t await_commit(const struct hdm *hdm, unsigned int n)
{
	const uint32_t done = CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_ERROR;
	const struct timespec pause = { .tv_nsec = POLL_INTERVAL_NS };
	struct timespec start;
	bool late = false;
	uint32_t ctrl;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!((ctrl = reg(hdm, CXLR_HDM_CTRL(n))) & done) && !late) {
		nanosleep(&pause, NULL);
		late = elapsed(&start, COMMIT_TIMEOUT_NS);
	}
	return ctrl;
}

const char *hdm_commit(const struct hdm *hdm, unsigned int n,
		       const struct hdm_decoder *decoder)
{
	struct hdm_decoder now;
	uint32_t ctrl;

	set_reg_pair(hdm, CXLR_HDM_BASE_LOW(n), decoder->base);
	set_reg_pair(hdm, CXLR_HDM_SIZE_LOW(n), decoder->size);
	set_reg_pair(hdm, CXLR_HDM_TARGET_LOW(n), decoder->targets);
	set_reg(hdm, CXLR_HDM_CTRL(n), decoder->ctrl | CXLR_HDM_CTRL_COMMIT);

	ctrl = await_commit(hdm, n);
	if (!(ctrl & CXLR_HDM_CTRL_COMMITTED)) {
		set_reg(hdm, CXLR_HDM_CTRL(n), 0);
		return ctrl & CXLR_HDM_CTRL_ERROR ?
			"refused: the component reports a commit error" :
			"refused: neither committed nor in error after 10 ms";
	}

	hdm_read(hdm, n, &now);
	if (now.base != decoder->base || now.size != decoder->size)
		return "committed, but it reads back another base or size than was written";
	if ((now.ctrl ^ decoder->ctrl) &
	    (CXLR_HDM_CTRL_LOCK | CXLR_HDM_CTRL_HOSTONLY | CXLR_HDM_CTRL_BI))
		return "committed, but it reads back another lock, target type or BI than written";
	return NULL;
}

void hdm_enable(const struct hdm *hdm)
{
	set_reg(hdm, CXLR_HDM_GLOBAL_CTRL,
		reg(hdm, CXLR_HDM_GLOBAL_CTRL) | CXLR_HDM_GLOBAL_ENABLE);
}
