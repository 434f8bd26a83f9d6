// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The component registers: RAS, link and HDM decoders, and the rules by which
 * a decoder commits (CXL 3.1, 8.2.3 and 8.2.4).
 */
#include "cxl_accel.h"
#include "qemu/bitops.h"
#include "qemu/log.h"

#define CM_CAPABILITIES		3
#define CM_CAPABILITY(id, version, offset) \
	((id) | (version) << CXLR_CAP_VERSION_SHIFT | (uint32_t)(offset) << CXLR_CAP_POINTER_SHIFT)

/* The capability array at the start of the CM block, 8.2.4.1 to 8.2.4.5. */
static const uint32_t cm_capabilities[CM_CAPABILITIES + 1] = {
	CXLR_CAP_ID_ARRAY | 1 << CXLR_CAP_VERSION_SHIFT |
		1 << CXLR_CAP_ARRAY_CM_VERSION_SHIFT |
		CM_CAPABILITIES << CXLR_CAP_ARRAY_SIZE_SHIFT,
	CM_CAPABILITY(CXLR_CAP_ID_RAS, 3, ACCEL_CM_RAS),
	CM_CAPABILITY(CXLR_CAP_ID_LINK, 2, ACCEL_CM_LINK),
	CM_CAPABILITY(CXLR_CAP_ID_HDM, 3, ACCEL_CM_HDM),
};

/* Errors that the RAS capability knows, 8.2.4.17; the default of the masks. */
#define RAS_UNCOR	0x0001cfffu
#define RAS_COR		0x0000007fu
#define RAS_MULTI_LOG	0x00000200u	/* Multiple_Header_Recording_Capability */

static const struct {
	uint32_t initial, rw, rw1c;
} ras_rule[CXLR_RAS_SIZE / 4] = {
	[CXLR_RAS_UNCOR_STATUS / 4]   = { .rw1c = RAS_UNCOR },
	[CXLR_RAS_UNCOR_MASK / 4]     = { .initial = RAS_UNCOR, .rw = RAS_UNCOR },
	[CXLR_RAS_UNCOR_SEVERITY / 4] = { .initial = RAS_UNCOR, .rw = RAS_UNCOR },
	[CXLR_RAS_COR_STATUS / 4]     = { .rw1c = RAS_COR },
	[CXLR_RAS_COR_MASK / 4]       = { .initial = RAS_COR, .rw = RAS_COR },
	[CXLR_RAS_CAP_CTRL / 4]       = { .initial = RAS_MULTI_LOG },
};

/*
 * What software may change in a decoder that is not committed, by register;
 * CTRL has rules of its own. Back-Invalidate and UIO are not there, so their
 * bits stay zero.
 */
#define DECODER_STRIDE	(CXLR_HDM_BASE_LOW(1) - CXLR_HDM_BASE_LOW(0))
#define DECODER_REG(reg) (((reg) - CXLR_HDM_BASE_LOW(0)) / 4)
#define CTRL_RW		(CXLR_HDM_CTRL_IG | CXLR_HDM_CTRL_IW | CXLR_HDM_CTRL_LOCK | \
			 CXLR_HDM_CTRL_HOSTONLY)

static const uint32_t decoder_rw[DECODER_STRIDE / 4] = {
	[DECODER_REG(CXLR_HDM_BASE_LOW(0))]      = CXLR_HDM_LOW_MASK,
	[DECODER_REG(CXLR_HDM_BASE_HIGH(0))]     = 0xffffffff,
	[DECODER_REG(CXLR_HDM_SIZE_LOW(0))]      = CXLR_HDM_LOW_MASK,
	[DECODER_REG(CXLR_HDM_SIZE_HIGH(0))]     = 0xffffffff,
	[DECODER_REG(CXLR_HDM_DPA_SKIP_LOW(0))]  = CXLR_HDM_LOW_MASK,
	[DECODER_REG(CXLR_HDM_DPA_SKIP_HIGH(0))] = 0xffffffff,
};

/* Interleave granularities up to 16 KiB are defined, 8.2.4.20.7. */
#define IG_MAX		6

/* Supported_Coherency_Models, 8.2.4.20.1: device-coherent only. */
#define COHERENCY_HDM_D	1

uint64_t accel_hdm_read64(CxlAccel *s, unsigned int low)
{
	return s->hdm[low / 4] | (uint64_t)s->hdm[low / 4 + 1] << 32;
}

static uint32_t *decoder_ctrl(CxlAccel *s, unsigned int n)
{
	return &s->hdm[CXLR_HDM_CTRL(n) / 4];
}

