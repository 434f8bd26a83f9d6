/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a cxl-accel device and what its parts call each other for.
 * Everything here runs under the big QEMU lock.
 */
#ifndef CXL_ACCEL_H
#define CXL_ACCEL_H

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie_doe.h"
#include "hw/cxl/cxl.h"
#include "system/hostmem.h"
#include "../registers/blocks.h"
#include "../registers/hdm.h"
#include "cxl_accel_regs.h"

#define TYPE_CXL_ACCEL		"cxl-accel"
OBJECT_DECLARE_SIMPLE_TYPE(CxlAccel, CXL_ACCEL)

#define ACCEL_DECODERS_MAX	8
#define ACCEL_OPERANDS		3
#define ACCEL_CHUNK		65536	/* what the engine moves at a time, in bytes */

/* Where the parts of the configuration space are. */
#define ACCEL_CFG_PM		0x40
#define ACCEL_CFG_PCIE		0x80
#define ACCEL_CFG_AF		0xc0
#define ACCEL_CFG_AER		0x100
#define ACCEL_CFG_DSN		0x150
#define ACCEL_CFG_DOE		0x160
#define ACCEL_CFG_DVSEC		0x180	/* PCIe DVSEC for CXL Devices, first of several */
#define ACCEL_CFG_ATS		0x210

/* The DVSECs follow each other; offsets are those from the first one. */
#define ACCEL_DVSEC_GPF		0x40
#define ACCEL_DVSEC_FLEX_BUS	0x50
#define ACCEL_DVSEC_LOCATOR	0x70
#define ACCEL_DVSEC_SIZE	0x90
/* 8.1.7, GPF for Device: the 3 s and 51 mW that phase 2 may take. */
#define ACCEL_DVSEC_GPF_DURATION (ACCEL_DVSEC_GPF + 0x0a)
#define ACCEL_DVSEC_GPF_POWER	(ACCEL_DVSEC_GPF + 0x0c)

/* Where the capabilities of the CM block are, from its start; and BI's in their array. */
#define ACCEL_CM_RAS		0x080
#define ACCEL_CM_LINK		0x100
#define ACCEL_CM_BI		0x180
#define ACCEL_CM_BI_HEADER	CXLR_CAP_HEADER(3)
#define ACCEL_CM_METADATA	0x190
#define ACCEL_CM_HDM		0x200

/* What a reset touches, from least to most. */
enum accel_reset {
	ACCEL_RESET_FUNCTION,	/* FLR */
	ACCEL_RESET_CXL,	/* CXL Reset, CXL 3.1 9.7 */
	ACCEL_RESET_D3,		/* on the way back from D3hot, sticky bits stay */
	ACCEL_RESET_BUS,	/* conventional, sticky bits stay */
	ACCEL_RESET_POWER,	/* conventional, nothing stays */
	ACCEL_RESET_COUNT,
};

/* A window of the own memory in the host's physical address space. */
struct accel_window {
	uint64_t hpa;
	uint64_t size;		/* 0: none */
	uint64_t dpa;
};

struct accel_engine {
	uint32_t ctrl;
	uint32_t ring_cfg;
	uint32_t head, tail;
	uint32_t error;
	uint32_t done, failed;
	uint64_t ring;
	uint64_t error_addr;
	bool halted;
	uint32_t stops;		/* counts what ended the work at once */

	bool working;		/* desc is being worked on, at byte pos */
	struct cxl_accel_desc desc;
	uint64_t pos;
	uint32_t crc;

	QEMUBH *bh;
	QEMUTimer *pause;
	uint8_t buf[ACCEL_OPERANDS][ACCEL_CHUNK];
};

struct accel_cache {
	uint64_t address;
	uint32_t result;	/* CXL_ACCEL_FETCH_* */
	uint8_t line[CXL_ACCEL_LINE_SIZE];
};

/* Where the component registers are. */
struct accel_place {
	const char *name;
	unsigned int bar;
	uint32_t offset;
	uint64_t bar_size;
};

struct CxlAccel {
	PCIDevice parent_obj;

	bool waking;		/* from D3hot, with soft-reset=on */

	/* Properties. */
	HostMemoryBackend *memdev;
	uint32_t decoders;
	bool interleave;
	bool hdm_db;
	int32_t active_delay;	/* ms, -1: never */
	int32_t reset_delay;	/* ms, -1: never */
	bool soft_reset;
	bool immediate_readiness;
	bool af;
	bool acl;
	bool ats;
	uint64_t sn;
	char *component;
	const struct accel_place *place;	/* by that name */

	MemoryRegion bar, component_bar;
	MemoryRegion id_page, scratch_page, component_block, engine_page, cache_page, acl_page;
	MemoryRegion scratch_before, scratch_after;	/* beside component_block */
	uint8_t scratch[CXL_ACCEL_SCRATCH_SIZE];

	/* The own memory. */
	MemoryRegion *mem;
	uint64_t mem_size;
	AddressSpace mem_as;
	bool mem_active;
	QEMUTimer *active_timer;

