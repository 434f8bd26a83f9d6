// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: the register engine (registers/engine.c) gives each
 * attribute what it promises, at every width and offset at which software may
 * access registers; accesses that it may not make change nothing; a write
 * leaves alone what is not its own; and every row of every map behaves as its
 * attributes say.
 *
 * How: small maps made here, with a register between two neighbours. The
 * values are chosen so that each byte has all cases: bits that were clear or
 * set, written with zero or one. Then the real maps, row by row, against what
 * expect.h derives from their attributes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Bits that were 0, 0, 1, 1 and are written with 0, 1, 0, 1. */
#define BEFORE	0x3333333333333333ull
#define VALUE	0x5555555555555555ull
#define KEPT	0x33
#define TAKEN	0x55
#define ADDED	0x77
#define CLEARED	0x22

#define ONES(bytes) (~0ull >> (64 - 8 * (bytes)))

static const struct promise {
	const char *name;
	enum cxlr_attr attr;
	bool locked;
	uint8_t written;	/* a byte after the write */
	/* What resets leave alone. */
	bool in_cxl, in_conventional, in_cold;
} promises[] = {
	{ "RsvdP", CXLR_RSVDP, false, KEPT, false, false, false },
	{ "RsvdZ", CXLR_RSVDZ, false, KEPT, false, false, false },
	{ "RO", CXLR_RO, false, KEPT, false, false, false },
	{ "ROS", CXLR_ROS, false, KEPT, true, true, false },
	{ "HwInit", CXLR_HWINIT, false, KEPT, false, false, false },
	{ "RW", CXLR_RW, false, TAKEN, false, false, false },
	{ "RWS", CXLR_RWS, false, TAKEN, true, true, false },
	{ "RWL, not locked", CXLR_RWL, false, TAKEN, false, false, false },
	{ "RWL, locked", CXLR_RWL, true, KEPT, false, false, false },
	{ "RWO", CXLR_RWO, false, ADDED, true, false, false },
	{ "RW1C", CXLR_RW1C, false, CLEARED, false, false, false },
	{ "RW1CS", CXLR_RW1CS, false, CLEARED, true, true, false },
};

/* A space in exactly the memory that it needs, so that the sanitizer sees its ends. */
struct arena {
	struct cxlr_space space;
	size_t bytes;
	void *memory, *before;
	struct cxlr_change told[EXPECT_MAX_EFFECTS];
	uint64_t seen[EXPECT_MAX_EFFECTS];	/* the register's value when it was told */
	unsigned int effects;
};

static void tell(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct arena *arena = space->owner;

	assert_true(arena->effects < EXPECT_MAX_EFFECTS);
	arena->seen[arena->effects] = cxlr_get(space, change->slot->at);
	arena->told[arena->effects++] = *change;
}

static void arena_make(struct arena *arena, uint32_t size, uint32_t grain)
{
	memset(arena, 0, sizeof(*arena));
	arena->bytes = cxlr_space_memory(size, grain);
	arena->memory = calloc(1, arena->bytes);
	arena->before = calloc(1, arena->bytes);
	assert_true(arena->memory && arena->before);
	cxlr_space_init(&arena->space, arena->memory, size, grain);
	arena->space.effect = tell;
	arena->space.owner = arena;
}

static void arena_free(struct arena *arena)
{
	free(arena->memory);
	free(arena->before);
}

static void remember(struct arena *arena)
{
	memcpy(arena->before, arena->memory, arena->bytes);
}

static void assert_unchanged(const struct arena *arena)
{
	assert_memory_equal(arena->before, arena->memory, arena->bytes);
}

/*
 * One register of 2, 4 or 8 bytes at 8, with one field, between two that can
 * be written as a whole; what locks it is at 0.
 */
struct bench {
	struct arena arena;
	struct cxlr_lock lock;
	struct cxlr_field field, open[2];
	struct cxlr_reg reg[4];
	struct cxlr_map map;
};

#define LOCK_AT		0u
#define BELOW_AT	4u
#define REG_AT		8u
#define BENCH_SIZE	24u

static void bench_make(struct bench *bench, uint32_t grain, enum cxlr_attr attr, uint8_t size)
{
	const uint8_t widths = grain == 2 ? CXLR_ANY_WIDTH : 4;
	uint8_t above = size < 4 ? 2 : 4;

	memset(bench, 0, sizeof(*bench));
	bench->lock = (struct cxlr_lock) { .offset = LOCK_AT, .mask = 0xf0, .value = 0x50 };
	bench->field = (struct cxlr_field) { .mask = ONES(size), .attr = attr };
	if (attr == CXLR_RWL)
		bench->field.lock = &bench->lock;
	bench->open[0] = (struct cxlr_field) { .mask = ONES(4), .attr = CXLR_RW };
	bench->open[1] = (struct cxlr_field) { .mask = ONES(above), .attr = CXLR_RW };
	bench->reg[0] = (struct cxlr_reg) { .offset = LOCK_AT, .size = 4, .widths = widths,
					    .nr_fields = 1, .fields = &bench->open[0] };
	bench->reg[1] = bench->reg[0];
	bench->reg[1].offset = BELOW_AT;
	bench->reg[2] = (struct cxlr_reg) { .offset = REG_AT, .size = size,
					    .widths = size == 8 ? widths | 8 : widths,
					    .nr_fields = 1, .fields = &bench->field };
	bench->reg[3] = (struct cxlr_reg) { .offset = REG_AT + size, .size = above,
					    .widths = widths,
					    .nr_fields = 1, .fields = &bench->open[1] };
	bench->map = (struct cxlr_map) { .regs = bench->reg, .nr_regs = 4, .size = BENCH_SIZE };
	arena_make(&bench->arena, BENCH_SIZE, grain);
	assert_true(cxlr_space_place(&bench->arena.space, &bench->map, 0, 0, BENCH_SIZE));
}

static void bench_free(struct bench *bench)
{
	arena_free(&bench->arena);
}

/* All registers hold BEFORE, and the lock is set or not. */
static void bench_prepare(struct bench *bench, bool locked)
{
	struct cxlr_space *space = &bench->arena.space;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bench->reg); i++)
		cxlr_set(space, bench->reg[i].offset, ~0ull, BEFORE);
	cxlr_set(space, LOCK_AT, ~0ull, locked ? 0x50 : 0x40);
	bench->arena.effects = 0;
}

