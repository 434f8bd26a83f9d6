// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: with presentation=bar, a VMM that knows nothing of CXL finds the memory as a
 * 64-bit prefetchable BAR: it sizes, reads, writes and maps it as any BAR, loses it when memory
 * is disabled or the device reset, and has it again without a new mmap(). A guest of such a VMM
 * can start no CXL Reset, in which KVM would end the VM; nor can it with presentation=cxl.
 *
 * How: the tests make the calls that a VMM makes, cloud-hypervisor's in its order, and compare
 * with what QEMU and the driver's own memory region say. The machine places has memory that is no
 * power of two, and accelerators without two BARs to spare.
 *
 * Not covered: VMMs. tests/guest has the distribution's QEMU, and that of backports.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define BAR		4	/* the accelerator has 0, its upper half, and 2 */
#define BAR_AT		(PCI_BASE_ADDRESS_0 + 4 * BAR)
#define BAR_TYPE	(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)
#define PARAMETER	"/sys/module/cxl_vfio_pci/parameters/presentation"

static int __present(const char *as)
{
	return __write_file(pci_path(pci_accel(), "presentation"), as);
}

static void check_attribute(const char *wanted)
{
	char *is = read_file(pci_path(pci_accel(), "presentation"));

	check_str_eq(is, wanted);
	free(is);
}

/* As a VMM does; the memory is the BAR. */
static void open_bar(struct vfio *vfio)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_eq(__present("bar"), 0);
	vfio_open_bar(vfio, BAR);
	vfio_enable(vfio, true, false);
}

static void close_bar(struct vfio *vfio)
{
	vfio_close(vfio);
	check_eq(__present("cxl"), 0);
}

static uint64_t read_bar(struct vfio *vfio, size_t width)
{
	uint64_t value = 0;
	size_t at;

	for (at = 0; at < sizeof(value); at += width)
		vfio_read(vfio, &vfio->config, BAR_AT + at, (uint8_t *)&value + at, width);
	return value;
}

static void write_bar(struct vfio *vfio, uint64_t value, size_t width)
{
	size_t at;

	for (at = 0; at < sizeof(value); at += width)
		vfio_write(vfio, &vfio->config, BAR_AT + at, (uint8_t *)&value + at, width);
}

static void test_sized_by_any_width(void)
{
	static const size_t widths[] = { 1, 2, 4, 8 };
	const uint64_t address = 0x1234500000000000;
	uint8_t header[64];
	struct vfio vfio;
	uint64_t size;
	unsigned int i;

	open_bar(&vfio);
	size = vfio.mem.size;
	check_eq(read_bar(&vfio, 8), BAR_TYPE);
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		write_bar(&vfio, UINT64_MAX, widths[i]);
		check_eq(read_bar(&vfio, widths[i]), ~(size - 1) | BAR_TYPE);
		write_bar(&vfio, address, widths[i]);
		check_eq(read_bar(&vfio, widths[i]), address | BAR_TYPE);
	}
	/* Across the edges: the registers before and after are the core's. */
	vfio_read(&vfio, &vfio.config, 0, header, sizeof(header));
	check_mem_eq(header + BAR_AT, &(uint64_t){ address | BAR_TYPE }, sizeof(uint64_t));
	check_eq(header[BAR_AT - 4] | header[BAR_AT + 8], 0);

	/* As the other BARs: an FLR leaves what the user wrote, and an open begins anew. */
	config_flr(&vfio);
	check_eq(read_bar(&vfio, 8), address | BAR_TYPE);
	check_eq(__vfio_reset(&vfio), 0);
	check_eq(read_bar(&vfio, 8), address | BAR_TYPE);
	vfio_close(&vfio);
	open_bar(&vfio);
	check_eq(read_bar(&vfio, 8), BAR_TYPE);
	close_bar(&vfio);
}

