// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: an HDM decoder commits if and only if no condition of the
 * specification stands against it, holds what it decodes until it is let go,
 * and, once locked, until a reset (CXL 3.1, 8.2.4.20).
 *
 * How: for each condition, both sides of its edge; each state and every way
 * out of it. A second model of the decoders (model_hdm.h) sees the same writes
 * and must agree after every one. test_sequences.c does the same at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pair_hdm.h"

#define G	((uint64_t)CXLR_HDM_GRANULE)
#define TOP	0xfffffffff0000000ull	/* the last 256 MiB of the address space */

#define LOCK		CXLR_HDM_CTRL_LOCK
#define COMMIT		CXLR_HDM_CTRL_COMMIT
#define COMMITTED	CXLR_HDM_CTRL_COMMITTED
#define ERROR		CXLR_HDM_CTRL_ERROR
#define HOSTONLY	CXLR_HDM_CTRL_HOSTONLY
#define BI		CXLR_HDM_CTRL_BI
#define UIO		CXLR_HDM_CTRL_UIO
#define IG(field)	((uint32_t)(field))
#define IW(field)	((uint32_t)(field) << CXLR_HDM_CTRL_IW_SHIFT)

#define INTERLEAVE	(CXLR_HDM_CAP_INTERLEAVE_11_8 | CXLR_HDM_CAP_INTERLEAVE_14_12 | \
			 CXLR_HDM_CAP_3_6_12_WAY | CXLR_HDM_CAP_16_WAY)
#define COHERENCY(models) ((uint32_t)(models) << CXLR_HDM_CAP_COHERENCY_SHIFT)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const struct pair_config able = {
	.count = 4, .capacity = 32 * G, .bi_capable = true,
	.capability = INTERLEAVE | CXLR_HDM_CAP_UIO | CXLR_HDM_CAP_POISON_ON_ERR | COHERENCY(3),
};

static const struct pair_config plain = { .count = 4, .capacity = 32 * G };

static const struct pair_config bi_only = {
	.count = 4, .capacity = 32 * G, .bi_capable = true, .bi_only = true,
};

static struct {
	void *memory;
	struct cxlr_space space;
	struct pair pair;
} rig;

static void effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	(void)space;
	pair_effect(&rig.pair, change);
}

static void agree(bool ok)
{
	if (!ok)
		fail_msg("%s", rig.pair.why);
}

/* The capability in a space of its own, not at its start, in exactly the memory it needs. */
static void rig_make(const struct pair_config *config)
{
	const uint32_t at = 0x40, size = at + CXLR_HDM_SIZE(config->count);

	free(rig.memory);
	rig.memory = calloc(1, cxlr_space_memory(size, 4));
	assert_non_null(rig.memory);
	cxlr_space_init(&rig.space, rig.memory, size, 4);
	rig.space.effect = effect;
	assert_true(cxlr_space_place(&rig.space, &cxlr_map_hdm, at, config->count, size));
	agree(pair_init(&rig.pair, &rig.space, at, config));
}

static int setup(void **state)
{
	(void)state;
	rig_make(&able);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(rig.memory);
	rig.memory = NULL;
	return 0;
}

static enum cxlr_hdm_event put(uint32_t offset, uint32_t val)
{
	agree(pair_write(&rig.pair, offset, val));
	return rig.pair.event;
}

static uint32_t get(uint32_t offset)
{
	uint64_t val;

	assert_true(cxlr_read(&rig.space, rig.pair.at + offset, 4, &val));
	return val;
}

static void reset(enum cxlr_reset kind)
{
	agree(pair_reset(&rig.pair, kind));
}

struct program {
	uint64_t base, size, skip;
	uint32_t ctrl;
};

/* Everything but Commit. */
static void program(unsigned int n, const struct program *it)
{
	put(CXLR_HDM_BASE_LOW(n), it->base);
	put(CXLR_HDM_BASE_HIGH(n), it->base >> 32);
	put(CXLR_HDM_SIZE_LOW(n), it->size);
	put(CXLR_HDM_SIZE_HIGH(n), it->size >> 32);
	put(CXLR_HDM_DPA_SKIP_LOW(n), it->skip);
	put(CXLR_HDM_DPA_SKIP_HIGH(n), it->skip >> 32);
	assert_int_equal(put(CXLR_HDM_CTRL(n), it->ctrl), CXLR_HDM_NOTHING);
	assert_int_equal(get(CXLR_HDM_CTRL(n)), it->ctrl);
	agree(pair_ask(&rig.pair, n));
}

