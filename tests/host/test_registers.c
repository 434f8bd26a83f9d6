// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the virtual CM block behaves as the specification says (CXL
 * 3.1, 8.2.4). That covers the accesses it takes, what each register keeps, how
 * the decoder commits, locks and lets go, and what resets do. The user never
 * reads a host physical address of the memory.
 *
 * How: the test writes and reads by the register region, and asks QEMU that
 * nothing reached the device. It searches all that the device's file gives for
 * the host's address.
 *
 * Not covered: sequences of more than a few writes: tests/unit and tests/fuzz do
 * those without a machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "search.h"

#define GRANULE		((uint64_t)CXLR_HDM_GRANULE)
#define PLACE		0x700000000ull	/* a guest address; no host address is like it */

#define COMMITTED	(CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED)
#define REFUSED		(CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_ERROR)
#define LOCKED		(COMMITTED | CXLR_HDM_CTRL_LOCK)

/* 8.2.4.17: the errors that there are. */
#define RAS_UNCOR	0x0001cfffu
#define RAS_COR		0x0000007fu

static uint32_t regs_read(struct vfio *vfio, uint32_t offset)
{
	return vfio_read32(vfio, &vfio->regs, offset);
}

static void regs_write(struct vfio *vfio, uint32_t offset, uint32_t value)
{
	vfio_write(vfio, &vfio->regs, offset, &value, sizeof(value));
}

/* 8.2.3: a register is accessed whole; the bytes between registers are as if of 32 bits. */
static bool takes(uint64_t size, uint64_t offset, size_t len)
{
	return offset < size && len == 4 && offset % len == 0;
}

static void check_access(struct vfio *vfio, uint64_t offset, size_t len)
{
	bool good = takes(vfio->regs.size, offset, len);
	ssize_t want = good ? (ssize_t)len : -EINVAL;
	uint8_t buf[PAGE] = { };
	ssize_t got, put;

	got = __vfio_read(vfio, &vfio->regs, offset, buf, len);
	/* A good write is of what is there already. */
	put = __vfio_write(vfio, &vfio->regs, offset, buf, len);
	check_msg(got == want && put == want,
		  "%zu bytes at %#llx: read %zd, write %zd, wanted %zd", len,
		  (unsigned long long)offset, got, put, want);
}

static void test_every_offset_and_length(void)
{
	static const size_t lens[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16 };
	static const uint64_t far[] = { 0x1000, 1ull << 32, (1ull << 40) - 8, (1ull << 40) - 4 };
	struct vfio vfio;
	uint64_t offset;
	size_t i;

	vfio_open(&vfio);
	for (offset = 0; offset < vfio.regs.size + 16; offset++)
		for (i = 0; i < ARRAY_SIZE(lens); i++)
			check_access(&vfio, offset, lens[i]);
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		check_access(&vfio, far[i], 4);
		check_access(&vfio, far[i], 8);
	}
	check_access(&vfio, 0, PAGE);
}

static void test_bad_pointer(void)
{
	void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(__vfio_read(&vfio, &vfio.regs, 0, nowhere, 4), -EFAULT);
	check_eq(__vfio_write(&vfio, &vfio.regs, HDM_AT + CXLR_HDM_BASE_LOW(0), nowhere, 4),
		 -EFAULT);
}

