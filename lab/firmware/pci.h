/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions and host bridges, by sysfs. */
#ifndef PCI_H
#define PCI_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_NAME_SIZE	sizeof("dddd:bb:dd.f")

struct pci_function {
	char path[PATH_MAX];		/* in /sys/devices */
	char name[PCI_NAME_SIZE];
	int config;			/* file descriptor of the config space */
};

/*
 * Finds the sysfs directory of the PCI root bus whose ACPI device has @hid and
 * @uid. False if there is none.
 */
bool pci_find_root(const char *hid, uint32_t uid, char path[PATH_MAX]);

/*
 * Calls @visit for each function directly below the directory at @path, in
 * order of address. Stops at the first false and returns it.
 */
bool pci_for_each(const char *path,
		  bool (*visit)(const struct pci_function *function, void *data),
		  void *data);

/* Opens the config space. NULL or what is wrong. */
const char *pci_open(struct pci_function *function);
void pci_close(struct pci_function *function);

/* Bytes: 1, 2 or 4. What cannot be read reads as all ones, as PCI has it. */
uint32_t pci_read(const struct pci_function *function, unsigned int offset,
		  unsigned int bytes);
bool pci_write(const struct pci_function *function, unsigned int offset,
	       unsigned int bytes, uint32_t value);

/*
 * Offset of the CXL DVSEC @id of at least @min_length bytes; 0 if the function
 * has none. @length, where given, is set to the bytes it has.
 */
unsigned int pci_find_cxl_dvsec(const struct pci_function *function, uint16_t id,
				unsigned int min_length, unsigned int *length);

/* Offset of the PCI Express capability; 0 if the function has none. */
unsigned int pci_find_express(const struct pci_function *function);

/* Maps @size bytes at @offset of BAR @bar, uncached. NULL or what is wrong. */
const char *pci_map_bar(const struct pci_function *function, unsigned int bar,
			uint64_t offset, uint64_t size, volatile uint32_t **map);

#endif
