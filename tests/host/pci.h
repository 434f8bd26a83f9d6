/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI devices and their drivers, by sysfs. */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_DRIVER	"cxl-vfio-pci"
/* The driver's parameter that has it commit decoders. */
#define COMMIT_DECODERS	"/sys/module/cxl_vfio_pci/parameters/commit_decoders"

/* The memory that type 1 may have: a line each, FIRST-LAST. */
#define TYPE1_MEMORY	"/sys/bus/pci/drivers/" PCI_DRIVER "/type1_memory"

/* Whether new devices may cache host memory: allow or deny. */
#define HOST_CACHE	"/sys/module/cxl_vfio_pci/parameters/host_cache"

/* The accelerator under test, as "0000:11:00.0". */
const char *pci_accel(void);
/* Accelerator number n, from 0, by address; stays until the next call. */
const char *pci_nth_accel(unsigned int n);
/* An ordinary PCI device that no driver has. */
const char *pci_other(void);

/* The path of a file of a device; stays until the next call. */
const char *pci_path(const char *device, const char *file);
/* The last part of a symbolic link of a device, or "". */
void pci_link(const char *device, const char *file, char *name, size_t size);
bool pci_bound(const char *device);
/* Where a BAR of a device is in the machine's address space. */
uint64_t pci_bar(const char *device, unsigned int bar);
/* Configuration space as the host reads it, the device's own: PAGE bytes. */
void pci_config(const char *device, uint8_t *bytes);

/* By the administrator, the way that reset_method names. */
void pci_reset(const char *device, const char *method);

/* Unmask SBR of the port above, without which the PCI core makes no bus reset (8.1.5.2). */
void pci_unmask_bus_reset(const char *device, bool unmask);

/* The administrator resets all that is below a port. */
void pci_reset_below(const char *port);

/*
 * From now on it sleeps as soon as it may, and until somebody writes "on" to power/control;
 * it has tried to when this returns. One that is bound is kept awake otherwise.
 */
void pci_let_sleep(const char *device);
bool pci_asleep(const char *device);

int __pci_bind(const char *device);
/* Awake, also when nobody has it open. */
void pci_bind(const char *device);
/* And then nothing keeps its memory claimed. */
void pci_unbind(const char *device);
/* Only unbinds it. */
void __pci_unbind(const char *device);
/* The administrator says that type 1 has no memory any more, of devices that are not open. */
void pci_forget_type1(void);

/* A file of it in debugfs: state, or counts; free() it. */
char *pci_debugfs(const char *device, const char *file);

/* Is the driver clearing the memory of the accelerator under test? */
bool pci_is_clearing(void);

/* Is its memory as the next user gets it? */
bool pci_is_clear(void);

#endif