static void test_no_word_of_cxl(void)
{
	struct vfio_device_info *device;
	struct vfio_region_info *bar;
	struct vfio vfio;

	open_bar(&vfio);
	device = vfio_device_info(&vfio);
	check_eq(device->flags & VFIO_DEVICE_FLAGS_CXL, 0);
	check(!vfio_cap(device, device->argsz, device->cap_offset, VFIO_DEVICE_INFO_CAP_CXL));
	bar = vfio_region_info(&vfio, BAR);
	check_eq(bar->size, qmp_get("hdm0-size"));
	check_eq(bar->flags & ~VFIO_REGION_INFO_FLAG_CAPS, VFIO_REGION_INFO_FLAG_READ |
		 VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP);
	check(!vfio_region_cap(bar, VFIO_REGION_INFO_CAP_SPARSE_MMAP));
	free(bar);
	free(device);
	close_bar(&vfio);

	vfio_open(&vfio);
	device = vfio_device_info(&vfio);
	check_ne(device->flags & VFIO_DEVICE_FLAGS_CXL, 0);
	free(device);
	bar = vfio_region_info(&vfio, BAR);
	check_eq(bar->size, 0);
	free(bar);
	check_eq(config_read(&vfio, BAR_AT, 4), 0);
	vfio_close(&vfio);
}

static void test_bar_is_the_memory(void)
{
	const uint64_t word = 0x1122334455667788;
	struct vfio vfio;
	volatile uint64_t *memory;
	uint64_t last, got;
	void *private;

	open_bar(&vfio);
	last = vfio.mem.size - sizeof(got);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, vfio.mem.size);
	memory[1] = word;
	memory[last / sizeof(*memory)] = ~word;
	check_eq(qmp_physical(qmp_get("hdm0-base") + 8), (uint32_t)word);
	vfio_read(&vfio, &vfio.mem, last, &got, sizeof(got));
	check_eq(got, ~word);
	vfio_write(&vfio, &vfio.mem, 8, &(uint64_t){ ~word }, sizeof(word));
	check_eq(memory[1], ~word);
	check_eq(__vfio_read(&vfio, &vfio.mem, vfio.mem.size, &got, 1), -EINVAL);

	private = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, vfio.device,
		       vfio.mem.offset);
	check_eq(private, MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, vfio.mem.size, PAGE, &private), -EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, vfio.mem.size - PAGE, 2 * PAGE, &private), -EINVAL);

	/* As VMMs do with all of a guest's memory. */
	check_eq(__vfio_dma_map(&vfio, (void *)memory, vfio.mem.size, GIB),
		 vfio.group < 0 ? -EFAULT : 0);
	if (vfio.group >= 0)
		vfio_dma_unmap(&vfio, GIB, vfio.mem.size);
	munmap((void *)memory, vfio.mem.size);
	close_bar(&vfio);
}

/* Gone while memory is disabled, and back when it is enabled. */
static void check_disabled(struct vfio *vfio, const volatile void *memory, uint8_t wanted)
{
	uint8_t byte;

	vfio_enable(vfio, false, false);
	check(!load(memory, &byte));
	check_eq(__vfio_read(vfio, &vfio->mem, 0, &byte, 1), -EIO);
	vfio_enable(vfio, true, false);
	check(load(memory, &byte));
	check_eq(byte, wanted);
}

static void test_comes_and_goes_as_a_bar(void)
{
	volatile uint8_t *memory;
	struct vfio vfio;
	uint8_t byte;

	open_bar(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 4 * MIB);
	memory[0] = 5;
	check_disabled(&vfio, memory, 5);
	vfio_set_power(&vfio, 3);
	check(!load(memory, &byte));
	vfio_set_power(&vfio, 0);
	check(load(memory, &byte));
	check_eq(byte, 5);
	config_flr(&vfio);
	check_disabled(&vfio, memory, 5);
	check_eq(__vfio_reset(&vfio), 0);
	check_disabled(&vfio, memory, 5);
	munmap((void *)memory, 4 * MIB);
	close_bar(&vfio);
}

/* The doorbell of a user that has not been offered it. */
static void check_no_cxl_reset(struct vfio *vfio)
{
	unsigned long resets = qmp_get("resets-cxl");

	check_eq(dvsec_read(vfio, CXLR_DVSEC_CAP) &
		 (CXLR_CAP_RESET_CAPABLE | CXLR_CAP_RESET_MEM_CLR), 0);
	dvsec_write(vfio, CXLR_DVSEC_CTRL2,
		    CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_RESET_MEM_CLR, 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_STATUS2), 0);
	usleep(50000);
	check_eq(qmp_get("resets-cxl"), resets);
}

static void test_guest_starts_no_cxl_reset(void)
{
	struct events state;
	struct vfio vfio;

	open_bar(&vfio);
	check_no_cxl_reset(&vfio);
	events_open(&vfio);
	check_no_cxl_reset(&vfio);
	close_bar(&vfio);

	/* As stock vfio-pci opens it; until it asks for events it is no VMM that knows CXL. */
	vfio_open_bar(&vfio, 0);
	check_no_cxl_reset(&vfio);
	events_get(&vfio, &state, 0);
	check_no_cxl_reset(&vfio);
	events_open(&vfio);
	check_ne(dvsec_read(&vfio, CXLR_DVSEC_CAP) & CXLR_CAP_RESET_CAPABLE, 0);
	cxl_reset(&vfio, false);
	vfio_close(&vfio);
}

