// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it proves: the register maps are sound, and say what the specification
 * says. Sound: every bit of every register is in exactly one row, registers do
 * not overlap, locks are where the rows say, nothing that is reserved has a
 * value.
 *
 * How: a walk over all maps for what holds of each; for the specification,
 * masks and values written here a second time, as numbers.
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine.h"

#define ATTR(attr)	(1u << CXLR_##attr)
#define READ_ONLY	(ATTR(RO) | ATTR(ROS) | ATTR(HWINIT))
#define RESERVED	(ATTR(RSVDP) | ATTR(RSVDZ))
#define WRITABLE	(ATTR(RW) | ATTR(RWS) | ATTR(RWL) | ATTR(RWO))

/* What surrounds a register: the map, and the rows that its locks are among. */
struct place {
	const struct cxlr_map *map;
	const struct cxlr_reg *rows;
	unsigned int count;
};

typedef void (*reg_check)(const struct place *place, const struct cxlr_reg *reg);
typedef void (*field_check)(const struct place *place, const struct cxlr_reg *reg,
			    const struct cxlr_field *field);

static uint64_t all_bits(const struct cxlr_reg *reg)
{
	return ~0ull >> (64 - 8 * reg->size);
}

static const struct cxlr_reg *find_reg(const struct cxlr_reg *rows, unsigned int count,
				       unsigned int offset)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (rows[i].offset == offset)
			return &rows[i];
	fail_msg("no register at 0x%x", offset);
	return NULL;
}

static void each_reg(reg_check check)
{
	const struct cxlr_map * const *map;
	struct place place;
	unsigned int i;

	for (map = cxlr_maps; *map; map++) {
		place = (struct place) { *map, (*map)->regs, (*map)->nr_regs };
		for (i = 0; i < place.count; i++)
			check(&place, &place.rows[i]);
		place = (struct place) { *map, (*map)->unit, (*map)->nr_unit };
		for (i = 0; i < place.count; i++)
			check(&place, &place.rows[i]);
	}
}

static field_check check_field;

static void each_field_of(const struct place *place, const struct cxlr_reg *reg)
{
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		check_field(place, reg, &reg->fields[i]);
}

static void each_field(field_check check)
{
	check_field = check;
	each_reg(each_field_of);
}

/* The maps as such. */

static void check_rows(const struct cxlr_reg *rows, unsigned int count, unsigned int size)
{
	unsigned int i, end = 0;

	for (i = 0; i < count; i++) {
		assert_in_range(rows[i].offset, end, size);
		assert_int_equal(rows[i].offset % rows[i].size, 0);
		end = rows[i].offset + rows[i].size;
	}
	assert_in_range(end, 1, size);
}

static void test_layout(void **state)
{
	const struct cxlr_map * const *map;

	(void)state;
	for (map = cxlr_maps; *map; map++) {
		check_rows((*map)->regs, (*map)->nr_regs, (*map)->size);
		assert_int_equal(!(*map)->unit, !(*map)->nr_unit);
		assert_int_equal(!(*map)->unit, !(*map)->unit_max);
		if (!(*map)->unit)
			continue;
		check_rows((*map)->unit, (*map)->nr_unit, (*map)->unit_stride);
		assert_int_equal((*map)->unit_first, (*map)->size);
		assert_int_equal((*map)->unit_first % 4, 0);
		assert_int_equal((*map)->unit_stride % 4, 0);
	}
}

static void test_find(void **state)
{
	const struct cxlr_map * const *map;

	(void)state;
	/* Ids are unique, or one of two maps would not be found. */
	for (map = cxlr_maps; *map; map++)
		assert_ptr_equal(cxlr_map_find((*map)->kind, (*map)->id), *map);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_DVSEC, 0), &cxlr_map_dvsec_device);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_DVSEC, 5), &cxlr_map_dvsec_gpf);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_DVSEC, 7), &cxlr_map_dvsec_flex_bus);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_DVSEC, 8), &cxlr_map_dvsec_locator);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 1), &cxlr_map_array);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 2), &cxlr_map_ras);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 3), &cxlr_map_security);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 4), &cxlr_map_link);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 5), &cxlr_map_hdm);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 6), &cxlr_map_ext_security);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 8), &cxlr_map_snoop_filter);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 12), &cxlr_map_bi);
	assert_ptr_equal(cxlr_map_find(CXLR_MAP_CM, 16), &cxlr_map_metadata);
	assert_null(cxlr_map_find(CXLR_MAP_CM, 0));
	assert_null(cxlr_map_find(CXLR_MAP_DVSEC, 3));
}