static bool decoder_committed(CxlAccel *s, unsigned int n)
{
	return *decoder_ctrl(s, n) & CXLR_HDM_CTRL_COMMITTED;
}

/* Where decoder n's memory starts: after all that lower decoders skip and map. */
static bool decoder_dpa(CxlAccel *s, unsigned int n, uint64_t *dpa)
{
	uint64_t skip = accel_hdm_read64(s, CXLR_HDM_DPA_SKIP_LOW(n)), below = 0;

	if (n)
		below = s->decoder_dpa[n - 1] + accel_hdm_read64(s, CXLR_HDM_SIZE_LOW(n - 1));
	return !uadd64_overflow(below, skip, dpa);
}

/*
 * 8.2.4.20.12: decoders commit in order, each above the one before it. A
 * lower decoder that commits again must fit below what is still committed.
 * A size of zero is legal and decodes nothing.
 */
static bool decoder_may_commit(CxlAccel *s, unsigned int n)
{
	uint32_t ctrl = *decoder_ctrl(s, n);
	uint64_t base = accel_hdm_read64(s, CXLR_HDM_BASE_LOW(n));
	uint64_t size = accel_hdm_read64(s, CXLR_HDM_SIZE_LOW(n));
	uint64_t dpa, dpa_end, end;
	unsigned int i;

	if (s->refuse_commit)
		return false;
	if (ctrl & (CXLR_HDM_CTRL_IW | CXLR_HDM_CTRL_HOSTONLY) ||
	    (ctrl & CXLR_HDM_CTRL_IG) > IG_MAX)
		return false;
	if (uadd64_overflow(base, size, &end) || !decoder_dpa(s, n, &dpa) ||
	    uadd64_overflow(dpa, size, &dpa_end) || dpa_end > s->mem_size)
		return false;

	for (i = 0; i < s->decoders; i++) {
		uint64_t other = accel_hdm_read64(s, CXLR_HDM_BASE_LOW(i));
		uint64_t other_size = accel_hdm_read64(s, CXLR_HDM_SIZE_LOW(i));

		if (i < n && (!decoder_committed(s, i) || base < other + other_size))
			return false;
		if (i > n && decoder_committed(s, i) &&
		    (end > other || dpa_end > s->decoder_dpa[i]))
			return false;
	}
	s->decoder_dpa[n] = dpa;
	return true;
}

/*
 * 8.2.4.20.7: while COMMIT is set, every field is read-only but COMMIT; when
 * the decoder is committed with LOCK set, COMMIT is too, until a reset.
 */
static void decoder_write_ctrl(CxlAccel *s, unsigned int n, uint32_t val)
{
	uint32_t *ctrl = decoder_ctrl(s, n);

	if (*ctrl & CXLR_HDM_CTRL_COMMIT) {
		if (val & CXLR_HDM_CTRL_COMMIT)
			return;
		if (decoder_committed(s, n) && *ctrl & CXLR_HDM_CTRL_LOCK)
			return;
		*ctrl &= ~(CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_ERROR);
		return;
	}

	*ctrl = val & CTRL_RW;
	if (!(val & CXLR_HDM_CTRL_COMMIT))
		return;
	*ctrl |= CXLR_HDM_CTRL_COMMIT;
	*ctrl |= decoder_may_commit(s, n) ? CXLR_HDM_CTRL_COMMITTED : CXLR_HDM_CTRL_ERROR;
}

static void decoder_write(CxlAccel *s, unsigned int offset, uint32_t val)
{
	unsigned int n = (offset - CXLR_HDM_BASE_LOW(0)) / DECODER_STRIDE;
	unsigned int reg = (offset - CXLR_HDM_BASE_LOW(0)) % DECODER_STRIDE;

	if (offset == CXLR_HDM_CTRL(n))
		decoder_write_ctrl(s, n, val);
	else if (!(*decoder_ctrl(s, n) & CXLR_HDM_CTRL_COMMIT))
		s->hdm[offset / 4] = val & decoder_rw[reg / 4];
}

static void hdm_write(CxlAccel *s, unsigned int offset, uint32_t val)
{
	if (offset == CXLR_HDM_GLOBAL_CTRL)
		s->hdm[CXLR_HDM_GLOBAL_CTRL / 4] = val & CXLR_HDM_GLOBAL_ENABLE;
	else if (offset >= CXLR_HDM_BASE_LOW(0))
		decoder_write(s, offset, val);
	accel_map_update(s);
}