/* 8.2.4.1: these capabilities, where the device has them; no trace of another, as of its Link. */
static void test_capability_array(void)
{
	static const uint32_t wanted[] = {
		CXLR_CAP_ID_RAS | 3 << CXLR_CAP_VERSION_SHIFT | RAS_AT << CXLR_CAP_POINTER_SHIFT,
		CXLR_CAP_ID_HDM | 3 << CXLR_CAP_VERSION_SHIFT | HDM_AT << CXLR_CAP_POINTER_SHIFT,
	};
	uint32_t array, header, offset, found[ARRAY_SIZE(wanted)] = { };
	struct vfio vfio;
	size_t i, n;

	vfio_open(&vfio);
	array = regs_read(&vfio, CXLR_CAP_ARRAY);
	check_eq(array & CXLR_CAP_ID, CXLR_CAP_ID_ARRAY);
	check_eq((array & CXLR_CAP_VERSION) >> CXLR_CAP_VERSION_SHIFT, 1);
	check_eq((array & CXLR_CAP_ARRAY_CM_VERSION) >> CXLR_CAP_ARRAY_CM_VERSION_SHIFT, 1);
	check_eq((array & CXLR_CAP_ARRAY_SIZE) >> CXLR_CAP_ARRAY_SIZE_SHIFT, ARRAY_SIZE(wanted));
	for (n = 0; n < ARRAY_SIZE(wanted); n++) {
		header = regs_read(&vfio, CXLR_CAP_HEADER(n));
		for (i = 0; i < ARRAY_SIZE(wanted); i++)
			found[i] += header == wanted[i];
	}
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		check_eq(found[i], 1);
	for (offset = CXLR_CAP_HEADER(n); offset < RAS_AT; offset += 4)
		check_eq(regs_read(&vfio, offset), 0);
	for (offset = RAS_AT + CXLR_RAS_SIZE; offset < HDM_AT; offset += 4)
		check_eq(regs_read(&vfio, offset), 0);
	for (offset = HDM_AT + CXLR_HDM_SIZE(1); offset < vfio.regs.size; offset += 4)
		check_eq(regs_read(&vfio, offset), 0);
}

/* The decoder that a fresh user, or one after a reset, finds. */
static void check_decoder_initial(struct vfio *vfio)
{
	check_eq(hdm_base(vfio), 0);
	check_eq(hdm_size(vfio), vfio->mem.size);
	check_eq(hdm_read(vfio, CXLR_HDM_CTRL(0)), 0);
	check_eq(hdm_read(vfio, CXLR_HDM_DPA_SKIP_LOW(0)), 0);
	check_eq(hdm_read(vfio, CXLR_HDM_DPA_SKIP_HIGH(0)), 0);
	check_eq(hdm_read(vfio, CXLR_HDM_GLOBAL_CTRL), 0);
}

/* One decoder, and of all that decoders can, only what the memory needs: HDM-D (8.2.4.20.1). */
static void test_decoder_at_open(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(hdm_read(&vfio, CXLR_HDM_CAP), 1 << CXLR_HDM_CAP_COHERENCY_SHIFT);
	check_decoder_initial(&vfio);
}

/* What each register keeps of ones and of zeros; nothing here has an effect elsewhere. */
static void test_writable_bits(void)
{
	static const struct {
		uint32_t at, keeps, always;
	} regs[] = {
		{ CXLR_CAP_ARRAY, 0, 0x02110001 },
		{ HDM_AT + CXLR_HDM_CAP, 0, 1 << CXLR_HDM_CAP_COHERENCY_SHIFT },
		{ HDM_AT + CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE, 0 },
		{ HDM_AT + 0x08, 0, 0 },
		{ HDM_AT + 0x0c, 0, 0 },
		{ HDM_AT + CXLR_HDM_BASE_LOW(0), CXLR_HDM_LOW_MASK, 0 },
		{ HDM_AT + CXLR_HDM_BASE_HIGH(0), 0xffffffff, 0 },
		{ HDM_AT + CXLR_HDM_SIZE_LOW(0), CXLR_HDM_LOW_MASK, 0 },
		{ HDM_AT + CXLR_HDM_SIZE_HIGH(0), 0xffffffff, 0 },
		{ HDM_AT + CXLR_HDM_DPA_SKIP_LOW(0), CXLR_HDM_LOW_MASK, 0 },
		{ HDM_AT + CXLR_HDM_DPA_SKIP_HIGH(0), 0xffffffff, 0 },
		{ HDM_AT + 0x2c, 0, 0 },
		{ RAS_AT + CXLR_RAS_UNCOR_STATUS, 0, 0 },
		{ RAS_AT + CXLR_RAS_UNCOR_MASK, RAS_UNCOR, 0 },
		{ RAS_AT + CXLR_RAS_UNCOR_SEVERITY, RAS_UNCOR, 0 },
		{ RAS_AT + CXLR_RAS_COR_STATUS, 0, 0 },
		{ RAS_AT + CXLR_RAS_COR_MASK, RAS_COR, 0 },
		{ RAS_AT + CXLR_RAS_HEADER_LOG, 0, 0 },
		{ RAS_AT + CXLR_RAS_HEADER_LOG + 60, 0, 0 },
	};
	/* Fields without a meaning where there is no interleave, UIO or Back-Invalidate. */
	const uint32_t lock = CXLR_HDM_CTRL_LOCK;
	struct vfio vfio;
	unsigned int bit;
	size_t i;

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		regs_write(&vfio, regs[i].at, 0xffffffff);
		check_msg(regs_read(&vfio, regs[i].at) == (regs[i].keeps | regs[i].always),
			  "%#x keeps %#x of ones, wanted %#x", regs[i].at,
			  regs_read(&vfio, regs[i].at), regs[i].keeps | regs[i].always);
		regs_write(&vfio, regs[i].at, 0);
		check_eq(regs_read(&vfio, regs[i].at), regs[i].always);
		/* One bit does not go with another. */
		for (bit = 0; bit < 32; bit++) {
			regs_write(&vfio, regs[i].at, 1u << bit);
			check_eq(regs_read(&vfio, regs[i].at),
				 (regs[i].keeps & 1u << bit) | regs[i].always);
		}
	}

	check_eq(hdm_uncommit(&vfio, lock), lock);
	check_eq(hdm_uncommit(&vfio, CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_ERROR), 0);
	check_eq(hdm_uncommit(&vfio, 0xf0008000u), 0);
}

