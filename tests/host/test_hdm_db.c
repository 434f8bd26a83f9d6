// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: memory that is coherent by Back-Invalidate (HDM-DB) works after
 * each kind of reset, since the driver restores BI Enable, Extended Metadata Control
 * and Modified Completion Enable with the decoder. No access by the user reaches them.
 *
 * How: in the machine whose accelerator has hdm-db=on, QEMU reports the registers. The
 * accelerator refuses CXL.mem while its decoder has BI and BI Enable is clear.
 *
 * Not covered: what the device would snoop. The driver's refusal of a device without
 * BI Enable is in test_bind.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define PLACE		0x700000000ull
#define WINDOW		(2 * MIB)
#define CM_IN_BAR	(CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET)

struct session {
	struct vfio vfio;
	struct qmp_state before;
	uint8_t *window;
};

/* What the firmware has set is there, or nothing is proved. */
static void setup(struct session *session)
{
	vfio_open(&session->vfio);
	session->window = vfio_mmap(&session->vfio, &session->vfio.mem, 0, WINDOW);
	fill_random(session->window, WINDOW, 1);
	qmp_state_read(&session->before);
	check_eq(qmp_get("bi-enable"), 1);
	check_eq(qmp_get("metadata-control"), CXLR_METADATA_CTRL_TRANSFER | 32);
	check_eq(qmp_get("dvsec-control2"), CXLR_CTRL2_MODIFIED_COMPLETION);
	check_eq(qmp_get("dvsec-lock"), CXLR_LOCK_CONFIG_LOCK);
	check_eq(qmp_get("hdm0-control") & CXLR_HDM_CTRL_BI, CXLR_HDM_CTRL_BI);
}

static void check_restored(struct session *session)
{
	uint8_t want[PAGE], got[PAGE], byte;
	struct qmp_state after;

	qmp_state_read(&after);
	qmp_state_same(&after, &session->before);
	vfio_enable(&session->vfio, true, false);
	fill_random(want, PAGE, 1);
	check(load(session->window, &byte));
	check_mem_eq(session->window, want, PAGE);
	vfio_read(&session->vfio, &session->vfio.mem, 0, got, PAGE);
	check_mem_eq(got, want, PAGE);
}

static void check_reset(int (*reset)(struct vfio *vfio), const char *counter)
{
	struct session session;
	uint64_t resets;

	setup(&session);
	resets = qmp_get(counter);
	check_eq(reset(&session.vfio), 0);
	check_gt(qmp_get(counter), resets);
	check_restored(&session);
}

static void test_ioctl_reset_restores(void)
{
	check_reset(__vfio_reset, "resets-function");
}

static void test_hot_reset_restores(void)
{
	check_reset(__vfio_hot_reset, "resets-bus");
}

static int by_guest(struct vfio *vfio)
{
	cxl_reset(vfio, false);
	return 0;
}

static void test_cxl_reset_restores(void)
{
	check_reset(by_guest, "resets-cxl");
}

/* The device does not take BI Enable: its memory is out of reach until it does. */
static void test_bi_lost_until_next_reset(void)
{
	struct session session;
	unsigned int said;
	uint8_t byte;
	bool loaded;
	ssize_t ret;
	int kmsg;

	setup(&session);
	kmsg = kmsg_open();
	qmp_set("refuse-bi", true);
	__vfio_hot_reset(&session.vfio);
	vfio_enable(&session.vfio, true, false);
	loaded = load(session.window, &byte);
	ret = __vfio_read(&session.vfio, &session.vfio.mem, 0, &byte, 1);
	__vfio_hot_reset(&session.vfio);
	said = kmsg_said_error(kmsg, "BI Decoder Control could not be restored");

	qmp_set("refuse-bi", false);
	check_eq(__vfio_hot_reset(&session.vfio), 0);
	check(!loaded);
	check_eq(ret, -EIO);
	check_eq(said, 1);
	check_restored(&session);
}

/* The virtual decoder is the memory's: with BI, which a user cannot do without. */
static void test_virtual_decoder_has_bi(void)
{
	const uint32_t committed = CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED;
	const struct vfio_cxl_region_cap_memory *cap;
	struct vfio_region_info *info;
	struct vfio vfio;

	vfio_open(&vfio);
	info = vfio_region_info(&vfio, vfio.mem.index);
	cap = vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);
	check_eq(cap->coherence, VFIO_CXL_COHERENCE_HDM_DB);
	check_eq(hdm_read(&vfio, CXLR_HDM_CTRL(0)), CXLR_HDM_CTRL_BI);
	hdm_program(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(hdm_commit(&vfio, 0), CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_ERROR);
	hdm_uncommit(&vfio, CXLR_HDM_CTRL_BI);
	check_eq(hdm_commit(&vfio, CXLR_HDM_CTRL_BI), committed | CXLR_HDM_CTRL_BI);
}

/* BI Decoder and Extended Metadata, by the register region and by the BAR: neither is there. */
static void test_user_cannot_reach_bi(void)
{
	static const uint32_t values[] = { 0, 0xffffffff };
	struct session session;
	struct qmp_state after;
	struct vfio *vfio = &session.vfio;
	uint32_t at, got;
	size_t i;

	setup(&session);
	vfio_enable(vfio, true, false);
	for (at = LINK_AT; at < HDM_AT; at += 4)
		for (i = 0; i < ARRAY_SIZE(values); i++) {
			vfio_write(vfio, &vfio->regs, at, &values[i], 4);
			check_eq(vfio_read32(vfio, &vfio->regs, at), 0);
			__vfio_write(vfio, &vfio->bar, CM_IN_BAR + at, &values[i], 4);
			check_eq(__vfio_read(vfio, &vfio->bar, CM_IN_BAR + at, &got, 4), 4);
			check_eq(got, 0);
		}
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
	check_restored(&session);
}

const struct test tests[] = {
	{ "ioctl_reset_restores", test_ioctl_reset_restores },
	{ "hot_reset_restores", test_hot_reset_restores },
	{ "cxl_reset_restores", test_cxl_reset_restores },
	{ "bi_lost_until_next_reset", test_bi_lost_until_next_reset },
	{ "virtual_decoder_has_bi", test_virtual_decoder_has_bi },
	{ "user_cannot_reach_bi", test_user_cannot_reach_bi },
	{ }
};
