// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: of the decoders of a host bridge or a switch, the firmware
 * stand-in takes the one that leads to a range and a port already, or else the
 * next in order, and knows where that may begin at the lowest; and a component that does
 * not commit is told.
 *
 * How: the registers are memory, filled with what hardware would have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cxl_regs.h"
/* Not that of the registers, which has the same name. */
#include "../../lab/firmware/hdm.h"

#define MIB	0x100000ull
#define GIB	0x40000000ull
#define HDM_AT	0x200
#define FOUR	2	/* Decoder_Count (8.2.4.20.1) */

static uint32_t cm[CXLR_CM_SIZE / 4];
static struct hdm hdm;

static void set(unsigned int offset, uint64_t value)
{
	cm[(HDM_AT + offset) / 4] = value;
}

static void put(unsigned int n, uint64_t base, uint64_t size, uint32_t targets, uint32_t ctrl)
{
	set(CXLR_HDM_BASE_LOW(n), base);
	set(CXLR_HDM_BASE_HIGH(n), base >> 32);
	set(CXLR_HDM_SIZE_LOW(n), size);
	set(CXLR_HDM_SIZE_HIGH(n), size >> 32);
	set(CXLR_HDM_TARGET_LOW(n), targets);
	set(CXLR_HDM_CTRL(n), ctrl);
}

static int fresh_component(void **state)
{
	(void)state;
	memset(cm, 0, sizeof(cm));
	cm[CXLR_CAP_ARRAY / 4] = CXLR_CAP_ID_ARRAY | 1u << CXLR_CAP_ARRAY_SIZE_SHIFT;
	cm[CXLR_CAP_HEADER(0) / 4] = CXLR_CAP_ID_HDM | HDM_AT << CXLR_CAP_POINTER_SHIFT;
	set(CXLR_HDM_CAP, FOUR);
	assert_null(hdm_find(&hdm, cm));
	assert_int_equal(hdm.decoders, 4);
	return 0;
}

static void test_next_decoder_is_the_first_uncommitted(void **state)
{
	(void)state;
	assert_int_equal(hdm_decoder_for(&hdm, 16 * GIB, GIB), 0);
	assert_true(hdm_next_base(&hdm) == 0);
	put(0, 16 * GIB, GIB, 1, CXLR_HDM_CTRL_COMMITTED);
	put(1, 17 * GIB, 256 * MIB, 2, CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_LOCK);
	assert_int_equal(hdm_decoder_for(&hdm, 18 * GIB, GIB), 2);
	assert_true(hdm_next_base(&hdm) == 17 * GIB + 256 * MIB);
	/* Beyond one that is not committed, none is. */
	put(3, 20 * GIB, GIB, 1, CXLR_HDM_CTRL_COMMITTED);
	assert_int_equal(hdm_decoder_for(&hdm, 20 * GIB, GIB), 2);
	assert_true(hdm_next_base(&hdm) == 17 * GIB + 256 * MIB);
}

static void test_decoder_that_has_the_range_is_taken(void **state)
{
	(void)state;
	put(0, 16 * GIB, GIB, 1, CXLR_HDM_CTRL_COMMITTED);
	put(1, 17 * GIB, GIB, 2, CXLR_HDM_CTRL_COMMITTED);
	assert_int_equal(hdm_decoder_for(&hdm, 16 * GIB, GIB), 0);
	assert_int_equal(hdm_decoder_for(&hdm, 17 * GIB, GIB), 1);
	assert_int_equal(hdm_decoder_for(&hdm, 17 * GIB, 2 * GIB), 2);
}

static void test_none_is_left(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++)
		put(n, (16 + n) * GIB, GIB, n, CXLR_HDM_CTRL_COMMITTED);
	assert_int_equal(hdm_decoder_for(&hdm, 30 * GIB, GIB), 4);
	assert_int_equal(hdm_decoder_for(&hdm, 19 * GIB, GIB), 3);
}

/* Two devices behind one root port are told by the ports of the switch. */
static void test_decoder_leads_to_one_port(void **state)
{
	struct hdm_decoder decoder;

	(void)state;
	put(0, 16 * GIB, GIB, 0xffffff01, CXLR_HDM_CTRL_COMMITTED);
	put(1, 17 * GIB, GIB, 2, CXLR_HDM_CTRL_COMMITTED);
	put(2, 18 * GIB, GIB, 3, CXLR_HDM_CTRL_COMMITTED | 1u << CXLR_HDM_CTRL_IW_SHIFT);
	put(3, 19 * GIB, GIB, 4, 0);
	assert_true(hdm_leads_to(&hdm, 2, GIB, &decoder));
	assert_true(decoder.base == 17 * GIB);
	assert_true(hdm_leads_to(&hdm, 1, GIB, &decoder));
	assert_true(decoder.base == 16 * GIB);
	assert_false(hdm_leads_to(&hdm, 1, 2 * GIB, &decoder));
	assert_false(hdm_leads_to(&hdm, 0, GIB, &decoder));
	assert_false(hdm_leads_to(&hdm, 3, GIB, &decoder));
	assert_false(hdm_leads_to(&hdm, 4, GIB, &decoder));
}

static void test_component_without_decoders(void **state)
{
	struct hdm_decoder decoder;

	(void)state;
	cm[CXLR_CAP_ARRAY / 4] = CXLR_CAP_ID_ARRAY;
	assert_null(hdm_find(&hdm, cm));
	assert_null(hdm.regs);
	assert_int_equal(hdm_committed(&hdm), 0);
	assert_true(hdm_next_base(&hdm) == 0);
	assert_false(hdm_leads_to(&hdm, 0, GIB, &decoder));
}

/* Memory does not set COMMITTED. */
static void test_commit_that_does_not_happen(void **state)
{
	const struct hdm_decoder decoder = { 16 * GIB, GIB, 1, CXLR_HDM_CTRL_LOCK };
	const char *why = hdm_commit(&hdm, 0, &decoder);

	(void)state;
	assert_non_null(why);
	assert_non_null(strstr(why, "neither committed nor in error"));
	assert_int_equal(cm[(HDM_AT + CXLR_HDM_TARGET_LOW(0)) / 4], 1);
	assert_int_equal(cm[(HDM_AT + CXLR_HDM_CTRL(0)) / 4], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_next_decoder_is_the_first_uncommitted, fresh_component),
		cmocka_unit_test_setup(test_decoder_that_has_the_range_is_taken, fresh_component),
		cmocka_unit_test_setup(test_none_is_left, fresh_component),
		cmocka_unit_test_setup(test_decoder_leads_to_one_port, fresh_component),
		cmocka_unit_test_setup(test_component_without_decoders, fresh_component),
		cmocka_unit_test_setup(test_commit_that_does_not_happen, fresh_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