static void check_fields_fixed(struct vfio *vfio, uint32_t commit)
{
	static const uint32_t fields[] = {
		CXLR_HDM_BASE_LOW(0), CXLR_HDM_BASE_HIGH(0), CXLR_HDM_SIZE_LOW(0),
		CXLR_HDM_SIZE_HIGH(0), CXLR_HDM_DPA_SKIP_LOW(0), CXLR_HDM_DPA_SKIP_HIGH(0),
	};
	uint32_t control = hdm_read(vfio, CXLR_HDM_CTRL(0)), value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		value = hdm_read(vfio, fields[i]);
		hdm_write(vfio, fields[i], ~value);
		check_eq(hdm_read(vfio, fields[i]), value);
	}
	/* Every bit the other way, but for Commit. */
	hdm_write(vfio, CXLR_HDM_CTRL(0), (~control & ~CXLR_HDM_CTRL_COMMIT) | commit);
	check_eq(hdm_read(vfio, CXLR_HDM_CTRL(0)), control);
}

/* 8.2.4.20.13: committed means fixed, until Commit is cleared, which changes nothing else. */
static void test_commit_fixes_decoder(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_fields_fixed(&vfio, CXLR_HDM_CTRL_COMMIT);
	check_eq(hdm_commit(&vfio, 0), COMMITTED);

	/* The write that clears Commit has other bits too. */
	check_eq(hdm_uncommit(&vfio, 0xfffffdff), 0);
	check_eq(hdm_base(&vfio), PLACE);
	check_eq(hdm_size(&vfio), vfio.mem.size);
	hdm_place(&vfio, 2 * PLACE, vfio.mem.size - GRANULE, 0);
	check_eq(hdm_base(&vfio), 2 * PLACE);
	check_eq(hdm_uncommit(&vfio, 0), 0);

	/* HDM Decoder Enable has no part in it. */
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, 0);
	check_eq(hdm_read(&vfio, CXLR_HDM_CTRL(0)), COMMITTED);
}

/* The memory's size in granules, to be put in when it is known; plus or minus a few. */
#define ALL	(1ull << 40)

/* 8.2.4.20.12 */
static const struct condition {
	const char *name;
	bool commits;
	uint64_t base;		/* bytes */
	uint64_t size, skip;	/* granules */
	uint32_t control;
} conditions[] = {
	{ "all of the memory", true, PLACE, ALL },
	{ "at zero", true, 0, ALL },
	{ "high up", true, 1ull << 51, ALL },
	{ "one granule", true, GRANULE, 1 },
	{ "the last granule", true, PLACE, 1, ALL - 1 },
	{ "nothing", true, PLACE, 0 },
	{ "one granule too many", false, PLACE, ALL + 1 },
	{ "far too much", false, 0, 1ull << 34 },
	{ "one granule skipped too many", false, PLACE, ALL, 1 },
	{ "all skipped", false, PLACE, 1, ALL },
	{ "a skip that wraps", false, PLACE, 2, (1ull << 36) - 1 },
	{ "past the end of the address space", false, -GRANULE, 2 },
	{ "2 ways", false, PLACE, ALL, 0, 1 << CXLR_HDM_CTRL_IW_SHIFT },
	{ "16 ways", false, PLACE, ALL, 0, 4 << CXLR_HDM_CTRL_IW_SHIFT },
	{ "3 ways", false, PLACE, 3, 0, 8 << CXLR_HDM_CTRL_IW_SHIFT },
	{ "reserved ways", false, PLACE, ALL, 0, 15 << CXLR_HDM_CTRL_IW_SHIFT },
	{ "host-only", false, PLACE, ALL, 0, CXLR_HDM_CTRL_HOSTONLY },
	{ "Back-Invalidate", false, PLACE, ALL, 0, CXLR_HDM_CTRL_BI },
};

