// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "cxl_regs.h"
#include "pci.h"

#define SYSFS_DEVICES	"/sys/devices"

#define CAP_START	0x40
#define CAP_MAX		((256 - CAP_START) / 4)
#define EXT_CAP_START	0x100
#define EXT_CAP_MAX	((4096 - EXT_CAP_START) / 8)

static bool join(char path[PATH_MAX], const char *directory, const char *name)
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < PATH_MAX;
}

static bool attribute_is(const char *directory, const char *name, const char *value)
{
	char path[PATH_MAX], line[64];
	bool same = false;
	FILE *file;

	if (!join(path, directory, name))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		same = !strcmp(line, value);
	}
	fclose(file);
	return same;
}

bool pci_find_root(const char *hid, uint32_t uid, char path[PATH_MAX])
{
	char decimal[sizeof("4294967295")];
	bool found = false;
	struct dirent *entry;
	DIR *directory;

	snprintf(decimal, sizeof(decimal), "%u", uid);
	directory = opendir(SYSFS_DEVICES);
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		found = !strncmp(entry->d_name, "pci", 3) &&
			join(path, SYSFS_DEVICES, entry->d_name) &&
			attribute_is(path, "firmware_node/hid", hid) &&
			attribute_is(path, "firmware_node/uid", decimal);
	closedir(directory);
	return found;
}

static int is_function(const struct dirent *entry)
{
	unsigned int domain, bus, device, function;
	int end = 0;

	return sscanf(entry->d_name, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device,
		      &function, &end) == 4 && !entry->d_name[end] &&
	       strlen(entry->d_name) < PCI_NAME_SIZE;
}

bool pci_for_each(const char *path,
		  bool (*visit)(const struct pci_function *function, void *data),
		  void *data)
{
	struct pci_function function = { .config = -1 };
	struct dirent **entries;
	int count = scandir(path, &entries, is_function, alphasort);
	bool go_on = true;

	for (int i = 0; i < count; i++) {
		if (go_on && join(function.path, path, entries[i]->d_name)) {
			strcpy(function.name, entries[i]->d_name);
			go_on = visit(&function, data);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return go_on;
}

const char *pci_open(struct pci_function *function)
{
	char path[PATH_MAX];
	uint32_t last;

	if (!join(path, function->path, "config"))
		return "path too long";
	function->config = open(path, O_RDWR | O_CLOEXEC);
	if (function->config < 0)
		return strerror(errno);
	if (pread(function->config, &last, 4, 4092) != 4) {
		pci_close(function);
		return "no extended config space: run as root, on a machine with PCI Express";
	}
	return NULL;
}

void pci_close(struct pci_function *function)
{
	if (function->config >= 0)
		close(function->config);
	function->config = -1;
}

uint32_t pci_read(const struct pci_function *function, unsigned int offset,
		  unsigned int bytes)
{
	uint32_t value = 0;

	if (pread(function->config, &value, bytes, offset) != (ssize_t)bytes)
		return UINT32_MAX >> (32 - 8 * bytes);
	return value;
}

bool pci_write(const struct pci_function *function, unsigned int offset,
	       unsigned int bytes, uint32_t value)
{
	return pwrite(function->config, &value, bytes, offset) == (ssize_t)bytes;
}

unsigned int pci_find_cxl_dvsec(const struct pci_function *function, uint16_t id,
				unsigned int min_length, unsigned int *length)
{
	unsigned int at = EXT_CAP_START;

	for (int i = 0; i < EXT_CAP_MAX && at >= EXT_CAP_START; i++) {
		uint32_t header = pci_read(function, at, 4);
		uint32_t vendor = pci_read(function, at + PCI_DVSEC_HEADER1, 4);
		uint16_t dvsec = pci_read(function, at + PCI_DVSEC_HEADER2, 2);
		unsigned int bytes = PCI_DVSEC_HEADER1_LEN(vendor);

		if (header == UINT32_MAX)
			return 0;
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DVSEC &&
		    PCI_DVSEC_HEADER1_VID(vendor) == CXLR_VENDOR_ID &&
		    dvsec == id && bytes >= min_length && at + bytes <= 4096) {
			if (length)
				*length = bytes;
			return at;
		}
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

unsigned int pci_find_express(const struct pci_function *function)
{
	unsigned int at = pci_read(function, PCI_CAPABILITY_LIST, 1) & ~3u;

	for (int i = 0; i < CAP_MAX && at >= CAP_START; i++) {
		if (pci_read(function, at + PCI_CAP_LIST_ID, 1) == PCI_CAP_ID_EXP)
			return at;
		at = pci_read(function, at + PCI_CAP_LIST_NEXT, 1) & ~3u;
	}
	return 0;
}

const char *pci_map_bar(const struct pci_function *function, unsigned int bar,
			uint64_t offset, uint64_t size, volatile uint32_t **map)
{
	char path[PATH_MAX], name[sizeof("resource0")];
	const char *why = NULL;
	struct stat status;
	void *address;
	int file;

	if (bar >= 6)
		return "there is no such BAR";
	snprintf(name, sizeof(name), "resource%u", bar);
	if (!join(path, function->path, name))
		return "path too long";
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? "the BAR has no address" : strerror(errno);

	if (fstat(file, &status) || offset > (uint64_t)status.st_size ||
	    size > (uint64_t)status.st_size - offset) {
		why = "the BAR ends before the registers do";
	} else {
		address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
		*map = address;
		if (address == MAP_FAILED)
			why = "the BAR cannot be mapped: a driver has claimed it; "
				"run this before the CXL modules load";
	}
	close(file);
	return why;
}