static void *activate_later(__attribute__((unused)) void *unused)
{
	usleep(700000);
	qmp_set("mem-active", true);
	return NULL;
}

/*
 * A VMM that knows no events is told by nothing else when the memory is active after a reset: its
 * reset, and its question about the BAR, wait for that.
 */
static void test_calls_wait_for_active(void)
{
	struct vfio_region_info *info;
	pthread_t thread;
	struct vfio vfio;
	uint8_t byte;

	open_bar(&vfio);
	qmp_set("mem-active", false);
	check_eq(pthread_create(&thread, NULL, activate_later, NULL), 0);
	check_eq(__vfio_reset(&vfio), 0);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(pthread_join(thread, NULL), 0);

	qmp_set("mem-active", false);
	check_eq(pthread_create(&thread, NULL, activate_later, NULL), 0);
	info = vfio_region_info(&vfio, BAR);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(pthread_join(thread, NULL), 0);
	free(info);
	close_bar(&vfio);
}

static void test_changes_between_users(void)
{
	struct vfio vfio;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_attribute("[cxl] bar\n");
	vfio_open(&vfio);
	check_eq(__present("bar"), -EBUSY);
	vfio_close(&vfio);
	check_eq(__present("ram"), -EINVAL);
	open_bar(&vfio);
	check_attribute("cxl [bar]\n");
	check_eq(__present("cxl"), -EBUSY);
	close_bar(&vfio);

	pci_unbind(pci_accel());
	write_file(PARAMETER, "bar");
	pci_bind(pci_accel());
	write_file(PARAMETER, "cxl");
	check_attribute("cxl [bar]\n");
	vfio_open_bar(&vfio, BAR);
	check_eq(vfio.mem.size, qmp_get("hdm0-size"));
	close_bar(&vfio);
}

/* Memory of 768 MiB in a BAR of 1 GiB; the machine's first accelerator has an ACL as well. */
static void test_ones_past_the_memory(void)
{
	const struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_region_info *bar;
	uint64_t end, got;
	struct vfio vfio;
	uint8_t *memory;
	void *address;

	open_bar(&vfio);
	end = qmp_get("hdm0-size");
	check_eq(vfio.mem.size, GIB);
	check_lt(end, vfio.mem.size);
	bar = vfio_region_info(&vfio, BAR);
	cap = vfio_region_cap(bar, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	check(cap);
	check_eq(cap->nr_areas, 1);
	check_eq(cap->areas[0].offset, 0);
	check_eq(cap->areas[0].size, end);
	free(bar);

	memory = vfio_mmap(&vfio, &vfio.mem, 0, end);
	memset(memory + end - 8, 0x11, 8);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, end - PAGE, 2 * PAGE, &address), -EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, end, PAGE, &address), -EINVAL);
	vfio_write(&vfio, &vfio.mem, end, &(uint64_t){ 0 }, sizeof(got));
	vfio_read(&vfio, &vfio.mem, end, &got, sizeof(got));
	check_eq(got, UINT64_MAX);
	vfio_read(&vfio, &vfio.mem, end - 4, &got, sizeof(got));
	check_eq(got, 0xffffffff11111111);
	vfio_write(&vfio, &vfio.mem, end - 4, &(uint64_t){ 0x2222222222222222 }, sizeof(got));
	check_eq(memory[end - 5], 0x11);
	check_eq(memory[end - 4], 0x22);
	munmap(memory, end);
	close_bar(&vfio);
}

static void test_refuse_without_bars(void)
{
	int kmsg = kmsg_open();
	char *device = strdup(pci_nth_accel(2));

	setenv("VFIO_DEVICE", device, 1);
	if (!pci_bound(device))
		pci_bind(device);
	check_eq(__present("bar"), -ENOSPC);
	check_eq(kmsg_said(kmsg, "no two adjacent BARs are free"), 1);
	check_attribute("[cxl] bar\n");
	pci_unbind(device);

	write_file(PARAMETER, "bar");
	check_ne(__pci_bind(device), 0);
	write_file(PARAMETER, "cxl");
	check_eq(kmsg_said(kmsg, "no two adjacent BARs are free"), 1);
	pci_bind(device);
	check_attribute("[cxl] bar\n");
	free(device);
}