static uint64_t bytes(const struct vfio *vfio, uint64_t granules)
{
	if (granules < ALL / 2)
		return granules * GRANULE;
	return vfio->mem.size + (granules - ALL) * GRANULE;
}

static void check_condition(struct vfio *vfio, const struct condition *condition)
{
	uint32_t control;

	hdm_program(vfio, condition->base, bytes(vfio, condition->size),
		    bytes(vfio, condition->skip));
	control = hdm_commit(vfio, condition->control);
	if ((control & (COMMITTED | CXLR_HDM_CTRL_ERROR)) !=
	    (condition->commits ? COMMITTED : REFUSED))
		fail(__FILE__, __LINE__, "%s: Control reads %#x", condition->name, control);
	check_fields_fixed(vfio, CXLR_HDM_CTRL_COMMIT);
	check_eq(dvsec_range_base(vfio, 0), condition->commits ? condition->base : 0);
	control = hdm_uncommit(vfio, 0);
	check_eq(control & (COMMITTED | CXLR_HDM_CTRL_ERROR), 0);
	/* The write that clears Commit changes nothing else; this one does. */
	check_eq(hdm_uncommit(vfio, 0), 0);
}

/* Refused or not, each leaves a decoder that the next can be tried on. */
static void test_commit_conditions(void)
{
	struct qmp_state before, after;
	struct vfio vfio;
	uint64_t writes;
	size_t i;

	vfio_open(&vfio);
	qmp_state_read(&before);
	writes = qmp_get("hdm-writes");
	for (i = 0; i < ARRAY_SIZE(conditions); i++)
		check_condition(&vfio, &conditions[i]);
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_eq(qmp_get("hdm-writes"), writes);
}

/* A decoder that did not commit is not locked, whatever Lock On Commit says. */
static void test_lock_on_commit(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	hdm_program(&vfio, PLACE, vfio.mem.size + GRANULE, 0);
	check_eq(hdm_commit(&vfio, CXLR_HDM_CTRL_LOCK), REFUSED | CXLR_HDM_CTRL_LOCK);
	check_eq(hdm_uncommit(&vfio, CXLR_HDM_CTRL_LOCK), CXLR_HDM_CTRL_LOCK);

	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	check_fields_fixed(&vfio, CXLR_HDM_CTRL_COMMIT);
	check_fields_fixed(&vfio, 0);
	check_eq(hdm_uncommit(&vfio, 0), LOCKED);
	check_eq(hdm_commit(&vfio, 0), LOCKED);
	/* Decoding as such is not what is locked. */
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	check_eq(hdm_read(&vfio, CXLR_HDM_GLOBAL_CTRL), CXLR_HDM_GLOBAL_ENABLE);
	check_eq(hdm_base(&vfio), PLACE);
}

static void reset_vfio(struct vfio *vfio)
{
	check_eq(__vfio_reset(vfio), 0);
}

static void reset_hot(struct vfio *vfio)
{
	check_eq(__vfio_hot_reset(vfio), 0);
}

static void reset_cxl(struct vfio *vfio)
{
	cxl_reset(vfio, false);
}

static void reset_bus(struct vfio *vfio)
{
	(void)vfio;
	pci_reset(pci_accel(), "cxl_bus");
}

static void reset_function(struct vfio *vfio)
{
	(void)vfio;
	pci_reset(pci_accel(), "flr");
}

