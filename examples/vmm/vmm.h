/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The VMM's one structure, and what its files offer to each other. */
#ifndef VMM_H
#define VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

/* The guest's address space. */
#define RAM_SIZE	0x200000ull	/* from 0: tables, parameters, code, stack */
#define CONFIG_GPA	0xb0000000ull	/* the device's page of ECAM */
#define CONFIG_SIZE	0x1000
#define BAR_GPA		0xc0000000ull
#define BAR_MAX		0x10000000ull
#define WINDOW_GPA	0x100000000ull	/* what a CFMWS would tell the guest */
#define WINDOW_END	0x8000000000ull	/* what the guest's page tables reach */

#define RAM_SLOT	0
#define CXL_SLOT	1
#define TEST_BYTES	(8ull << 20)

struct region {
	uint64_t offset;		/* in the device's file */
	uint64_t size;
};

/* Where in the guest a part of the memory is; nowhere if the size is 0. */
struct place {
	uint64_t gpa;
	uint64_t size;
	uint64_t dpa;			/* offset in the memory region */
};

/* Guest physical addresses whose accesses go to a region of the device. */
struct window {
	uint64_t gpa;
	uint64_t size;
	const struct region *region;
	uint64_t at;			/* offset in the region */
};

struct kvm_run;

struct vmm {
	int container, group, device;
	struct region config, bar, mem, regs;
	uint32_t bar_reg;		/* the BAR's register, in configuration space */
	uint64_t cm;			/* CM block, offset in the BAR */
	uint32_t hdm;			/* HDM Decoder capability, offset in the CM block */
	uint32_t pm, pcie;		/* capabilities in configuration space */
	uint32_t dvsec;			/* DVSEC for CXL Devices there */
	uint64_t map_align;
	char *memory;			/* the device's, mapped */
	struct window windows[4];

	int kvm, vm, vcpu;
	struct kvm_run *run;
	char *ram;
	struct guest_params *params;	/* in RAM */

	pthread_mutex_t lock;		/* guards what follows, and writes to the device */
	pthread_cond_t followed;	/* what follows may have changed */
	bool accessible;		/* the memory was, when the driver was last asked */
	struct place at;		/* where the memory is in the guest now */
	bool hold;			/* the machine is being reset: it belongs nowhere */
	bool stop;
	int events;
	pthread_t thread;

	unsigned int checks, failed;
};

/* vmm.c: the device */
void add_ram(struct vmm *vmm);
void forward(struct vmm *vmm, uint64_t gpa, void *data, size_t len, bool write);
void faulted(struct vmm *vmm);
uint32_t hdm_read(struct vmm *vmm, uint32_t reg);
void hdm_write(struct vmm *vmm, uint32_t reg, uint32_t value);

/* machine.c: KVM */
void make_machine(struct vmm *vmm);
void run_guest(struct vmm *vmm);

/* checks.c: what is to be seen, and by whom */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);
int must(int ret, const char *what);
void __attribute__((format(printf, 3, 4)))
check(struct vmm *vmm, bool ok, const char *format, ...);
void check_step(struct vmm *vmm, uint32_t number);
void check_full_queue(struct vmm *vmm);
bool is_at(struct vmm *vmm, uint64_t gpa);
bool is_nowhere(struct vmm *vmm);
void catch_sigbus(void);

#endif
