// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user finds the device's DOE capability (PCIe 6.30), which
 * vfio-pci hides, in the chain of extended capabilities. Through it the user
 * reads the CDAT as a guest's driver does (CXL 3.1, 8.1.11). An exchange that one
 * user leaves half done does not reach the next.
 *
 * How: the test walks the chain and compares it with the device's own. The CDAT
 * must be the bytes that the host's CXL core read at bind.
 *
 * Not covered: DOE protocols other than discovery and table access, and DOE
 * interrupts.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "regs.h"

#define TABLE_ACCESS	2u		/* data object type, of CXL's vendor id */
#define LAST_ENTRY	0xffffu
#define MAX_WORDS	256u
#define POLL_US		1000
#define POLLS		60000

struct chain {
	unsigned int count;
	struct {
		uint32_t at, header;
	} cap[64];
};

static void chain_add(struct chain *chain, uint32_t at, uint32_t header)
{
	unsigned int i;

	check_ge(at, PCI_CFG_SPACE_SIZE);
	check_lt(chain->count, ARRAY_SIZE(chain->cap));
	for (i = 0; i < chain->count; i++)
		check_msg(chain->cap[i].at != at, "the chain comes back to %#x", at);
	chain->cap[chain->count].at = at;
	chain->cap[chain->count++].header = header;
}

static void read_chain(struct vfio *vfio, struct chain *chain)
{
	uint32_t at, header;

	chain->count = 0;
	for (at = PCI_CFG_SPACE_SIZE; at; at = PCI_EXT_CAP_NEXT(header)) {
		header = config_read(vfio, at, 4);
		chain_add(chain, at, header);
	}
}

/* As the device has it. */
static void read_physical_chain(struct chain *chain)
{
	uint32_t at, header;
	uint8_t bytes[PAGE];

	pci_config(pci_accel(), bytes);
	chain->count = 0;
	for (at = PCI_CFG_SPACE_SIZE; at; at = PCI_EXT_CAP_NEXT(header)) {
		memcpy(&header, bytes + at, sizeof(header));
		chain_add(chain, at, header);
	}
}

static uint32_t find_doe(struct vfio *vfio)
{
	struct chain chain;
	unsigned int i;

	read_chain(vfio, &chain);
	for (i = 0; i < chain.count; i++)
		if (PCI_EXT_CAP_ID(chain.cap[i].header) == PCI_EXT_CAP_ID_DOE)
			return chain.cap[i].at;
	fail(__FILE__, __LINE__, "no DOE among the %u capabilities of the chain", chain.count);
}

/* The device has none that is to be left out, so the chains are the same. */
static void check_chain(struct vfio *vfio)
{
	struct chain is, physical;
	unsigned int i;

	read_chain(vfio, &is);
	read_physical_chain(&physical);
	for (i = 0; i < physical.count; i++) {
		check_msg(i != is.count && is.cap[i].at == physical.cap[i].at,
			  "capability %#x at %#x is not there",
			  PCI_EXT_CAP_ID(physical.cap[i].header), physical.cap[i].at);
		check_eq(is.cap[i].header, physical.cap[i].header);
	}
	check_eq(is.count, physical.count);
}

static void test_doe_found_in_chain(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	check_chain(&vfio);
	find_doe(&vfio);
}

static void wait_ready(struct vfio *vfio, uint32_t doe)
{
	unsigned int polls;
	uint32_t status;

	for (polls = 0; polls < POLLS; polls++, usleep(POLL_US)) {
		status = config_read(vfio, doe + PCI_DOE_STATUS, 4);
		check(!(status & PCI_DOE_STATUS_ERROR));
		if (status & PCI_DOE_STATUS_DATA_OBJECT_READY)
			return;
	}
	fail(__FILE__, __LINE__, "no answer by DOE");
}

/* PCIe 6.30.2: one object there, one back; its length in words, the header included. */
static uint32_t exchange(struct vfio *vfio, uint32_t doe, const uint32_t *request, uint32_t words,
			 uint32_t *answer)
{
	uint32_t i, length = 2;

	for (i = 0; i < words; i++)
		config_write(vfio, doe + PCI_DOE_WRITE, 4, request[i]);
	config_write(vfio, doe + PCI_DOE_CTRL, 4, PCI_DOE_CTRL_GO);
	wait_ready(vfio, doe);
	for (i = 0; i < length; i++) {
		answer[i] = config_read(vfio, doe + PCI_DOE_READ, 4);
		config_write(vfio, doe + PCI_DOE_READ, 4, 0);
		if (i == 1)
			length = answer[1] & PCI_DOE_DATA_OBJECT_HEADER_2_LENGTH;
		check_ge(length, 2);
	check_le(length, MAX_WORDS);
	}
	check(!(config_read(vfio, doe + PCI_DOE_STATUS, 4) &
		(PCI_DOE_STATUS_ERROR | PCI_DOE_STATUS_DATA_OBJECT_READY)));
	return length;
}