	/* The CXL registers: the DVSECs, the CM block, and the decoders in that. */
	struct cxlr_space dvsec;
	void *dvsec_memory;
	struct cxlr_space cm;
	void *cm_memory;
	uint32_t arb_mux_scratch;
	struct cxlr_hdm hdm;

	/* What of it is mapped: one per decoder, the last by DVSEC range 1. */
	struct accel_window window[ACCEL_DECODERS_MAX + 1];
	MemoryRegion alias[ACCEL_DECODERS_MAX + 1];
	Notifier route_changed;

	/* CXL Reset and cache write-back, while they run. */
	QEMUTimer *reset_timer, *wbi_timer;
	bool resetting, reset_clears;
	int64_t reset_started;	/* ms */
	uint64_t clear_pos;
	QEMUBH *clear_bh;

	DOECap *doe;
	struct accel_cdat *cdat;
	struct accel_engine engine;
	struct accel_cache cache;

	/* For tests, over QMP. */
	uint64_t hdm_writes, component_writes;
	uint64_t forbidden;	/* accesses whose outcome the specification leaves undefined */
	uint64_t resets[ACCEL_RESET_COUNT];
	bool fail_reset, hold_reset, hold_inactive, degraded, ignore_bus_reset, refuse_bi;

	/* It has left its slot, and the slot says so; what is in place of its BARs then. */
	bool gone, told;
	bool silent;		/* its configuration space does not answer */
	MemoryRegion absent[3];
};

/* accel_dvsec.c: the configuration space */
bool accel_config_init(CxlAccel *s, Error **errp);
void accel_config_exit(CxlAccel *s);
void accel_config_reset(CxlAccel *s, enum cxlr_reset kind);
uint32_t accel_config_read(PCIDevice *pdev, uint32_t addr, int len);
void accel_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len);
/* A register by its offset in the PCIe DVSEC for CXL Devices, past all attributes. */
uint64_t accel_dvsec_get(CxlAccel *s, uint32_t offset);
void accel_dvsec_set(CxlAccel *s, uint32_t offset, uint64_t mask, bool set);
bool accel_mem_enabled(CxlAccel *s);
bool accel_config_locked(CxlAccel *s);
uint64_t accel_range_base(CxlAccel *s);
uint64_t accel_range_size(CxlAccel *s);

/* accel_reset.c: resets, memory becoming active, cache write-back */
void accel_reset_init(CxlAccel *s);
void accel_reset_finalize(CxlAccel *s);
void accel_reset(CxlAccel *s, enum accel_reset kind);
void accel_start_cxl_reset(CxlAccel *s, bool clear);
/* Software accesses a register: Status2 of the CXL Device DVSEC, or another one. */
void accel_note_access(CxlAccel *s, bool status2);
void accel_start_wbi(CxlAccel *s);
void accel_set_mem_active(CxlAccel *s, bool active);
/* Whatever takes time, but for the engine, does not come to its end. */
void accel_stop_timers(CxlAccel *s);

/* accel_component.c: the component registers */
/* Where option 'component' wants them. False, with a message, if there is no such place. */
bool accel_component_find(CxlAccel *s, Error **errp);
void accel_component_init(CxlAccel *s);
void accel_component_exit(CxlAccel *s);
/* The BAR that they are in. */
MemoryRegion *accel_component_bar(CxlAccel *s);
void accel_component_finalize(CxlAccel *s);
void accel_component_reset(CxlAccel *s, enum cxlr_reset kind);
/* A 32-bit register by its offset in the CM block; 0 if the device has none there. */
uint32_t accel_cm_get(CxlAccel *s, uint32_t offset);
bool accel_bi_enabled(CxlAccel *s);
/* Decoder n's window; size is 0 unless it is committed. */
struct accel_window accel_decoder_window(CxlAccel *s, unsigned int n);

/* accel_map.c: where the own memory is in the host's physical address space */
bool accel_map_init(CxlAccel *s, Error **errp);
void accel_map_exit(CxlAccel *s);
/* To be called after any change to what accel_map.c looks at. */
void accel_map_update(CxlAccel *s);
bool accel_in_d0(CxlAccel *s);

/* accel_engine.c */
void accel_engine_init(CxlAccel *s);
void accel_engine_finalize(CxlAccel *s);
void accel_engine_reset(CxlAccel *s);

/* accel_cache.c: its cache of host memory, and the ATS by which it may have the addresses */
void accel_cache_init(CxlAccel *s);
void accel_cache_reset(CxlAccel *s);
bool accel_ats_enabled(CxlAccel *s);

/* accel_cdat.c */
void accel_cdat_init(CxlAccel *s);
void accel_cdat_exit(CxlAccel *s);
void accel_cdat_reset(CxlAccel *s);

/* accel_removal.c: the device leaves its slot without notice; its slot says so, or not yet */
void accel_removal_init(CxlAccel *s);
void accel_removal_exit(CxlAccel *s);
void accel_vanish(CxlAccel *s);
void accel_vanish_and_tell(CxlAccel *s);

/* accel_observe.c: properties that tests read and write over QMP */
void accel_observe_init(CxlAccel *s);

#endif