static void ras_write(CxlAccel *s, unsigned int offset, uint32_t val)
{
	uint32_t *reg = &s->ras[offset / 4];

	*reg = (*reg & ~ras_rule[offset / 4].rw) | (val & ras_rule[offset / 4].rw);
	*reg &= ~(val & ras_rule[offset / 4].rw1c);
}

struct accel_window accel_decoder_window(CxlAccel *s, unsigned int n)
{
	struct accel_window window = { 0 };

	if (decoder_committed(s, n)) {
		window.hpa = accel_hdm_read64(s, CXLR_HDM_BASE_LOW(n));
		window.size = accel_hdm_read64(s, CXLR_HDM_SIZE_LOW(n));
		window.dpa = s->decoder_dpa[n];
	}
	return window;
}

/*
 * 8.2.2: 32-bit registers take 4-byte accesses only, and the only 64-bit
 * registers here are those of the link capability, which take both and are
 * zero. Any other width reads as ones and writes nothing.
 */
static bool cm_width_ok(hwaddr offset, unsigned int size)
{
	return size == 4 || (size == 8 && offset >= ACCEL_CM_LINK &&
			     offset < ACCEL_CM_LINK + ACCEL_CM_LINK_SIZE);
}

static bool in_hdm(CxlAccel *s, hwaddr offset)
{
	return offset >= ACCEL_CM_HDM && offset < ACCEL_CM_HDM + CXLR_HDM_SIZE(s->decoders);
}

static uint64_t component_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;
	hwaddr offset = addr - CXLR_CM_OFFSET;

	if (addr < CXLR_CM_OFFSET || offset >= CXLR_CM_SIZE)
		return 0;
	if (!cm_width_ok(offset, size)) {
		qemu_log_mask(LOG_GUEST_ERROR, "cxl-accel: %u-byte read of CM register %#"
			      HWADDR_PRIx "\n", size, offset);
		return UINT64_MAX;
	}
	if (offset < sizeof(cm_capabilities))
		return cm_capabilities[offset / 4];
	if (offset >= ACCEL_CM_RAS && offset < ACCEL_CM_RAS + CXLR_RAS_SIZE)
		return s->ras[(offset - ACCEL_CM_RAS) / 4];
	if (in_hdm(s, offset))
		return s->hdm[(offset - ACCEL_CM_HDM) / 4];
	return 0;
}

static void component_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	CxlAccel *s = opaque;
	hwaddr offset = addr - CXLR_CM_OFFSET;

	if (addr < CXLR_CM_OFFSET || offset >= CXLR_CM_SIZE)
		return;
	if (in_hdm(s, offset))
		s->hdm_writes++;
	if (!cm_width_ok(offset, size)) {
		qemu_log_mask(LOG_GUEST_ERROR, "cxl-accel: %u-byte write of CM register %#"
			      HWADDR_PRIx "\n", size, offset);
		return;
	}
	if (offset >= ACCEL_CM_RAS && offset < ACCEL_CM_RAS + CXLR_RAS_SIZE)
		ras_write(s, offset - ACCEL_CM_RAS, val);
	if (in_hdm(s, offset))
		hdm_write(s, offset - ACCEL_CM_HDM, val);
}

static const MemoryRegionOps component_ops = {
	.read = component_read,
	.write = component_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8 },
	.impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* RAS registers are sticky, the decoders are not; FLR leaves both (9.6, 9.7). */
void accel_component_reset(CxlAccel *s, enum accel_reset kind)
{
	unsigned int i;

	if (kind == ACCEL_RESET_POWER)
		for (i = 0; i < ARRAY_SIZE(s->ras); i++)
			s->ras[i] = ras_rule[i].initial;

	if (kind == ACCEL_RESET_FUNCTION)
		return;
	memset(s->hdm, 0, sizeof(s->hdm));
	memset(s->decoder_dpa, 0, sizeof(s->decoder_dpa));
	s->hdm[CXLR_HDM_CAP / 4] = cxl_decoder_count_enc(s->decoders) |
		COHERENCY_HDM_D << CXLR_HDM_CAP_COHERENCY_SHIFT;
}

void accel_component_init(CxlAccel *s)
{
	memory_region_init_io(&s->component_block, OBJECT(s), &component_ops, s,
			      "cxl-accel-component", CXLR_COMPONENT_SIZE);
	memory_region_add_subregion(&s->bar, CXL_ACCEL_COMPONENT_OFFSET, &s->component_block);
}
