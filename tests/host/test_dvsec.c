// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the CXL DVSECs in configuration space (CXL 3.1, 8.1) are
 * virtual. Each bit keeps of a write what the specification says, at each width
 * and offset. The range follows the virtual decoder. CONFIG_LOCK locks. Only what
 * Control2 asks of the cache reaches the device.
 *
 * How: the test has a model of each field, writes ones, zeros and noise, and
 * compares all bytes. QEMU reports what came to the device.
 *
 * Not covered: CXL Reset by Control2, which test_cxl_reset.c tests. Every
 * sequence of accesses: tests/unit does that without a machine.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"

#define PLACE		0x700000000ull
#define MAX_LEN		16

/* All CXL DVSECs, with some bytes before, between and after them that no capability has. */
#define FROM		(DVSEC_AT - MAX_LEN / 2)
#define TO		(LOCATOR_END + MAX_LEN / 2)

static const struct {
	uint16_t at, id, len;
} dvsecs[] = {
	{ DVSEC_AT, CXLR_DVSEC_ID_DEVICE, CXLR_DVSEC_DEVICE_LEN },
	{ GPF_AT, CXLR_DVSEC_ID_GPF_DEVICE, 0x10 },
	{ FLEX_BUS_AT, CXLR_DVSEC_ID_FLEX_BUS_PORT, 0x20 },
	{ LOCATOR_AT, CXLR_DVSEC_ID_REG_LOCATOR, CXLR_REG_LOCATOR_BLOCK_LOW(1) },
};

static uint32_t word(const uint8_t *bytes, uint32_t at, unsigned int width)
{
	uint32_t value = 0;

	memcpy(&value, bytes + at, width);
	return value;
}

/* Following the chain of capabilities finds the four, and their headers are the device's. */
static void test_chain_has_four_dvsecs(void)
{
	uint32_t at, header, links = 0;
	size_t i, found = 0;
	uint8_t physical[PAGE];
	struct vfio vfio;

	vfio_open(&vfio);
	pci_config(pci_accel(), physical);
	for (at = 0x100; at; at = header >> 20) {
		header = config_read(&vfio, at, 4);
		check_lt(++links, 32);
		for (i = 0; i < ARRAY_SIZE(dvsecs); i++) {
			if (dvsecs[i].at != at)
				continue;
			found++;
			check_eq(header & 0xfffff, 0x10023);
			check_eq(config_read(&vfio, at + CXLR_DVSEC_HDR1, 4),
				 word(physical, at + CXLR_DVSEC_HDR1, 4));
			check_eq(config_read(&vfio, at + CXLR_DVSEC_HDR1, 2), CXLR_VENDOR_ID);
			check_eq(config_read(&vfio, at + CXLR_DVSEC_HDR1, 4) >> 20, dvsecs[i].len);
			check_eq(config_read(&vfio, at + CXLR_DVSEC_HDR2, 2), dvsecs[i].id);
		}
	}
	check_eq(found, ARRAY_SIZE(dvsecs));
}

/* As after a conventional reset, and one range: the memory. */
static void check_initial(struct vfio *vfio)
{
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_STATUS), 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL2), 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_STATUS2), 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_LOCK), 0);
	check_eq(dvsec_range_base(vfio, 0), 0);
	check_eq(dvsec_range_size(vfio, 0), vfio->mem.size);
	check_eq(dvsec_range_base(vfio, 1), 0);
	check_eq(dvsec_read32(vfio, CXLR_DVSEC_RANGE_SIZE_LOW(1)), 0);
	check_eq(dvsec_read32(vfio, CXLR_DVSEC_RANGE_SIZE_HIGH(1)), 0);
}

