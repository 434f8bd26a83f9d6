// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge.h"
#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "switch.h"

/* The function so many above the accelerator, by its place in sysfs. */
static const char *above(unsigned int levels, char *name, size_t size)
{
	char *path = realpath(pci_path(pci_accel(), ""), NULL), *slash;

	check(path);
	while (levels--) {
		slash = strrchr(path, '/');
		check(slash);
		*slash = '\0';
	}
	snprintf(name, size, "%s", strrchr(path, '/') + 1);
	free(path);
	return name;
}

const char *switch_upstream(void)
{
	static char name[32];

	return above(2, name, sizeof(name));
}

const char *switch_root_port(void)
{
	static char name[32];

	return above(3, name, sizeof(name));
}

uint64_t switch_registers(void)
{
	return pci_bar(switch_upstream(), 0);
}

static volatile uint32_t *map(void)
{
	static volatile uint32_t *hdm;
	uint64_t base = switch_registers();
	void *registers;
	int fd;

	if (hdm)
		return hdm;
	fd = open(pci_path(switch_upstream(), "resource0"), O_RDWR | O_CLOEXEC);
	check_ge(fd, 0);
	registers = mmap(NULL, CXLR_COMPONENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check_ne(registers, MAP_FAILED);
	close(fd);
	hdm = registers + (bridge_hdm(base) - base);
	check_eq(cxlr_hdm_decoder_count(hdm[CXLR_HDM_CAP / 4]), SWITCH_DECODERS);
	return hdm;
}

static volatile uint32_t *decoder(unsigned int n)
{
	return map() + CXLR_HDM_BASE_LOW(n) / 4;
}

#define CTRL	((CXLR_HDM_CTRL(0) - CXLR_HDM_BASE_LOW(0)) / 4)

void switch_save(struct switch_decoders *decoders)
{
	unsigned int n, i;

	for (n = 0; n < SWITCH_DECODERS; n++)
		for (i = 0; i < ARRAY_SIZE(decoders->reg[n]); i++)
			decoders->reg[n][i] = decoder(n)[i];
}

void switch_program(const struct switch_decoders *decoders)
{
	unsigned int n, i;

	for (n = 0; n < SWITCH_DECODERS; n++) {
		const uint32_t *reg = decoders->reg[n];

		for (i = 0; i < ARRAY_SIZE(decoders->reg[n]); i++)
			if (i != CTRL)
				decoder(n)[i] = reg[i];
		decoder(n)[CTRL] = reg[CTRL] & ~CXLR_HDM_CTRL_COMMITTED;
		check_eq(decoder(n)[CTRL], reg[CTRL]);
	}
}

/* QEMU's switch has no locks. */
void switch_uncommit(unsigned int n)
{
	decoder(n)[CTRL] = 0;
	check(!(decoder(n)[CTRL] & CXLR_HDM_CTRL_COMMITTED));
}
