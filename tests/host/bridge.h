/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host bridges' HDM decoders, which decide where in the address space the
 * accelerators' memory is. Firmware's CEDT (CXL 3.1, 9.18.1) says where their
 * registers are, QEMU what is in them: no driver of this machine is asked.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#define BRIDGE_WORDS	1024

struct bridge_state {
	size_t count;
	uint64_t address[BRIDGE_WORDS];
	uint32_t value[BRIDGE_WORDS];
};

void bridge_state_read(struct bridge_state *state);
/* Those of another component, too, whose registers are there. */
void bridge_state_add(struct bridge_state *state, uint64_t registers);
/* Physical address of the HDM decoders of the component whose registers are there. */
uint64_t bridge_hdm(uint64_t registers);
/* Fails the test if two states differ. */
void bridge_state_same(const struct bridge_state *is, const struct bridge_state *was);

#endif