static regex_t section_pattern;

static void check_section(const char *section)
{
	assert_non_null(section);
	assert_int_equal(regexec(&section_pattern, section, 0, NULL, 0), 0);
}

/* A register's section is the map's or within it; the array's headers have sections beside it. */
static void check_texts_of(const struct place *place, const struct cxlr_reg *reg)
{
	const char *outer = place->map->section;

	assert_non_null(reg->name);
	check_section(reg->section);
	if (place->map != &cxlr_map_array)
		assert_memory_equal(reg->section, outer, strlen(outer));
}

static void test_texts(void **state)
{
	const struct cxlr_map * const *map;

	(void)state;
	assert_int_equal(regcomp(&section_pattern, "^[0-9]+(\\.[0-9]+)+$", REG_EXTENDED), 0);
	for (map = cxlr_maps; *map; map++) {
		assert_non_null((*map)->name);
		assert_non_null((*map)->offered);
		check_section((*map)->section);
	}
	each_reg(check_texts_of);
	regfree(&section_pattern);
}

/* The registers. */

static void check_coverage_of(const struct place *place, const struct cxlr_reg *reg)
{
	uint64_t next = 1, covered = 0;
	unsigned int i;

	(void)place;
	for (i = 0; i < reg->nr_fields; i++) {
		uint64_t mask = reg->fields[i].mask, low = mask & -mask;

		/* One run of bits, which begins where the one before it ended. */
		assert_int_equal(low, next);
		assert_int_equal(mask & (mask + low), 0);
		next = mask + low;
		covered |= mask;
	}
	assert_int_equal(covered, all_bits(reg));
}

static void test_coverage(void **state)
{
	(void)state;
	each_reg(check_coverage_of);
}

static void check_width_of(const struct place *place, const struct cxlr_reg *reg)
{
	if (place->map->kind == CXLR_MAP_CM) {
		assert_true(reg->size == 4 || reg->size == 8);
		assert_int_equal(reg->widths, reg->size);
	} else {
		assert_true(reg->size == 2 || reg->size == 4);
		assert_int_equal(reg->widths, CXLR_ANY_WIDTH);
	}
}

static void test_widths(void **state)
{
	(void)state;
	each_reg(check_width_of);
}

/* The fields. */

static void check_lock_of(const struct place *place, const struct cxlr_reg *reg,
			  const struct cxlr_field *field)
{
	const struct cxlr_lock *lock = field->lock;

	(void)reg;
	assert_int_equal(field->attr == CXLR_RWL, !!lock);
	if (!lock)
		return;
	assert_non_null(lock->name);
	if (lock->outside)
		return;
	assert_int_not_equal(lock->mask, 0);
	assert_int_equal(lock->value & ~lock->mask, 0);
	reg = find_reg(place->rows, place->count, lock->offset);
	assert_int_equal(lock->mask & ~all_bits(reg), 0);
}

static void test_locks(void **state)
{
	(void)state;
	each_field(check_lock_of);
}

static void check_value_of(const struct place *place, const struct cxlr_reg *reg,
			   const struct cxlr_field *field)
{
	unsigned int attr = 1u << field->attr;

	(void)place;
	(void)reg;
	assert_in_range(field->attr, 0, CXLR_NR_ATTRS - 1);
	assert_in_range(field->view, 0, CXLR_NR_VIEWS - 1);
	assert_non_null(field->name);
	assert_int_equal(field->initial & ~field->mask, 0);
	if (attr & RESERVED) {
		assert_int_equal(field->initial, 0);
		assert_int_equal(field->view, CXLR_VIEW_ZERO);
	}
	if (field->effect || field->view == CXLR_VIEW_PASS)
		assert_true(attr & WRITABLE);
	if (field->view == CXLR_VIEW_EDGE)
		assert_true(attr & (ATTR(RW1C) | ATTR(RW1CS)));
	if (field->reads_zero) {
		assert_int_not_equal(field->effect, CXLR_EFFECT_NONE);
		assert_int_equal(field->initial, 0);
	}
}

static void test_values(void **state)
{
	(void)state;
	each_field(check_value_of);
}

