// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration space: PCIe capabilities, and the CXL DVSECs with the
 * attributes that the specification gives their fields (CXL 3.1, 8.1).
 */
#include "cxl_accel.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_regs.h"

/* The DVSECs follow each other in this order. */
#define DVSEC_GPF	(ACCEL_CFG_DVSEC + 0x40)
#define DVSEC_FLEX_BUS	(ACCEL_CFG_DVSEC + 0x50)
#define DVSEC_LOCATOR	(ACCEL_CFG_DVSEC + 0x70)

/* 8.2.1.3, Flex Bus Port: 68-byte flits, all three protocols negotiated. */
#define FLEX_BUS_CAP	0x0a
#define FLEX_BUS_CTRL	0x0c
#define FLEX_BUS_STATUS	0x0e
#define FLEX_BUS_CACHE	0x0001u
#define FLEX_BUS_IO	0x0002u
#define FLEX_BUS_MEM	0x0004u
#define FLEX_BUS_68B	0x0020u
#define FLEX_BUS_PROTOCOLS (FLEX_BUS_CACHE | FLEX_BUS_IO | FLEX_BUS_MEM | FLEX_BUS_68B)

/* 8.1.7, GPF for Device: the 3 s and 51 mW that phase 2 may take. */
#define GPF_PHASE2_DURATION	0x0a
#define GPF_PHASE2_POWER	0x0c

#define CTRL_RWL	(CXLR_CTRL_CACHE_ENABLE | CXLR_CTRL_MEM_ENABLE | CXLR_CTRL_SF_COVERAGE | \
			 CXLR_CTRL_SF_GRANULARITY | CXLR_CTRL_CLEAN_EVICTION | \
			 CXLR_CTRL_VIRAL_ENABLE)
#define CTRL2_RW	(CXLR_CTRL2_DISABLE_CACHING | CXLR_CTRL2_INITIATE_WBI | \
			 CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR)

#define RESET_TIMEOUT_1S	2

static uint8_t *dvsec(CxlAccel *s, unsigned int reg)
{
	return PCI_DEVICE(s)->config + ACCEL_CFG_DVSEC + reg;
}

bool accel_mem_enabled(CxlAccel *s)
{
	return pci_get_word(dvsec(s, CXLR_DVSEC_CTRL)) & CXLR_CTRL_MEM_ENABLE;
}

uint64_t accel_range_base(CxlAccel *s)
{
	return (uint64_t)pci_get_long(dvsec(s, CXLR_DVSEC_RANGE_BASE_HIGH(0))) << 32 |
	       (pci_get_long(dvsec(s, CXLR_DVSEC_RANGE_BASE_LOW(0))) & CXLR_RANGE_BASE_LOW_MASK);
}

uint64_t accel_range_size(CxlAccel *s)
{
	return (uint64_t)pci_get_long(dvsec(s, CXLR_DVSEC_RANGE_SIZE_HIGH(0))) << 32 |
	       (pci_get_long(dvsec(s, CXLR_DVSEC_RANGE_SIZE_LOW(0))) & CXLR_RANGE_SIZE_LOW_MASK);
}

static void dvsec_add(PCIDevice *pdev, uint16_t offset, uint16_t id, uint32_t rev, uint32_t len)
{
	pcie_add_capability(pdev, PCI_EXT_CAP_ID_DVSEC, 1, offset, len);
	pci_set_long(pdev->config + offset + CXLR_DVSEC_HDR1,
		     len << 20 | rev << 16 | CXLR_VENDOR_ID);
	pci_set_word(pdev->config + offset + CXLR_DVSEC_HDR2, id);
}

/* 8.1.3.6: CONFIG_LOCK, once set, makes the RWL fields read-only, itself too. */
static void set_lock(CxlAccel *s, bool locked)
{
	uint8_t *wmask = PCI_DEVICE(s)->wmask + ACCEL_CFG_DVSEC;

	pci_set_word(wmask + CXLR_DVSEC_CTRL, locked ? 0 : CTRL_RWL);
	pci_set_long(wmask + CXLR_DVSEC_RANGE_BASE_HIGH(0), locked ? 0 : 0xffffffff);
	pci_set_long(wmask + CXLR_DVSEC_RANGE_BASE_LOW(0), locked ? 0 : CXLR_RANGE_BASE_LOW_MASK);
	pci_set_word(wmask + CXLR_DVSEC_LOCK, locked ? 0 : CXLR_LOCK_CONFIG_LOCK);
	pci_set_word(dvsec(s, CXLR_DVSEC_LOCK), locked ? CXLR_LOCK_CONFIG_LOCK : 0);
}

/* 8.1.3.8: the least timeout of 1, 4, 16, 64 and 256 s that the delay fits in. */
static uint32_t active_timeout(CxlAccel *s)
{
	uint32_t code = 0;

	while (code < 4 && s->active_delay > (1000 << (2 * code)))
		code++;
	return code << CXLR_RANGE_ACTIVE_TIMEOUT_SHIFT;
}

