// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration space: PCIe capabilities, and the CXL DVSECs by the tables
 * and the engine in registers/ (CXL 3.1, 8.1).
 */
#include "cxl_accel.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_regs.h"

/* 8.2.1.3, Flex Bus Port: 68-byte flits, all three protocols negotiated. */
#define FLEX_BUS_CAP	0x0a
#define FLEX_BUS_CTRL	0x0c
#define FLEX_BUS_STATUS	0x0e
#define FLEX_BUS_CACHE	0x0001u
#define FLEX_BUS_IO	0x0002u
#define FLEX_BUS_MEM	0x0004u
#define FLEX_BUS_68B	0x0020u
#define FLEX_BUS_PROTOCOLS (FLEX_BUS_CACHE | FLEX_BUS_IO | FLEX_BUS_MEM | FLEX_BUS_68B)

#define RESET_TIMEOUT_1S	2
#define RESET_TIMEOUT_100S	4

static const struct {
	const struct cxlr_map *map;
	uint32_t at;
	unsigned int units;
} dvsecs[] = {
	{ &cxlr_map_dvsec_device, 0, 0 },
	{ &cxlr_map_dvsec_gpf, ACCEL_DVSEC_GPF, 0 },
	{ &cxlr_map_dvsec_flex_bus, ACCEL_DVSEC_FLEX_BUS, 0 },
	{ &cxlr_map_dvsec_locator, ACCEL_DVSEC_LOCATOR, 1 },
};

uint64_t accel_dvsec_get(CxlAccel *s, uint32_t offset)
{
	return cxlr_get(&s->dvsec, offset);
}

void accel_dvsec_set(CxlAccel *s, uint32_t offset, uint64_t mask, bool set)
{
	cxlr_set(&s->dvsec, offset, mask, set ? mask : 0);
}

bool accel_mem_enabled(CxlAccel *s)
{
	return accel_dvsec_get(s, CXLR_DVSEC_CTRL) & CXLR_CTRL_MEM_ENABLE;
}

bool accel_config_locked(CxlAccel *s)
{
	return accel_dvsec_get(s, CXLR_DVSEC_LOCK) & CXLR_LOCK_CONFIG_LOCK;
}

uint64_t accel_range_base(CxlAccel *s)
{
	return accel_dvsec_get(s, CXLR_DVSEC_RANGE_BASE_HIGH(0)) << 32 |
	       accel_dvsec_get(s, CXLR_DVSEC_RANGE_BASE_LOW(0));
}

uint64_t accel_range_size(CxlAccel *s)
{
	return accel_dvsec_get(s, CXLR_DVSEC_RANGE_SIZE_HIGH(0)) << 32 |
	       (accel_dvsec_get(s, CXLR_DVSEC_RANGE_SIZE_LOW(0)) & CXLR_RANGE_SIZE_LOW_MASK);
}

/* 8.1.3.8: the least timeout of 1, 4, 16, 64 and 256 s that the delay fits in. */
static uint32_t active_timeout(CxlAccel *s)
{
	uint32_t code = 0;

	while (code < 4 && s->active_delay > (1000 << (2 * code)))
		code++;
	return code << CXLR_RANGE_ACTIVE_TIMEOUT_SHIFT;
}

/* 8.1.3.1: the least timeout of 1, 10 and 100 s that is twice as long as the delay. */
static uint32_t reset_timeout(CxlAccel *s)
{
	uint32_t code = RESET_TIMEOUT_1S;
	int64_t ms = 1000;

	for (; code < RESET_TIMEOUT_100S && 2 * (int64_t)s->reset_delay > ms; ms *= 10)
		code++;
	return code << CXLR_CAP_RESET_TIMEOUT_SHIFT;
}