/* A capability that a user does not see is one that it does not have, nor any field of it. */
static void check_need_of(const struct place *place, const struct cxlr_reg *reg,
			  const struct cxlr_field *field)
{
	const struct cxlr_need *need = field->need;

	if (!need)
		return;
	assert_non_null(need->name);
	assert_int_not_equal(need->mask, 0);
	reg = find_reg(place->map->regs, place->map->nr_regs, need->offset);
	if (cxlr_view_mask(reg, 1u << CXLR_VIEW_ZERO) & need->mask)
		assert_int_equal(field->view, CXLR_VIEW_ZERO);
}

static void test_needs(void **state)
{
	(void)state;
	each_field(check_need_of);
}

/* The specification, by numbers. */

static const struct cxlr_reg *reg_in(const struct cxlr_map *map, unsigned int offset)
{
	return find_reg(map->regs, map->nr_regs, offset);
}

static const struct cxlr_reg *unit_reg(const struct cxlr_map *map, unsigned int offset)
{
	return find_reg(map->unit, map->nr_unit, offset);
}

static uint64_t bits_with(const struct cxlr_reg *reg, unsigned int attrs)
{
	uint64_t mask = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (attrs & 1u << reg->fields[i].attr)
			mask |= reg->fields[i].mask;
	return mask;
}

static uint64_t bits_locked_by(const struct cxlr_reg *reg, uint32_t mask)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (reg->fields[i].lock && reg->fields[i].lock->mask == mask &&
		    reg->fields[i].lock->value == mask)
			bits |= reg->fields[i].mask;
	return bits;
}

static uint64_t bits_after(const struct cxlr_reg *reg, enum cxlr_effect effect)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (reg->fields[i].effect == effect)
			bits |= reg->fields[i].mask;
	return bits;
}

static uint64_t bits_needing(const struct cxlr_reg *reg, unsigned int offset, uint32_t mask)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		if (reg->fields[i].need && reg->fields[i].need->offset == offset &&
		    reg->fields[i].need->mask == mask)
			bits |= reg->fields[i].mask;
	return bits;
}

static uint64_t initial(const struct cxlr_reg *reg)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < reg->nr_fields; i++)
		value |= reg->fields[i].initial;
	return value;
}

static void test_dvsec_headers(void **state)
{
	(void)state;
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_device, 0)), 0x00010023);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_device, 4)), 0x03c31e98);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_device, 8)), 0);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_gpf, 4)), 0x01001e98);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_gpf, 8)), 5);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_flex_bus, 4)), 0x02021e98);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_flex_bus, 8)), 7);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_locator, 4)), 0x00c01e98);
	assert_int_equal(initial(reg_in(&cxlr_map_dvsec_locator, 8)), 8);
}

static void test_dvsec_device(void **state)
{
	const struct cxlr_map *map = &cxlr_map_dvsec_device;
	unsigned int range;

	(void)state;
	assert_int_equal(map->size, 0x3c);
	assert_int_equal(bits_with(reg_in(map, 0x0a), READ_ONLY), 0xffff);
	assert_int_equal(bits_locked_by(reg_in(map, 0x0c), 1), 0x5ffd);
	assert_int_equal(initial(reg_in(map, 0x0c)), 0x0002);
	assert_int_equal(bits_after(reg_in(map, 0x0c), CXLR_EFFECT_MEM_ENABLE), 0x0004);
	assert_int_equal(bits_with(reg_in(map, 0x0e), ATTR(RW1CS)), 0x4000);
	assert_int_equal(bits_with(reg_in(map, 0x10), WRITABLE), 0x003f);
	assert_int_equal(bits_with(reg_in(map, 0x10), ATTR(RWS)), 0x0010);
	assert_int_equal(bits_after(reg_in(map, 0x10), CXLR_EFFECT_WBI), 0x0002);
	assert_int_equal(bits_after(reg_in(map, 0x10), CXLR_EFFECT_CXL_RESET), 0x0004);
	assert_int_equal(bits_with(reg_in(map, 0x12), READ_ONLY), 0x8007);
	assert_int_equal(bits_with(reg_in(map, 0x12), ATTR(RW1CS)), 0x0008);
	/* Volatile HDM State after Hot Reset Configurability. */
	assert_int_equal(bits_needing(reg_in(map, 0x12), 0x38, 0x0008), 0x0008);
	assert_int_equal(bits_with(reg_in(map, 0x14), ATTR(RWO)), 0x0001);
	assert_int_equal(bits_with(reg_in(map, 0x16), READ_ONLY), 0xffff);
	for (range = 0x18; range <= 0x28; range += 0x10) {
		assert_int_equal(bits_with(reg_in(map, range), READ_ONLY), 0xffffffff);
		assert_int_equal(bits_with(reg_in(map, range + 4), READ_ONLY), 0xf001ffff);
		assert_int_equal(bits_locked_by(reg_in(map, range + 8), 1), 0xffffffff);
		assert_int_equal(bits_locked_by(reg_in(map, range + 12), 1), 0xf0000000);
	}
	assert_int_equal(bits_with(reg_in(map, 0x38), READ_ONLY), 0x001f);
}