/* Write @len bytes somewhere into it, its neighbours, or both. */
static void write_piece(struct bench *bench, const struct promise *promise, uint32_t offset,
			uint32_t len)
{
	struct cxlr_space *space = &bench->arena.space;
	uint8_t value[BENCH_SIZE], want[BENCH_SIZE], got[BENCH_SIZE];
	uint32_t i;

	memset(value, VALUE & 0xff, sizeof(value));
	bench_prepare(bench, promise->locked);
	assert_true(cxlr_read_bytes(space, 0, want, BENCH_SIZE));
	for (i = offset; i < offset + len; i++)
		if (i >= REG_AT && i < REG_AT + bench->reg[2].size)
			want[i] = promise->written;
		else if (cxlr_slot_at(space, i))
			want[i] = TAKEN;
	assert_true(cxlr_write_bytes(space, offset, value, len));
	assert_true(cxlr_read_bytes(space, 0, got, BENCH_SIZE));
	assert_memory_equal(got, want, BENCH_SIZE);
}

/* The attributes in configuration space: every piece of it. */
static void test_config_attributes(void **state)
{
	static const uint8_t sizes[] = { 2, 4, 8 };
	const struct promise *promise;
	uint32_t offset, len;
	struct bench bench;
	unsigned int s;

	(void)state;
	for (promise = promises; promise < promises + ARRAY_SIZE(promises); promise++)
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			bench_make(&bench, 2, promise->attr, sizes[s]);
			for (offset = BELOW_AT; offset < BENCH_SIZE; offset++)
				for (len = 0; offset + len <= BENCH_SIZE; len++)
					write_piece(&bench, promise, offset, len);
			bench_free(&bench);
		}
}

/* The attributes of memory-mapped registers, whole; all other accesses are refused. */
static void test_memory_attributes(void **state)
{
	static const uint8_t sizes[] = { 4, 8 };
	const struct promise *promise;
	struct bench bench;
	unsigned int s;
	uint64_t val;

	(void)state;
	for (promise = promises; promise < promises + ARRAY_SIZE(promises); promise++)
		for (s = 0; s < ARRAY_SIZE(sizes); s++) {
			bench_make(&bench, 4, promise->attr, sizes[s]);
			bench_prepare(&bench, promise->locked);
			assert_true(cxlr_write(&bench.arena.space, REG_AT, sizes[s], VALUE));
			assert_true(cxlr_read(&bench.arena.space, REG_AT, sizes[s], &val));
			assert_int_equal(val, promise->written * 0x0101010101010101ull &
					      ONES(sizes[s]));
			assert_int_equal(cxlr_get(&bench.arena.space, BELOW_AT), BEFORE & ONES(4));
			assert_int_equal(cxlr_get(&bench.arena.space, REG_AT + sizes[s]),
					 BEFORE & ONES(4));
			bench_free(&bench);
		}
}

static bool may_access(uint64_t offset, unsigned int width, uint8_t size)
{
	if (offset == REG_AT)
		return width == size;
	if (offset > REG_AT && offset < REG_AT + size)
		return false;
	/* The other registers, and what is between, 4 bytes wide each. */
	return width == 4 && offset % 4 == 0 && offset < BENCH_SIZE;
}

static void try_access(struct bench *bench, uint64_t offset, unsigned int width, uint8_t size)
{
	struct cxlr_space *space = &bench->arena.space;
	const uint64_t untouched = 0x1122334455667788ull;
	bool may = may_access(offset, width, size);
	uint64_t val = untouched;

	bench_prepare(bench, false);
	remember(&bench->arena);
	assert_int_equal(cxlr_read(space, offset, width, &val), may);
	assert_unchanged(&bench->arena);
	if (may)
		assert_int_equal(val & ~ONES(width), 0);
	else
		assert_int_equal(val, untouched);
	assert_int_equal(cxlr_write(space, offset, width, VALUE), may);
	if (!may || !cxlr_slot_at(space, offset))
		assert_unchanged(&bench->arena);
	else
		assert_int_equal(cxlr_get(space, offset), VALUE & ONES(width));
}

static void test_memory_widths(void **state)
{
	static const uint64_t far[] = {
		BENCH_SIZE, 0xffff, 0x10000, 0xfffffffc, 0x100000000ull, 0x100000008ull,
		0xffffffff00000008ull, ~0ull - 3, ~0ull - 7, ~0ull,
	};
	static const uint8_t sizes[] = { 4, 8 };
	struct bench bench;
	uint64_t offset;
	unsigned int width, s, i;

	(void)state;
	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		bench_make(&bench, 4, CXLR_RW, sizes[s]);
		for (width = 0; width <= 17; width++) {
			for (offset = 0; offset < BENCH_SIZE + 9; offset++)
				try_access(&bench, offset, width, sizes[s]);
			for (i = 0; i < ARRAY_SIZE(far); i++)
				try_access(&bench, far[i], width, sizes[s]);
		}
		try_access(&bench, REG_AT, 1u << 31, sizes[s]);
		try_access(&bench, REG_AT, ~0u, sizes[s]);
		bench_free(&bench);
	}
}

/* A row may allow less than its size. */
static void test_no_width(void **state)
{
	struct bench bench;
	uint64_t val;

	(void)state;
	bench_make(&bench, 4, CXLR_RW, 8);
	bench.reg[2].widths = 4;
	assert_false(cxlr_read(&bench.arena.space, REG_AT, 8, &val));
	assert_false(cxlr_write(&bench.arena.space, REG_AT, 8, 0));
	bench_free(&bench);
}

