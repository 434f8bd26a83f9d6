// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: reasons against access to the memory may begin and end in any order. The last
 * one that restores does so, and no other. docs/lifecycle.md has the table of
 * driver/life/rules.c. With --print the program prints that table.
 *
 * How: all pairs in both orders, and random sequences of all reasons against a model of a
 * device that loses what was programmed whenever a reason begins that may take it.
 *
 * Not covered: what restoring does, and that the driver asks; the tests of the driver do.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life/rules.h"
#include "random.h"

#define PAGE	"../../docs/lifecycle.md"
#define STEPS	1000000

struct device {
	unsigned long held;
	bool lost;
	unsigned int restores;
};

static void begin(struct device *device, enum cxl_vfio_reason why)
{
	device->held |= 1ul << why;
	device->lost |= cxl_vfio_rules[why].restores;
}

static void end(struct device *device, enum cxl_vfio_reason why)
{
	if (cxl_vfio_last_to_restore(why, device->held)) {
		device->lost = false;
		device->restores++;
	}
	device->held &= ~(1ul << why);
}

static bool restoring_held(const struct device *device)
{
	unsigned int why;

	for (why = 0; why < CXL_VFIO_WHY_COUNT; why++)
		if (device->held & 1ul << why && cxl_vfio_rules[why].restores)
			return true;
	return false;
}

static void test_last_of_two_restores_once(void **state)
{
	unsigned int a, b, order;

	(void)state;
	for (a = 0; a < CXL_VFIO_WHY_COUNT; a++) {
		for (b = 0; b < CXL_VFIO_WHY_COUNT; b++) {
			for (order = 0; order < 2 && a != b; order++) {
				struct device device = { };

				begin(&device, a);
				begin(&device, b);
				end(&device, order ? a : b);
				assert_true(device.lost == restoring_held(&device));
				end(&device, order ? b : a);
				assert_false(device.lost);
				assert_int_equal(device.restores, cxl_vfio_rules[a].restores ||
						 cxl_vfio_rules[b].restores);
			}
		}
	}
}

static void test_nothing_stays_lost(void **state)
{
	struct device device = { };
	uint64_t random = 1;
	unsigned int i;

	(void)state;
	for (i = 0; i < STEPS; i++) {
		enum cxl_vfio_reason why = random_below(&random, CXL_VFIO_WHY_COUNT);

		if (device.held & 1ul << why)
			end(&device, why);
		else
			begin(&device, why);
		assert_true(device.lost == restoring_held(&device));
	}
	assert_true(device.restores > STEPS / 1000);
}

static void test_each_rule_is_whole(void **state)
{
	unsigned int why;

	(void)state;
	for (why = 0; why < CXL_VFIO_WHY_COUNT; why++) {
		const struct cxl_vfio_rule *rule = &cxl_vfio_rules[why];

		assert_non_null(rule->name);
		assert_non_null(rule->begins);
		assert_non_null(rule->ends);
		/* What the device may have lost, it stops decoding for. */
		assert_true(rule->restores || !rule->unmap);
	}
}

static void print_row(FILE *file, const struct cxl_vfio_rule *rule)
{
	const char *c;

	fputs("| `", file);
	for (c = rule->name; *c; c++)
		fputc(toupper((unsigned char)*c), file);
	fprintf(file, "` | %s | %s | %s | %s | %s |\n", rule->begins,
		rule->flush ? "flushed" : "", rule->unmap ? "removed" : "",
		rule->restores ? "by the last one" : "", rule->ends);
}

static void print_table(FILE *file)
{
	unsigned int why;

	fputs("| reason | begins when | CPU caches | the kernel's mapping | restored | ends when |\n"
	      "|---|---|---|---|---|---|\n", file);
	for (why = 0; why < CXL_VFIO_WHY_COUNT; why++)
		print_row(file, &cxl_vfio_rules[why]);
}

static char *read_page(void)
{
	FILE *file = fopen(PAGE, "r");
	size_t len = 0;
	char *text = NULL;

	assert_non_null(file);
	assert_true(getdelim(&text, &len, '\0', file) > 0);
	fclose(file);
	return text;
}

static void test_page_has_the_table(void **state)
{
	char *page = read_page(), *table;
	size_t len;
	FILE *file = open_memstream(&table, &len);

	(void)state;
	print_table(file);
	fclose(file);
	if (!strstr(page, table))
		fail_msg("docs/lifecycle.md has another table than driver/life/rules.c: make docs");
	free(table);
	free(page);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_of_two_restores_once),
		cmocka_unit_test(test_nothing_stays_lost),
		cmocka_unit_test(test_each_rule_is_whole),
		cmocka_unit_test(test_page_has_the_table),
	};

	if (argc > 1 && !strcmp(argv[1], "--print")) {
		print_table(stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
