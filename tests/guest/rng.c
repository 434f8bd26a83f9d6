// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "rng.h"

/* BAR 4 of QEMU's: the common configuration is at its start. */
#define BAR		"resource4"
#define BAR_SIZE	0x4000
#define NOTIFY_AT	0x3000

/* In the page of the ring, which has one descriptor. */
#define ENTRIES		1
#define DESC_AT		0x000
#define AVAIL_AT	0x400
#define USED_AT		0x800
#define  RING_FLAGS	0
#define  RING_INDEX	2

static void common_write(struct rng *rng, uint32_t offset, unsigned int width, uint64_t value)
{
	store_bytes(rng->bar + offset, width, value);
}

/* An address takes two stores (virtio 1.2, 4.1.3.1). */
static void common_write_address(struct rng *rng, uint32_t offset, uint64_t value)
{
	common_write(rng, offset, 4, value);
	common_write(rng, offset + 4, 4, value >> 32);
}

static uint8_t status(const struct rng *rng)
{
	return load_bytes(rng->bar + VIRTIO_PCI_COMMON_STATUS, 1);
}

/* As its driver would find it: mapped, and allowed to do DMA. */
static void enable(void)
{
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char driver[64];
	int fd;

	pci_link(RNG_DEVICE, "driver", driver, sizeof(driver));
	if (*driver)
		write_file(pci_path(RNG_DEVICE, "driver/unbind"), RNG_DEVICE);
	fd = open(pci_path(RNG_DEVICE, "config"), O_RDWR | O_CLOEXEC);
	check_ge(fd, 0);
	check_eq(pwrite(fd, &command, sizeof(command), PCI_COMMAND), sizeof(command));
	close(fd);
}

void rng_open(struct rng *rng, struct machine *machine)
{
	void *ring = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

	check_ne(ring, MAP_FAILED);
	enable();
	rng->bar = machine_map(machine, pci_bar(RNG_DEVICE, 4), BAR_SIZE);
	rng->ring = ring;
	rng->ring_at = physical_address(ring);
	check(rng->ring_at);
	rng_reset(rng);
}

/* Virtio 1.2, 3.1.1. */
void rng_reset(struct rng *rng)
{
	const uint8_t features = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				 VIRTIO_CONFIG_S_FEATURES_OK;

	common_write(rng, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	memset((void *)rng->ring, 0, PAGE);
	rng->asked = 0;
	common_write(rng, VIRTIO_PCI_COMMON_STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE |
		     VIRTIO_CONFIG_S_DRIVER);
	common_write(rng, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	common_write(rng, VIRTIO_PCI_COMMON_GF, 4, 1ull << (VIRTIO_F_VERSION_1 - 32));
	common_write(rng, VIRTIO_PCI_COMMON_STATUS, 1, features);
	check_eq(status(rng), features);
	common_write(rng, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	common_write(rng, VIRTIO_PCI_COMMON_Q_SIZE, 2, ENTRIES);
	common_write_address(rng, VIRTIO_PCI_COMMON_Q_DESCLO, rng->ring_at + DESC_AT);
	common_write_address(rng, VIRTIO_PCI_COMMON_Q_AVAILLO, rng->ring_at + AVAIL_AT);
	common_write_address(rng, VIRTIO_PCI_COMMON_Q_USEDLO, rng->ring_at + USED_AT);
	common_write(rng, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	common_write(rng, VIRTIO_PCI_COMMON_STATUS, 1, features | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* The ring's only entry is descriptor 0. */
void rng_ask(struct rng *rng, uint64_t at, uint32_t size)
{
	volatile struct vring_desc *desc = (void *)(rng->ring + DESC_AT);

	desc->addr = at;
	desc->len = size;
	desc->flags = VRING_DESC_F_WRITE;
	__sync_synchronize();
	store_bytes(rng->ring + AVAIL_AT + RING_INDEX, 2, ++rng->asked);
	__sync_synchronize();
	store_bytes(rng->bar + NOTIFY_AT, 2, 0);
}

uint16_t rng_answered(const struct rng *rng)
{
	return load_bytes(rng->ring + USED_AT + RING_INDEX, 2);
}

bool rng_broken(const struct rng *rng)
{
	return status(rng) & VIRTIO_CONFIG_S_NEEDS_RESET;
}
