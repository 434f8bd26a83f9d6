/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CXL switch above the accelerator. Firmware programs its decoders; here
 * that is done by hand, past the kernel (which has to run with iomem=relaxed).
 */
#ifndef SWITCH_H
#define SWITCH_H

#include <stdint.h>

/* PCI addresses of the port that has the switch's decoders, and of the root port above it. */
const char *switch_upstream(void);
const char *switch_root_port(void);
/* Physical address of the upstream port's component registers. */
uint64_t switch_registers(void);

#define SWITCH_DECODERS	4

/* What the decoders are programmed to. */
struct switch_decoders {
	uint32_t reg[SWITCH_DECODERS][8];
};

void switch_save(struct switch_decoders *decoders);
/* As firmware does, in order; those that were committed are again. */
void switch_program(const struct switch_decoders *decoders);
void switch_uncommit(unsigned int n);

#endif