static void test_config_range(void **state)
{
	static const struct {
		uint32_t offset, len;
		bool ok;
	} ranges[] = {
		{ 0, BENCH_SIZE, true }, { BENCH_SIZE, 0, true }, { BENCH_SIZE - 1, 1, true },
		{ BENCH_SIZE - 1, 2, false }, { BENCH_SIZE, 1, false },
		{ BENCH_SIZE + 1, 0, false }, { 0, BENCH_SIZE + 1, false },
		{ ~0u, 0, false }, { ~0u, 1, false }, { ~0u, 2, false },
		{ 1, ~0u, false }, { 8, ~0u - 7, false }, { 8, ~0u, false },
	};
	uint8_t buf[BENCH_SIZE + 1];
	struct bench bench;
	unsigned int i;

	(void)state;
	bench_make(&bench, 2, CXLR_RW, 4);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		bench_prepare(&bench, false);
		remember(&bench.arena);
		assert_int_equal(cxlr_read_bytes(&bench.arena.space, ranges[i].offset, buf,
						 ranges[i].len), ranges[i].ok);
		assert_unchanged(&bench.arena);
		memset(buf, VALUE & 0xff, sizeof(buf));
		assert_int_equal(cxlr_write_bytes(&bench.arena.space, ranges[i].offset, buf,
						  ranges[i].len), ranges[i].ok);
		if (!ranges[i].ok)
			assert_unchanged(&bench.arena);
	}
	bench_free(&bench);
}

/* Bits that no field has: zero after a write, and neighbours of those that have one. */
static void test_reserved_bits(void **state)
{
	struct bench bench;
	uint64_t val;

	(void)state;
	bench_make(&bench, 4, CXLR_RW, 8);
	bench.field.mask = 0x00ffff0000ff0ff0ull;
	assert_true(cxlr_write(&bench.arena.space, REG_AT, 8, ~0ull));
	assert_true(cxlr_read(&bench.arena.space, REG_AT, 8, &val));
	assert_int_equal(val, bench.field.mask);
	assert_true(cxlr_write(&bench.arena.space, REG_AT, 8, 0));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0);
	bench_free(&bench);
}

static bool is_kept(const struct promise *promise, enum cxlr_reset kind)
{
	switch (kind) {
	case CXLR_RESET_FLR:
		return true;
	case CXLR_RESET_CXL:
		return promise->in_cxl;
	case CXLR_RESET_CONVENTIONAL:
		return promise->in_conventional;
	default:
		return promise->in_cold;
	}
}

static void test_resets(void **state)
{
	static const uint8_t sizes[] = { 2, 4, 8 };
	const struct promise *promise;
	enum cxlr_reset kind;
	struct bench bench;
	unsigned int s;

	(void)state;
	for (promise = promises; promise < promises + ARRAY_SIZE(promises); promise++)
		for (s = 0; s < ARRAY_SIZE(sizes); s++)
			for (kind = CXLR_RESET_FLR; kind <= CXLR_RESET_COLD; kind++) {
				uint64_t ones = ONES(sizes[s]);

				bench_make(&bench, 2, promise->attr, sizes[s]);
				cxlr_init(&bench.arena.space, REG_AT, ~0ull, VALUE);
				bench_prepare(&bench, promise->locked);
				cxlr_reset(&bench.arena.space, kind);
				assert_int_equal(cxlr_get(&bench.arena.space, REG_AT),
						 (is_kept(promise, kind) ? BEFORE : VALUE) & ones);
				assert_int_equal(cxlr_get(&bench.arena.space, BELOW_AT),
						 kind == CXLR_RESET_FLR ? BEFORE & ONES(4) : 0);
				assert_int_equal(bench.arena.effects, 0);
				bench_free(&bench);
			}
}

/* 8.1.3.6: a CXL Reset leaves alone what CONFIG_LOCK governs, be it set or not. */
static void test_lock_survives(void **state)
{
	enum cxlr_reset kind;
	struct bench bench;
	unsigned int locked;

	(void)state;
	for (locked = 0; locked < 2; locked++)
		for (kind = CXLR_RESET_FLR; kind <= CXLR_RESET_COLD; kind++) {
			bench_make(&bench, 2, CXLR_RWL, 4);
			bench.lock.survives = true;
			bench_prepare(&bench, locked);
			cxlr_reset(&bench.arena.space, kind);
			assert_int_equal(cxlr_get(&bench.arena.space, REG_AT),
					 kind <= CXLR_RESET_CXL ? BEFORE & ONES(4) : 0);
			bench_free(&bench);
		}
}

static void test_locks(void **state)
{
	static const struct {
		uint32_t holds;
		bool locked;
	} cases[] = {
		{ 0x00, false }, { 0x10, false }, { 0x40, false }, { 0x50, true }, { 0x51, true },
		{ 0xffffff5f, true }, { 0x70, false }, { 0xf0, false }, { 0x500, false },
	};
	const struct cxlr_slot *slot;
	struct bench bench;
	uint64_t after;
	unsigned int i;

	(void)state;
	bench_make(&bench, 4, CXLR_RWL, 4);
	slot = cxlr_slot_at(&bench.arena.space, REG_AT);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_prepare(&bench, false);
		cxlr_set(&bench.arena.space, LOCK_AT, ~0ull, cases[i].holds);
		assert_int_equal(cxlr_locked(&bench.arena.space, slot, &bench.field),
				 cases[i].locked);
		assert_false(cxlr_locked(&bench.arena.space, slot, &bench.open[0]));
		assert_true(cxlr_write(&bench.arena.space, REG_AT, 4, 0));
		after = 0;
		if (cases[i].locked)
			after = BEFORE & ONES(4);
		assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), after);
	}
	bench_free(&bench);
}

/* A lock in another space is what the owner says of it. */
static void test_lock_outside(void **state)
{
	struct bench bench;
	unsigned int locked;
	uint64_t after;

	(void)state;
	bench_make(&bench, 4, CXLR_RWL, 4);
	bench.lock = (struct cxlr_lock) { .outside = true };
	for (locked = 0; locked < 2; locked++) {
		bench_prepare(&bench, !locked);
		bench.arena.space.locked = locked;
		assert_int_equal(cxlr_locked(&bench.arena.space,
					     cxlr_slot_at(&bench.arena.space, REG_AT),
					     &bench.field), locked);
		assert_true(cxlr_write(&bench.arena.space, REG_AT, 4, 0));
		after = locked ? BEFORE & ONES(4) : 0;
		assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), after);
	}
	bench_free(&bench);
}

