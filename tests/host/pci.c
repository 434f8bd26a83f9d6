// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cxl_accel_regs.h"
#include "harness.h"
#include "pci.h"

#define DEVICES		"/sys/bus/pci/devices"
#define DRIVERS		"/sys/bus/pci/drivers/"

const char *pci_path(const char *device, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	return path;
}

void pci_link(const char *device, const char *file, char *name, size_t size)
{
	char target[512];
	ssize_t len;
	char *slash;

	*name = '\0';
	len = readlink(pci_path(device, file), target, sizeof(target) - 1);
	if (len < 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%s", slash ? slash + 1 : target);
}

static unsigned long number(const char *device, const char *file)
{
	char *text = read_file(pci_path(device, file));
	unsigned long value = strtoul(text, NULL, 0);

	free(text);
	return value;
}

static bool is_accel(const char *device)
{
	return number(device, "vendor") == CXL_ACCEL_VENDOR_ID &&
	       number(device, "device") == CXL_ACCEL_DEVICE_ID;
}

static bool is_other(const char *device)
{
	const unsigned long bridge = 0x06;
	char driver[64];

	pci_link(device, "driver", driver, sizeof(driver));
	return !*driver && number(device, "class") >> 16 != bridge && !is_accel(device);
}

/* The first by address after that one; machine descriptions have the same order. */
static const char *find(bool (*matches)(const char *device), const char *after, char *found,
			size_t size)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;

	check(dir);
	*found = '\0';
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, after) > 0 &&
		    (!*found || strcmp(entry->d_name, found) < 0) && matches(entry->d_name))
			snprintf(found, size, "%.63s", entry->d_name);
	closedir(dir);
	check(*found);
	return found;
}

const char *pci_accel(void)
{
	const char *named = getenv("VFIO_DEVICE");
	static char found[64];

	if (named)
		return named;
	return *found ? found : find(is_accel, "", found, sizeof(found));
}

const char *pci_nth_accel(unsigned int n)
{
	char previous[64] = "";
	static char found[64];

	find(is_accel, previous, found, sizeof(found));
	while (n--) {
		strcpy(previous, found);
		find(is_accel, previous, found, sizeof(found));
	}
	return found;
}

const char *pci_other(void)
{
	static char found[64];

	return *found ? found : find(is_other, "", found, sizeof(found));
}

bool pci_bound(const char *device)
{
	char driver[64];

	pci_link(device, "driver", driver, sizeof(driver));
	return !strcmp(driver, PCI_DRIVER);
}

uint64_t pci_bar(const char *device, unsigned int bar)
{
	char *text = read_file(pci_path(device, "resource"));
	char *line = text;
	uint64_t start;

	/* One line each: start, end, flags. */
	while (bar--) {
		line = strchr(line, '\n');
		check(line++);
	}
	start = strtoull(line, NULL, 0);
	free(text);
	check(start);
	return start;
}

void pci_config(const char *device, uint8_t *bytes)
{
	int fd = open(pci_path(device, "config"), O_RDONLY | O_CLOEXEC);

	check_ge(fd, 0);
	check_eq(pread(fd, bytes, PAGE, 0), PAGE);
	close(fd);
}

/*
 * An endpoint that goes makes the CXL core unbind its PCI device from a work
 * item (detach_memdev(), drivers/cxl/core/memdev.c). It would hit the next
 * binding, if that came first; "flush" waits for it.
 */
#define CXL_FLUSH	"/sys/bus/cxl/flush"

int __pci_bind(const char *device)
{
	int ret;

	write_file(pci_path(device, "driver_override"), PCI_DRIVER);
	ret = __write_file(DRIVERS PCI_DRIVER "/bind", device);
	/* One that is refused late has had an endpoint. */
	if (ret)
		write_file(CXL_FLUSH, "1");
	return ret;
}

void pci_bind(const char *device)
{
	int ret = __pci_bind(device);

	check_msg(!ret, "binding %s: %s", device, strerror(-ret));
	check(pci_bound(device));
	/* Tests look into the hardware of a device that is closed, however long that takes. */
	write_file(pci_path(device, "power/control"), "on");
}

void __pci_unbind(const char *device)
{
	write_file(DRIVERS PCI_DRIVER "/unbind", device);
	write_file(CXL_FLUSH, "1");
	check(!pci_bound(device));
}

void pci_unbind(const char *device)
{
	/* What is open is refused here, and listed again after the unbind. */
	pci_forget_type1();
	if (pci_bound(device))
		__pci_unbind(device);
	pci_forget_type1();
}

void pci_forget_type1(void)
{
	char *text = read_file(TYPE1_MEMORY), *line, *next;

	for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		int ret;

		line[strcspn(line, "-")] = '\0';
		ret = __write_file(TYPE1_MEMORY, line);
		check(!ret || ret == -EBUSY);
	}
	free(text);
}

void pci_reset(const char *device, const char *method)
{
	write_file(pci_path(device, "reset_method"), method);
	write_file(pci_path(device, "reset"), "1");
	write_file(pci_path(device, "reset_method"), "default");
}

/* The kernel only tries for the locks. */
void pci_unmask_bus_reset(const char *device, bool unmask)
{
	const unsigned int dvsec_cap = 0x23, extensions_for_ports = 3, control_at = 0x0c;
	uint32_t header = 0, id = 0;
	unsigned int at = PAGE / 16;
	uint16_t control;
	char path[512];
	int config;

	snprintf(path, sizeof(path), "%s", pci_path(device, "../config"));
	config = open(path, O_RDWR | O_CLOEXEC);
	check_ge(config, 0);
	for (; at; at = header >> 20) {
		check_eq(pread(config, &header, sizeof(header), at), sizeof(header));
		check_eq(pread(config, &id, sizeof(id), at + 8), sizeof(id));
		if ((header & 0xffff) == dvsec_cap && (id & 0xffff) == extensions_for_ports)
			break;
	}
	check(at);
	check_eq(pread(config, &control, sizeof(control), at + control_at), sizeof(control));
	control = unmask ? control | 1 : control & ~1;
	check_eq(pwrite(config, &control, sizeof(control), at + control_at), sizeof(control));
	close(config);
}

void pci_reset_below(const char *port)
{
	char path[512];
	int ret;

	snprintf(path, sizeof(path), "%s", pci_path(port, "reset_subordinate"));
	while ((ret = __write_file(path, "1")) == -EAGAIN)
		usleep(10000);
	check_eq(ret, 0);
}

void pci_let_sleep(const char *device)
{
	write_file(pci_path(device, "power/control"), "auto");
	write_file(pci_path(device, "power/autosuspend_delay_ms"), "0");
}

bool pci_asleep(const char *device)
{
	char *status = read_file(pci_path(device, "power/runtime_status"));
	bool ret = !strncmp(status, "suspended", strlen("suspended"));

	free(status);
	return ret;
}

char *pci_debugfs(const char *device, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/cxl-vfio-pci/%s/%s", device, file);
	return read_file(path);
}

bool pci_is_clearing(void)
{
	char *text = read_file(pci_path(pci_accel(), "clearing"));
	bool clearing = !strcmp(text, "1\n");

	free(text);
	return clearing;
}

bool pci_is_clear(void)
{
	char *text = read_file(pci_path(pci_accel(), "uncleared_bytes"));
	bool clear = !strcmp(text, "0\n");

	free(text);
	return clear;
}