static void test_values_at_open(void)
{
	const uint32_t flags = CXLR_RANGE_MEM_INFO_VALID | CXLR_RANGE_MEM_ACTIVE |
			       CXLR_RANGE_MEDIA_TYPE | CXLR_RANGE_MEMORY_CLASS |
			       CXLR_RANGE_ACTIVE_TIMEOUT;
	uint8_t physical[PAGE];
	uint32_t size_low, at;
	struct vfio vfio;

	vfio_open(&vfio);
	pci_config(pci_accel(), physical);
	check_initial(&vfio);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CAP),
		 (word(physical, DVSEC_AT + CXLR_DVSEC_CAP, 2) & ~CXLR_CAP_HDM_COUNT) |
		 1 << CXLR_CAP_HDM_COUNT_SHIFT);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CAP2), word(physical, DVSEC_AT + CXLR_DVSEC_CAP2, 2));
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CAP3), word(physical, DVSEC_AT + CXLR_DVSEC_CAP3, 2));
	size_low = dvsec_read32(&vfio, CXLR_DVSEC_RANGE_SIZE_LOW(0));
	check_eq(size_low & (CXLR_RANGE_MEM_INFO_VALID | CXLR_RANGE_MEM_ACTIVE),
		 CXLR_RANGE_MEM_INFO_VALID | CXLR_RANGE_MEM_ACTIVE);
	check_eq(size_low & flags,
		 word(physical, DVSEC_AT + CXLR_DVSEC_RANGE_SIZE_LOW(0), 4) & flags);
	check_eq(size_low & ~flags & ~CXLR_RANGE_SIZE_LOW_MASK, 0);

	/* Facts about the device, without anything that is the host's. */
	for (at = GPF_AT + CXLR_DVSEC_HDR1; at < FLEX_BUS_AT; at++)
		check_eq(config_read(&vfio, at, 1), physical[at]);
	for (at = FLEX_BUS_AT + CXLR_DVSEC_HDR1; at < LOCATOR_AT; at++)
		check_eq(config_read(&vfio, at, 1), physical[at]);
	for (at = LOCATOR_AT + CXLR_DVSEC_HDR1; at < LOCATOR_END; at++)
		check_eq(config_read(&vfio, at, 1), physical[at]);
}

/* Memory_Active is the device's word of now. */
static void test_memory_active_is_current(void)
{
	uint32_t off, on;
	struct vfio vfio;

	vfio_open(&vfio);
	qmp_set("mem-active", false);
	off = dvsec_read32(&vfio, CXLR_DVSEC_RANGE_SIZE_LOW(0));
	qmp_set("mem-active", true);
	on = dvsec_read32(&vfio, CXLR_DVSEC_RANGE_SIZE_LOW(0));
	check_eq(off & CXLR_RANGE_MEM_ACTIVE, 0);
	check_eq(on, off | CXLR_RANGE_MEM_ACTIVE);
}

/* 8.1.7.2: a power of 0xffffffff mW is a value, and no sign of a device that is silent. */
static void test_value_of_all_ones(void)
{
	uint32_t power = 0;
	struct vfio vfio;
	int ret;

	vfio_open(&vfio);
	vfio_close(&vfio);
	qmp_set32("gpf-power", UINT32_MAX);
	ret = __vfio_open_device(&vfio);
	if (!ret) {
		vfio_close(&vfio);
		vfio_open(&vfio);
		power = config_read(&vfio, GPF_AT + CXLR_GPF_PHASE2_POWER, 4);
	}
	qmp_set32("gpf-power", 0x33);
	check_eq(ret, 0);
	check_eq(power, UINT32_MAX);
}

static void read_bytes(struct vfio *vfio, uint8_t *bytes)
{
	uint32_t at;

	for (at = FROM; at < TO; at++)
		vfio_read(vfio, &vfio->config, at, bytes + at, 1);
}

/* A read of any length is of the same bytes as so many of one byte. */
static void test_reads_of_any_length(void)
{
	uint8_t bytes[PAGE], got[MAX_LEN + 1];
	struct vfio vfio;
	uint32_t at;
	size_t len;

	vfio_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	read_bytes(&vfio, bytes);
	for (at = FROM; at + MAX_LEN <= TO; at++)
		for (len = 1; len <= MAX_LEN; len++) {
			memset(got, 0xa5, sizeof(got));
			vfio_read(&vfio, &vfio.config, at, got, len);
			check_msg(!memcmp(got, bytes + at, len) && got[len] == 0xa5,
				  "%zu bytes at %#x differ", len, at);
		}
}

/*
 * The bits that keep what is written, in all of the DVSECs. Without those that
 * do more: CONFIG_LOCK, the doorbells, and Disable Caching.
 */
