/* SPDX-License-Identifier: GPL-2.0-only */
/* Those that pin memory for as long as they like: the kernel's FOLL_LONGTERM. */
#ifndef PIN_H
#define PIN_H

#include <stddef.h>

/* Register a buffer with an io_uring. Returns its file, or a negative errno. */
int pin_io_uring(void *addr, size_t len);
/*
 * Map memory for DMA by VFIO's type 1, in a container with a device. Returns the container's
 * file, or a negative errno; the rest of what it opened stays open.
 */
int pin_vfio(const char *device, unsigned int group, void *addr, size_t len);

#endif