static void device_dvsec_init(CxlAccel *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	dvsec_add(pdev, ACCEL_CFG_DVSEC, CXLR_DVSEC_ID_DEVICE, CXLR_DVSEC_DEVICE_REV,
		  CXLR_DVSEC_DEVICE_LEN);
	pci_set_word(dvsec(s, CXLR_DVSEC_CAP),
		     CXLR_CAP_CACHE_CAPABLE | CXLR_CAP_IO_CAPABLE | CXLR_CAP_MEM_CAPABLE |
		     CXLR_CAP_MEM_HWINIT | 1 << CXLR_CAP_HDM_COUNT_SHIFT |
		     CXLR_CAP_CACHE_WBI_CAPABLE | CXLR_CAP_RESET_CAPABLE |
		     RESET_TIMEOUT_1S << CXLR_CAP_RESET_TIMEOUT_SHIFT |
		     CXLR_CAP_RESET_MEM_CLR | CXLR_CAP_VIRAL_CAPABLE);
	/* A cache of 1 MiB: unit 2 is 1 MiB. */
	pci_set_word(dvsec(s, CXLR_DVSEC_CAP2), 2 | 1 << CXLR_CAP2_CACHE_SIZE_SHIFT);

	pci_set_long(dvsec(s, CXLR_DVSEC_RANGE_SIZE_HIGH(0)), s->mem_size >> 32);
	pci_set_long(dvsec(s, CXLR_DVSEC_RANGE_SIZE_LOW(0)),
		     (s->mem_size & CXLR_RANGE_SIZE_LOW_MASK) | CXLR_RANGE_MEM_INFO_VALID |
		     2 << CXLR_RANGE_MEDIA_TYPE_SHIFT | 2 << CXLR_RANGE_MEMORY_CLASS_SHIFT |
		     active_timeout(s));

	pci_set_word(pdev->w1cmask + ACCEL_CFG_DVSEC + CXLR_DVSEC_STATUS, CXLR_STATUS_VIRAL);
	pci_set_word(pdev->w1cmask + ACCEL_CFG_DVSEC + CXLR_DVSEC_STATUS2,
		     CXLR_STATUS2_HDM_PRESERVE_ERR);
	pci_set_word(pdev->wmask + ACCEL_CFG_DVSEC + CXLR_DVSEC_CTRL2, CTRL2_RW);
}

static void other_dvsecs_init(PCIDevice *pdev)
{
	uint8_t *config = pdev->config;

	dvsec_add(pdev, DVSEC_GPF, CXLR_DVSEC_ID_GPF_DEVICE, 0, 0x10);
	pci_set_word(config + DVSEC_GPF + GPF_PHASE2_DURATION, 0x603);
	pci_set_long(config + DVSEC_GPF + GPF_PHASE2_POWER, 0x33);

	dvsec_add(pdev, DVSEC_FLEX_BUS, CXLR_DVSEC_ID_FLEX_BUS_PORT, 2, 0x20);
	pci_set_word(config + DVSEC_FLEX_BUS + FLEX_BUS_CAP, FLEX_BUS_PROTOCOLS);
	pci_set_word(config + DVSEC_FLEX_BUS + FLEX_BUS_CTRL, FLEX_BUS_IO);
	pci_set_word(config + DVSEC_FLEX_BUS + FLEX_BUS_STATUS, FLEX_BUS_PROTOCOLS);

	dvsec_add(pdev, DVSEC_LOCATOR, CXLR_DVSEC_ID_REG_LOCATOR, 0, 0x14);
	pci_set_long(config + DVSEC_LOCATOR + CXLR_REG_LOCATOR_BLOCK_LOW(0),
		     CXL_ACCEL_COMPONENT_OFFSET | CXL_ACCEL_BAR |
		     CXLR_REG_LOCATOR_ID_COMPONENT << CXLR_REG_LOCATOR_ID_SHIFT);
}