static const struct {
	uint32_t at;
	uint32_t mask;
} kept[] = {
	{ DVSEC_AT + CXLR_DVSEC_CTRL, CXLR_CTRL_CACHE_ENABLE | CXLR_CTRL_MEM_ENABLE |
	  CXLR_CTRL_SF_COVERAGE | CXLR_CTRL_SF_GRANULARITY | CXLR_CTRL_CLEAN_EVICTION |
	  CXLR_CTRL_VIRAL_ENABLE },
	{ DVSEC_AT + CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR },
	{ DVSEC_AT + CXLR_DVSEC_RANGE_BASE_HIGH(0), 0xffffffff },
	{ DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(0), CXLR_RANGE_BASE_LOW_MASK },
};

/* Bits that must not be set by accident here. */
static const struct {
	uint32_t at;
	uint8_t bits;
} spared[] = {
	{ DVSEC_AT + CXLR_DVSEC_CTRL2, CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI |
	  CXLR_CTRL2_INITIATE_RESET },
	{ DVSEC_AT + CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK },
};

struct model {
	uint8_t value[PAGE];
	uint8_t mask[PAGE];
};

static void write_both(struct vfio *vfio, struct model *model, uint32_t at, uint8_t *data,
		       size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(spared); i++)
		if (spared[i].at >= at && spared[i].at < at + len)
			data[spared[i].at - at] &= ~spared[i].bits;
	vfio_write(vfio, &vfio->config, at, data, len);
	for (i = 0; i < len; i++)
		model->value[at + i] = (model->value[at + i] & ~model->mask[at + i]) |
				       (data[i] & model->mask[at + i]);
}

static bool in_dvsec(uint32_t at)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dvsecs); i++)
		if (at >= dvsecs[i].at && at < (uint32_t)dvsecs[i].at + dvsecs[i].len)
			return true;
	return false;
}

/* What bytes that no capability has keep of a write is the device's business. */
static void check_model(struct vfio *vfio, struct model *model, uint32_t at, size_t len)
{
	uint8_t got[PAGE];
	uint32_t i;

	vfio_read(vfio, &vfio->config, FROM, got + FROM, TO - FROM);
	for (i = at; i < at + len; i++)
		if (!in_dvsec(i))
			model->value[i] = got[i];
	for (i = FROM; i < TO; i++)
		check_msg(got[i] == model->value[i],
			  "after a write of %zu bytes at %#x, the byte at %#x is %#x, not %#x",
			  len, at, i, got[i], model->value[i]);
}

/*
 * Writes of every length at every offset, of ones, zeros and noise: what is
 * written over changes by its attributes, and no byte beside it does.
 */
static void test_writes_of_any_length(void)
{
	uint64_t seed = 11, value;
	struct qmp_state before, after;
	uint8_t data[MAX_LEN];
	struct model model = { };
	struct vfio vfio;
	uint64_t writes;
	unsigned int n;
	uint32_t at;
	size_t len;

	vfio_open(&vfio);
	qmp_state_read(&before);
	writes = qmp_get("hdm-writes");
	read_bytes(&vfio, model.value);
	for (n = 0; n < ARRAY_SIZE(kept); n++) {
		value = kept[n].mask;
		memcpy(model.mask + kept[n].at, &value, sizeof(kept[n].mask));
	}

	for (at = FROM; at + MAX_LEN <= TO; at++)
		for (len = 1; len <= MAX_LEN; len++)
			for (n = 0; n < 3; n++) {
				memset(data, n ? 0 : 0xff, sizeof(data));
				if (n == 2)
					fill_random(data, sizeof(data), random64(&seed));
				write_both(&vfio, &model, at, data, len);
				check_model(&vfio, &model, at, len);
			}
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_eq(qmp_get("hdm-writes"), writes);
}

/* Each bit of the two control registers alone, by a byte and by a word. */
static void test_control_bits_one_by_one(void)
{
	const uint16_t control = kept[0].mask;
	struct vfio vfio;
	unsigned int bit;

	vfio_open(&vfio);
	for (bit = 0; bit < 16; bit++) {
		dvsec_write(&vfio, CXLR_DVSEC_CTRL, 1u << bit);
		check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL),
			 (control & 1u << bit) | CXLR_CTRL_IO_ENABLE);
		dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);
		config_write(&vfio, DVSEC_AT + CXLR_DVSEC_CTRL + bit / 8, 1, 1u << bit % 8);
		check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL),
			 (control & 1u << bit) | CXLR_CTRL_IO_ENABLE);
		config_write(&vfio, DVSEC_AT + CXLR_DVSEC_CTRL + bit / 8, 1, 0);
		check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE);
	}
	for (bit = 3; bit < 16; bit++) {
		dvsec_write(&vfio, CXLR_DVSEC_CTRL2, 1u << bit);
		check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL2), 1u << bit & CXLR_CTRL2_RESET_MEM_CLR);
	}
}

