// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The component registers: RAS, link, HDM and BI decoders, by the tables and the
 * engine in registers/ (CXL 3.1, 8.2.3 and 8.2.4).
 */
#include "cxl_accel.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "qemu/units.h"

static const struct accel_place places[] = {
	{ "middle", CXL_ACCEL_BAR, CXL_ACCEL_COMPONENT_OFFSET, CXL_ACCEL_BAR_SIZE },
	{ "end", CXL_ACCEL_BAR, CXL_ACCEL_BAR_SIZE - CXLR_COMPONENT_SIZE, CXL_ACCEL_BAR_SIZE },
	{ "start", CXL_ACCEL_COMPONENT_BAR, 0, 2 * CXLR_COMPONENT_SIZE },
	{ "alone", CXL_ACCEL_COMPONENT_BAR, 0, CXLR_COMPONENT_SIZE },
	{ "large", CXL_ACCEL_COMPONENT_BAR, 0, 4 * GiB },
};

/* The capability array lists these, at these places (8.2.4.1). */
static const struct cxlr_blocks capabilities = {
	.count = 5,
	.block = {
		{ .id = CXLR_CAP_ID_RAS, .version = 3, .at = ACCEL_CM_RAS, .map = &cxlr_map_ras },
		{ .id = CXLR_CAP_ID_LINK, .version = 2, .at = ACCEL_CM_LINK,
		  .map = &cxlr_map_link },
		{ .id = CXLR_CAP_ID_HDM, .version = 3, .at = ACCEL_CM_HDM, .map = &cxlr_map_hdm },
		/* From here on with hdm-db=on. */
		{ .id = CXLR_CAP_ID_BI_DECODER, .version = 1, .at = ACCEL_CM_BI,
		  .map = &cxlr_map_bi },
		{ .id = CXLR_CAP_ID_METADATA, .version = 1, .at = ACCEL_CM_METADATA,
		  .map = &cxlr_map_metadata },
	},
};

#define CAPABILITIES_WITHOUT_BI	3

#define METADATA_BITS	32

/* 8.2.4.17: Multiple_Header_Recording_Capability. */
#define RAS_MULTI_LOG	0x00000200u

/* Supported_Coherency_Models, 8.2.4.20.1: device-coherent only, which HDM-DB is too. */
#define COHERENCY_HDM_D	1

uint32_t accel_cm_get(CxlAccel *s, uint32_t offset)
{
	return cxlr_slot_at(&s->cm, offset) ? cxlr_get(&s->cm, offset) : 0;
}

bool accel_bi_enabled(CxlAccel *s)
{
	return accel_cm_get(s, ACCEL_CM_BI + CXLR_BI_CTRL) & CXLR_BI_CTRL_ENABLE;
}

struct accel_window accel_decoder_window(CxlAccel *s, unsigned int n)
{
	struct accel_window window = { 0 };
	struct cxlr_decode decode;

	if (!cxlr_hdm_decode(&s->hdm, n, &decode))
		return window;
	/* 8.2.4.20.12: without BI Enable, the operation of the device is undefined. */
	if (decode.ctrl & CXLR_HDM_CTRL_BI && !accel_bi_enabled(s))
		return window;
	/* With ways, only a part of the window is this device's: route.c has no such routes. */
	if (!(decode.ctrl & CXLR_HDM_CTRL_IW)) {
		window.hpa = decode.base;
		window.size = decode.size;
		window.dpa = decode.dpa;
	}
	return window;
}

static bool in_hdm(CxlAccel *s, hwaddr offset)
{
	return offset >= ACCEL_CM_HDM && offset < ACCEL_CM_HDM + CXLR_HDM_SIZE(s->decoders);
}

static void component_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	CxlAccel *s = space->owner;

	if (change->field->effect != CXLR_EFFECT_COMMIT)
		return;
	/* 8.2.4.20.12: the same. This device reports an error. */
	s->hdm.bi_capable = accel_bi_enabled(s);
	cxlr_hdm_effect(&s->hdm, change);
}

/* Where a device may have an ARB/MUX register (8.2.5.3); of those this one has none. */
static bool is_arb_mux_scratch(hwaddr addr, unsigned int size)
{
	return addr == CXL_ACCEL_ARB_MUX_SCRATCH && size == sizeof(uint32_t);
}

static uint64_t component_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;
	hwaddr offset = addr - CXLR_CM_OFFSET;
	uint64_t val;

	accel_note_access(s, false);
	if (addr < CXLR_CM_OFFSET || offset >= CXLR_CM_SIZE)
		return is_arb_mux_scratch(addr, size) ? s->arb_mux_scratch : 0;
	if (cxlr_read(&s->cm, offset, size, &val))
		return val;
	qemu_log_mask(LOG_GUEST_ERROR, "cxl-accel: %u-byte read of CM register %#"
		      HWADDR_PRIx "\n", size, offset);
	return UINT64_MAX;
}