/* One long write that sets the lock and goes on into what it locks, and the other way round. */
static void test_lock_in_the_same_write(void **state)
{
	uint8_t buf[BENCH_SIZE] = { 0x50 };
	struct bench bench;

	(void)state;
	bench_make(&bench, 2, CXLR_RWL, 4);
	bench_prepare(&bench, false);
	assert_true(cxlr_write_bytes(&bench.arena.space, 0, buf, REG_AT + 4));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), BEFORE & ONES(4));

	/* It locks what comes after it, registers being written in ascending order. */
	bench.lock.offset = REG_AT + 4;
	bench_prepare(&bench, false);
	cxlr_set(&bench.arena.space, REG_AT + 4, ~0ull, 0);
	buf[REG_AT + 4] = 0x50;
	assert_true(cxlr_write_bytes(&bench.arena.space, 0, buf, REG_AT + 8));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0);
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT + 4), 0x50);
	bench_free(&bench);
}

/* Hardware may be so short that the register with the lock is not there. */
static void test_lock_is_missing(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, 4, CXLR_RWL, 4);
	arena_free(&bench.arena);
	arena_make(&bench.arena, BENCH_SIZE, 4);
	bench.lock.offset = REG_AT + 4;
	bench.lock.value = 0;
	assert_true(cxlr_space_place(&bench.arena.space, &bench.map, 0, 0, REG_AT + 4));
	assert_true(cxlr_write(&bench.arena.space, REG_AT, 4, VALUE));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), VALUE & ONES(4));
	assert_false(cxlr_locked(&bench.arena.space, cxlr_slot_at(&bench.arena.space, REG_AT),
				 &bench.field));

	/* Nor are there bytes for it in the space. */
	bench.lock.offset = 0x1000;
	assert_true(cxlr_write(&bench.arena.space, REG_AT, 4, 0));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0);
	bench_free(&bench);
}

static void test_doorbell(void **state)
{
	struct cxlr_space *space;
	struct bench bench;
	const uint8_t one[2] = { 0x01, 0x01 };

	(void)state;
	bench_make(&bench, 2, CXLR_RW, 4);
	space = &bench.arena.space;
	bench.field.mask = 0x0f00;
	bench.field.effect = CXLR_EFFECT_CXL_RESET;
	bench.field.reads_zero = true;

	assert_true(cxlr_write_bytes(space, REG_AT + 1, one, 1));
	assert_int_equal(bench.arena.effects, 1);
	assert_ptr_equal(bench.arena.told[0].field, &bench.field);
	assert_int_equal(bench.arena.told[0].written, 0x100);
	assert_int_equal(bench.arena.told[0].before, 0);
	assert_int_equal(bench.arena.told[0].after, 0);
	assert_int_equal(cxlr_get(space, REG_AT), 0);

	/* It rings each time, for a one alone, in its own bits alone. */
	assert_true(cxlr_write_bytes(space, REG_AT, one, 2));
	assert_int_equal(bench.arena.effects, 2);
	assert_int_equal(bench.arena.told[1].written, 0x101);
	assert_true(cxlr_write_bytes(space, REG_AT, one, 1));
	assert_true(cxlr_write_bytes(space, REG_AT + 2, one, 2));
	assert_true(cxlr_write_bytes(space, REG_AT + 1, (const uint8_t[]) { 0xf0 }, 1));
	assert_int_equal(bench.arena.effects, 2);
	assert_int_equal(cxlr_get(space, REG_AT), 0);

	/* A locked one does not. */
	bench.field.attr = CXLR_RWL;
	bench.field.lock = &bench.lock;
	bench_prepare(&bench, true);
	assert_true(cxlr_write_bytes(space, REG_AT, one, 2));
	assert_int_equal(bench.arena.effects, 0);
	bench_free(&bench);
}

/* Three fields with effects, and one without, in one register. */
static void test_effects(void **state)
{
	struct cxlr_field fields[] = {
		{ .mask = 0x0000000f, .attr = CXLR_RW, .effect = CXLR_EFFECT_MEM_ENABLE },
		{ .mask = 0x000000f0, .attr = CXLR_RW },
		{ .mask = 0x00000f00, .attr = CXLR_RW1C, .effect = CXLR_EFFECT_CACHING },
		{ .mask = 0x000f0000, .attr = CXLR_RWL, .effect = CXLR_EFFECT_COMMIT },
	};
	struct bench bench;
	struct cxlr_space *space;

	(void)state;
	bench_make(&bench, 2, CXLR_RW, 4);
	space = &bench.arena.space;
	fields[3].lock = &bench.lock;
	bench.reg[2].fields = fields;
	bench.reg[2].nr_fields = ARRAY_SIZE(fields);
	cxlr_init(space, REG_AT, ~0ull, 0x00000300);
	assert_int_equal(bench.arena.effects, 0);

	/* A change of one of them: what was, what is, and what was written. */
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0x51 }, 1));
	assert_int_equal(bench.arena.effects, 1);
	assert_ptr_equal(bench.arena.told[0].field, &fields[0]);
	assert_int_equal(bench.arena.told[0].slot->at, REG_AT);
	assert_int_equal(bench.arena.told[0].before, 0x300);
	assert_int_equal(bench.arena.told[0].after, 0x351);
	assert_int_equal(bench.arena.told[0].written, 0x51);
	assert_int_equal(bench.arena.seen[0], 0x351);

	/* The same again, and a change of the one without: nothing to tell. */
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0x51 }, 1));
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0xa1, 0x00 }, 2));
	assert_int_equal(bench.arena.effects, 1);

	/* Bits that one clears; several fields at once, in order. */
	bench.arena.effects = 0;
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0, 2, 3, 0 }, 4));
	assert_int_equal(bench.arena.effects, 3);
	assert_ptr_equal(bench.arena.told[0].field, &fields[0]);
	assert_ptr_equal(bench.arena.told[1].field, &fields[2]);
	assert_ptr_equal(bench.arena.told[2].field, &fields[3]);
	assert_int_equal(bench.arena.told[2].before, 0x3a1);
	assert_int_equal(bench.arena.told[2].after, 0x30100);

	/* A locked field does not change, so there is nothing to tell. */
	bench.arena.effects = 0;
	cxlr_set(space, LOCK_AT, ~0ull, 0x50);
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0, 0, 0, 0 }, 4));
	assert_int_equal(bench.arena.effects, 0);

	/* The hardware's own doing has no effects, nor has a reset. */
	cxlr_set(space, REG_AT, ~0ull, 0xfffff);
	cxlr_init(space, REG_AT, ~0ull, 0);
	cxlr_set(space, REG_AT, ~0ull, 0xfffff);
	cxlr_reset(space, CXLR_RESET_COLD);
	assert_int_equal(cxlr_get(space, REG_AT), 0);
	assert_int_equal(bench.arena.effects, 0);

	/* No one listens. */
	space->effect = NULL;
	assert_true(cxlr_write_bytes(space, REG_AT, (const uint8_t[]) { 0x0f }, 1));
	assert_int_equal(cxlr_get(space, REG_AT), 0x0f);
	bench_free(&bench);
}

