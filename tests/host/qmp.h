/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor of the QEMU that this machine runs in: what the hardware says of
 * itself, by a path that no driver of this machine is part of.
 */
#ifndef QMP_H
#define QMP_H

#include <stdbool.h>
#include <stdint.h>

/* The serial line that it is at the other end of. */
#define QMP_LINE	"/dev/ttyS2"

/* Properties of the accelerator (docs/accelerator.md). A boolean is 0 or 1. */
uint64_t qmp_get(const char *property);
void qmp_set(const char *property, bool value);
void qmp_set32(const char *property, uint32_t value);

/* 32 bits of the machine's physical address space, past its processors; RAM or registers. */
uint32_t qmp_physical(uint64_t address);

/* The first processor's banks have an uncorrected error in this place of memory. */
void qmp_deferred_error(uint64_t address);

/* The accelerator reports an error by its AER capability, by the name that QEMU has for it. */
void qmp_aer_error(const char *error);
/* Another of QEMU's devices does. */
void qmp_aer_error_of(const char *device, const char *error);

/* The accelerator is put back into its slot, as machine default has it but for its decoders. */
void qmp_plug(unsigned int decoders);
/* The same, and a CXL Reset of it never ends. */
void qmp_plug_endless_reset(void);
/* And is taken out of QEMU, which the slot's being switched off comes before. */
void qmp_unplug(void);

/* The state of the accelerator that the host owns: nothing of it is a user's to change. */
#define QMP_STATE_MAX	64

struct qmp_state {
	unsigned int count;
	char name[QMP_STATE_MAX][32];
	uint64_t value[QMP_STATE_MAX];
};

void qmp_state_read(struct qmp_state *state);
/* Fails the test, naming the property, if two states differ. */
void qmp_state_same(const struct qmp_state *is, const struct qmp_state *was);

#endif