static void component_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	CxlAccel *s = opaque;
	hwaddr offset = addr - CXLR_CM_OFFSET;

	accel_note_access(s, false);
	if (addr < CXLR_CM_OFFSET || offset >= CXLR_CM_SIZE) {
		s->component_writes++;
		if (is_arb_mux_scratch(addr, size))
			s->arb_mux_scratch = val;
		return;
	}
	if (in_hdm(s, offset))
		s->hdm_writes++;
	s->cm.locked = accel_config_locked(s);
	if (!cxlr_write(&s->cm, offset, size, val))
		qemu_log_mask(LOG_GUEST_ERROR, "cxl-accel: %u-byte write of CM register %#"
			      HWADDR_PRIx "\n", size, offset);
	if (s->refuse_bi)
		cxlr_set(&s->cm, ACCEL_CM_BI + CXLR_BI_CTRL, CXLR_BI_CTRL_ENABLE, 0);
	accel_map_update(s);
}

/* 8.2.3: what a register does not take reads as ones and writes nothing. */
static const MemoryRegionOps component_ops = {
	.read = component_read,
	.write = component_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

void accel_component_reset(CxlAccel *s, enum cxlr_reset kind)
{
	cxlr_reset(&s->cm, kind);
	cxlr_hdm_reset(&s->hdm);
}

static bool place_capabilities(CxlAccel *s)
{
	uint32_t capability = COHERENCY_HDM_D << CXLR_HDM_CAP_COHERENCY_SHIFT;
	struct cxlr_blocks blocks = capabilities;
	struct cxlr_space *cm = &s->cm;

	if (s->interleave)
		capability |= CXLR_HDM_CAP_INTERLEAVE_11_8 | CXLR_HDM_CAP_INTERLEAVE_14_12;
	if (!s->hdm_db)
		blocks.count = CAPABILITIES_WITHOUT_BI;
	if (!cxlr_place_capabilities(cm, &blocks, s->decoders) ||
	    !cxlr_hdm_init(&s->hdm, cm, ACCEL_CM_HDM, s->decoders, s->mem_size, capability))
		return false;
	cxlr_init(cm, ACCEL_CM_RAS + CXLR_RAS_CAP_CTRL, RAS_MULTI_LOG, RAS_MULTI_LOG);
	if (s->hdm_db)
		cxlr_init(cm, ACCEL_CM_METADATA + CXLR_METADATA_CAP, UINT32_MAX,
			  METADATA_BITS | CXLR_METADATA_CAP_LOG);
	/* Its HDM-D Capable is clear (8.2.4.27.1). */
	s->hdm.bi_only = s->hdm_db;
	return true;
}

bool accel_component_find(CxlAccel *s, Error **errp)
{
	const char *name = s->component ?: places[0].name;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (!strcmp(name, places[i].name))
			s->place = &places[i];
	if (s->place)
		return true;
	error_setg(errp, "property 'component' is '%s'; it can be 'middle', 'end', 'start', 'alone' or "
		   "'large'", name);
	return false;
}

MemoryRegion *accel_component_bar(CxlAccel *s)
{
	return s->place->bar == CXL_ACCEL_BAR ? &s->bar : &s->component_bar;
}

/* Where the BAR goes on before and behind the component registers, with a page that keeps bytes. */
static void add_neighbours(CxlAccel *s)
{
	MemoryRegion *bar = accel_component_bar(s);
	uint64_t end = s->place->offset + CXLR_COMPONENT_SIZE;

	memory_region_init_alias(&s->scratch_before, OBJECT(s), "cxl-accel-before",
				 &s->scratch_page, 0, CXL_ACCEL_SCRATCH_SIZE);
	memory_region_init_alias(&s->scratch_after, OBJECT(s), "cxl-accel-after",
				 &s->scratch_page, 0, CXL_ACCEL_SCRATCH_SIZE);
	if (s->place->offset)
		memory_region_add_subregion(bar, s->place->offset - CXL_ACCEL_SCRATCH_SIZE,
					    &s->scratch_before);
	if (end < s->place->bar_size)
		memory_region_add_subregion(bar, end, &s->scratch_after);
}

/* A region holds its owner, which is this device, for as long as it is in another. */
void accel_component_exit(CxlAccel *s)
{
	MemoryRegion *bar = accel_component_bar(s);

	memory_region_del_subregion(bar, &s->component_block);
	if (memory_region_is_mapped(&s->scratch_before))
		memory_region_del_subregion(bar, &s->scratch_before);
	if (memory_region_is_mapped(&s->scratch_after))
		memory_region_del_subregion(bar, &s->scratch_after);
}

void accel_component_init(CxlAccel *s)
{
	bool placed;

	s->cm_memory = g_malloc0(cxlr_space_memory(CXLR_CM_SIZE, 4));
	cxlr_space_init(&s->cm, s->cm_memory, CXLR_CM_SIZE, 4);
	placed = place_capabilities(s);
	assert(placed);
	s->cm.owner = s;
	s->cm.effect = component_effect;

	memory_region_init_io(&s->component_block, OBJECT(s), &component_ops, s,
			      "cxl-accel-component", CXLR_COMPONENT_SIZE);
	memory_region_add_subregion(accel_component_bar(s), s->place->offset,
				    &s->component_block);
	add_neighbours(s);
}

void accel_component_finalize(CxlAccel *s)
{
	g_free(s->cm_memory);
}