static void clear_it(struct cxlr_space *space, const struct cxlr_change *change)
{
	cxlr_set(space, change->slot->at, ~0ull, 0x80);
}

/* Who listens may change the register: that stays. */
static void test_effect_changes_register(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, 4, CXLR_RW, 4);
	bench.field.effect = CXLR_EFFECT_COMMIT;
	bench.arena.space.effect = clear_it;
	assert_true(cxlr_write(&bench.arena.space, REG_AT, 4, 0x0f));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0x80);
	bench_free(&bench);
}

/* A hidden field, and one that the device is not capable of, are as if reserved. */
static void test_not_there(void **state)
{
	static const struct cxlr_need need = { .offset = BELOW_AT, .mask = 0x30 };
	struct cxlr_space *space;
	struct bench bench;
	unsigned int bell;

	(void)state;
	for (bell = 0; bell < 2; bell++) {
		bench_make(&bench, 4, CXLR_RW, 4);
		space = &bench.arena.space;
		bench.field.view = CXLR_VIEW_PASS;
		bench.field.effect = CXLR_EFFECT_CACHING;
		bench.field.reads_zero = bell;

		space->hidden = 1 << CXLR_VIEW_PASS;
		assert_true(cxlr_write(space, REG_AT, 4, 0xff));
		assert_int_equal(cxlr_get(space, REG_AT), 0);
		assert_int_equal(bench.arena.effects, 0);
		space->hidden = ~(1u << CXLR_VIEW_PASS);
		assert_true(cxlr_write(space, REG_AT, 4, 0xff));
		assert_int_equal(bench.arena.effects, 1);

		space->hidden = 0;
		bench.field.need = &need;
		assert_true(cxlr_write(space, REG_AT, 4, 0xaa));
		assert_int_equal(bench.arena.effects, 1);
		cxlr_set(space, BELOW_AT, ~0ull, 0x20);
		assert_true(cxlr_write(space, REG_AT, 4, 0xaa));
		assert_int_equal(bench.arena.effects, 2);
		assert_int_equal(cxlr_get(space, REG_AT), bell ? 0 : 0xaa);
		bench_free(&bench);
	}
}

static void test_hidden_initial(void **state)
{
	struct bench bench;

	(void)state;
	bench_make(&bench, 4, CXLR_RO, 4);
	bench.field.initial = 0x1234;
	bench.field.view = CXLR_VIEW_ZERO;
	arena_free(&bench.arena);
	arena_make(&bench.arena, BENCH_SIZE, 4);
	bench.arena.space.hidden = 1 << CXLR_VIEW_ZERO;
	assert_true(cxlr_space_place(&bench.arena.space, &bench.map, 0, 0, BENCH_SIZE));
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0);
	cxlr_reset(&bench.arena.space, CXLR_RESET_COLD);
	assert_int_equal(cxlr_get(&bench.arena.space, REG_AT), 0);
	bench_free(&bench);
}

/*
 * Placement: a map of two registers, and two units of two more.
 */
static const struct cxlr_field plain[] = {
	{ .mask = 0x000000ff, .attr = CXLR_RW, .view = CXLR_VIEW_OWN, .initial = 0x5a },
	{ .mask = 0x00ff0000, .attr = CXLR_RO, .view = CXLR_VIEW_OPEN, .initial = 0x340000 },
};

static const struct cxlr_lock unit_lock = { .offset = 4, .mask = 0x1, .value = 0x1 };

static const struct cxlr_field unit_locked[] = {
	{ .mask = 0xffffffff, .attr = CXLR_RWL, .lock = &unit_lock, .initial = 0x7 },
};

#define PLAIN(offset_) \
	{ .offset = (offset_), .size = 4, .widths = 4, .nr_fields = 2, .fields = plain }

static const struct cxlr_reg placed_regs[] = { PLAIN(0x0), PLAIN(0x8) };

static const struct cxlr_reg placed_unit[] = {
	{ .offset = 0x0, .size = 4, .widths = 4, .nr_fields = 1, .fields = unit_locked },
	PLAIN(0x4),
};

static const struct cxlr_map placed = {
	.size = 0x10, .regs = placed_regs, .nr_regs = 2,
	.unit = placed_unit, .nr_unit = 2, .unit_first = 0x10, .unit_stride = 0xc, .unit_max = 3,
};

#define PLACED_SIZE(units) (0x10 + 0xc * (units))

static void assert_slot(const struct arena *arena, uint32_t offset, uint16_t at, uint16_t base,
			unsigned int unit, const struct cxlr_reg *reg)
{
	const struct cxlr_slot *slot = cxlr_slot_at(&arena->space, offset);

	assert_non_null(slot);
	assert_ptr_equal(slot->reg, reg);
	assert_int_equal(slot->at, at);
	assert_int_equal(slot->base, base);
	assert_int_equal(slot->unit, unit);
}

