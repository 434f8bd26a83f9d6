// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "tenant.h"

#define SECRET		0x5ec4e7c0ffee0000

uint64_t tenant_place(const struct vfio *vfio, unsigned int i)
{
	return vfio->mem.size / TENANT_PLACES * i + i * 8;
}

volatile uint8_t *tenant_open(struct vfio *vfio)
{
	volatile uint8_t *memory;
	unsigned int i;

	vfio_open(vfio);
	vfio_enable(vfio, true, false);
	memory = vfio_mmap(vfio, &vfio->mem, 0, vfio->mem.size);
	for (i = 0; i < TENANT_PLACES; i++) {
		volatile uint64_t *word = (volatile uint64_t *)(memory + tenant_place(vfio, i));

		check_eq(*word, 0);
		*word = SECRET + i;
	}
	return memory;
}

void tenant_close(struct vfio *vfio, volatile uint8_t *memory)
{
	munmap((void *)memory, vfio->mem.size);
	vfio_close(vfio);
}

void tenant_once(void)
{
	struct vfio vfio;
	volatile uint8_t *memory = tenant_open(&vfio);

	tenant_close(&vfio, memory);
}

pid_t tenant_start(void (*stay)(struct vfio *vfio, volatile uint8_t *memory))
{
	int ready[2];
	pid_t child;
	char byte;

	check_eq(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct vfio vfio;
		volatile uint8_t *memory = tenant_open(&vfio);

		check_eq(write(ready[1], "", 1), 1);
		stay(&vfio, memory);
		exit(0);
	}
	check_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

void tenant_leaves_when_asked(struct vfio *vfio, __attribute__((unused)) volatile uint8_t *memory)
{
	check(vfio_event_met(vfio_event(vfio, VFIO_PCI_REQ_IRQ_INDEX)));
}

static bool in_file(const char *path, const char *text)
{
	char *all = read_file(path);
	bool found = strstr(all, text);

	free(all);
	return found;
}

bool tenant_is_gone(void)
{
	char path[128];

	pci_forget_type1();
	snprintf(path, sizeof(path), "/sys/kernel/debug/" PCI_DRIVER "/%s", pci_accel());
	return access(pci_path(pci_accel(), ""), F_OK) && errno == ENOENT &&
	       !in_file("/proc/iomem", PCI_DRIVER) && access(path, F_OK) && errno == ENOENT;
}

void tenant_comes_back(const struct slot_decoder *decoder)
{
	struct slot_decoder now;

	slot_on(1);
	/* Not before somebody has committed it. */
	check_lt(__pci_bind(pci_accel()), 0);
	slot_commit(decoder, 1);
	pci_bind(pci_accel());
	tenant_once();
	now = slot_decoder();
	check_eq(now.base, decoder->base);
	check_eq(now.size, decoder->size);
	check_eq(now.ctrl, decoder->ctrl);
}
