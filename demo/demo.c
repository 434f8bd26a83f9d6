// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo's steps between bind and unbind: what a VMM would do with the
 * device, through VFIO alone. Prints what it sees and checks it. The exit
 * status is the number of checks that failed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel.h"
#include "faults.h"
#include "frame.h"

/* Numbers in each vector, and bytes of it. */
#define VECTOR_LEN	(1u << 18)
#define VECTOR_BYTES	(VECTOR_LEN * sizeof(float))
/* Bytes of a DMA job. */
#define DMA_BYTES	(2 * MIB)
_Static_assert(DMA_BYTES <= ACCEL_HOST_SIZE, "host memory");
#define IRQ_TIMEOUT_MS	30000

/* Where things are in the device's memory: offset in the region, and DPA. */
enum {
	AT_X = 0,
	AT_Y = AT_X + VECTOR_BYTES,
	AT_Z = AT_Y + VECTOR_BYTES,
	AT_DMA = 8 * MIB,
	AT_END = AT_DMA + DMA_BYTES,
};

/* MSI-X vectors. */
enum { IRQ_COMPUTE = 1, IRQ_DMA = 2 };

static struct vfio vfio;
static char *mem;
static size_t map_align;
static struct accel accel;

/* Stays until the next call. */
static const char *size_name(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
	static char name[32];
	unsigned int i = 0;

	while (i + 1 < ARRAY_SIZE(units) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(name, sizeof(name), "%llu %s", (unsigned long long)bytes, units[i]);
	return name;
}

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	check(memory);
	return memory;
}

static void do_open(void)
{
	const struct vfio_device_info_cap_cxl *cap;
	struct vfio_device_info *info;

	vfio_open(&vfio);
	show(true, "its group, with a type 1 container; the device");
	info = vfio_device_info(&vfio);
	note("%u regions, %u kinds of interrupt", info->num_regions, info->num_irqs);

	cap = vfio_cap(info, info->argsz, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL);
	need(info->flags & VFIO_DEVICE_FLAGS_CXL && cap, "VFIO says that it is a CXL device");
	note("component registers: CM block in BAR %u at %#llx", cap->hdm_regs_bar_index,
	     (unsigned long long)cap->hdm_regs_offset);
	note("decoder committed by firmware: %s; caches host memory: %s",
	     cap->flags & VFIO_CXL_CAP_FIRMWARE_COMMITTED ? "yes" : "no",
	     cap->flags & VFIO_CXL_CAP_CACHE_CAPABLE ? "yes" : "no");
	show(cap->dpa_region_index == vfio.mem.index &&
	     cap->comp_regs_region_index == vfio.regs.index,
	     "it names the same two CXL regions as their own types do");
	free(info);
}

static void show_region(const char *name, const struct vfio_region *region)
{
	note("region %u, %s: %s,%s%s%s", region->index, name, size_name(region->size),
	     region->flags & VFIO_REGION_INFO_FLAG_READ ? " read" : "",
	     region->flags & VFIO_REGION_INFO_FLAG_WRITE ? " write" : "",
	     region->flags & VFIO_REGION_INFO_FLAG_MMAP ? " mmap" : "");
}

static const char *name_of(const char *const *names, unsigned int count, unsigned int value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

static void show_memory(void)
{
	static const char *const backing[] = {
		[VFIO_CXL_BACKING_PFN] = "pfn",
		[VFIO_CXL_BACKING_FOLIO] = "folio",
		[VFIO_CXL_BACKING_UNCACHED] = "uncached",
		[VFIO_CXL_BACKING_MEMMAP] = "memmap",
	};
	static const char *const coherence[] = {
		[VFIO_CXL_COHERENCE_HDM_H] = "HDM-H",
		[VFIO_CXL_COHERENCE_HDM_D] = "HDM-D",
		[VFIO_CXL_COHERENCE_HDM_DB] = "HDM-DB",
	};
	struct vfio_region_info *info = vfio_region_info(&vfio, vfio.mem.index);
	const struct vfio_cxl_region_cap_memory *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);

	show_region("the memory", &vfio.mem);
	need(cap, "it has the memory capability");
	note("  backing %s, coherence %s, %s, %s",
	     name_of(backing, ARRAY_SIZE(backing), cap->backing),
	     name_of(coherence, ARRAY_SIZE(coherence), cap->coherence),
	     cap->flags & VFIO_CXL_MEM_COMMITTED ? "committed" : "not committed",
	     cap->flags & VFIO_CXL_MEM_LOCKED ? "locked" : "not locked");
	note("  single mappings of up to %s", size_name(cap->max_map_size));
	map_align = cap->map_align;
	free(info);
}