static void test_place(void **state)
{
	struct arena arena;
	unsigned int i;

	(void)state;
	arena_make(&arena, 0x40, 4);
	assert_true(cxlr_space_place(&arena.space, &placed, 0x8, 2, 0x38));
	for (i = 0; i < 4; i++) {
		assert_slot(&arena, 0x08 + i, 0x08, 0x08, 0, &placed_regs[0]);
		assert_slot(&arena, 0x10 + i, 0x10, 0x08, 0, &placed_regs[1]);
		assert_slot(&arena, 0x18 + i, 0x18, 0x18, 0, &placed_unit[0]);
		assert_slot(&arena, 0x1c + i, 0x1c, 0x18, 0, &placed_unit[1]);
		assert_slot(&arena, 0x24 + i, 0x24, 0x24, 1, &placed_unit[0]);
		assert_slot(&arena, 0x28 + i, 0x28, 0x24, 1, &placed_unit[1]);
		assert_null(cxlr_slot_at(&arena.space, 0x00 + i));
		assert_null(cxlr_slot_at(&arena.space, 0x0c + i));
		assert_null(cxlr_slot_at(&arena.space, 0x20 + i));
		assert_null(cxlr_slot_at(&arena.space, 0x2c + i));
		assert_null(cxlr_slot_at(&arena.space, 0x40 + i));
	}
	assert_null(cxlr_slot_at(&arena.space, ~0u));
	assert_int_equal(cxlr_slot_at(&arena.space, 0x28)->map, 0x08);
	assert_int_equal(cxlr_slot_at(&arena.space, 0x08)->views,
			 1 << CXLR_VIEW_OWN | 1 << CXLR_VIEW_OPEN);

	/* Initial values; what is between reads zero and ignores writes. */
	assert_int_equal(cxlr_get(&arena.space, 0x08), 0x34005a);
	assert_int_equal(cxlr_get(&arena.space, 0x24), 0x7);
	remember(&arena);
	assert_true(cxlr_write(&arena.space, 0x0c, 4, ~0ull));
	assert_unchanged(&arena);
	arena_free(&arena);
}

/* Each unit has a lock of its own. */
static void test_unit_locks(void **state)
{
	struct arena arena;

	(void)state;
	arena_make(&arena, 0x40, 4);
	assert_true(cxlr_space_place(&arena.space, &placed, 0, 3, 0x40));
	cxlr_set(&arena.space, 0x14, ~0ull, 0);
	cxlr_set(&arena.space, 0x20, ~0ull, 1);
	cxlr_set(&arena.space, 0x2c, ~0ull, 0);
	assert_true(cxlr_write(&arena.space, 0x10, 4, 0x11));
	assert_true(cxlr_write(&arena.space, 0x1c, 4, 0x22));
	assert_true(cxlr_write(&arena.space, 0x28, 4, 0x33));
	assert_int_equal(cxlr_get(&arena.space, 0x10), 0x11);
	assert_int_equal(cxlr_get(&arena.space, 0x1c), 0x7);
	assert_int_equal(cxlr_get(&arena.space, 0x28), 0x33);
	arena_free(&arena);
}

static void expect_no_place(struct arena *arena, const struct cxlr_map *map, uint32_t at,
			    unsigned int units)
{
	remember(arena);
	assert_false(cxlr_space_place(&arena->space, map, at, units, ~0u));
	assert_unchanged(arena);
}

static void test_no_place(void **state)
{
	struct arena arena;
	uint32_t at;

	(void)state;
	arena_make(&arena, 0x60, 4);
	expect_no_place(&arena, &placed, 0, 4);
	expect_no_place(&arena, &placed, 0, ~0u);
	for (at = 0; at < 0x10; at++)
		if (at % 4)
			expect_no_place(&arena, &placed, at, 1);
	/* Its last register ends 4 bytes before its size does. */
	assert_true(cxlr_space_place(&arena.space, &placed, 0x60 - PLACED_SIZE(3) + 4, 3, ~0u));
	arena_free(&arena);

	arena_make(&arena, 0x60, 4);
	for (at = 0x60 - PLACED_SIZE(3) + 8; at < 0x200; at += 4)
		expect_no_place(&arena, &placed, at, 3);
	expect_no_place(&arena, &placed, 0x7ffffffc, 3);
	expect_no_place(&arena, &placed, 0x80000000, 3);
	expect_no_place(&arena, &placed, ~0u - 3, 3);
	expect_no_place(&arena, &placed, ~0u - 0xf, 3);

	/* Registers must not meet. Less than their span away there is always one that would. */
	assert_true(cxlr_space_place(&arena.space, &placed, 0x20, 1, ~0u));
	for (at = 0xc; at <= 0x34; at += 4)
		expect_no_place(&arena, &placed, at, 1);
	assert_true(cxlr_space_place(&arena.space, &placed, 0x38, 1, ~0u));
	/* One in a gap of the other. */
	arena_free(&arena);
	arena_make(&arena, 0x60, 4);
	assert_true(cxlr_space_place(&arena.space, &placed, 0x20, 0, ~0u));
	assert_true(cxlr_space_place(&arena.space, &placed, 0x24, 0, ~0u));
	arena_free(&arena);
}

/* Near 64 KiB nothing wraps around to the start. */
static void test_no_place_at_the_end(void **state)
{
	static const struct cxlr_reg far_regs[] = { PLAIN(0x0), PLAIN(0x100) };
	static const struct cxlr_map far = { .size = 0x104, .regs = far_regs, .nr_regs = 2 };
	struct cxlr_map far_unit = placed;
	struct arena arena;

	(void)state;
	arena_make(&arena, 0xfffc, 4);
	expect_no_place(&arena, &far, 0xff00, 0);
	expect_no_place(&arena, &far, 0xff80, 0);
	expect_no_place(&arena, &far, 0xfff8, 0);
	far_unit.unit_stride = 0x8000;
	expect_no_place(&arena, &far_unit, 0x100, 3);
	assert_true(cxlr_space_place(&arena.space, &far, 0xfffc - 0x104, 0, ~0u));
	arena_free(&arena);
}

static void test_config_alignment(void **state)
{
	struct bench bench;
	uint32_t at;

	(void)state;
	/* A 16-bit register may be at any even place, others at multiples of 4. */
	bench_make(&bench, 2, CXLR_RW, 2);
	bench.map.nr_regs = 1;
	for (at = 0; at < 8; at++) {
		bench.reg[0].offset = at;
		bench.reg[0].size = at < 4 ? 2 : 4;
		arena_free(&bench.arena);
		arena_make(&bench.arena, BENCH_SIZE, 2);
		assert_int_equal(cxlr_space_place(&bench.arena.space, &bench.map, 0, 0, ~0u),
				 at < 4 ? at % 2 == 0 : at % 4 == 0);
		/* Where registers start at multiples of 4, none is shorter. */
		arena_free(&bench.arena);
		arena_make(&bench.arena, BENCH_SIZE, 4);
		assert_int_equal(cxlr_space_place(&bench.arena.space, &bench.map, 0, 0, ~0u),
				 at >= 4 && at % 4 == 0);
	}
	bench_free(&bench);
}

