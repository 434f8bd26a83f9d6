/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine in KVM, of which the memory is what the caller has. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* What the guest works on: so much, at once. */
#define GUEST_BYTES	0x10000

struct guest {
	int vm, vcpu;
	struct kvm_run *run;
};

/* Both are made with calls that must not fail. */
void guest_make(struct guest *guest, uint8_t *memory);
/* The guest adds one to the first byte of each page, and halts. */
void guest_run(struct guest *guest);

#endif