static void show_registers(void)
{
	struct vfio_region_info *info = vfio_region_info(&vfio, vfio.regs.index);
	const struct vfio_cxl_region_cap_registers *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_REGISTERS);

	show_region("the virtual CXL registers", &vfio.regs);
	need(cap, "it has the register capability");
	note("  HDM decoders at %#x; stands for BAR %u from %#llx on", cap->hdm_offset, cap->bar,
	     (unsigned long long)cap->offset);
	free(info);
}

static void show_bar(void)
{
	struct vfio_region_info *info = vfio_region_info(&vfio, vfio.bar.index);
	const struct vfio_region_info_cap_sparse_mmap *cap =
		vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	unsigned int i;

	show_region("the BAR that those stand for a part of", &vfio.bar);
	need(cap, "it has the sparse-mmap capability: these parts can be mapped");
	for (i = 0; i < cap->nr_areas; i++)
		note("  %#llx bytes from %#llx on", (unsigned long long)cap->areas[i].size,
		     (unsigned long long)cap->areas[i].offset);
	free(info);
}

static void do_regions(void)
{
	show_memory();
	show_registers();
	show_bar();
	need(vfio.mem.size >= AT_END, "the memory is large enough for the demo");
}

/* As vfio_mmap(), for all of the memory, at an address that is a multiple of @align. */
static char *map_memory(size_t align)
{
	size_t length = vfio.mem.size;
	char *room, *at;
	void *map;

	room = mmap(NULL, length + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		return NULL;
	at = room + (-(uintptr_t)room & (align - 1));
	map = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, vfio.device,
		   vfio.mem.offset);
	return map == MAP_FAILED ? NULL : map;
}

static void do_map(void)
{
	struct faults faults;
	uint64_t at, smallest = 0;
	unsigned int order;

	mem = map_memory(map_align);
	need(mem, "mmap of all of it, %s", size_name(vfio.mem.size));
	faults_start();
	for (at = 0; at < vfio.mem.size; at += PAGE)
		(void)*(volatile char *)(mem + at);
	faults_stop(&faults);
	note("a load from each of its %llu pages; faults by tracepoint cxl_vfio:cxl_vfio_fault:",
	     (unsigned long long)vfio.mem.size / PAGE);
	for (order = FAULTS_ORDERS; order--;) {
		if (!faults.mapped[order])
			continue;
		smallest = PAGE << order;
		note("%6u of %s", faults.mapped[order], size_name(smallest));
	}
	show(faults_bytes(&faults) == vfio.mem.size && !faults.failed,
	     "%u faults mapped all of it", faults_count(&faults));
	/* The HPA is a multiple of 256 MiB (8.2.4.20.3), so 2 MiB always fits. */
	show(smallest >= 2 * MIB, "the smallest of them is of %s", size_name(smallest));
}

static float x_at(unsigned int i)
{
	return (i % 1000) * 0.5f;
}

static float y_at(unsigned int i)
{
	return 3.0f - i % 7;
}

static float z_at(unsigned int i)
{
	return 100.0f / (i % 99 + 1);
}

static void do_vectors(void)
{
	float *x = (float *)(mem + AT_X), *y = (float *)(mem + AT_Y), *z = (float *)(mem + AT_Z);
	char *copy = allocate(3 * VECTOR_BYTES);
	unsigned int i;

	for (i = 0; i < VECTOR_LEN; i++) {
		x[i] = x_at(i);
		y[i] = y_at(i);
		z[i] = z_at(i);
	}
	note("x, y and z, of %u numbers each", VECTOR_LEN);
	vfio_read(&vfio, &vfio.mem, AT_X, copy, 3 * VECTOR_BYTES);
	show(!memcmp(copy, x, 3 * VECTOR_BYTES), "read() of the region sees the same");
	free(copy);
}

/* Run one job; it ends with its status and its interrupt. */
static void run_job(struct cxl_accel_desc job)
{
	unsigned int code = accel_run(&accel, &job);
	uint64_t count = accel_interrupts(&accel, job.vector, IRQ_TIMEOUT_MS);

	need(code == CXL_ACCEL_OK, "the job's status word: done, error code %u", code);
	need(count == 1, "MSI-X vector %u, through its eventfd: %llu interrupt", job.vector,
	     (unsigned long long)count);
}