/* 8.1.11.1, Read Entry, until there is none left; bytes. */
static size_t read_cdat(struct vfio *vfio, uint32_t doe, uint8_t *cdat, size_t size)
{
	const uint32_t kind = CXLR_VENDOR_ID | TABLE_ACCESS << 16;
	uint32_t answer[MAX_WORDS], words, entry = 0;
	size_t len = 0;

	do {
		const uint32_t request[] = { kind, 3, entry << 16 };

		words = exchange(vfio, doe, request, ARRAY_SIZE(request), answer);
		check_gt(words, 3);
		check_eq(answer[0], kind);
		check_eq(answer[2] & 0xffff, 0);
		check_le(len + (words - 3) * 4, size);
		memcpy(cdat + len, answer + 3, (words - 3) * 4);
		len += (words - 3) * 4;
		entry = answer[2] >> 16;
	} while (entry != LAST_ENTRY);
	return len;
}

/* What the host's CXL core read, when the driver was bound; bytes. */
static size_t host_cdat(uint8_t *cdat, size_t size)
{
	char uport[512], path[512];
	size_t i, len = 0;
	glob_t endpoints;
	FILE *file;

	check_eq(glob("/sys/bus/cxl/devices/endpoint*", 0, NULL, &endpoints), 0);
	for (i = 0; i < endpoints.gl_pathc && !len; i++) {
		snprintf(path, sizeof(path), "%s/uport", endpoints.gl_pathv[i]);
		if (!realpath(path, uport) || !strstr(uport, pci_accel()))
			continue;
		snprintf(path, sizeof(path), "%s/CDAT", endpoints.gl_pathv[i]);
		file = fopen(path, "rb");
		check(file);
		len = fread(cdat, 1, size, file);
		fclose(file);
	}
	globfree(&endpoints);
	check_gt(len, 0);
	check_lt(len, size);
	return len;
}

static void check_cdat(struct vfio *vfio)
{
	uint8_t want[4 * KIB], got[4 * KIB];
	size_t len = host_cdat(want, sizeof(want));

	check_eq(read_cdat(vfio, find_doe(vfio), got, sizeof(got)), (long long)len);
	check_mem_eq(got, want, len);
}

/* At every open, over resets, and again. */
static void test_cdat_same_at_every_open(void)
{
	struct vfio vfio;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		vfio_open(&vfio);
		check_cdat(&vfio);
		check_eq(__vfio_reset(&vfio), 0);
		check_cdat(&vfio);
		check_eq(__vfio_hot_reset(&vfio), 0);
		check_cdat(&vfio);
		vfio_enable(&vfio, true, false);
		cxl_reset(&vfio, false);
		check_cdat(&vfio);
		check_chain(&vfio);
		vfio_close(&vfio);
	}
}

/* An exchange that one user left in the middle is none of the next one's. */
static void test_doe_aborted_exchange(void)
{
	struct vfio vfio;
	uint32_t doe;

	vfio_open(&vfio);
	doe = find_doe(&vfio);
	config_write(&vfio, doe + PCI_DOE_WRITE, 4, 0x12345678);
	vfio_close(&vfio);
	vfio_open(&vfio);
	check_cdat(&vfio);
}

/* The header takes no write, of any width, and no neighbour of it changes by one. */
static void test_doe_header_is_read_only(void)
{
	const unsigned int widths[] = { 1, 2, 4 };
	uint8_t before[PAGE], after[PAGE];
	const uint32_t ones = 0xffffffff;
	uint32_t doe, header, at;
	struct vfio vfio;
	unsigned int i;

	vfio_open(&vfio);
	doe = find_doe(&vfio);
	header = config_read(&vfio, doe, 4);
	for (at = 0; at < 4; at++)
		check_eq(config_read(&vfio, doe + at, 1), header >> at * 8 & 0xff);
	check_eq(config_read(&vfio, doe, 2), header & 0xffff);
	check_eq(config_read(&vfio, doe + 2, 2), header >> 16);

	pci_config(pci_accel(), before);
	for (i = 0; i < ARRAY_SIZE(widths); i++)
		for (at = 0; at < 4; at += widths[i]) {
			config_write(&vfio, doe + at, widths[i], 0);
			check_eq(config_read(&vfio, doe, 4), header);
			config_write(&vfio, doe + at, widths[i], ones);
			check_eq(config_read(&vfio, doe, 4), header);
		}
	pci_config(pci_accel(), after);
	check_mem_eq(after, before, sizeof(before));
	check_chain(&vfio);
	check_cdat(&vfio);
}

const struct test tests[] = {
	{ "doe_found_in_chain", test_doe_found_in_chain },
	{ "cdat_same_at_every_open", test_cdat_same_at_every_open },
	{ "doe_aborted_exchange", test_doe_aborted_exchange },
	{ "doe_header_is_read_only", test_doe_header_is_read_only },
	{ }
};
