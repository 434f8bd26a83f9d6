// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Coherent Device Attribute Table and the DOE mailbox that hands it out
 * (CXL 3.1, 8.1.11; CDAT specification 1.03).
 */
#include "cxl_accel.h"
#include "hw/acpi/hmat.h"

#define DSMAS_HANDLE	0
#define EFI_MEMORY_SP	1	/* memory for a specific purpose: CDAT, table 8 */
#define PS_PER_10NS	10000
#define MB_PER_GB	1000

/* The table in the order and layout in which it is read, entry by entry. */
struct accel_cdat {
	CDATTableHeader header;
	CDATDsmas dsmas;
	CDATDslbis dslbis[4];
	CDATDsemts dsemts;
};
QEMU_BUILD_BUG_ON(sizeof(struct accel_cdat) != sizeof(CDATTableHeader) + sizeof(CDATDsmas) +
		  4 * sizeof(CDATDslbis) + sizeof(CDATDsemts));

static const struct {
	uint16_t offset, size;
} cdat_entry[] = {
	{ offsetof(struct accel_cdat, header), sizeof(CDATTableHeader) },
	{ offsetof(struct accel_cdat, dsmas), sizeof(CDATDsmas) },
	{ offsetof(struct accel_cdat, dslbis[0]), sizeof(CDATDslbis) },
	{ offsetof(struct accel_cdat, dslbis[1]), sizeof(CDATDslbis) },
	{ offsetof(struct accel_cdat, dslbis[2]), sizeof(CDATDslbis) },
	{ offsetof(struct accel_cdat, dslbis[3]), sizeof(CDATDslbis) },
	{ offsetof(struct accel_cdat, dsemts), sizeof(CDATDsemts) },
};

/* Made up, and plausible: 250 ns and 32 GB/s, both ways. */
static const struct {
	uint8_t type;
	uint64_t unit;
	uint16_t value;
} performance[4] = {
	{ HMAT_LB_DATA_READ_LATENCY, PS_PER_10NS, 25 },
	{ HMAT_LB_DATA_WRITE_LATENCY, PS_PER_10NS, 25 },
	{ HMAT_LB_DATA_READ_BANDWIDTH, MB_PER_GB, 32 },
	{ HMAT_LB_DATA_WRITE_BANDWIDTH, MB_PER_GB, 32 },
};

static struct accel_cdat *cdat_build(uint64_t mem_size)
{
	struct accel_cdat *cdat = g_new0(struct accel_cdat, 1);
	uint8_t sum = 0;
	unsigned int i;

	cdat->header.length = sizeof(*cdat);
	cdat->header.revision = CXL_CDAT_REV;

	cdat->dsmas.header.type = CDAT_TYPE_DSMAS;
	cdat->dsmas.header.length = sizeof(cdat->dsmas);
	cdat->dsmas.DSMADhandle = DSMAS_HANDLE;
	cdat->dsmas.DPA_length = mem_size;

	for (i = 0; i < ARRAY_SIZE(performance); i++) {
		CDATDslbis *dslbis = &cdat->dslbis[i];

		dslbis->header.type = CDAT_TYPE_DSLBIS;
		dslbis->header.length = sizeof(*dslbis);
		dslbis->handle = DSMAS_HANDLE;
		dslbis->flags = HMAT_LB_MEM_MEMORY;
		dslbis->data_type = performance[i].type;
		dslbis->entry_base_unit = performance[i].unit;
		dslbis->entry[0] = performance[i].value;
	}

	cdat->dsemts.header.type = CDAT_TYPE_DSEMTS;
	cdat->dsemts.header.length = sizeof(cdat->dsemts);
	cdat->dsemts.DSMAS_handle = DSMAS_HANDLE;
	cdat->dsemts.EFI_memory_type_attr = EFI_MEMORY_SP;
	cdat->dsemts.DPA_length = mem_size;

	/* All bytes of the table add up to zero. */
	for (i = 0; i < sizeof(*cdat); i++)
		sum += ((uint8_t *)cdat)[i];
	cdat->header.checksum = -sum;
	return cdat;
}

/* 8.1.11.1, Read Entry. False: the request is discarded. */
static bool cdat_read_entry(DOECap *doe)
{
	CxlAccel *s = CXL_ACCEL(doe->pdev);
	CDATReq *req = pcie_doe_get_write_mbox_ptr(doe);
	struct {
		CDATRsp header;
		uint8_t entry[sizeof(struct accel_cdat)];
	} QEMU_PACKED rsp = { 0 };
	unsigned int n, size;

	if (pcie_doe_get_obj_len(req) < DIV_ROUND_UP(sizeof(*req), 4))
		return false;
	n = req->entry_handle;
	if (req->req_code != CXL_DOE_TAB_REQ || req->table_type != CXL_DOE_TAB_TYPE_CDAT ||
	    n >= ARRAY_SIZE(cdat_entry))
		return false;

	size = cdat_entry[n].size;
	rsp.header.header.vendor_id = CXL_VENDOR_ID;
	rsp.header.header.data_obj_type = CXL_DOE_TABLE_ACCESS;
	rsp.header.header.length = DIV_ROUND_UP(sizeof(rsp.header) + size, 4);
	rsp.header.rsp_code = CXL_DOE_TAB_RSP;
	rsp.header.table_type = CXL_DOE_TAB_TYPE_CDAT;
	rsp.header.entry_handle = n + 1 < ARRAY_SIZE(cdat_entry) ? n + 1 : CXL_DOE_TAB_ENT_MAX;
	memcpy(rsp.entry, (uint8_t *)s->cdat + cdat_entry[n].offset, size);
	pcie_doe_set_rsp(doe, &rsp);
	return true;
}

static DOEProtocol protocols[] = {
	{ CXL_VENDOR_ID, CXL_DOE_TABLE_ACCESS, cdat_read_entry },
	{ }
};

void accel_cdat_init(CxlAccel *s)
{
	s->cdat = cdat_build(s->mem_size);
	s->doe = g_new0(DOECap, 1);
	pcie_doe_init(PCI_DEVICE(s), s->doe, ACCEL_CFG_DOE, protocols, false, 0);
}

void accel_cdat_exit(CxlAccel *s)
{
	pcie_doe_fini(s->doe);
	g_free(s->cdat);
}

/* An abort is all that QEMU's mailbox has for a reset. */
void accel_cdat_reset(CxlAccel *s)
{
	pcie_doe_write_config(s->doe, ACCEL_CFG_DOE + PCI_EXP_DOE_CTRL,
			      R_PCI_DOE_CAP_CONTROL_DOE_ABORT_MASK, 4);
}
