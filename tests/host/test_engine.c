// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user drives the accelerator through VFIO alone. It reaches
 * registers by the BAR's mapping, host memory by DMA through the IOMMU, device
 * memory by the region's mapping, and interrupts by eventfd.
 *
 * How: the engine runs each operation, with operands in host memory and in device
 * memory. The test compares results with the CPU's. It gives the engine bad
 * descriptors, and addresses that it has unmapped.
 *
 * Not covered: the speed of the engine, and more than one user of it. DMA by
 * IOMMUFD runs where the kernel has it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "vfio.h"

#define LEN	(70 * KIB)	/* more than one of the engine's chunks */
#define SRC	0x1000ull
#define SRC2	0x40000ull
#define DST	0x80000ull
#define WINDOW	(1 * MIB)

/* Where operands may be: host memory, its own, or both. */
static const struct {
	const char *name;
	uint8_t flags;
} places[] = {
	{ "host to host", 0 },
	{ "host to own", CXL_ACCEL_FLAG_DST_OWN },
	{ "own to host", CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_SRC2_OWN },
	{ "own to own", CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_SRC2_OWN | CXL_ACCEL_FLAG_DST_OWN },
	{ "both to own", CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_DST_OWN },
};

struct bench {
	struct vfio vfio;
	struct accel accel;
	uint8_t *own;	/* WINDOW bytes of its memory */
};

static void setup(struct bench *bench)
{
	vfio_open(&bench->vfio);
	accel_open(&bench->accel, &bench->vfio);
	bench->own = vfio_mmap(&bench->vfio, &bench->vfio.mem, 0, WINDOW);
}

static uint8_t *operand(struct bench *bench, bool own, uint64_t offset)
{
	return (own ? bench->own : bench->accel.host) + offset;
}

static uint64_t address(bool own, uint64_t offset)
{
	return own ? offset : ACCEL_HOST_IOVA + offset;
}

/* Small numbers, so that the result does not depend on how it is rounded. */
static void fill_floats(uint8_t *buf, uint64_t seed)
{
	size_t i;

	for (i = 0; i < LEN / sizeof(float); i++) {
		float value = (int)(random64(&seed) % 2001) - 1000;

		memcpy(buf + i * sizeof(value), &value, sizeof(value));
	}
}

/* What the CPU makes of the same operands; @dst holds the old destination. */
static void reference(unsigned int op, const uint8_t *src, const uint8_t *src2, uint8_t *dst,
		      uint64_t pattern)
{
	size_t i;

	switch (op) {
	case CXL_ACCEL_OP_COPY:
		memcpy(dst, src, LEN);
		break;
	case CXL_ACCEL_OP_FILL:
		for (i = 0; i < LEN; i++)
			dst[i] = pattern >> i % 8 * 8;
		break;
	case CXL_ACCEL_OP_XOR:
		for (i = 0; i < LEN; i++)
			dst[i] = src[i] ^ src2[i];
		break;
	case CXL_ACCEL_OP_MULADD:
		for (i = 0; i < LEN; i += sizeof(float)) {
			float a, b, sum;

			memcpy(&a, src + i, sizeof(a));
			memcpy(&b, src2 + i, sizeof(b));
			memcpy(&sum, dst + i, sizeof(sum));
			sum += a * b;
			memcpy(dst + i, &sum, sizeof(sum));
		}
		break;
	}
}

static void run_operation(struct bench *bench, unsigned int op, unsigned int place)
{
	uint8_t flags = places[place].flags;
	uint8_t *src = operand(bench, flags & CXL_ACCEL_FLAG_SRC_OWN, SRC);
	uint8_t *src2 = operand(bench, flags & CXL_ACCEL_FLAG_SRC2_OWN, SRC2);
	uint8_t *dst = operand(bench, flags & CXL_ACCEL_FLAG_DST_OWN, DST);
	struct cxl_accel_desc desc = {
		.op = op, .flags = flags,
		.src = address(flags & CXL_ACCEL_FLAG_SRC_OWN, SRC),
		.src2 = address(flags & CXL_ACCEL_FLAG_SRC2_OWN, SRC2),
		.dst = address(flags & CXL_ACCEL_FLAG_DST_OWN, DST),
		.length = LEN, .pattern = 0x1122334455667788, .cookie = 0xc00c1e,
	};
	uint8_t *want = malloc(LEN);

	fill_floats(src, op * 16 + place);
	fill_floats(src2, op * 16 + place + 1000);
	fill_floats(dst, op * 16 + place + 2000);
	memcpy(want, dst, LEN);
	reference(op, src, src2, want, desc.pattern);

	check_eq(accel_run(&bench->accel, &desc), CXL_ACCEL_OK);
	check_eq(desc.cookie, 0xc00c1e);
	if (op == CXL_ACCEL_OP_CRC32C)
		check_eq(desc.result, crc32c(src, LEN));
	check_msg(!memcmp(dst, want, LEN), "operation %u, %s: wrong result", op,
		  places[place].name);
	free(want);
}

static void test_every_operation_every_place(void)
{
	unsigned int op, place;
	struct bench bench;

	setup(&bench);
	for (op = 0; op < CXL_ACCEL_OP_COUNT; op++)
		for (place = 0; place < ARRAY_SIZE(places); place++)
			run_operation(&bench, op, place);
	check_eq(accel_read(&bench.accel, CXL_ACCEL_FAILED), 0);
	check_eq(accel_read(&bench.accel, CXL_ACCEL_DONE), CXL_ACCEL_OP_COUNT * ARRAY_SIZE(places));
}