/* 8.1.3.8: the range is where the decoder is. */
static void test_range_follows_decoder(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(dvsec_range_base(&vfio, 0), PLACE);
	check_eq(dvsec_range_size(&vfio, 0), vfio.mem.size);
	hdm_uncommit(&vfio, 0);
	check_eq(dvsec_range_base(&vfio, 0), 0);

	/* Whoever wants it elsewhere says so afterwards. */
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	dvsec_set_range_base(&vfio, 0, 2 * PLACE);
	check_eq(dvsec_range_base(&vfio, 0), 2 * PLACE);
	check_eq(hdm_base(&vfio), PLACE);
	dvsec_set_range_base(&vfio, 1, PLACE);
	check_eq(dvsec_range_base(&vfio, 1), 0);
}

/* 8.1.3.6: CONFIG_LOCK is set by a one and cleared by no zero, and what it locks stays. */
static void test_config_lock_holds(void)
{
	const uint16_t control = CXLR_CTRL_IO_ENABLE | CXLR_CTRL_MEM_ENABLE;
	struct vfio vfio;

	vfio_open(&vfio);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, 0xfffe);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, control);
	dvsec_set_range_base(&vfio, 0, 2 * PLACE);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);
	/* The hardware's own lock is the host's. */
	check_eq(qmp_get("dvsec-lock") & CXLR_LOCK_CONFIG_LOCK, 0);

	dvsec_write(&vfio, CXLR_DVSEC_LOCK, 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), control);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), control);
	dvsec_set_range_base(&vfio, 0, 0);
	check_eq(dvsec_range_base(&vfio, 0), 2 * PLACE);
	/* Nor does it follow the decoder, which is not locked. */
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(dvsec_range_base(&vfio, 0), 2 * PLACE);
	check_eq(hdm_uncommit(&vfio, 0), 0);
	check_eq(dvsec_range_base(&vfio, 0), 2 * PLACE);
	/* Control2 is no part of it. */
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL2), CXLR_CTRL2_RESET_MEM_CLR);

	cxl_reset(&vfio, false);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), control);
	check_eq(dvsec_range_base(&vfio, 0), 2 * PLACE);
	config_flr(&vfio);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);

	check_eq(__vfio_reset(&vfio), 0);
	check_initial(&vfio);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, control);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), control);
}

/* A write of what is locked together with the lock: in the order of the registers. */
static void test_config_lock_in_same_write(void)
{
	struct {
		uint16_t control, status, control2, status2, lock;
	} __attribute__((packed)) registers = {
		.control = CXLR_CTRL_MEM_ENABLE, .lock = CXLR_LOCK_CONFIG_LOCK,
	};
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.config, DVSEC_AT + CXLR_DVSEC_CTRL, &registers, sizeof(registers));
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE | CXLR_CTRL_MEM_ENABLE);
}

/* Nothing that one user wrote, or started, is there for the next. */
static void test_fresh_at_open(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	cxl_reset(&vfio, false);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR | CXLR_CTRL2_DISABLE_CACHING);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	vfio_close(&vfio);
	/* The device's cache is on again. */
	check_eq(qmp_get("dvsec-control2"), 0);

	vfio_open(&vfio);
	check_initial(&vfio);
}

static uint16_t wait_cache_invalid(struct vfio *vfio, uint16_t wanted)
{
	uint16_t status = ~wanted;
	unsigned int polls;

	for (polls = 0; polls < 5000 && status != wanted; polls++, usleep(1000))
		status = dvsec_read(vfio, CXLR_DVSEC_STATUS2) & CXLR_STATUS2_CACHE_INVALID;
	return status;
}

