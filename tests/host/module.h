/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules, which tests load and unload. */
#ifndef MODULE_H
#define MODULE_H

/* Their files; %s: where the kernel's release goes. */
#define MODULE_DRIVER	"/vfio-cxl/build/driver/%s/cxl-vfio-pci.ko"
#define MODULE_CLAIM	"/vfio-cxl/build/tests/host/modules/%s/claim.ko"
#define MODULE_FRAME	"/vfio-cxl/build/tests/host/modules/%s/frame.ko"
#define MODULE_HOLD	"/vfio-cxl/build/tests/host/modules/%s/hold.ko"
#define MODULE_IMPORT	"/vfio-cxl/build/tests/host/modules/%s/import.ko"

/* @parameters: as on modprobe's command line */
int __module_load(const char *file, const char *parameters);
void module_load(const char *file, const char *parameters);
/* By its name, with underscores. Fails the test while something uses it. */
void module_unload(const char *name);

#endif
