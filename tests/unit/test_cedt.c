// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: the CEDT parser takes every table that the specification
 * allows, gives its fields back, and refuses every other table at the byte at
 * fault, without a read outside the table.
 *
 * How: tables are put together here field by field, in a heap block of their
 * exact size, so that the sanitizer sees a read past their end. At the end,
 * damaged tables by the thousand: every truncation, every value of every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cedt.h"

#define HEADER	36
#define GIB	0x40000000ull

struct table {
	size_t length;
	uint8_t bytes[8192];
};

static void put(struct table *table, uint64_t value, unsigned int bytes)
{
	assert_true(table->length + bytes <= sizeof(table->bytes));
	for (; bytes; bytes--, value >>= 8)
		table->bytes[table->length++] = value;
}

static void begin(struct table *table)
{
	memset(table, 0, sizeof(*table));
	memcpy(table->bytes, "CEDT", 4);
	table->length = HEADER;
}

static void put_chbs(struct table *table, uint32_t uid, uint32_t version,
		     uint64_t base, uint64_t size)
{
	put(table, 0, 2);
	put(table, 32, 2);
	put(table, uid, 4);
	put(table, version, 4);
	put(table, 0, 4);
	put(table, base, 8);
	put(table, size, 8);
}

static void put_cfmws(struct table *table, uint64_t base, uint64_t size,
		      unsigned int eniw, unsigned int targets)
{
	put(table, 1, 2);
	put(table, 36 + 4 * targets, 2);
	put(table, 0, 4);
	put(table, base, 8);
	put(table, size, 8);
	put(table, eniw, 1);
	put(table, 0, 3);
	put(table, 0, 4);
	put(table, 0x1234, 2);
	put(table, 0, 2);
	for (unsigned int i = 0; i < targets; i++)
		put(table, 100 + i, 4);
}

static void seal(struct table *table)
{
	uint8_t sum = 0;

	for (unsigned int i = 0; i < 4; i++)
		table->bytes[4 + i] = table->length >> 8 * i;
	table->bytes[9] = 0;
	for (size_t i = 0; i < table->length; i++)
		sum += table->bytes[i];
	table->bytes[9] = -sum;
}

static bool parse_exact(const uint8_t *bytes, size_t length, struct cedt *cedt,
			struct cedt_error *error)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool valid;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	valid = cedt_parse(copy, length, cedt, error);
	free(copy);
	return valid;
}

static struct cedt expect_valid(struct table *table)
{
	struct cedt_error error;
	struct cedt cedt;

	seal(table);
	if (!parse_exact(table->bytes, table->length, &cedt, &error))
		fail_msg("byte %zu: %s", error.offset, error.what);
	return cedt;
}

static void expect_invalid(struct table *table, size_t offset, const char *what)
{
	struct cedt_error error;
	struct cedt cedt;

	seal(table);
	assert_false(parse_exact(table->bytes, table->length, &cedt, &error));
	assert_int_equal(error.offset, offset);
	assert_non_null(strstr(error.what, what));
}

static void test_empty(void **state)
{
	struct table table;
	struct cedt cedt;

	(void)state;
	begin(&table);
	cedt = expect_valid(&table);
	assert_int_equal(cedt.bridges, 0);
	assert_int_equal(cedt.windows, 0);
}

static void test_fields(void **state)
{
	struct table table;
	struct cedt cedt;

	(void)state;
	begin(&table);
	put_chbs(&table, 12, CEDT_BRIDGE_CXL_2_0, 0x480000000ull, 0x10000);
	put_cfmws(&table, 0x490000000ull, 4 * GIB, 0, 1);
	put_chbs(&table, 0xfffffffe, CEDT_BRIDGE_CXL_1_1, 0x480010000ull, 0x2000);
	cedt = expect_valid(&table);

	assert_int_equal(cedt.bridges, 2);
	assert_int_equal(cedt.bridge[0].uid, 12);
	assert_int_equal(cedt.bridge[0].version, CEDT_BRIDGE_CXL_2_0);
	assert_int_equal(cedt.bridge[0].base, 0x480000000ull);
	assert_int_equal(cedt.bridge[0].size, 0x10000);
	assert_int_equal(cedt.bridge[1].uid, 0xfffffffe);
	assert_int_equal(cedt.bridge[1].version, CEDT_BRIDGE_CXL_1_1);
	assert_int_equal(cedt.windows, 1);
	assert_int_equal(cedt.window[0].base, 0x490000000ull);
	assert_int_equal(cedt.window[0].size, 4 * GIB);
	assert_int_equal(cedt.window[0].restrictions, 0x1234);
	assert_int_equal(cedt.window[0].targets, 1);
	assert_int_equal(cedt.window[0].target[0], 100);
}

static void test_unknown_structure(void **state)
{
	struct table table;
	struct cedt cedt;

	(void)state;
	begin(&table);
	put(&table, 200, 2);
	put(&table, 5, 2);
	put(&table, 0xff, 1);
	put_chbs(&table, 1, 1, 0x1000000, 0x10000);
	cedt = expect_valid(&table);
	assert_int_equal(cedt.bridges, 1);
}

static void test_interleave_ways(void **state)
{
	static const unsigned int ways[] = { 1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12 };
	struct table table;
	struct cedt cedt;

	(void)state;
	for (unsigned int eniw = 0; eniw < 256; eniw++) {
		unsigned int count = eniw < 11 ? ways[eniw] : 0;

		begin(&table);
		put_cfmws(&table, GIB, GIB, eniw, count ? count : 1);
		if (!count) {
			expect_invalid(&table, HEADER, "interleave ways");
			continue;
		}
		cedt = expect_valid(&table);
		assert_int_equal(cedt.window[0].targets, count);
		assert_int_equal(cedt.window[0].target[count - 1], 100 + count - 1);
		if (count == 1)
			continue;

		begin(&table);
		put_cfmws(&table, GIB, GIB, eniw, count - 1);
		expect_invalid(&table, HEADER, "list of targets");
	}
}