static void check_reset(void (*reset)(struct vfio *vfio), bool lets_go)
{
	struct qmp_state before, after;
	struct vfio vfio;

	vfio_open(&vfio);
	qmp_state_read(&before);
	regs_write(&vfio, RAS_AT + CXLR_RAS_UNCOR_MASK, RAS_UNCOR & 0x5555);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size - GRANULE, CXLR_HDM_CTRL_LOCK);
	reset(&vfio);
	if (lets_go) {
		check_decoder_initial(&vfio);
	} else {
		check_eq(hdm_read(&vfio, CXLR_HDM_CTRL(0)), LOCKED);
		check_eq(hdm_base(&vfio), PLACE);
		check_eq(hdm_size(&vfio), vfio.mem.size - GRANULE);
		check_eq(hdm_read(&vfio, CXLR_HDM_GLOBAL_CTRL), CXLR_HDM_GLOBAL_ENABLE);
	}
	/* Sticky (8.2.4.17.2). */
	check_eq(regs_read(&vfio, RAS_AT + CXLR_RAS_UNCOR_MASK), RAS_UNCOR & 0x5555);
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	/* And it commits again. */
	if (lets_go)
		hdm_place(&vfio, 2 * PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	vfio_close(&vfio);
}

static void test_resets_release_decoder(void)
{
	check_reset(reset_vfio, true);
	check_reset(reset_hot, true);
	check_reset(reset_bus, true);
	check_reset(reset_cxl, true);
}

/* 9.5: an FLR leaves CXL.cache and CXL.mem alone, and so what places the memory. */
static void test_flr_keeps_decoder(void)
{
	uint64_t resets = qmp_get("resets-function");

	check_reset(config_flr, false);
	check_gt(qmp_get("resets-function"), resets);
	/* By others, it is as well what happened to the device that counts. */
	check_reset(reset_function, false);
}

/* Masks and severities are the user's own, and the host's those of the device. */
static void test_ras_masks_are_virtual(void)
{
	const uint64_t physical = pci_bar(pci_accel(), CXL_ACCEL_BAR) +
				  CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + RAS_AT;
	uint32_t before[CXLR_RAS_SIZE / 4], initial[CXLR_RAS_SIZE / 4], i;
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	for (i = 0; i < ARRAY_SIZE(before); i++) {
		before[i] = qmp_physical(physical + i * 4);
		initial[i] = regs_read(&vfio, RAS_AT + i * 4);
	}
	/* What QEMU told is what is there: the host hears of all errors. */
	check_eq(before[CXLR_RAS_UNCOR_SEVERITY / 4], RAS_UNCOR);
	check_eq(before[CXLR_RAS_UNCOR_MASK / 4], 0);
	check_eq(before[CXLR_RAS_COR_MASK / 4], 0);
	/* 8.2.4.17.2, .3, .5: defaults, whatever the host made of its own. */
	check_eq(initial[CXLR_RAS_UNCOR_MASK / 4], RAS_UNCOR);
	check_eq(initial[CXLR_RAS_UNCOR_SEVERITY / 4], RAS_UNCOR);
	check_eq(initial[CXLR_RAS_COR_MASK / 4], RAS_COR);
	check_eq(initial[CXLR_RAS_UNCOR_STATUS / 4], 0);
	check_eq(initial[CXLR_RAS_COR_STATUS / 4], 0);

	for (i = 0; i < ARRAY_SIZE(before); i++)
		regs_write(&vfio, RAS_AT + i * 4, before[i] ^ 0x0000aaaa);
	for (i = 0; i < ARRAY_SIZE(before); i++)
		check_eq(qmp_physical(physical + i * 4), before[i]);
	check_eq(regs_read(&vfio, RAS_AT + CXLR_RAS_COR_MASK),
		 (before[CXLR_RAS_COR_MASK / 4] ^ 0xaaaa) & RAS_COR);

	vfio_close(&vfio);
	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(before); i++)
		check_eq(regs_read(&vfio, RAS_AT + i * 4), initial[i]);
}

static void read_all(struct vfio *vfio, uint32_t *words)
{
	uint32_t at;

	for (at = 0; at < vfio->regs.size; at += 4)
		words[at / 4] = regs_read(vfio, at);
}

/* Nothing that one user wrote is there for the next. */
static void test_fresh_at_open(void)
{
	uint32_t before[PAGE / 4] = { }, after[PAGE / 4] = { }, at;
	struct vfio vfio;

	vfio_open(&vfio);
	check_le(vfio.regs.size, sizeof(before));
	read_all(&vfio, before);
	for (at = 0; at < vfio.regs.size; at += 4)
		regs_write(&vfio, at, 0xffffffff);
	hdm_uncommit(&vfio, 0);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	read_all(&vfio, after);
	check_mem_ne(after, before, vfio.regs.size);
	vfio_close(&vfio);

	vfio_open(&vfio);
	read_all(&vfio, after);
	for (at = 0; at < vfio.regs.size; at += 4)
		check_msg(before[at / 4] == after[at / 4], "at %#x: %#x before, %#x after", at,
			  before[at / 4], after[at / 4]);
}

