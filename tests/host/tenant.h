/* SPDX-License-Identifier: GPL-2.0-only */
/* Who uses the accelerator for a while: finds nothing of those before, and leaves something. */
#ifndef TENANT_H
#define TENANT_H

#include <stdint.h>
#include <sys/types.h>

#include "slot.h"
#include "vfio.h"

#define TENANT_PLACES	16

/* The offset in the memory of one of the places where tenants look, and leave something. */
uint64_t tenant_place(const struct vfio *vfio, unsigned int i);
/* Opens the device and maps all of its memory; where. */
volatile uint8_t *tenant_open(struct vfio *vfio);
/* A mapping has the device open as well. */
void tenant_close(struct vfio *vfio, volatile uint8_t *memory);
/* Both. */
void tenant_once(void);
/* A process of its own that is a tenant until @stay returns; it has begun. */
pid_t tenant_start(void (*stay)(struct vfio *vfio, volatile uint8_t *memory));
/* For that: stays until the host wants the device back (VFIO_PCI_REQ_IRQ_INDEX). */
void tenant_leaves_when_asked(struct vfio *vfio, volatile uint8_t *memory);

/* Nothing of the device is left in the kernel. */
bool tenant_is_gone(void);
/* It is plugged in again, programmed and bound, and has a tenant; the decoder stays as it was. */
void tenant_comes_back(const struct slot_decoder *decoder);

#endif