static void expect_committed(unsigned int n, const struct program *it)
{
	struct cxlr_decode decode;

	program(n, it);
	assert_null(cxlr_hdm_objection(&rig.pair.hdm, n));
	assert_int_equal(put(CXLR_HDM_CTRL(n), it->ctrl | COMMIT), CXLR_HDM_COMMITTED);
	assert_int_equal(get(CXLR_HDM_CTRL(n)), it->ctrl | COMMIT | COMMITTED);
	assert_true(cxlr_hdm_decode(&rig.pair.hdm, n, &decode));
	assert_int_equal(decode.base, it->base);
	assert_int_equal(decode.size, it->size);
	agree(pair_check(&rig.pair));
}

static void expect_refused(unsigned int n, const struct program *it)
{
	struct cxlr_decode decode;

	program(n, it);
	assert_non_null(cxlr_hdm_objection(&rig.pair.hdm, n));
	assert_int_equal(put(CXLR_HDM_CTRL(n), it->ctrl | COMMIT), CXLR_HDM_REFUSED);
	assert_int_equal(get(CXLR_HDM_CTRL(n)), it->ctrl | COMMIT | ERROR);
	assert_false(cxlr_hdm_decode(&rig.pair.hdm, n, &decode));
	agree(pair_check(&rig.pair));
}

static void let_go(unsigned int n)
{
	assert_int_equal(put(CXLR_HDM_CTRL(n), 0), CXLR_HDM_DECOMMITTED);
	assert_false(get(CXLR_HDM_CTRL(n)) & (COMMIT | COMMITTED | ERROR));
}

static uint64_t dpa(unsigned int n)
{
	struct cxlr_decode decode;

	assert_true(cxlr_hdm_decode(&rig.pair.hdm, n, &decode));
	return decode.dpa;
}