/* An older device has a shorter structure. */
static void test_limit(void **state)
{
	static const uint16_t starts[] = { 0x00, 0x08, 0x10, 0x14, 0x1c, 0x20 };
	struct arena arena;
	uint32_t limit;
	unsigned int i;

	(void)state;
	for (limit = 0; limit <= 0x30; limit++) {
		arena_make(&arena, 0x30, 4);
		assert_true(cxlr_space_place(&arena.space, &placed, 4, 2, limit));
		for (i = 0; i < ARRAY_SIZE(starts); i++)
			assert_int_equal(!!cxlr_slot_at(&arena.space, 4 + starts[i]),
					 starts[i] + 4u <= limit);
		arena_free(&arena);
	}
	/* What is left out need not fit. */
	arena_make(&arena, 0x10, 4);
	expect_no_place(&arena, &placed, 0, 1);
	assert_true(cxlr_space_place(&arena.space, &placed, 0, 1, 0x10));
	arena_free(&arena);
}

static void test_masks(void **state)
{
	(void)state;
	assert_int_equal(cxlr_attr_mask(&placed_regs[0], 1 << CXLR_RW), 0xff);
	assert_int_equal(cxlr_attr_mask(&placed_regs[0], 1 << CXLR_RO), 0xff0000);
	assert_int_equal(cxlr_attr_mask(&placed_regs[0], 1 << CXLR_RW | 1 << CXLR_RO), 0xff00ff);
	assert_int_equal(cxlr_attr_mask(&placed_regs[0], ~(1 << CXLR_RW | 1 << CXLR_RO)), 0);
	assert_int_equal(cxlr_view_mask(&placed_regs[0], 1 << CXLR_VIEW_OWN), 0xff);
	assert_int_equal(cxlr_view_mask(&placed_regs[0], 1 << CXLR_VIEW_OPEN), 0xff0000);
	assert_int_equal(cxlr_view_mask(&placed_regs[0], 0), 0);
}

/* cxlr_set() changes what is, cxlr_init() what a reset brings back as well. */
static void test_hardware_access(void **state)
{
	struct cxlr_space *space;
	struct bench bench;

	(void)state;
	bench_make(&bench, 4, CXLR_HWINIT, 8);
	space = &bench.arena.space;
	cxlr_init(space, REG_AT, 0x00ff00000000ff00ull, VALUE);
	assert_int_equal(cxlr_get(space, REG_AT), 0x0055000000005500ull);
	cxlr_set(space, REG_AT, 0xf000000000000ff0ull, ~0ull);
	assert_int_equal(cxlr_get(space, REG_AT), 0xf055000000005ff0ull);
	assert_int_equal(cxlr_get(space, BELOW_AT), 0);
	assert_int_equal(cxlr_get(space, REG_AT + 8), 0);
	cxlr_reset(space, CXLR_RESET_CONVENTIONAL);
	assert_int_equal(cxlr_get(space, REG_AT), 0x0055000000005500ull);
	bench_free(&bench);
}

/*
 * Of a device's register a user sees what the fields' views say: at open all but the status
 * bits that are set, which are another user's; then what is live, and each rise of a status bit.
 */
static void test_views_follow_device(void **state)
{
	static const struct cxlr_field fields[] = {
		{ .mask = 0x000f, .attr = CXLR_RW, .view = CXLR_VIEW_OWN },
		{ .mask = 0x00f0, .attr = CXLR_RO, .view = CXLR_VIEW_OPEN },
		{ .mask = 0x0f00, .attr = CXLR_RO, .view = CXLR_VIEW_LIVE },
		{ .mask = 0xf000, .attr = CXLR_RW1C, .view = CXLR_VIEW_EDGE },
	};
	/* In the upper half of a word, with a neighbour below. */
	static const struct cxlr_reg regs[] = {
		{ .offset = 0, .size = 2, .widths = 2, .nr_fields = 4, .fields = fields },
		{ .offset = 2, .size = 2, .widths = 2, .nr_fields = 4, .fields = fields },
	};
	static const struct cxlr_map map = { .regs = regs, .nr_regs = 2, .size = 4 };
	static const struct { uint16_t device, user, cleared; } steps[] = {
		{ 0x2145, 0x0140, 0x0140 },	/* was set at open: not told */
		{ 0x6289, 0x4240, 0x0240 },	/* one more; what is sampled stays */
		{ 0x6289, 0x0240, 0x0240 },	/* cleared by the user, still set in the device */
		{ 0x0000, 0x0040, 0x0040 },	/* cleared by the host */
		{ 0x4fff, 0x4f40, 0x0f40 },	/* set again */
	};
	struct cxlr_space *space;
	struct arena arena;
	unsigned int i;

	(void)state;
	arena_make(&arena, 4, 2);
	space = &arena.space;
	assert_true(cxlr_space_place(space, &map, 0, 0, 4));
	cxlr_sample(space, 2, 0x2345);
	assert_int_equal(cxlr_get(space, 2), 0x0340);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		cxlr_follow(space, 2, steps[i].device);
		assert_int_equal(cxlr_get(space, 2), steps[i].user);
		assert_true(cxlr_write_bytes(space, 3, (uint8_t []){ 0xf0 }, 1));
		assert_int_equal(cxlr_get(space, 2), steps[i].cleared);
	}
	assert_int_equal(cxlr_get(space, 0), 0);
	/* A reset brings back what was sampled. */
	cxlr_reset(space, CXLR_RESET_CONVENTIONAL);
	assert_int_equal(cxlr_get(space, 2), 0x0340);
	arena_free(&arena);
}

/*
 * The real maps.
 */
struct real {
	struct arena arena;
	struct expect expect;
	uint8_t *bytes;
	const struct cxlr_map *map;
};

#define MARGIN	8

static void real_make(struct real *real, const struct cxlr_map *map)
{
	unsigned int units = map->unit_max < 32 ? map->unit_max : 32;
	uint32_t size = map->size + units * map->unit_stride;

	real->map = map;
	size = (size + 2 * MARGIN + 3) & ~3u;
	arena_make(&real->arena, size, map->kind == CXLR_MAP_DVSEC ? 2 : 4);
	assert_true(cxlr_space_place(&real->arena.space, map, MARGIN, units, ~0u));
	real->bytes = calloc(2, size);
	assert_non_null(real->bytes);
	expect_init(&real->expect, &real->arena.space, real->bytes);
}