static void test_dvsec_others(void **state)
{
	const struct cxlr_map *locator = &cxlr_map_dvsec_locator;

	(void)state;
	assert_int_equal(bits_with(reg_in(&cxlr_map_dvsec_gpf, 0x0a), READ_ONLY), 0x0f0f);
	assert_int_equal(bits_with(reg_in(&cxlr_map_dvsec_flex_bus, 0x0a), READ_ONLY), 0x6067);
	assert_int_equal(bits_with(reg_in(&cxlr_map_dvsec_flex_bus, 0x0c), READ_ONLY), 0x63ff);
	assert_int_equal(bits_with(reg_in(&cxlr_map_dvsec_flex_bus, 0x0e), READ_ONLY), 0xe07f);
	assert_int_equal(bits_with(reg_in(&cxlr_map_dvsec_flex_bus, 0x0e), ATTR(RW1CS)), 0x1f00);
	assert_int_equal(locator->unit_first, 0x0c);
	assert_int_equal(locator->unit_stride, 8);
	assert_int_equal(bits_with(unit_reg(locator, 0), READ_ONLY), 0xffffff07);
}

static void test_array(void **state)
{
	(void)state;
	assert_int_equal(initial(reg_in(&cxlr_map_array, 0)), 0x00110001);
	assert_int_equal(cxlr_map_array.unit_first, 4);
	assert_int_equal(cxlr_map_array.unit_stride, 4);
	assert_int_equal(unit_reg(&cxlr_map_array, 0)->fields[2].mask, 0xfff00000);
}

static void test_ras(void **state)
{
	const struct cxlr_map *map = &cxlr_map_ras;
	unsigned int offset;

	(void)state;
	assert_int_equal(map->size, 0x58);
	assert_int_equal(bits_with(reg_in(map, 0x00), ATTR(RW1CS)), 0x1cfff);
	assert_int_equal(initial(reg_in(map, 0x00)), 0);
	assert_int_equal(bits_with(reg_in(map, 0x04), ATTR(RWS)), 0x1cfff);
	assert_int_equal(initial(reg_in(map, 0x04)), 0x1cfff);
	assert_int_equal(bits_with(reg_in(map, 0x08), ATTR(RWS)), 0x1cfff);
	assert_int_equal(initial(reg_in(map, 0x08)), 0x1cfff);
	assert_int_equal(bits_with(reg_in(map, 0x0c), ATTR(RW1CS)), 0x7f);
	assert_int_equal(initial(reg_in(map, 0x10)), 0x7f);
	assert_int_equal(bits_with(reg_in(map, 0x14), ATTR(ROS)), 0x3f);
	for (offset = 0x18; offset < 0x58; offset += 4)
		assert_int_equal(bits_with(reg_in(map, offset), ATTR(ROS)), 0xffffffff);
}