/* Conditions: decoders that are committed first, then one more. */
static const struct condition {
	const char *name;
	const struct pair_config *config;
	unsigned int lower;
	struct program decoder[3];
	bool commits;
} conditions[] = {
	{ "one way", &plain, 0, { { 16 * G, 4 * G, 0, 0 } }, true },
	{ "nothing at all", &plain, 0, { { 0, 0, 0, 0 } }, true },
	{ "no size, but a base", &plain, 0, { { TOP, 0, 0, 0 } }, true },
	{ "all of the memory", &plain, 0, { { 0, 32 * G, 0, 0 } }, true },
	{ "more than that", &plain, 0, { { 0, 33 * G, 0, 0 } }, false },
	{ "more by its high half", &plain, 0, { { 0, 1ull << 32, 0, 0 } }, true },
	{ "much more by its high half", &plain, 0, { { 0, 3ull << 32, 0, 0 } }, false },
	{ "granularity is checked for one way", &plain, 0, { { 0, G, 0, IG(7) } }, false },
	{ "any valid one will do then", &plain, 0, { { 0, G, 0, IG(6) } }, true },

	{ "two ways, not able", &plain, 0, { { 0, 2 * G, 0, IW(1) } }, false },
	{ "two ways", &able, 0, { { 0, 2 * G, 0, IW(1) } }, true },
	{ "two ways, half a granule each", &able, 0, { { 0, G, 0, IW(1) } }, false },
	{ "two ways, one and a half", &able, 0, { { 0, 3 * G, 0, IW(1) } }, false },
	{ "three ways", &able, 0, { { 0, 3 * G, 0, IW(8) } }, true },
	{ "three ways, not divisible", &able, 0, { { 0, 4 * G, 0, IW(8) } }, false },
	{ "six ways", &able, 0, { { 0, 6 * G, 0, IW(9) | IG(4) } }, true },
	{ "six ways, three granules", &able, 0, { { 0, 3 * G, 0, IW(9) } }, false },
	{ "twelve ways", &able, 0, { { 0, 24 * G, 0, IW(10) | IG(6) } }, true },
	{ "twelve ways, six granules", &able, 0, { { 0, 18 * G, 0, IW(10) } }, false },
	{ "sixteen ways", &able, 0, { { 0, 16 * G, 0, IW(4) } }, true },
	{ "sixteen ways, eight granules", &able, 0, { { 0, 24 * G, 0, IW(4) } }, false },
	{ "a share of all the memory", &able, 0, { { 0, 16 * 32 * G, 0, IW(4) } }, true },
	{ "a share of more than that", &able, 0, { { 0, 16 * 33 * G, 0, IW(4) } }, false },

	{ "the last granule but one", &able, 0, { { TOP - G, G, 0, 0 } }, true },
	{ "the end is 2 to the 64", &able, 0, { { TOP, G, 0, 0 } }, false },
	{ "the end wraps around", &able, 0, { { TOP, 2 * G, 0, 0 } }, false },

	{ "right behind", &able, 1, { { G, G, 0, 0 }, { 2 * G, G, 0, 0 } }, true },
	{ "with a gap", &able, 1, { { G, G, 0, 0 }, { 9 * G, G, 0, 0 } }, true },
	{ "one granule inside", &able, 1, { { G, 2 * G, 0, 0 }, { 2 * G, G, 0, 0 } }, false },
	{ "before", &able, 1, { { G, G, 0, 0 }, { 0, G, 0, 0 } }, false },
	{ "the same", &able, 1, { { G, G, 0, 0 }, { G, G, 0, 0 } }, false },
	{ "behind the one below, which is empty, but in the one below that", &able, 2,
	  { { 0, 4 * G, 0, 0 }, { 4 * G, 0, 0, 0 }, { 3 * G, G, 0, 0 } }, false },
	{ "empty and before", &able, 1, { { G, G, 0, 0 }, { G, 0, 0, 0 } }, false },

	{ "what is left", &able, 1, { { 0, 12 * G, 0, 0 }, { 64 * G, 20 * G, 0, 0 } }, true },
	{ "more than is left", &able, 1, { { 0, 13 * G, 0, 0 }, { 64 * G, 20 * G, 0, 0 } }, false },
	{ "shares count, not sizes", &able, 1,
	  { { 0, 32 * G, 0, IW(1) }, { 64 * G, 32 * G, 0, IW(1) } }, true },
	{ "skip, and all the rest", &able, 0, { { 0, 31 * G, G, 0 } }, true },
	{ "skip one too many", &able, 0, { { 0, 31 * G, 2 * G, 0 } }, false },
	{ "each skips", &able, 1, { { 0, 8 * G, 8 * G, 0 }, { 64 * G, 8 * G, 8 * G, 0 } }, true },
	{ "each skips, once too many", &able, 1,
	  { { 0, 8 * G, 8 * G, 0 }, { 64 * G, 8 * G, 9 * G, 0 } }, false },
	{ "skip behind the end, and be empty", &able, 0, { { 0, 0, 33 * G, 0 } }, false },
	{ "skip wraps around to the start", &able, 1,
	  { { 0, G, 0, 0 }, { G, G, 0 - G, 0 } }, false },
	{ "skip and size wrap around", &able, 0, { { 0, 16 * G, 0 - 8 * G, 0 } }, false },

	{ "BI", &able, 0, { { 0, G, 0, BI } }, true },
	{ "BI, host-only", &able, 0, { { 0, G, 0, BI | HOSTONLY } }, false },
	{ "BI, not able", &plain, 0, { { 0, G, 0, BI } }, false },
	{ "BI where there is no other way", &bi_only, 0, { { 0, G, 0, BI } }, true },
	{ "no BI where there is no other way", &bi_only, 0, { { 0, G, 0, 0 } }, false },
	{ "host-only needs none", &bi_only, 0, { { 0, G, 0, HOSTONLY } }, true },
	{ "UIO", &able, 0, { { 0, G, 0, UIO } }, true },
	{ "host-only, and not known what is possible", &plain, 0, { { 0, G, 0, HOSTONLY } }, true },
};