/* 8.1.3.4: done by the device, which says when. */
static void test_cache_write_back(void)
{
	const uint16_t disable = CXLR_CTRL2_DISABLE_CACHING;
	struct vfio vfio;

	vfio_open(&vfio);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, disable);
	check_eq(qmp_get("dvsec-control2"), disable);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_STATUS2), 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, disable | CXLR_CTRL2_INITIATE_WBI);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL2), disable);
	check_eq(wait_cache_invalid(&vfio, CXLR_STATUS2_CACHE_INVALID),
		 CXLR_STATUS2_CACHE_INVALID);
	check_eq(qmp_get("dvsec-status2") & CXLR_STATUS2_CACHE_INVALID, CXLR_STATUS2_CACHE_INVALID);

	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, 0);
	check_eq(qmp_get("dvsec-control2"), 0);
	check_eq(wait_cache_invalid(&vfio, 0), 0);

	/* A byte beside the doorbell does not ring it: the cache stays as it is. */
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, disable);
	config_write(&vfio, DVSEC_AT + CXLR_DVSEC_CTRL2 + 1, 1, 0xff);
	usleep(20000);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_STATUS2), 0);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL2), disable);

	/* It goes with the user. */
	vfio_close(&vfio);
	check_eq(qmp_get("dvsec-control2"), 0);
}

/* 8.1.3.4: undefined while caching is allowed, so no guest has hardware do it then. */
static void test_no_write_back_while_caching(void)
{
	const uint16_t both = CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI;
	struct vfio vfio;
	uint64_t undefined;

	vfio_open(&vfio);
	undefined = qmp_get("forbidden-accesses");
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_INITIATE_WBI);
	/* Nor with the write that allows caching. */
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_DISABLE_CACHING);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_INITIATE_WBI);
	check_eq(qmp_get("forbidden-accesses"), undefined);
	check_eq(qmp_get("dvsec-control2"), 0);

	/* With the write that does not, it is done. */
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, both);
	check_eq(wait_cache_invalid(&vfio, CXLR_STATUS2_CACHE_INVALID),
		 CXLR_STATUS2_CACHE_INVALID);
	check_eq(qmp_get("forbidden-accesses"), undefined);
}

static void test_conventional_resets_initialise(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	dvsec_set_range_base(&vfio, 0, PLACE);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR | CXLR_CTRL2_DISABLE_CACHING);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	check_eq(__vfio_reset(&vfio), 0);
	check_initial(&vfio);
	check_eq(qmp_get("dvsec-control2"), 0);

	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	dvsec_set_range_base(&vfio, 0, PLACE);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	check_eq(__vfio_hot_reset(&vfio), 0);
	check_initial(&vfio);

	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	dvsec_set_range_base(&vfio, 0, PLACE);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	write_file(pci_path(pci_accel(), "reset_method"), "cxl_bus");
	write_file(pci_path(pci_accel(), "reset"), "1");
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_initial(&vfio);
}

/* 9.5: an FLR is none of CXL.cache's and CXL.mem's business. */
static void test_flr_changes_nothing(void)
{
	const uint16_t control = CXLR_CTRL_IO_ENABLE | CXLR_CTRL_MEM_ENABLE;
	struct vfio vfio;
	uint64_t resets;

	vfio_open(&vfio);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, control);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	resets = qmp_get("resets-function");
	config_flr(&vfio);
	check_gt(qmp_get("resets-function"), resets);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), control);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL2), CXLR_CTRL2_RESET_MEM_CLR);
	check_eq(dvsec_range_base(&vfio, 0), PLACE);
}

const struct test tests[] = {
	{ "chain_has_four_dvsecs", test_chain_has_four_dvsecs },
	{ "values_at_open", test_values_at_open },
	{ "memory_active_is_current", test_memory_active_is_current },
	{ "value_of_all_ones", test_value_of_all_ones },
	{ "reads_of_any_length", test_reads_of_any_length },
	{ "writes_of_any_length", test_writes_of_any_length },
	{ "control_bits_one_by_one", test_control_bits_one_by_one },
	{ "range_follows_decoder", test_range_follows_decoder },
	{ "config_lock_holds", test_config_lock_holds },
	{ "config_lock_in_same_write", test_config_lock_in_same_write },
	{ "fresh_at_open", test_fresh_at_open },
	{ "cache_write_back", test_cache_write_back },
	{ "no_write_back_while_caching", test_no_write_back_while_caching },
	{ "conventional_resets_initialise", test_conventional_resets_initialise },
	{ "flr_changes_nothing", test_flr_changes_nothing },
	{ }
};
