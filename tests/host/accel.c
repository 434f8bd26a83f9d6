// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"

#define RING_ORDER	4
#define POLL_US		200
#define ANSWER_US	20000000

uint32_t accel_read(struct accel *accel, uint32_t offset)
{
	return accel->engine[offset / sizeof(uint32_t)];
}

void accel_write(struct accel *accel, uint32_t offset, uint32_t value)
{
	accel->engine[offset / sizeof(uint32_t)] = value;
}

static void *host_memory(struct vfio *vfio, size_t len, uint64_t iova)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check_ne(memory, MAP_FAILED);
	vfio_dma_map(vfio, memory, len, iova);
	return memory;
}

void accel_open(struct accel *accel, struct vfio *vfio)
{
	unsigned int i;

	memset(accel, 0, sizeof(*accel));
	accel->vfio = vfio;
	vfio_enable(vfio, true, true);
	accel->engine = vfio_mmap(vfio, &vfio->bar, CXL_ACCEL_ENGINE_OFFSET, CXL_ACCEL_PAGE_SIZE);
	accel->ring = host_memory(vfio, PAGE, ACCEL_RING_IOVA);
	accel->host = host_memory(vfio, ACCEL_HOST_SIZE, ACCEL_HOST_IOVA);
	for (i = 0; i < CXL_ACCEL_VECTORS; i++) {
		accel->interrupt[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		check_ge(accel->interrupt[i], 0);
	}
	vfio_msix(vfio, accel->interrupt, CXL_ACCEL_VECTORS);
	accel_start(accel);
}

void accel_start(struct accel *accel)
{
	accel->tail = 0;
	accel_write(accel, CXL_ACCEL_CTRL, CXL_ACCEL_CTRL_RESET);
	accel_write(accel, CXL_ACCEL_RING_LOW, (uint32_t)ACCEL_RING_IOVA);
	accel_write(accel, CXL_ACCEL_RING_HIGH, ACCEL_RING_IOVA >> 32);
	accel_write(accel, CXL_ACCEL_RING_CFG, RING_ORDER);
	accel_write(accel, CXL_ACCEL_CTRL, CXL_ACCEL_CTRL_ENABLE);
	check_eq(accel_read(accel, CXL_ACCEL_STATUS), 0);
}

struct cxl_accel_desc *accel_post(struct accel *accel, const struct cxl_accel_desc *desc)
{
	struct cxl_accel_desc *slot = &accel->ring[accel->tail];

	*slot = *desc;
	slot->status = 0;
	accel->tail = (accel->tail + 1) % (1u << RING_ORDER);
	__sync_synchronize();
	accel_write(accel, CXL_ACCEL_TAIL, accel->tail);
	return slot;
}

unsigned int accel_run(struct accel *accel, struct cxl_accel_desc *desc)
{
	struct cxl_accel_desc *slot = accel_post(accel, desc);
	volatile uint32_t *status = &slot->status;
	unsigned int waited;

	for (waited = 0; !(*status & CXL_ACCEL_DESC_DONE); waited += POLL_US) {
		check_msg(waited <= ANSWER_US, "the engine does not end: status %#x, error %#x",
			  accel_read(accel, CXL_ACCEL_STATUS), accel_read(accel, CXL_ACCEL_ERROR));
		usleep(POLL_US);
	}
	__sync_synchronize();
	*desc = *slot;
	return desc->status & CXL_ACCEL_DESC_CODE;
}

uint64_t accel_interrupts(struct accel *accel, unsigned int vector, int wait_ms)
{
	struct pollfd event = { .fd = accel->interrupt[vector], .events = POLLIN };
	uint64_t count = 0;

	poll(&event, 1, wait_ms);
	if (read(accel->interrupt[vector], &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

uint32_t crc32c(const void *buf, uint64_t len)
{
	const uint32_t reflected = 0x82f63b78;
	const uint8_t *byte = buf;
	uint32_t crc = ~0u;
	unsigned int bit;

	while (len--) {
		crc ^= *byte++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? reflected : 0);
	}
	return ~crc;
}
