// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache of host memory: fetches a line by its host physical address, as requests of CXL.cache
 * have it (3.2.5.13). No IOMMU looks at them. An address is what software wrote, or what ATS made
 * of that: the device alone decides which.
 */
#include "cxl_accel.h"
#include "qemu/bitops.h"
#include "exec/address-spaces.h"
#include "hw/pci/pcie.h"

bool accel_ats_enabled(CxlAccel *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	return s->ats && pci_get_word(pdev->config + ACCEL_CFG_ATS + PCI_ATS_CTRL) &
	       PCI_ATS_CTRL_ENABLE;
}

/* A Translation Request (PCIe 10.2), of which nothing is cached. */
static bool translate(CxlAccel *s, uint64_t *address)
{
	IOMMUTLBEntry entry;

	if (!accel_ats_enabled(s))
		return false;
	entry = address_space_get_iotlb_entry(pci_get_address_space(PCI_DEVICE(s)), *address,
					      false, MEMTXATTRS_UNSPECIFIED);
	*address = entry.translated_addr | (*address & entry.addr_mask);
	return entry.perm & IOMMU_RO;
}

static bool is_ram(uint64_t hpa)
{
	hwaddr at, len = CXL_ACCEL_LINE_SIZE;
	MemoryRegion *mr = address_space_translate(&address_space_memory, hpa, &at, &len, false,
						   MEMTXATTRS_UNSPECIFIED);

	return memory_region_is_ram(mr) && len == CXL_ACCEL_LINE_SIZE;
}

static uint32_t fetch_line(CxlAccel *s, bool by_ats)
{
	uint64_t address = s->cache.address;

	if (!(accel_dvsec_get(s, CXLR_DVSEC_CTRL) & CXLR_CTRL_CACHE_ENABLE) ||
	    accel_dvsec_get(s, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_DISABLE_CACHING || s->resetting)
		return CXL_ACCEL_FETCH_DISABLED;
	RCU_READ_LOCK_GUARD();
	if (by_ats && !translate(s, &address))
		return CXL_ACCEL_FETCH_NO_TRANSLATION;
	if (!is_ram(address) ||
	    address_space_read(&address_space_memory, address, MEMTXATTRS_UNSPECIFIED,
			       s->cache.line, CXL_ACCEL_LINE_SIZE) != MEMTX_OK)
		return CXL_ACCEL_FETCH_NO_MEMORY;
	return CXL_ACCEL_FETCH_OK;
}

static uint64_t cache_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;

	switch (addr) {
	case CXL_ACCEL_CACHE_LOW:
		return (uint32_t)s->cache.address;
	case CXL_ACCEL_CACHE_HIGH:
		return s->cache.address >> 32;
	case CXL_ACCEL_CACHE_RESULT:
		return s->cache.result;
	case CXL_ACCEL_CACHE_LINE ... CXL_ACCEL_CACHE_LINE + CXL_ACCEL_LINE_SIZE - 1:
		return ldl_le_p(s->cache.line + addr - CXL_ACCEL_CACHE_LINE);
	default:
		return 0;
	}
}

static void cache_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	CxlAccel *s = opaque;

	if (s->gone)
		return;
	switch (addr) {
	case CXL_ACCEL_CACHE_LOW:
		s->cache.address = deposit64(s->cache.address, 0, 32, val & -CXL_ACCEL_LINE_SIZE);
		break;
	case CXL_ACCEL_CACHE_HIGH:
		s->cache.address = deposit64(s->cache.address, 32, 32, val);
		break;
	case CXL_ACCEL_CACHE_FETCH:
		memset(s->cache.line, 0, sizeof(s->cache.line));
		s->cache.result = fetch_line(s, val & CXL_ACCEL_FETCH_ATS);
		break;
	}
}

static const MemoryRegionOps cache_ops = {
	.read = cache_read,
	.write = cache_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 4 },
	.impl = { .min_access_size = 4, .max_access_size = 4 },
};

void accel_cache_reset(CxlAccel *s)
{
	memset(&s->cache, 0, sizeof(s->cache));
}

void accel_cache_init(CxlAccel *s)
{
	memory_region_init_io(&s->cache_page, OBJECT(s), &cache_ops, s, "cxl-accel-cache",
			      CXL_ACCEL_PAGE_SIZE);
	memory_region_add_subregion(&s->bar, CXL_ACCEL_CACHE_OFFSET, &s->cache_page);
}