static void test_conditions(void **state)
{
	const struct condition *it;
	unsigned int n;

	(void)state;
	for (it = conditions; it < conditions + ARRAY_SIZE(conditions); it++) {
		print_message("  %s\n", it->name);
		rig_make(it->config);
		for (n = 0; n < it->lower; n++)
			expect_committed(n, &it->decoder[n]);
		if (it->commits)
			expect_committed(n, &it->decoder[n]);
		else
			expect_refused(n, &it->decoder[n]);
	}
}

/* Every value of both fields, with every set of capabilities. */
static void test_interleave(void **state)
{
	const unsigned int ways[16] = { 1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12 };
	unsigned int set, iw, ig, committed = 0;
	struct pair_config config = able;

	(void)state;
	config.capacity = 1024 * G;
	for (set = 0; set < 16; set++) {
		config.capability = (set & 1 ? CXLR_HDM_CAP_INTERLEAVE_11_8 : 0) |
				    (set & 2 ? CXLR_HDM_CAP_INTERLEAVE_14_12 : 0) |
				    (set & 4 ? CXLR_HDM_CAP_3_6_12_WAY : 0) |
				    (set & 8 ? CXLR_HDM_CAP_16_WAY : 0);
		rig_make(&config);
		for (iw = 0; iw < 16; iw++) {
			assert_int_equal(cxlr_hdm_ways(IW(iw)), ways[iw]);
			for (ig = 0; ig < 16; ig++) {
				program(0, &(struct program) { 0, 48 * G, 0, IW(iw) | IG(ig) });
				put(CXLR_HDM_CTRL(0), IW(iw) | IG(ig) | COMMIT);
				committed += rig.pair.event == CXLR_HDM_COMMITTED;
				put(CXLR_HDM_CTRL(0), 0);
			}
		}
	}
	/*
	 * One way with 7 granularities, whatever the capabilities. Then, of the
	 * sets with the bits that the granularity needs (half of them, for each
	 * of the 7): 2, 4 and 8 ways in all 8, 3, 6, 12 and 16 ways in 4 each.
	 */
	assert_int_equal(committed, 16 * 7 + 7 * (3 * 8 + 4 * 4));
}

static void test_coherency(void **state)
{
	/* By supported models: is a device coherent range possible, a host-only one? */
	static const bool possible[4][2] = {
		{ true, true }, { true, false }, { false, true }, { true, true },
	};
	struct pair_config config = able;
	unsigned int models, hostonly;
	struct program it = { 0, G, 0, 0 };

	(void)state;
	for (models = 0; models < 4; models++) {
		config.capability = COHERENCY(models);
		for (hostonly = 0; hostonly < 2; hostonly++) {
			rig_make(&config);
			it.ctrl = hostonly ? HOSTONLY : 0;
			if (possible[models][hostonly])
				expect_committed(0, &it);
			else
				expect_refused(0, &it);
		}
	}
}

static void test_lower_first(void **state)
{
	(void)state;
	expect_refused(1, &(struct program) { 8 * G, G, 0, 0 });
	put(CXLR_HDM_CTRL(1), 0);
	expect_committed(0, &(struct program) { 0, G, 0, 0 });
	expect_refused(3, &(struct program) { 16 * G, G, 0, 0 });
	put(CXLR_HDM_CTRL(3), 0);
	expect_committed(1, &(struct program) { 8 * G, G, 0, 0 });
	expect_refused(2, &(struct program) { 8 * G, G, 0, 0 });
	/* One that is refused is not committed. */
	expect_refused(3, &(struct program) { 16 * G, G, 0, 0 });
	/* All of them, not the next one alone. */
	put(CXLR_HDM_CTRL(2), 0);
	let_go(0);
	expect_refused(2, &(struct program) { 16 * G, G, 0, 0 });
}