/*
 * The calls of cloud-hypervisor for a device: VfioDevice::new() of vfio-ioctls, then
 * VfioPciDevice::new(), allocate_bars() and map_mmio_regions() of pci/src/vfio.rs.
 */
#define GUEST_MMIO	(4 * GIB)
#define AREAS_MAX	8

struct area {
	uint64_t offset;	/* in the region */
	uint64_t size;
	uint64_t guest;		/* address */
	uint8_t *mapping;
};

struct guest_bar {
	struct vfio_region region;
	bool has_msix;			/* the table or the pending bits */
	bool msix_mappable;
	struct area areas[AREAS_MAX];
	unsigned int count;
};

/* As VfioDevice::get_regions(): the caller's array has the BARs and the ROM. */
static void ask_of_all(struct vfio *vfio, struct guest_bar *bars)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info;
	unsigned int i, n;

	check_eq(ioctl(vfio->device, VFIO_DEVICE_GET_INFO, &device), 0);
	check_ne(device.flags & VFIO_DEVICE_FLAGS_PCI, 0);
	check_ne(device.flags & VFIO_DEVICE_FLAGS_RESET, 0);
	check_gt(device.num_regions, VFIO_PCI_CONFIG_REGION_INDEX);
	check_gt(device.num_irqs, VFIO_PCI_MSIX_IRQ_INDEX);
	for (i = 0; i < device.num_regions; i++) {
		if (i == VFIO_PCI_VGA_REGION_INDEX)
			continue;
		info = vfio_region_info(vfio, i);
		sparse = vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
		if (i <= VFIO_PCI_ROM_REGION_INDEX) {
			bars[i].region = (struct vfio_region){ i, info->flags, info->size,
							       info->offset };
			bars[i].msix_mappable =
				vfio_region_cap(info, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE);
			bars[i].count = sparse ? sparse->nr_areas : 1;
			check_le(bars[i].count, AREAS_MAX);
			bars[i].areas[0].size = info->size;
			for (n = 0; sparse && n < sparse->nr_areas; n++) {
				bars[i].areas[n].offset = sparse->areas[n].offset;
				bars[i].areas[n].size = sparse->areas[n].size;
			}
		}
		free(info);
	}
	for (i = 0; i < device.num_irqs; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		check_eq(ioctl(vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &irq), 0);
	}
}

/* As VfioCommon::parse_capabilities(). */
static void find_msix(struct vfio *vfio, struct guest_bar *bars)
{
	uint32_t at = config_read(vfio, PCI_CAPABILITY_LIST, 1);

	while (at && config_read(vfio, at, 1) != PCI_CAP_ID_MSIX)
		at = config_read(vfio, at + PCI_CAP_LIST_NEXT, 1);
	check_ne(at, 0);
	bars[config_read(vfio, at + PCI_MSIX_TABLE, 4) & PCI_MSIX_TABLE_BIR].has_msix = true;
	bars[config_read(vfio, at + PCI_MSIX_PBA, 4) & PCI_MSIX_PBA_BIR].has_msix = true;
}

/* The size that the registers of a BAR tell, 0 without one; by 4 bytes at a time. */
static uint64_t size_bar(struct vfio *vfio, unsigned int bar, bool *wide)
{
	uint32_t at = bar == VFIO_PCI_ROM_REGION_INDEX ? PCI_ROM_ADDRESS :
							 PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t mask;

	*wide = bar != VFIO_PCI_ROM_REGION_INDEX &&
		config_read(vfio, at, 4) & PCI_BASE_ADDRESS_MEM_TYPE_64;
	config_write(vfio, at, 4, UINT32_MAX);
	mask = config_read(vfio, at, 4) & PCI_BASE_ADDRESS_MEM_MASK;
	if (!*wide)
		return (uint32_t)-mask;
	config_write(vfio, at + 4, 4, UINT32_MAX);
	return -((uint64_t)config_read(vfio, at + 4, 4) << 32 | (uint32_t)mask);
}

