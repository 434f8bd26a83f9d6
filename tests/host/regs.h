/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual registers, used as a guest's firmware and drivers would, and the
 * events that they lead to. Where the device has its structures is told by
 * docs/accelerator.md, so these are constants here.
 */
#ifndef TEST_REGS_H
#define TEST_REGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cxl_regs.h"
#include "vfio.h"

/* In the register region. */
#define RAS_AT			0x080
#define LINK_AT			0x100	/* not offered */
#define HDM_AT			0x200

/* In configuration space. */
#define PM_AT			0x040
#define EXP_AT			0x080
#define AF_AT			0x0c0	/* with af=on */
#define AER_AT			0x100
#define DVSEC_AT		0x180	/* PCIe DVSEC for CXL Devices */
#define GPF_AT			0x1c0
#define FLEX_BUS_AT		0x1d0
#define LOCATOR_AT		0x1f0
#define  LOCATOR_END		(LOCATOR_AT + CXLR_REG_LOCATOR_BLOCK_LOW(1))

/* Registers of the HDM Decoder capability; @offset as in cxl_regs.h. */
uint32_t hdm_read(struct vfio *vfio, uint32_t offset);
void hdm_write(struct vfio *vfio, uint32_t offset, uint32_t value);
ssize_t __hdm_write(struct vfio *vfio, uint32_t offset, uint32_t value);
uint64_t hdm_base(struct vfio *vfio);
uint64_t hdm_size(struct vfio *vfio);
/* All registers of decoder 0 but Control. */
void hdm_program(struct vfio *vfio, uint64_t base, uint64_t size, uint64_t skip);
/* Set Commit and other bits of Control; what Control reads then. */
uint32_t hdm_commit(struct vfio *vfio, uint32_t bits);
/* Clear Control, but for @bits; what it reads then. */
uint32_t hdm_uncommit(struct vfio *vfio, uint32_t bits);
/* Program and commit, which must succeed. */
void hdm_place(struct vfio *vfio, uint64_t base, uint64_t size, uint32_t bits);

/* Configuration space; @width 1, 2 or 4. */
uint32_t config_read(struct vfio *vfio, uint32_t offset, unsigned int width);
void config_write(struct vfio *vfio, uint32_t offset, unsigned int width, uint32_t value);
/* PCIe 6.6.2: a guest's FLR of its device. */
void config_flr(struct vfio *vfio);

/* Registers of the PCIe DVSEC for CXL Devices; 16 bits, or 32 as named. */
uint16_t dvsec_read(struct vfio *vfio, uint32_t offset);
uint32_t dvsec_read32(struct vfio *vfio, uint32_t offset);
void dvsec_write(struct vfio *vfio, uint32_t offset, uint16_t value);
void dvsec_write32(struct vfio *vfio, uint32_t offset, uint32_t value);
uint64_t dvsec_range_base(struct vfio *vfio, unsigned int n);
uint64_t dvsec_range_size(struct vfio *vfio, unsigned int n);
void dvsec_set_range_base(struct vfio *vfio, unsigned int n, uint64_t base);

/* Start a CXL Reset; wait until Status2 says that it ended, and how. */
void cxl_reset_start(struct vfio *vfio, bool clear);
uint16_t cxl_reset_wait(struct vfio *vfio);
/* Both, and it must be complete. */
void cxl_reset(struct vfio *vfio, bool clear);

/* Firmware reports an error in the memory, at this offset. */
void report_error(uint64_t offset);

/* VFIO_DEVICE_FEATURE_CXL_EVENTS. */
#define EVENTS_MAX	64

struct events {
	uint32_t flags;		/* of the state, and so on */
	uint64_t seq;
	uint64_t base;
	uint64_t size;
	uint64_t dpa;
	unsigned int count;
	struct vfio_cxl_event event[EVENTS_MAX];
};

int __events_set(struct vfio *vfio, int eventfd);
void events_set(struct vfio *vfio, int eventfd);
/* A new eventfd, which does not block, for the device's events. */
int events_open(struct vfio *vfio);
/* Up to @max events; 0 asks for the state alone. */
int __events_get(struct vfio *vfio, struct events *events, unsigned int max);
void events_get(struct vfio *vfio, struct events *events, unsigned int max);
/* Events that an eventfd counted since it was last asked. */
uint64_t events_signalled(int eventfd);
/* Take events out until one of @type is there: seconds may pass. All of them are in @events. */
void events_until(struct vfio *vfio, struct events *events, uint32_t type);
/* The types are exactly these, in this order, with consecutive numbers; 0 ends the list. */
void events_are(const struct events *events, const uint32_t *types);

#endif