/* A lower decoder goes and comes back under committed ones. */
static void test_comes_back(void **state)
{
	(void)state;
	expect_committed(0, &(struct program) { 8 * G, 4 * G, 0, 0 });
	expect_committed(1, &(struct program) { 16 * G, 4 * G, 2 * G, 0 });
	assert_int_equal(dpa(1), 6 * G);
	let_go(0);
	assert_int_equal(dpa(1), 6 * G);

	expect_refused(0, &(struct program) { 8 * G, 9 * G, 0, 0 });
	put(CXLR_HDM_CTRL(0), 0);
	expect_refused(0, &(struct program) { 16 * G, G, 0, 0 });
	put(CXLR_HDM_CTRL(0), 0);
	/* The addresses are free, the memory is not. */
	expect_refused(0, &(struct program) { 8 * G, 7 * G, 0, 0 });
	put(CXLR_HDM_CTRL(0), 0);
	expect_refused(0, &(struct program) { 8 * G, 4 * G, 3 * G, 0 });
	put(CXLR_HDM_CTRL(0), 0);
	expect_committed(0, &(struct program) { 10 * G, 6 * G, 0, 0 });
	assert_int_equal(dpa(0), 0);
	assert_int_equal(dpa(1), 6 * G);

	/* Where its memory starts is fixed when it commits, and only then. */
	let_go(1);
	expect_committed(1, &(struct program) { 16 * G, 4 * G, 2 * G, 0 });
	assert_int_equal(dpa(1), 8 * G);
}

/* All fields of decoder @n, whatever is written, are as they are in @it. */
static void expect_held(unsigned int n, const struct program *it, uint32_t ctrl)
{
	static const uint32_t tries[] = { 0, 0xffffffff, 0x50000000, 0xa5a5a5a5 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		put(CXLR_HDM_BASE_LOW(n), tries[i]);
		put(CXLR_HDM_BASE_HIGH(n), tries[i]);
		put(CXLR_HDM_SIZE_LOW(n), tries[i]);
		put(CXLR_HDM_SIZE_HIGH(n), tries[i]);
		put(CXLR_HDM_DPA_SKIP_LOW(n), tries[i]);
		put(CXLR_HDM_DPA_SKIP_HIGH(n), tries[i]);
		assert_int_equal(put(CXLR_HDM_CTRL(n), tries[i] | COMMIT), CXLR_HDM_NOTHING);
	}
	assert_int_equal(get(CXLR_HDM_BASE_LOW(n)), (uint32_t)it->base);
	assert_int_equal(get(CXLR_HDM_BASE_HIGH(n)), it->base >> 32);
	assert_int_equal(get(CXLR_HDM_SIZE_LOW(n)), (uint32_t)it->size);
	assert_int_equal(get(CXLR_HDM_SIZE_HIGH(n)), it->size >> 32);
	assert_int_equal(get(CXLR_HDM_DPA_SKIP_LOW(n)), (uint32_t)it->skip);
	assert_int_equal(get(CXLR_HDM_DPA_SKIP_HIGH(n)), it->skip >> 32);
	assert_int_equal(get(CXLR_HDM_CTRL(n)), ctrl);
	agree(pair_check(&rig.pair));
}

static void test_committed_is_held(void **state)
{
	const struct program it = { 16 * G, 4 * G, 2 * G, IW(1) | IG(2) | BI };

	(void)state;
	expect_committed(0, &it);
	expect_held(0, &it, it.ctrl | COMMIT | COMMITTED);
	let_go(0);
	expect_committed(0, &(struct program) { 17 * G, 6 * G, 3 * G, IW(8) | UIO });
}

/* An error does not take Commit back: the decoder is held until software does. */
static void test_error_is_held(void **state)
{
	const struct program it = { 16 * G, 3 * G, 0, IW(1) | LOCK };

	(void)state;
	expect_refused(0, &it);
	expect_held(0, &it, it.ctrl | COMMIT | ERROR);
	/* Never committed, so not locked, and nothing to let go. */
	assert_int_equal(put(CXLR_HDM_CTRL(0), it.ctrl), CXLR_HDM_NOTHING);
	assert_int_equal(get(CXLR_HDM_CTRL(0)), it.ctrl);
	expect_committed(0, &(struct program) { 16 * G, 4 * G, 0, IW(1) });
}

/* The write that clears Commit changes nothing else; the next one may. */
static void test_let_go_keeps_fields(void **state)
{
	const uint32_t was = IW(1) | IG(2) | BI, other = IW(2) | IG(1) | UIO;

	(void)state;
	expect_committed(0, &(struct program) { 16 * G, 4 * G, 0, was });
	assert_int_equal(put(CXLR_HDM_CTRL(0), other), CXLR_HDM_DECOMMITTED);
	assert_int_equal(get(CXLR_HDM_CTRL(0)), was);
	assert_int_equal(put(CXLR_HDM_CTRL(0), other), CXLR_HDM_NOTHING);
	assert_int_equal(get(CXLR_HDM_CTRL(0)), other);
}