static bool pm_init(PCIDevice *pdev, Error **errp)
{
	if (pci_pm_init(pdev, ACCEL_CFG_PM, errp) < 0)
		return false;
	pci_set_word(pdev->config + pdev->pm_cap + PCI_PM_PMC, 3);
	/* D3hot and back changes nothing in the device. */
	pci_set_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	pci_set_word(pdev->wmask + pdev->pm_cap + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	return true;
}

bool accel_config_init(CxlAccel *s, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	unsigned int i;

	if (!pm_init(pdev, errp) || pcie_endpoint_cap_init(pdev, ACCEL_CFG_PCIE) < 0)
		return false;
	pcie_cap_fill_link_ep_usp(pdev, QEMU_PCI_EXP_LNK_X16, QEMU_PCI_EXP_LNK_32GT);
	pcie_cap_flr_init(pdev);
	pcie_cap_deverr_init(pdev);
	if (pcie_aer_init(pdev, PCI_ERR_VER, ACCEL_CFG_AER, PCI_ERR_SIZEOF, errp) < 0)
		return false;
	pcie_dev_ser_num_init(pdev, ACCEL_CFG_DSN, s->sn);

	accel_cdat_init(s);
	device_dvsec_init(s);
	other_dvsecs_init(pdev);

	if (msix_init_exclusive_bar(pdev, CXL_ACCEL_VECTORS, CXL_ACCEL_MSIX_BAR, errp) < 0) {
		accel_config_exit(s);
		return false;
	}
	for (i = 0; i < CXL_ACCEL_VECTORS; i++)
		msix_vector_use(pdev, i);
	return true;
}

void accel_config_exit(CxlAccel *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	msix_uninit_exclusive_bar(pdev);
	accel_cdat_exit(s);
	pcie_aer_exit(pdev);
	pcie_cap_exit(pdev);
}

/*
 * 9.6: FLR leaves the CXL DVSECs. 8.1.3.6: so does CXL Reset, which reports
 * by STATUS2 and nothing else. Sticky: VIRAL and the preservation error.
 */
void accel_config_reset(CxlAccel *s, enum accel_reset kind)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	uint16_t sticky = kind == ACCEL_RESET_BUS ? CXLR_STATUS_VIRAL : 0;
	uint16_t sticky2 = kind == ACCEL_RESET_BUS ? CXLR_STATUS2_HDM_PRESERVE_ERR : 0;

	if (kind == ACCEL_RESET_CXL)
		return;
	accel_cdat_reset(s);
	pcie_cap_deverr_reset(pdev);
	if (kind == ACCEL_RESET_FUNCTION)
		return;

	set_lock(s, false);
	pci_set_word(dvsec(s, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE);
	pci_set_word(dvsec(s, CXLR_DVSEC_CTRL2), 0);
	pci_set_long(dvsec(s, CXLR_DVSEC_RANGE_BASE_HIGH(0)), 0);
	pci_set_long(dvsec(s, CXLR_DVSEC_RANGE_BASE_LOW(0)), 0);
	pci_word_test_and_clear_mask(dvsec(s, CXLR_DVSEC_STATUS), ~sticky);
	pci_word_test_and_clear_mask(dvsec(s, CXLR_DVSEC_STATUS2), ~sticky2);
}

uint32_t accel_config_read(PCIDevice *pdev, uint32_t addr, int len)
{
	CxlAccel *s = CXL_ACCEL(pdev);
	uint32_t val;

	if (pcie_doe_read_config(s->doe, addr, len, &val))
		return val;
	return pci_default_read_config(pdev, addr, len);
}

/* 8.1.3.4: the bits that start something read as zero and start it once. */
static void control2_written(CxlAccel *s)
{
	uint16_t ctrl2 = pci_get_word(dvsec(s, CXLR_DVSEC_CTRL2));

	pci_word_test_and_clear_mask(dvsec(s, CXLR_DVSEC_CTRL2),
				     CXLR_CTRL2_INITIATE_WBI | CXLR_CTRL2_INITIATE_RESET);
	/* 8.1.3.5: Cache Invalid means nothing once caching is allowed again. */
	if (!(ctrl2 & CXLR_CTRL2_DISABLE_CACHING))
		pci_word_test_and_clear_mask(dvsec(s, CXLR_DVSEC_STATUS2),
					     CXLR_STATUS2_CACHE_INVALID);
	if (ctrl2 & CXLR_CTRL2_INITIATE_WBI)
		accel_start_wbi(s);
	if (ctrl2 & CXLR_CTRL2_INITIATE_RESET)
		accel_start_cxl_reset(s, ctrl2 & CXLR_CTRL2_RESET_MEM_CLR);
}

/*
 * QEMU's mailbox appends a second response to one that has not been read yet,
 * without end; software may not start a request then, so this does not.
 */
static bool doe_go_is_early(CxlAccel *s, uint32_t addr, uint32_t val, int len)
{
	uint32_t go = ACCEL_CFG_DOE + PCI_EXP_DOE_CTRL + 3;

	return s->doe->status.ready && range_covers_byte(addr, len, go) &&
	       val >> (8 * (go - addr)) & 0x80;
}

void accel_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	CxlAccel *s = CXL_ACCEL(pdev);

	if (!doe_go_is_early(s, addr, val, len))
		pcie_doe_write_config(s->doe, addr, val, len);
	pci_default_write_config(pdev, addr, val, len);
	pcie_aer_write_config(pdev, addr, val, len);
	if (ranges_overlap(addr, len, ACCEL_CFG_DVSEC + CXLR_DVSEC_CTRL2, 2))
		control2_written(s);
	if (pci_get_word(dvsec(s, CXLR_DVSEC_LOCK)) & CXLR_LOCK_CONFIG_LOCK)
		set_lock(s, true);
	pcie_cap_flr_write_config(pdev, addr, val, len);
	accel_map_update(s);
}