/* Where the memory is in the guest has nothing to do with the memory region. */
static void test_guest_base_moves_no_memory(void)
{
	uint8_t want[PAGE], *window;
	struct vfio vfio;

	vfio_open(&vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, 4 * MIB);
	fill_random(want, sizeof(want), 1);
	memcpy(window, want, sizeof(want));
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_mem_eq(window, want, sizeof(want));
	check_eq(hdm_uncommit(&vfio, 0), 0);
	check_mem_eq(window, want, sizeof(want));
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);
	check_mem_eq(window, want, sizeof(want));
}

static void test_no_host_address_readable(void)
{
	static const struct {
		const char *name;
		void (*reset)(struct vfio *vfio);
	} resets[] = {
		{ "after VFIO_DEVICE_RESET", reset_vfio },
		{ "after a hot reset", reset_hot },
		{ "after a CXL Reset", reset_cxl },
		{ "after an FLR", config_flr },
	};
	struct search search;
	struct vfio vfio;
	size_t i;

	search_init(&search);
	vfio_open(&vfio);
	events_open(&vfio);
	search_device(&search, &vfio, "after open");
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	search_device(&search, &vfio, "after commit");
	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		resets[i].reset(&vfio);
		search_device(&search, &vfio, resets[i].name);
	}
}

/* The search finds what is there to be found: in the device's own registers. */
static void test_search_finds_known_words(void)
{
	const uint64_t bar = pci_bar(pci_accel(), CXL_ACCEL_BAR);
	uint32_t words[PAGE / 4] = { };
	struct search search;
	struct vfio vfio;
	size_t where, i;
	int fd;

	search_init(&search);
	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	for (i = 0; i < CXLR_HDM_SIZE(1) / 4; i++)
		words[i] = qmp_physical(bar + CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET +
					HDM_AT + i * 4);
	check(search_words(&search, words, CXLR_HDM_SIZE(1) / 4, &where));
	check_eq(where, CXLR_HDM_BASE_LOW(0));

	/* The DVSEC's ranges, high half first: as they are, and as they would be. */
	fd = open(pci_path(pci_accel(), "config"), O_RDONLY | O_CLOEXEC);
	check_ge(fd, 0);
	check_eq(read(fd, words, sizeof(words)), sizeof(words));
	check_eq(search_words(&search, words, PAGE / 4, &where),
		 qmp_get("dvsec-range1-base") == search.base);
	words[(DVSEC_AT + CXLR_DVSEC_RANGE_BASE_HIGH(1)) / 4] = search.end >> 32;
	words[(DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(1)) / 4] = search.end;
	check(search_words(&search, words, PAGE / 4, &where));

	/* A number of 64 bits, not aligned to them. */
	memset(words, 0, sizeof(words));
	memcpy(words + 3, &search.base, sizeof(search.base));
	check(search_words(&search, words, PAGE / 4, &where));
	check_eq(where, 12);
	memset(words, 0xff, sizeof(words));
	check(!search_words(&search, words, PAGE / 4, &where));
}

const struct test tests[] = {
	{ "every_offset_and_length", test_every_offset_and_length },
	{ "bad_pointer", test_bad_pointer },
	{ "capability_array", test_capability_array },
	{ "decoder_at_open", test_decoder_at_open },
	{ "writable_bits", test_writable_bits },
	{ "commit_fixes_decoder", test_commit_fixes_decoder },
	{ "commit_conditions", test_commit_conditions },
	{ "lock_on_commit", test_lock_on_commit },
	{ "resets_release_decoder", test_resets_release_decoder },
	{ "flr_keeps_decoder", test_flr_keeps_decoder },
	{ "ras_masks_are_virtual", test_ras_masks_are_virtual },
	{ "fresh_at_open", test_fresh_at_open },
	{ "guest_base_moves_no_memory", test_guest_base_moves_no_memory },
	{ "no_host_address_readable", test_no_host_address_readable },
	{ "search_finds_known_words", test_search_finds_known_words },
	{ }
};