/* The fields of the very write that sets Commit count. */
static void test_commit_takes_fields(void **state)
{
	(void)state;
	program(0, &(struct program) { 16 * G, 3 * G, 0, IW(1) });
	assert_int_equal(put(CXLR_HDM_CTRL(0), IW(8) | COMMIT), CXLR_HDM_COMMITTED);
	let_go(0);
	program(0, &(struct program) { 16 * G, 3 * G, 0, IW(8) });
	assert_int_equal(put(CXLR_HDM_CTRL(0), IW(1) | COMMIT), CXLR_HDM_REFUSED);
}

static void test_locked(void **state)
{
	const struct program it = { 16 * G, 4 * G, 2 * G, LOCK };

	(void)state;
	expect_committed(0, &it);
	expect_held(0, &it, it.ctrl | COMMIT | COMMITTED);
	assert_int_equal(put(CXLR_HDM_CTRL(0), 0), CXLR_HDM_NOTHING);
	assert_int_equal(put(CXLR_HDM_CTRL(0), LOCK), CXLR_HDM_NOTHING);
	assert_int_equal(put(CXLR_HDM_CTRL(0), 0xffffffff & ~COMMIT), CXLR_HDM_NOTHING);
	expect_held(0, &it, it.ctrl | COMMIT | COMMITTED);

	/* The decoder above is not. */
	expect_committed(1, &(struct program) { 20 * G, 4 * G, 0, 0 });
	let_go(1);
}

/* Lock On Commit alone locks nothing. */
static void test_lock_without_commit(void **state)
{
	(void)state;
	program(0, &(struct program) { 16 * G, 4 * G, 2 * G, LOCK });
	program(0, &(struct program) { 8 * G, 2 * G, G, IW(1) | LOCK });
	program(0, &(struct program) { 8 * G, 2 * G, G, 0 });
	expect_committed(0, &(struct program) { 8 * G, 2 * G, G, 0 });
	let_go(0);
}

static void test_resets(void **state)
{
	static const enum cxlr_reset kinds[] = {
		CXLR_RESET_CXL, CXLR_RESET_CONVENTIONAL, CXLR_RESET_COLD,
	};
	const struct program locked = { 8 * G, 4 * G, 2 * G, LOCK };
	const struct program refused = { 4 * G, 3 * G, 0, 0 };
	const uint32_t capability = get(CXLR_HDM_CAP);
	unsigned int i;
	uint32_t offset;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		expect_committed(0, &locked);
		expect_committed(1, &(struct program) { 12 * G, 4 * G, 0, IW(1) });
		expect_refused(2, &refused);
		put(CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);

		reset(CXLR_RESET_FLR);
		expect_held(0, &locked, LOCK | COMMIT | COMMITTED);
		expect_held(2, &refused, COMMIT | ERROR);
		assert_int_equal(dpa(1), 6 * G);
		assert_true(cxlr_hdm_enabled(&rig.pair.hdm));

		reset(kinds[i]);
		assert_int_equal(get(CXLR_HDM_CAP), capability);
		for (offset = 4; offset < CXLR_HDM_SIZE(able.count); offset += 4)
			assert_int_equal(get(offset), 0);
		assert_false(cxlr_hdm_enabled(&rig.pair.hdm));
	}
	/* What was locked is free, and where its memory was is forgotten. */
	expect_committed(0, &(struct program) { 0, 16 * G, 0, 0 });
	expect_committed(1, &(struct program) { 16 * G, 16 * G, 0, 0 });
	assert_int_equal(dpa(1), 16 * G);
}

