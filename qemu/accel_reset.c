// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What takes time: resets, the memory becoming active, the write-back of the
 * device's cache.
 */
#include "cxl_accel.h"
#include "exec/cpu-common.h"
#include "exec/ramblock.h"
#include "qemu/units.h"

#define WBI_MS		1
#define HOLD_MS		10	/* between looks whether a reset is held */
#define QUIET_MS	100	/* 9.7.3 */
#define CLEAR_STEP	(64 * MiB)
/* What of the memory does not survive D3hot, where that ends in a reset. */
#define D3_LOST		(64 * KiB)
#define D3_GARBAGE	0xa5

/* Start a timer for a delay of which a negative value never ends. */
static void timer_start(QEMUTimer *timer, int32_t ms)
{
	timer_del(timer);
	if (ms >= 0)
		timer_mod(timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + ms);
}

void accel_set_mem_active(CxlAccel *s, bool active)
{
	active = active && !s->hold_inactive;
	s->mem_active = active;
	accel_dvsec_set(s, CXLR_DVSEC_RANGE_SIZE_LOW(0), CXLR_RANGE_MEM_USABLE, false);
	if (active)
		accel_dvsec_set(s, CXLR_DVSEC_RANGE_SIZE_LOW(0),
				s->degraded ? CXLR_RANGE_ACTIVE_DEGRADED : CXLR_RANGE_MEM_ACTIVE,
				true);
	accel_map_update(s);
}

static void active_expired(void *opaque)
{
	accel_set_mem_active(opaque, true);
}

static void become_active(CxlAccel *s)
{
	accel_set_mem_active(s, s->active_delay == 0);
	timer_del(s->active_timer);
	if (s->active_delay)
		timer_start(s->active_timer, s->active_delay);
}

/* 8.1.3.5: Cache Invalid holds only while caching is disabled. */
static void wbi_expired(void *opaque)
{
	CxlAccel *s = opaque;

	if (accel_dvsec_get(s, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_DISABLE_CACHING)
		accel_dvsec_set(s, CXLR_DVSEC_STATUS2, CXLR_STATUS2_CACHE_INVALID, true);
}

/* 8.1.3.4: while caching is allowed, what a start does is undefined. Here it does nothing. */
void accel_start_wbi(CxlAccel *s)
{
	if (accel_dvsec_get(s, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_DISABLE_CACHING)
		timer_start(s->wbi_timer, WBI_MS);
	else
		s->forbidden++;
}

static void cxl_reset_end(CxlAccel *s)
{
	s->resetting = false;
	accel_dvsec_set(s, CXLR_DVSEC_STATUS2, s->fail_reset ? CXLR_STATUS2_RESET_ERROR :
			CXLR_STATUS2_RESET_COMPLETE, true);
	become_active(s);
}

/* Give the pages back where that is possible: they read as zero, at no cost. */
static bool clear_at_once(CxlAccel *s)
{
	return !ram_block_discard_is_disabled() &&
	       !ram_block_discard_range(s->mem->ram_block, 0, s->mem_size);
}

static void clear_some(void *opaque)
{
	CxlAccel *s = opaque;
	uint64_t len = MIN(CLEAR_STEP, s->mem_size - s->clear_pos);

	address_space_set(&s->mem_as, s->clear_pos, 0, len, MEMTXATTRS_UNSPECIFIED);
	s->clear_pos += len;
	if (s->clear_pos < s->mem_size)
		qemu_bh_schedule(s->clear_bh);
	else
		cxl_reset_end(s);
}

static void cxl_reset_expired(void *opaque)
{
	CxlAccel *s = opaque;

	if (s->hold_reset) {
		timer_start(s->reset_timer, HOLD_MS);
		return;
	}
	if (s->fail_reset || !s->reset_clears || clear_at_once(s)) {
		cxl_reset_end(s);
		return;
	}
	s->clear_pos = 0;
	qemu_bh_schedule(s->clear_bh);
}

static void cxl_reset_cancel(CxlAccel *s)
{
	timer_del(s->reset_timer);
	timer_del(s->wbi_timer);
	qemu_bh_cancel(s->clear_bh);
	s->resetting = false;
}

void accel_stop_timers(CxlAccel *s)
{
	cxl_reset_cancel(s);
	timer_del(s->active_timer);
}

/* 9.7; a second start while one runs is undefined there, and ignored here. */
void accel_start_cxl_reset(CxlAccel *s, bool clear)
{
	if (s->resetting)
		return;
	s->resetting = true;
	s->reset_clears = clear;
	s->reset_started = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL);
	accel_reset(s, ACCEL_RESET_CXL);
	timer_start(s->reset_timer, s->reset_delay);
}

/*
 * 9.7.3: for 100 ms no access has a defined outcome. From then on software looks at
 * Status2, and at nothing else, until the reset has ended or its time is over (8.1.3.1).
 */
void accel_note_access(CxlAccel *s, bool status2)
{
	static const unsigned int timeout_ms[] = { 100, 100, 1000, 10000, 100000 };
	unsigned int code = (accel_dvsec_get(s, CXLR_DVSEC_CAP) & CXLR_CAP_RESET_TIMEOUT) >>
			    CXLR_CAP_RESET_TIMEOUT_SHIFT;
	int64_t ms = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) - s->reset_started;

	if (!s->resetting || code >= ARRAY_SIZE(timeout_ms) || ms >= timeout_ms[code])
		return;
	if (!status2 || ms < QUIET_MS)
		s->forbidden++;
}

void accel_reset(CxlAccel *s, enum accel_reset kind)
{
	static const enum cxlr_reset registers[ACCEL_RESET_COUNT] = {
		[ACCEL_RESET_FUNCTION] = CXLR_RESET_FLR,
		[ACCEL_RESET_CXL] = CXLR_RESET_CXL,
		[ACCEL_RESET_D3] = CXLR_RESET_CONVENTIONAL,
		[ACCEL_RESET_BUS] = CXLR_RESET_CONVENTIONAL,
		[ACCEL_RESET_POWER] = CXLR_RESET_COLD,
	};

	if (s->gone || (kind == ACCEL_RESET_BUS && s->ignore_bus_reset))
		return;
	s->resets[kind]++;
	accel_engine_reset(s);
	accel_cache_reset(s);
	accel_component_reset(s, registers[kind]);
	accel_config_reset(s, registers[kind]);
	if (kind == ACCEL_RESET_FUNCTION) {
		memset(s->scratch, 0, sizeof(s->scratch));
		return;
	}
	if (kind == ACCEL_RESET_CXL) {
		timer_del(s->active_timer);
		accel_set_mem_active(s, false);
		return;
	}
	if (kind == ACCEL_RESET_D3)
		address_space_set(&s->mem_as, 0, D3_GARBAGE, D3_LOST, MEMTXATTRS_UNSPECIFIED);
	memset(s->scratch, 0, sizeof(s->scratch));
	cxl_reset_cancel(s);
	become_active(s);
}

void accel_reset_init(CxlAccel *s)
{
	s->active_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, active_expired, s);
	s->reset_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, cxl_reset_expired, s);
	s->wbi_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, wbi_expired, s);
	s->clear_bh = qemu_bh_new(clear_some, s);
}

void accel_reset_finalize(CxlAccel *s)
{
	timer_free(s->active_timer);
	timer_free(s->reset_timer);
	timer_free(s->wbi_timer);
	if (s->clear_bh)
		qemu_bh_delete(s->clear_bh);
}
