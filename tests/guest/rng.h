/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio-rng device that no driver of the guest's kernel has: the VMM stores random bytes
 * wherever the guest's physical address space is RAM to it. Of the machines with an item
 * "device virtio-rng-pci", at RNG_DEVICE.
 */
#ifndef RNG_H
#define RNG_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define RNG_DEVICE	"0000:00:10.0"

struct rng {
	volatile uint8_t *bar;
	volatile uint8_t *ring;		/* RAM of the guest's own, a page */
	uint64_t ring_at;		/* its guest physical address */
	uint16_t asked;			/* requests since the last reset */
};

void rng_open(struct rng *rng, struct machine *machine);
/* Ask for @size random bytes at a guest physical address. */
void rng_ask(struct rng *rng, uint64_t at, uint32_t size);
/* How many requests were answered; all of the bytes of each are there. */
uint16_t rng_answered(const struct rng *rng);
/* The VMM wants the device to be reset before it does anything more. */
bool rng_broken(const struct rng *rng);
void rng_reset(struct rng *rng);

#endif