/* Commit is an edge: set again, it does not try again. */
static void test_no_retry(void **state)
{
	const struct program it = { 0, G, 0, 0 };

	(void)state;
	pair_refuse(&rig.pair, true);
	expect_refused(0, &it);
	pair_refuse(&rig.pair, false);
	assert_int_equal(put(CXLR_HDM_CTRL(0), COMMIT), CXLR_HDM_NOTHING);
	assert_int_equal(get(CXLR_HDM_CTRL(0)), COMMIT | ERROR);
	put(CXLR_HDM_CTRL(0), 0);
	expect_committed(0, &it);
	/* Refusing is about commits: what is committed stays so. */
	pair_refuse(&rig.pair, true);
	agree(pair_check(&rig.pair));
	assert_int_equal(dpa(0), 0);
	let_go(0);
}

static void test_global_control(void **state)
{
	const uint32_t capability = get(CXLR_HDM_CAP);

	(void)state;
	assert_int_equal(capability, able.capability | 2);
	put(CXLR_HDM_CAP, 0xffffffff);
	put(CXLR_HDM_CAP, 0);
	assert_int_equal(get(CXLR_HDM_CAP), capability);

	assert_false(cxlr_hdm_enabled(&rig.pair.hdm));
	put(CXLR_HDM_GLOBAL_CTRL, 0xffffffff);
	assert_int_equal(get(CXLR_HDM_GLOBAL_CTRL),
			 CXLR_HDM_GLOBAL_ENABLE | CXLR_HDM_GLOBAL_POISON);
	assert_true(cxlr_hdm_enabled(&rig.pair.hdm));
	put(CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_POISON);
	assert_false(cxlr_hdm_enabled(&rig.pair.hdm));

	rig_make(&plain);
	put(CXLR_HDM_GLOBAL_CTRL, 0xffffffff);
	assert_int_equal(get(CXLR_HDM_GLOBAL_CTRL), CXLR_HDM_GLOBAL_ENABLE);
	put(CXLR_HDM_GLOBAL_CTRL, 0);

	/* Enable is no part of commit. */
	expect_committed(0, &(struct program) { 0, G, 0, 0 });
	put(CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	put(CXLR_HDM_GLOBAL_CTRL, 0);
	assert_int_equal(dpa(0), 0);
}

static void test_reserved_bits(void **state)
{
	uint32_t offset;

	(void)state;
	for (offset = 0; offset < CXLR_HDM_SIZE(able.count); offset += 4)
		put(offset, 0xffffffff & ~COMMIT);
	agree(pair_check(&rig.pair));
	assert_int_equal(get(8), 0);
	assert_int_equal(get(CXLR_HDM_CTRL(0) + 0xc), 0);
	assert_int_equal(get(CXLR_HDM_BASE_LOW(1)), 0xf0000000);
	assert_int_equal(get(CXLR_HDM_CTRL(1)), 0x000071ff);
	/* Without UIO there is no bit to enable it. */
	rig_make(&plain);
	put(CXLR_HDM_CTRL(0), 0xffffffff & ~COMMIT);
	assert_int_equal(get(CXLR_HDM_CTRL(0)), 0x000031ff);
}

/* All numbers of decoders there are: all committed, let go from below, and back again. */
static void test_counts(void **state)
{
	static const unsigned int counts[] = { 1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32 };
	unsigned int i, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		const struct pair_config config = {
			.count = counts[i], .capacity = counts[i] * 2 * G,
		};

		rig_make(&config);
		assert_int_equal(get(CXLR_HDM_CAP), i);
		for (n = 0; n < counts[i]; n++) {
			expect_committed(n, &(struct program) { (8 + 3 * n) * G, G, G, 0 });
			assert_int_equal(dpa(n), (2 * n + 1) * G);
		}
		for (n = 0; n < counts[i]; n++)
			let_go(n);
		for (n = 0; n < counts[i]; n++)
			expect_committed(n, &(struct program) { (8 + n) * G, G, 0, LOCK });
		reset(CXLR_RESET_CXL);
	}
}

static void test_no_such_count(void **state)
{
	static const unsigned int counts[] = { 0, 3, 5, 7, 9, 15, 17, 18, 19, 22, 31, 33, 64, -1 };
	struct cxlr_hdm hdm;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		assert_false(cxlr_hdm_init(&hdm, &rig.space, rig.pair.at, counts[i], G, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_conditions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interleave, setup, teardown),
		cmocka_unit_test_setup_teardown(test_coherency, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lower_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_committed_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_let_go_keeps_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_takes_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_without_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_retry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_global_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserved_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_such_count, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