static void test_hdm(void **state)
{
	const struct cxlr_map *map = &cxlr_map_hdm;
	const struct cxlr_reg *control = unit_reg(map, 0x10);

	(void)state;
	assert_int_equal(map->unit_first, 0x10);
	assert_int_equal(map->unit_stride, 0x20);
	assert_int_equal(map->unit_max, 32);
	assert_int_equal(bits_with(reg_in(map, 0x00), READ_ONLY), 0x703fff);
	assert_int_equal(bits_with(reg_in(map, 0x04), ATTR(RW)), 0x3);
	assert_int_equal(bits_after(reg_in(map, 0x04), CXLR_EFFECT_HDM_ENABLE), 0x2);
	/* While Commit is set, all but Commit; that, once Committed with Lock On Commit. */
	assert_int_equal(bits_locked_by(unit_reg(map, 0x00), 0x200), 0xf0000000);
	assert_int_equal(bits_locked_by(unit_reg(map, 0x04), 0x200), 0xffffffff);
	assert_int_equal(bits_locked_by(unit_reg(map, 0x08), 0x200), 0xf0000000);
	assert_int_equal(bits_locked_by(unit_reg(map, 0x0c), 0x200), 0xffffffff);
	assert_int_equal(bits_locked_by(unit_reg(map, 0x14), 0x200), 0xf0000000);
	assert_int_equal(bits_locked_by(unit_reg(map, 0x18), 0x200), 0xffffffff);
	assert_int_equal(bits_locked_by(control, 0x200), 0x000071ff);
	assert_int_equal(bits_locked_by(control, 0x500), 0x200);
	assert_int_equal(bits_needing(control, 0x00, 0x2000), 0x4000);
	assert_int_equal(bits_after(control, CXLR_EFFECT_COMMIT), 0x200);
	assert_int_equal(bits_with(control, READ_ONLY), 0xc00);
}

static void test_decoder_count(void **state)
{
	static const unsigned int counts[16] = { 1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32 };
	unsigned int code;

	(void)state;
	for (code = 0; code < 16; code++) {
		assert_int_equal(cxlr_hdm_decoder_count(code), counts[code]);
		assert_int_equal(cxlr_hdm_decoder_count(code | 0xfffffff0), counts[code]);
	}
}

static void test_link(void **state)
{
	const struct cxlr_map *map = &cxlr_map_link;
	unsigned int i;

	(void)state;
	assert_int_equal(map->size, 0x38);
	assert_int_equal(map->nr_regs, 7);
	for (i = 0; i < map->nr_regs; i++)
		assert_int_equal(map->regs[i].widths, 8);
	assert_int_equal(bits_with(reg_in(map, 0x00), RESERVED), 0xf800000000000000);
	assert_int_equal(bits_with(reg_in(map, 0x10), ATTR(RWS)), 0x0fffffffffffffff);
	assert_int_equal(initial(reg_in(map, 0x28)), 0x2010);
}

static void test_other_capabilities(void **state)
{
	(void)state;
	assert_int_equal(bits_with(reg_in(&cxlr_map_bi, 0x00), READ_ONLY), 0x3);
	assert_int_equal(bits_with(reg_in(&cxlr_map_bi, 0x04), ATTR(RW)), 0x6);
	assert_int_equal(bits_after(reg_in(&cxlr_map_bi, 0x04), CXLR_EFFECT_BI_COMMIT), 0x4);
	assert_int_equal(bits_with(reg_in(&cxlr_map_bi, 0x04), ATTR(RSVDP)), 0xfffffff9);
	assert_int_equal(bits_with(reg_in(&cxlr_map_bi, 0x08), READ_ONLY), 0xff03);
	assert_int_equal(bits_with(reg_in(&cxlr_map_bi, 0x08), ATTR(RSVDP)), 0xffff00fc);
	assert_int_equal(bits_with(reg_in(&cxlr_map_metadata, 0x00), READ_ONLY), 0x17f);
	assert_int_equal(bits_with(reg_in(&cxlr_map_metadata, 0x04), ATTR(RWL)), 0x8000017f);
	assert_int_equal(bits_with(reg_in(&cxlr_map_snoop_filter, 0x00), READ_ONLY), 0xffff);
	assert_int_equal(bits_with(reg_in(&cxlr_map_security, 0x00), ATTR(RW)), 0x7);
	assert_int_equal(cxlr_map_ext_security.unit_stride, 8);
	assert_int_equal(bits_with(unit_reg(&cxlr_map_ext_security, 0x00), ATTR(RW)), 0x3);
	assert_int_equal(bits_with(unit_reg(&cxlr_map_ext_security, 0x00), ATTR(RSVDP)),
			 0xfffffffc);
	assert_int_equal(initial(unit_reg(&cxlr_map_ext_security, 0x00)), 0x2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_dvsec_headers),
		cmocka_unit_test(test_dvsec_device),
		cmocka_unit_test(test_dvsec_others),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_ras),
		cmocka_unit_test(test_hdm),
		cmocka_unit_test(test_decoder_count),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_other_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