/* What the hardware initialises, before software looks. */
static void hwinit(CxlAccel *s)
{
	const struct {
		uint32_t at;
		uint32_t val;
	} values[] = {
		{ CXLR_DVSEC_CAP,
		  CXLR_CAP_CACHE_CAPABLE | CXLR_CAP_IO_CAPABLE | CXLR_CAP_MEM_CAPABLE |
		  CXLR_CAP_MEM_HWINIT | 1 << CXLR_CAP_HDM_COUNT_SHIFT |
		  CXLR_CAP_CACHE_WBI_CAPABLE | CXLR_CAP_RESET_CAPABLE |
		  reset_timeout(s) |
		  CXLR_CAP_RESET_MEM_CLR | CXLR_CAP_VIRAL_CAPABLE },
		/* A cache of 1 MiB: unit 2 is 1 MiB. */
		{ CXLR_DVSEC_CAP2, 2 | 1 << CXLR_CAP2_CACHE_SIZE_SHIFT |
		  (s->hdm_db ? CXLR_CAP2_MODIFIED_COMPLETION : 0) },
		{ CXLR_DVSEC_RANGE_SIZE_HIGH(0), s->mem_size >> 32 },
		{ CXLR_DVSEC_RANGE_SIZE_LOW(0),
		  (s->mem_size & CXLR_RANGE_SIZE_LOW_MASK) | CXLR_RANGE_MEM_INFO_VALID |
		  2 << CXLR_RANGE_MEDIA_TYPE_SHIFT | 2 << CXLR_RANGE_MEMORY_CLASS_SHIFT |
		  active_timeout(s) },
		{ ACCEL_DVSEC_GPF_DURATION, 0x603 },
		{ ACCEL_DVSEC_GPF_POWER, 0x33 },
		{ ACCEL_DVSEC_FLEX_BUS + FLEX_BUS_CAP, FLEX_BUS_PROTOCOLS },
		{ ACCEL_DVSEC_FLEX_BUS + FLEX_BUS_CTRL, FLEX_BUS_IO },
		{ ACCEL_DVSEC_FLEX_BUS + FLEX_BUS_STATUS, FLEX_BUS_PROTOCOLS },
		{ ACCEL_DVSEC_LOCATOR + CXLR_REG_LOCATOR_BLOCK_LOW(0),
		  s->place->offset | s->place->bar |
		  CXLR_REG_LOCATOR_ID_COMPONENT << CXLR_REG_LOCATOR_ID_SHIFT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		cxlr_init(&s->dvsec, values[i].at, UINT32_MAX, values[i].val);
	if (s->acl)
		cxlr_init(&s->dvsec, ACCEL_DVSEC_LOCATOR + CXLR_REG_LOCATOR_BLOCK_LOW(1),
			  UINT32_MAX, CXL_ACCEL_ACL_OFFSET | CXL_ACCEL_BAR |
			  CXLR_REG_LOCATOR_ID_ACL << CXLR_REG_LOCATOR_ID_SHIFT);
}

static void dvsec_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	CxlAccel *s = space->owner;

	switch (change->field->effect) {
	case CXLR_EFFECT_CACHING:
		/* 8.1.3.5: Cache Invalid means nothing once caching is allowed again. */
		if (!(change->after & CXLR_CTRL2_DISABLE_CACHING))
			accel_dvsec_set(s, CXLR_DVSEC_STATUS2, CXLR_STATUS2_CACHE_INVALID, false);
		break;
	case CXLR_EFFECT_WBI:
		accel_start_wbi(s);
		break;
	case CXLR_EFFECT_CXL_RESET:
		accel_start_cxl_reset(s, change->after & CXLR_CTRL2_RESET_MEM_CLR);
		break;
	default:
		break;
	}
}

/* The chain of capabilities is QEMU's, the rest of a DVSEC the engine's. */
static void dvsecs_init(CxlAccel *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	unsigned int i;
	bool placed;

	s->dvsec_memory = g_malloc0(cxlr_space_memory(ACCEL_DVSEC_SIZE, 2));
	cxlr_space_init(&s->dvsec, s->dvsec_memory, ACCEL_DVSEC_SIZE, 2);
	for (i = 0; i < ARRAY_SIZE(dvsecs); i++) {
		uint32_t at = dvsecs[i].at;
		unsigned int units = dvsecs[i].units + (s->acl && at == ACCEL_DVSEC_LOCATOR);
		uint32_t len = dvsecs[i].map->size + units * dvsecs[i].map->unit_stride;

		pcie_add_capability(pdev, PCI_EXT_CAP_ID_DVSEC, 1, ACCEL_CFG_DVSEC + at, len);
		placed = cxlr_space_place(&s->dvsec, dvsecs[i].map, at, units, len);
		assert(placed);
		cxlr_init(&s->dvsec, at + CXLR_DVSEC_HDR1, 0xfff00000, len << 20);
	}
	for (i = 0; i < ARRAY_SIZE(dvsecs); i++)
		cxlr_init(&s->dvsec, dvsecs[i].at, UINT32_MAX,
			  pci_get_long(pdev->config + ACCEL_CFG_DVSEC + dvsecs[i].at));
	hwinit(s);
	s->dvsec.owner = s;
	s->dvsec.effect = dvsec_effect;
}

static bool in_dvsecs(uint32_t addr)
{
	return addr >= ACCEL_CFG_DVSEC && addr < ACCEL_CFG_DVSEC + ACCEL_DVSEC_SIZE;
}

static bool pm_init(CxlAccel *s, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	if (pci_pm_init(pdev, ACCEL_CFG_PM, errp) < 0)
		return false;
	pci_set_word(pdev->config + pdev->pm_cap + PCI_PM_PMC, 3);
	/* Then D3hot and back changes nothing in the device. */
	if (!s->soft_reset)
		pci_set_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	pci_set_word(pdev->wmask + pdev->pm_cap + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	return true;
}

/* Advanced Features, a second way to FLR (PCI_AF_CTRL); QEMU knows the capability only by id. */
static bool af_init(CxlAccel *s, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	int at;

	if (!s->af)
		return true;
	at = pci_add_capability(pdev, PCI_CAP_ID_AF, ACCEL_CFG_AF, PCI_CAP_AF_SIZEOF, errp);
	if (at < 0)
		return false;
	pci_set_byte(pdev->config + at + PCI_AF_LENGTH, PCI_CAP_AF_SIZEOF);
	pci_set_byte(pdev->config + at + PCI_AF_CAP, PCI_AF_CAP_TP | PCI_AF_CAP_FLR);
	return true;
}

bool accel_config_init(CxlAccel *s, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	unsigned int i;

	/* PCIe 7.5.1.1.4: configuration requests succeed from the end of each reset on. */
	if (s->immediate_readiness)
		pci_word_test_and_set_mask(pdev->config + PCI_STATUS, PCI_STATUS_IMM_READY);
	if (!pm_init(s, errp) || !af_init(s, errp) ||
	    pcie_endpoint_cap_init(pdev, ACCEL_CFG_PCIE) < 0)
		return false;
	pcie_cap_fill_link_ep_usp(pdev, QEMU_PCI_EXP_LNK_X16, QEMU_PCI_EXP_LNK_32GT);
	pcie_cap_flr_init(pdev);
	pcie_cap_deverr_init(pdev);
	if (pcie_aer_init(pdev, PCI_ERR_VER, ACCEL_CFG_AER, PCI_ERR_SIZEOF, errp) < 0)
		return false;
	pcie_dev_ser_num_init(pdev, ACCEL_CFG_DSN, s->sn);

	accel_cdat_init(s);
	/* Before what takes its part of the chain from QEMU. */
	if (s->ats)
		pcie_ats_init(pdev, ACCEL_CFG_ATS, true);
	dvsecs_init(s);

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
	g_free(s->dvsec_memory);
	s->dvsec_memory = NULL;
}

void accel_config_reset(CxlAccel *s, enum cxlr_reset kind)
{
	cxlr_reset(&s->dvsec, kind);
	/* 9.7: CXL Reset is none of the mailbox, nor of PCIe. */
	if (kind == CXLR_RESET_CXL)
		return;
	accel_cdat_reset(s);
	pcie_cap_deverr_reset(PCI_DEVICE(s));
	if (s->ats)
		pci_set_word(PCI_DEVICE(s)->config + ACCEL_CFG_ATS + PCI_ATS_CTRL, 0);
}

uint32_t accel_config_read(PCIDevice *pdev, uint32_t addr, int len)
{
	CxlAccel *s = CXL_ACCEL(pdev);
	uint8_t bytes[4] = { 0 };
	uint32_t val;

	if (s->gone || s->silent)
		return UINT32_MAX;
	accel_note_access(s, addr == ACCEL_CFG_DVSEC + CXLR_DVSEC_STATUS2 && len == 2);
	if (in_dvsecs(addr)) {
		cxlr_read_bytes(&s->dvsec, addr - ACCEL_CFG_DVSEC, bytes, len);
		return ldl_le_p(bytes);
	}
	if (pcie_doe_read_config(s->doe, addr, len, &val))
		return val;
	return pci_default_read_config(pdev, addr, len);
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

/* PCIe 5.3.1.4: D3hot to D0 without No_Soft_Reset. */
static void soft_reset(CxlAccel *s)
{
	s->waking = true;
	pci_device_reset(PCI_DEVICE(s));
	s->waking = false;
}

void accel_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	CxlAccel *s = CXL_ACCEL(pdev);
	bool awake = accel_in_d0(s);
	uint8_t bytes[4];

	if (s->gone || s->silent)
		return;
	accel_note_access(s, false);
	if (in_dvsecs(addr)) {
		stl_le_p(bytes, val);
		cxlr_write_bytes(&s->dvsec, addr - ACCEL_CFG_DVSEC, bytes, len);
		accel_map_update(s);
		return;
	}
	if (!doe_go_is_early(s, addr, val, len))
		pcie_doe_write_config(s->doe, addr, val, len);
	pci_default_write_config(pdev, addr, val, len);
	pcie_aer_write_config(pdev, addr, val, len);
	pcie_cap_flr_write_config(pdev, addr, val, len);
	if (s->soft_reset && !awake && accel_in_d0(s))
		soft_reset(s);
	accel_map_update(s);
}