static void test_crc32c_known_value(void)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_CRC32C, .src = ACCEL_HOST_IOVA, .length = 9,
	};
	struct bench bench;

	setup(&bench);
	memcpy(bench.accel.host, "123456789", 9);
	check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_OK);
	check_eq(desc.result, 0xe3069283);
}

/* Each vector comes where it was asked for, once, and nowhere else. */
static void test_interrupt_of_each_vector(void)
{
	struct cxl_accel_desc desc = { .op = CXL_ACCEL_OP_NOP, .flags = CXL_ACCEL_FLAG_INTERRUPT };
	unsigned int vector, other;
	struct bench bench;

	setup(&bench);
	for (vector = 0; vector < CXL_ACCEL_VECTORS; vector++) {
		desc.vector = vector;
		check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_OK);
		check_eq(accel_interrupts(&bench.accel, vector, 5000), 1);
		for (other = 0; other < CXL_ACCEL_VECTORS; other++)
			check_eq(accel_interrupts(&bench.accel, other, 0), 0);
	}
	desc = (struct cxl_accel_desc) { .op = CXL_ACCEL_OP_NOP };
	check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_OK);
	check_eq(accel_interrupts(&bench.accel, 0, 50), 0);
}

static const struct {
	unsigned int code;
	struct cxl_accel_desc desc;
} bad[] = {
	{ CXL_ACCEL_ERR_OP, { .op = CXL_ACCEL_OP_COUNT } },
	{ CXL_ACCEL_ERR_OP, { .op = 0xff } },
	{ CXL_ACCEL_ERR_FLAGS, { .flags = 0x10 } },
	{ CXL_ACCEL_ERR_VECTOR, { .flags = CXL_ACCEL_FLAG_INTERRUPT,
		.vector = CXL_ACCEL_VECTORS } },
	{ CXL_ACCEL_ERR_VECTOR, { .vector = 1 } },
	{ CXL_ACCEL_ERR_LENGTH, { .op = CXL_ACCEL_OP_FILL, .dst = ACCEL_HOST_IOVA } },
	{ CXL_ACCEL_ERR_LENGTH, { .op = CXL_ACCEL_OP_FILL, .dst = UINT64_MAX, .length = 8 } },
	{ CXL_ACCEL_ERR_ALIGN, { .op = CXL_ACCEL_OP_MULADD, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.src = ACCEL_HOST_IOVA, .src2 = ACCEL_HOST_IOVA, .length = 6 } },
	{ CXL_ACCEL_ERR_OVERLAP, { .op = CXL_ACCEL_OP_COPY, .src = ACCEL_HOST_IOVA,
		.dst = ACCEL_HOST_IOVA + 4, .length = 64 } },
	{ CXL_ACCEL_ERR_DPA, { .op = CXL_ACCEL_OP_FILL, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.dst = 1ull << 45, .length = 64 } },
	{ CXL_ACCEL_ERR_DMA_READ, { .op = CXL_ACCEL_OP_COPY, .src = 0xdead0000,
		.dst = ACCEL_HOST_IOVA, .length = 64 } },
	{ CXL_ACCEL_ERR_DMA_WRITE, { .op = CXL_ACCEL_OP_FILL, .dst = 0xdead0000, .length = 64 } },
};

/* The engine says what was wrong, and goes on. */
static void test_bad_descriptors_are_reported(void)
{
	struct cxl_accel_desc good = {
		.op = CXL_ACCEL_OP_FILL, .dst = ACCEL_HOST_IOVA, .length = 64, .pattern = 1,
	};
	struct cxl_accel_desc desc;
	struct bench bench;
	unsigned int code;
	size_t i;

	setup(&bench);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		desc = bad[i].desc;
		code = accel_run(&bench.accel, &desc);
		check_msg(code == bad[i].code, "descriptor %zu: code %u, wanted %u", i, code,
			  bad[i].code);
		check_eq(accel_read(&bench.accel, CXL_ACCEL_ERROR) & CXL_ACCEL_ERROR_CODE, code);
		accel_write(&bench.accel, CXL_ACCEL_ERROR, 0);
		check_eq(accel_run(&bench.accel, &good), CXL_ACCEL_OK);
	}
	check_eq(accel_read(&bench.accel, CXL_ACCEL_FAILED), ARRAY_SIZE(bad));
}

/* Memory that was unmapped from the IOMMU is out of the engine's reach at once. */
static void test_unmapped_memory_is_unreachable(void)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_COPY, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.src = ACCEL_HOST_IOVA, .length = 4096,
	};
	struct bench bench;

	setup(&bench);
	check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_OK);
	vfio_dma_unmap(&bench.vfio, ACCEL_HOST_IOVA, ACCEL_HOST_SIZE);
	check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_ERR_DMA_READ);
	vfio_dma_map(&bench.vfio, bench.accel.host, ACCEL_HOST_SIZE, ACCEL_HOST_IOVA);
	check_eq(accel_run(&bench.accel, &desc), CXL_ACCEL_OK);
}

const struct test tests[] = {
	{ "every_operation_every_place", test_every_operation_every_place },
	{ "crc32c_known_value", test_crc32c_known_value },
	{ "interrupt_of_each_vector", test_interrupt_of_each_vector },
	{ "bad_descriptors_are_reported", test_bad_descriptors_are_reported },
	{ "unmapped_memory_is_unreachable", test_unmapped_memory_is_unreachable },
	{ }
};