static void do_muladd(void)
{
	struct cxl_accel_desc job = {
		.op = CXL_ACCEL_OP_MULADD,
		.flags = CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_SRC2_OWN |
			 CXL_ACCEL_FLAG_DST_OWN | CXL_ACCEL_FLAG_INTERRUPT,
		.vector = IRQ_COMPUTE,
		.src = AT_X,
		.src2 = AT_Y,
		.dst = AT_Z,
		.length = VECTOR_BYTES,
	};

	accel_open(&accel, &vfio);
	show(!accel_read(&accel, CXL_ACCEL_STATUS),
	     "the engine is on; its page of the BAR, beside the decoders, is mapped");
	run_job(job);
}

static void do_result(void)
{
	const float *x = (float *)(mem + AT_X), *y = (float *)(mem + AT_Y);
	const float *z = (float *)(mem + AT_Z);
	const unsigned int some = VECTOR_LEN / 2;
	unsigned int i, right = 0;

	for (i = 0; i < VECTOR_LEN; i++) {
		/* The product is rounded before it is added. */
		volatile float product = x_at(i) * y_at(i);

		right += z[i] == z_at(i) + product && x[i] == x_at(i) && y[i] == y_at(i);
	}
	note("z[%u]: %g + %g * %g is %g", some, z_at(some), x[some], y[some], z[some]);
	show(right == VECTOR_LEN, "%u of %u are what the CPU computes", right, VECTOR_LEN);
}

/* Numbers that depend on @seed. */
static void fill(uint64_t *words, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < DMA_BYTES / sizeof(*words); i++)
		words[i] = (seed + i) * 0x9e3779b97f4a7c15ull;
}

static void do_dma(void)
{
	struct cxl_accel_desc job = {
		.op = CXL_ACCEL_OP_COPY,
		.vector = IRQ_DMA,
		.length = DMA_BYTES,
	};
	uint64_t *host = (uint64_t *)accel.host, *own = (uint64_t *)(mem + AT_DMA);
	uint64_t *sent = allocate(DMA_BYTES);

	fill(sent, 1);
	memcpy(host, sent, DMA_BYTES);
	memset(own, 0, DMA_BYTES);
	note("%s of host memory, at bus address %#llx, to device memory:", size_name(DMA_BYTES),
	     ACCEL_HOST_IOVA);
	job.flags = CXL_ACCEL_FLAG_DST_OWN | CXL_ACCEL_FLAG_INTERRUPT;
	job.src = ACCEL_HOST_IOVA;
	job.dst = AT_DMA;
	run_job(job);
	show(!memcmp(own, sent, DMA_BYTES), "loads through the mapping see what was sent");

	fill(sent, 1ull << 32);
	memcpy(own, sent, DMA_BYTES);
	note("device memory, with new numbers stored by the CPU, to host memory:");
	job.flags = CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_INTERRUPT;
	job.src = AT_DMA;
	job.dst = ACCEL_HOST_IOVA;
	run_job(job);
	show(!memcmp(host, sent, DMA_BYTES), "host memory has what the CPU stored");
	free(sent);
}

static void do_close(void)
{
	accel_write(&accel, CXL_ACCEL_CTRL, 0);
	show(!munmap(mem, vfio.mem.size) && !munmap((void *)accel.engine, CXL_ACCEL_PAGE_SIZE),
	     "the mappings of memory and engine are gone");
	vfio_close(&vfio);
	show(true, "device, group and container are closed");
}

/* Each goes on from where the one before ended. */
static const struct {
	const char *title;
	void (*run)(void);
} steps[] = {
	{ "Open it through VFIO", do_open },
	{ "Its regions, by VFIO_DEVICE_GET_REGION_INFO", do_regions },
	{ "Map the memory", do_map },
	{ "Store vectors with the CPU, through the mapping", do_vectors },
	{ "The accelerator computes z = z + x * y in place", do_muladd },
	{ "Check the result with plain loads", do_result },
	{ "DMA between host memory and device memory", do_dma },
	{ "Close the device", do_close },
};

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc != 2) {
		fprintf(stderr, "usage: demo NUMBER\nNUMBER of the step before its first\n");
		return 101;
	}
	frame_number = atoi(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		step(steps[i].title);
		steps[i].run();
	}
	return frame_failed;
}