/* For other devices' DMA, with IOMMUFD by a dma-buf: 0, or a negative errno. */
static int __map_for_dma(struct vfio *vfio, uint32_t index, const struct area *area)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} ask = {
		.feature.argsz = sizeof(ask),
		.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF |
				 VFIO_DEVICE_FEATURE_PROBE,
	};
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.length = area->size,
		.iova = area->guest,
	};
	int ret;

	if (vfio->group >= 0)
		return __vfio_dma_map(vfio, area->mapping, area->size, area->guest);
	check_eq(ioctl(vfio->device, VFIO_DEVICE_FEATURE, &ask), 0);
	ask.feature.flags &= ~VFIO_DEVICE_FEATURE_PROBE;
	ask.buf.region_index = index;
	ask.buf.open_flags = O_RDWR | O_CLOEXEC;
	ask.buf.nr_ranges = 1;
	ask.range.offset = area->offset;
	ask.range.length = area->size;
	map.fd = ioctl(vfio->device, VFIO_DEVICE_FEATURE, &ask);
	if (map.fd < 0)
		return -errno;
	ret = ioctl(vfio->iommu, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
	close(map.fd);
	return ret;
}

static void map_bar(struct vfio *vfio, struct guest_bar *bar)
{
	struct area *area;

	if (!(bar->region.flags & VFIO_REGION_INFO_FLAG_MMAP) ||
	    (bar->has_msix && !bar->msix_mappable))
		bar->count = 0;
	for (area = bar->areas; area < bar->areas + bar->count; area++) {
		check_eq((area->offset | area->size) % PAGE, 0);
		area->mapping = mmap(NULL, area->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				     vfio->device, bar->region.offset + area->offset);
		check_ne(area->mapping, MAP_FAILED);
		check_eq(__map_for_dma(vfio, bar->region.index, area), 0);
	}
}

static void unmap_bar(struct vfio *vfio, struct guest_bar *bar)
{
	struct area *area;

	for (area = bar->areas; area < bar->areas + bar->count; area++) {
		vfio_dma_unmap(vfio, area->guest, area->size);
		munmap(area->mapping, area->size);
	}
}

static void test_calls_of_cloud_hypervisor(void)
{
	struct guest_bar bars[VFIO_PCI_ROM_REGION_INDEX + 1] = { };
	uint64_t size, guest = GUEST_MMIO, word = 0x5a5a5a5a12345678;
	unsigned int i, n, found = 0;
	struct vfio vfio;
	bool wide;

	open_bar(&vfio);
	ask_of_all(&vfio, bars);
	check_eq(__vfio_reset(&vfio), 0);
	find_msix(&vfio, bars);
	for (i = 0; i < ARRAY_SIZE(bars); i += 1 + wide) {
		size = size_bar(&vfio, i, &wide);
		check_eq(size, bars[i].region.size);
		if (!size)
			continue;
		/* It gives the guest's address to the guest alone. */
		guest = (guest + size - 1) & -size;
		for (n = 0; n < bars[i].count; n++)
			bars[i].areas[n].guest = guest + bars[i].areas[n].offset;
		guest += size;
		found |= 1 << i;
	}
	note("BARs found: %#x", found);
	check_ne(found & 1 << BAR, 0);
	check_eq(bars[BAR].region.size, vfio.mem.size);
	for (i = 0; i < ARRAY_SIZE(bars); i++)
		if (found & 1 << i)
			map_bar(&vfio, &bars[i]);

	/* A guest enables memory, and uses it. */
	vfio_enable(&vfio, true, true);
	check_eq(bars[BAR].count, 1);
	*(volatile uint64_t *)bars[BAR].areas[0].mapping = word;
	vfio_read(&vfio, &bars[BAR].region, 0, &size, sizeof(size));
	check_eq(size, word);
	for (i = 0; i < ARRAY_SIZE(bars); i++)
		if (found & 1 << i)
			unmap_bar(&vfio, &bars[i]);
	close_bar(&vfio);
}

const struct test tests[] = {
	{ "sized_by_any_width", test_sized_by_any_width },
	{ "no_word_of_cxl", test_no_word_of_cxl },
	{ "bar_is_the_memory", test_bar_is_the_memory, 60 },
	{ "calls_of_cloud_hypervisor", test_calls_of_cloud_hypervisor },
	{ "comes_and_goes_as_a_bar", test_comes_and_goes_as_a_bar },
	{ "guest_starts_no_cxl_reset", test_guest_starts_no_cxl_reset },
	{ "calls_wait_for_active", test_calls_wait_for_active },
	{ "changes_between_users", test_changes_between_users },
	{ "ones_past_the_memory", test_ones_past_the_memory },
	{ "refuse_without_bars", test_refuse_without_bars },
	{ }
};