static void real_free(struct real *real)
{
	arena_free(&real->arena);
	free(real->bytes);
}

/* The register at @slot and all others: as the hardware may have set them. */
static void real_fill(struct real *real, uint64_t val)
{
	struct cxlr_space *space = &real->arena.space;
	const struct cxlr_slot *slot;
	uint32_t at;

	for (at = 0; at < space->size; at += space->grain) {
		slot = cxlr_slot_at(space, at);
		if (slot && slot->at == at)
			cxlr_set(space, at, cxlr_attr_mask(slot->reg, ~(1u << CXLR_RSVDP |
									1u << CXLR_RSVDZ)), val);
	}
	expect_sync(&real->expect, 0, space->size);
}

/* The locks of a register's fields, set or not; what they need, there or not. */
static void real_arrange(struct real *real, const struct cxlr_slot *slot, bool locked, bool capable)
{
	struct cxlr_space *space = &real->arena.space;
	unsigned int i;

	for (i = 0; i < slot->reg->nr_fields; i++) {
		const struct cxlr_field *field = &slot->reg->fields[i];

		space->locked = locked;
		if (field->lock && !field->lock->outside)
			cxlr_set(space, slot->base + field->lock->offset, field->lock->mask,
				 locked ? field->lock->value : ~field->lock->value);
		if (field->need)
			cxlr_set(space, slot->map + field->need->offset, field->need->mask,
				 capable ? ~0ull : 0);
	}
	expect_sync(&real->expect, 0, space->size);
}

static void real_compare(const struct real *real)
{
	unsigned int i;

	if (expect_differs(&real->expect, 0, real->arena.space.size) >= 0)
		fail_msg("%s: byte 0x%x is wrong", real->map->name,
			 expect_differs(&real->expect, 0, real->arena.space.size) - MARGIN);
	assert_int_equal(real->arena.effects, real->expect.effects);
	for (i = 0; i < real->arena.effects; i++) {
		assert_ptr_equal(real->arena.told[i].field, real->expect.effect[i].field);
		assert_int_equal(real->arena.told[i].before, real->expect.effect[i].before);
		assert_int_equal(real->arena.told[i].after, real->expect.effect[i].after);
		assert_int_equal(real->arena.told[i].written, real->expect.effect[i].written);
	}
}

static void real_write(struct real *real, uint32_t offset, uint32_t len, uint64_t val)
{
	bool is_config = real->map->kind == CXLR_MAP_DVSEC;
	uint8_t buf[8];
	uint32_t i;

	for (i = 0; i < len; i++)
		buf[i] = val >> 8 * i;
	real->arena.effects = 0;
	expect_write(&real->expect, offset, buf, len);
	if (is_config)
		assert_true(cxlr_write_bytes(&real->arena.space, offset, buf, len));
	else
		assert_true(cxlr_write(&real->arena.space, offset, len, val));
}

/* Every value of interest, by every access that has a byte of the register. */
static void real_try(struct real *real, const struct cxlr_slot *slot, uint64_t val)
{
	uint32_t size = slot->reg->size, from, len;

	if (real->map->kind == CXLR_MAP_CM) {
		real_write(real, slot->at, size, val);
		return;
	}
	for (len = 1; len <= 4; len++)
		for (from = slot->at + 1 - len; from < slot->at + size; from++)
			real_write(real, from, len, val);
}

static void real_register(struct real *real, const struct cxlr_slot *slot)
{
	static const uint64_t fills[] = { 0, ~0ull, BEFORE };
	static const uint64_t values[] = { 0, ~0ull, VALUE, ~VALUE };
	unsigned int i, v, bit;

	for (i = 0; i < 4 * ARRAY_SIZE(fills); i++) {
		for (v = 0; v < ARRAY_SIZE(values); v++) {
			real_fill(real, fills[i / 4]);
			real_arrange(real, slot, i & 1, i & 2);
			real_try(real, slot, values[v]);
			real_compare(real);
		}
		for (bit = 0; bit < 8u * slot->reg->size; bit++) {
			real_write(real, slot->at, slot->reg->size, 1ull << bit);
			real_compare(real);
		}
	}
}

static void test_map(void **state)
{
	const struct cxlr_slot *slot;
	enum cxlr_reset kind;
	struct real real;
	uint32_t at;

	real_make(&real, *state);
	for (at = 0; at < real.arena.space.size; at += real.arena.space.grain) {
		slot = cxlr_slot_at(&real.arena.space, at);
		/* The first two and the last of what repeats will do. */
		if (slot && slot->at == at && (slot->unit < 2 || slot->unit == 31))
			real_register(&real, slot);
	}
	real.arena.effects = 0;
	for (kind = CXLR_RESET_FLR; kind <= CXLR_RESET_COLD; kind++) {
		real_fill(&real, ~0ull);
		cxlr_reset(&real.arena.space, kind);
		expect_reset(&real.expect, kind);
		real_compare(&real);
	}
	real_free(&real);
}

static void test_maps_are_there(void **state)
{
	(void)state;
	assert_non_null(cxlr_maps[0]);
}

#define MAX_MAPS	64

int main(void)
{
	static struct CMUnitTest map_tests[MAX_MAPS];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_attributes),
		cmocka_unit_test(test_memory_attributes),
		cmocka_unit_test(test_memory_widths),
		cmocka_unit_test(test_no_width),
		cmocka_unit_test(test_config_range),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_lock_survives),
		cmocka_unit_test(test_lock_outside),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_lock_in_the_same_write),
		cmocka_unit_test(test_lock_is_missing),
		cmocka_unit_test(test_doorbell),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_effect_changes_register),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_hidden_initial),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_unit_locks),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_no_place_at_the_end),
		cmocka_unit_test(test_config_alignment),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_hardware_access),
		cmocka_unit_test(test_views_follow_device),
		cmocka_unit_test(test_maps_are_there),
	};
	unsigned int n;
	int failed = cmocka_run_group_tests_name("engine", tests, NULL, NULL);

	for (n = 0; n < MAX_MAPS && cxlr_maps[n]; n++)
		map_tests[n] = (struct CMUnitTest) {
			.name = cxlr_maps[n]->name, .test_func = test_map,
			.initial_state = (void *)cxlr_maps[n],
		};
	return failed + _cmocka_run_group_tests("maps", map_tests, n, NULL, NULL);
}
