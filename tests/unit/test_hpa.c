// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: host physical addresses are given out from the right window
 * only, aligned, in order and never twice, and a request that cannot be met is
 * refused for the right reason.
 *
 * How: a made-up set of windows, and requests whose answers are known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hpa.h"

#define MIB	0x100000ull
#define GIB	0x40000000ull
#define ALL	0x0f
#define VOLATILE_DEVICE	(CEDT_WINDOW_VOLATILE | CEDT_WINDOW_DEVICE_COHERENT)

static const struct cedt cedt = {
	.windows = 5,
	.window = {
		{ 0x490000000ull, 4 * GIB, ALL, 1, { 12 } },
		{ 0x590000000ull, GIB, ALL, 1, { 60 } },
		{ 0x600000000ull, 8 * GIB, ALL, 2, { 12, 60 } },
		{ 0x800000000ull, GIB, ALL, 1, { 12 } },
		{ 0x900000000ull, GIB, CEDT_WINDOW_PERSISTENT | CEDT_WINDOW_HOST_ONLY, 1, { 7 } },
	},
};

static struct hpa_pool pool;

static int fresh_pool(void **state)
{
	(void)state;
	hpa_pool_init(&pool, &cedt);
	return 0;
}

static void expect_taken(uint32_t bridge, uint64_t size, uint64_t above, uint64_t base)
{
	const struct hpa_request request = { bridge, VOLATILE_DEVICE, size, above };
	struct hpa_range range;

	assert_null(hpa_take(&pool, &request, &range));
	assert_int_equal(range.base, base);
	assert_int_equal(range.size, size);
}

static void expect_refused(uint32_t bridge, uint64_t size, uint64_t above, const char *what)
{
	const struct hpa_request request = { bridge, VOLATILE_DEVICE, size, above };
	struct hpa_range range;
	const char *why = hpa_take(&pool, &request, &range);

	assert_non_null(why);
	assert_non_null(strstr(why, what));
}

static void test_in_order(void **state)
{
	(void)state;
	expect_taken(12, 256 * MIB, 0, 0x490000000ull);
	expect_taken(12, 512 * MIB, 0, 0x4a0000000ull);
	expect_taken(60, 512 * MIB, 0, 0x590000000ull);
	expect_taken(12, 256 * MIB, 0, 0x4c0000000ull);
}

static void test_gib_alignment(void **state)
{
	(void)state;
	expect_taken(12, GIB, 0, 0x4c0000000ull);
	expect_taken(12, 256 * MIB, 0, 0x500000000ull);
	expect_taken(12, GIB, 0, 0x540000000ull);
}

static void test_gib_alignment_gives_way(void **state)
{
	(void)state;
	expect_taken(60, GIB, 0, 0x590000000ull);
	expect_refused(60, 256 * MIB, 0, "not enough room");
}

static void test_tight(void **state)
{
	(void)state;
	pool.tight = true;
	expect_taken(12, 2 * GIB, 0, 0x490000000ull);
	expect_taken(12, 2 * GIB, 0, 0x510000000ull);
}

static void test_next_window(void **state)
{
	(void)state;
	expect_taken(12, 3 * GIB, 0, 0x4c0000000ull);
	expect_taken(12, GIB, 0, 0x800000000ull);
	expect_taken(12, 256 * MIB, 0, 0x580000000ull);
	expect_refused(12, 256 * MIB, 0, "not enough room");
}

static void test_above(void **state)
{
	(void)state;
	expect_taken(12, 256 * MIB, 0x500000000ull, 0x500000000ull);
	expect_taken(12, 256 * MIB, 0x7fffffffull, 0x510000000ull);
	expect_taken(12, 256 * MIB, 0x590000000ull, 0x800000000ull);
	expect_refused(12, 256 * MIB, 0x840000000ull, "not enough room");
	expect_refused(12, 256 * MIB, UINT64_MAX, "not enough room");
}

static void test_reserve(void **state)
{
	const struct hpa_range inside = { 0x4a0000000ull, 256 * MIB };
	const struct hpa_range across = { 0x580000000ull, 512 * MIB };
	const struct hpa_range outside = { 0x100000000ull, GIB };
	const struct hpa_range endless = { 0x800000000ull, UINT64_MAX };

	(void)state;
	hpa_reserve(&pool, &outside);
	hpa_reserve(&pool, &inside);
	expect_taken(12, 256 * MIB, 0, 0x4b0000000ull);
	hpa_reserve(&pool, &inside);
	expect_taken(12, 256 * MIB, 0, 0x4c0000000ull);
	hpa_reserve(&pool, &across);
	expect_taken(60, 256 * MIB, 0, 0x5a0000000ull);
	hpa_reserve(&pool, &endless);
	expect_refused(12, 256 * MIB, 0, "not enough room");
}

static void test_refusals(void **state)
{
	(void)state;
	expect_refused(99, 256 * MIB, 0, "no window leads");
	expect_refused(7, 256 * MIB, 0, "do not allow");
	expect_refused(12, 64 * GIB, 0, "not enough room");
	expect_refused(12, 0xfffffffff0000000ull, 0, "not enough room");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_order, fresh_pool),
		cmocka_unit_test_setup(test_gib_alignment, fresh_pool),
		cmocka_unit_test_setup(test_gib_alignment_gives_way, fresh_pool),
		cmocka_unit_test_setup(test_tight, fresh_pool),
		cmocka_unit_test_setup(test_next_window, fresh_pool),
		cmocka_unit_test_setup(test_above, fresh_pool),
		cmocka_unit_test_setup(test_reserve, fresh_pool),
		cmocka_unit_test_setup(test_refusals, fresh_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