static void test_header(void **state)
{
	struct cedt_error error;
	struct table table;
	struct cedt cedt;

	(void)state;
	begin(&table);
	table.bytes[0] = 'X';
	expect_invalid(&table, 0, "signature");

	begin(&table);
	seal(&table);
	table.bytes[9] ^= 1;
	assert_false(parse_exact(table.bytes, table.length, &cedt, &error));
	assert_non_null(strstr(error.what, "checksum"));

	begin(&table);
	seal(&table);
	assert_false(parse_exact(table.bytes, table.length + 1, &cedt, &error));
	assert_non_null(strstr(error.what, "length field"));
}

static void test_structure_length(void **state)
{
	struct table table;

	(void)state;
	begin(&table);
	put_chbs(&table, 1, 1, 0x1000000, 0x10000);
	put(&table, 0, 3);
	expect_invalid(&table, HEADER + 32, "past the end");

	begin(&table);
	put(&table, 0, 2);
	put(&table, 33, 2);
	table.length = HEADER + 32;
	expect_invalid(&table, HEADER, "past the end");

	for (unsigned int length = 0; length < 4; length++) {
		begin(&table);
		put(&table, 7, 2);
		put(&table, length, 2);
		expect_invalid(&table, HEADER, "shorter than its own header");
	}

	for (unsigned int type = 0; type < 2; type++) {
		begin(&table);
		put(&table, type, 2);
		put(&table, 31, 2);
		table.length = HEADER + 31;
		expect_invalid(&table, HEADER, "too short for its type");
	}
}

static void test_bridges(void **state)
{
	struct table table;

	(void)state;
	begin(&table);
	put_chbs(&table, 5, 1, 0x1000000, 0x10000);
	put_chbs(&table, 5, 1, 0x2000000, 0x10000);
	expect_invalid(&table, HEADER + 32, "same UID");

	begin(&table);
	put_chbs(&table, 5, 1, UINT64_MAX - 0xffff, 0x20000);
	expect_invalid(&table, HEADER, "address space");

	begin(&table);
	for (unsigned int i = 0; i < CEDT_MAX_BRIDGES; i++)
		put_chbs(&table, i, 1, 0x1000000, 0x10000);
	assert_int_equal(expect_valid(&table).bridges, CEDT_MAX_BRIDGES);
	put_chbs(&table, CEDT_MAX_BRIDGES, 1, 0x1000000, 0x10000);
	expect_invalid(&table, HEADER + 32 * CEDT_MAX_BRIDGES, "more host bridges");
}

static void test_windows(void **state)
{
	static const struct {
		uint64_t base, size;
		const char *what;
	} bad[] = {
		{ GIB + 0x8000000, GIB, "multiple of 256 MiB" },
		{ GIB, GIB + 0x1000, "multiple of 256 MiB" },
		{ GIB, 0, "empty" },
		{ UINT64_MAX - GIB + 1, 2 * GIB, "address space" },
		{ UINT64_MAX - GIB + 1, GIB, "address space" },
	};
	struct table table;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(&table);
		put_cfmws(&table, bad[i].base, bad[i].size, 0, 1);
		expect_invalid(&table, HEADER, bad[i].what);
	}

	begin(&table);
	put_cfmws(&table, 4 * GIB, 2 * GIB, 0, 1);
	put_cfmws(&table, 6 * GIB, GIB, 0, 1);
	put_cfmws(&table, 3 * GIB, GIB, 0, 1);
	assert_int_equal(expect_valid(&table).windows, 3);
	put_cfmws(&table, 5 * GIB, GIB, 0, 1);
	expect_invalid(&table, HEADER + 3 * 40, "overlap");

	begin(&table);
	for (unsigned int i = 0; i < CEDT_MAX_WINDOWS; i++)
		put_cfmws(&table, i * GIB, GIB, 0, 1);
	assert_int_equal(expect_valid(&table).windows, CEDT_MAX_WINDOWS);
	put_cfmws(&table, CEDT_MAX_WINDOWS * GIB, GIB, 0, 1);
	expect_invalid(&table, HEADER + 40 * CEDT_MAX_WINDOWS, "more windows");
}

static void test_damage(void **state)
{
	struct table good, bad;
	struct cedt_error error;
	struct cedt cedt;

	(void)state;
	begin(&good);
	put_chbs(&good, 12, 1, 0x480000000ull, 0x10000);
	put_cfmws(&good, 0x490000000ull, 4 * GIB, 1, 2);
	seal(&good);

	for (size_t length = 0; length < good.length; length++)
		assert_false(parse_exact(good.bytes, length, &cedt, &error));

	for (size_t length = HEADER; length < good.length; length++) {
		bad = good;
		bad.length = length;
		seal(&bad);
		parse_exact(bad.bytes, bad.length, &cedt, &error);
	}

	for (size_t at = HEADER; at < good.length; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			bad = good;
			bad.bytes[at] = value;
			seal(&bad);
			if (!parse_exact(bad.bytes, bad.length, &cedt, &error))
				assert_true(error.offset >= HEADER &&
					    error.offset < bad.length);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_unknown_structure),
		cmocka_unit_test(test_interleave_ways),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_structure_length),
		cmocka_unit_test(test_bridges),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
