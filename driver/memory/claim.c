// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claim on the memory's HPA range: nothing else in the host has it.
 */
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "memory/memory.h"

/**
 * cxl_vfio_claim_memory - have the HPA range for this driver
 * @mem: the memory; its range is known
 *
 * Undone by cxl_vfio_unclaim_memory(). Return: 0; -EBUSY when something else has the
 * range, or -EFBIG; logged.
 */
int cxl_vfio_claim_memory(struct cxl_vfio_mem *mem)
{
	resource_size_t size = range_len(&mem->hpa);
	struct pci_dev *pdev = mem->hw->pdev;

	/* A region's offsets end where the next index begins. */
	if (size > BIT_ULL(VFIO_PCI_OFFSET_SHIFT)) {
		pci_err(pdev, "memory %pra is larger than the 1 TiB that a VFIO region can be\n",
			&mem->hpa);
		return -EFBIG;
	}

	mem->claim = request_mem_region(mem->hpa.start, size, "cxl-vfio-pci");
	if (!mem->claim) {
		pci_err(pdev, "memory %pra is in use: see /proc/iomem for by whom\n", &mem->hpa);
		return -EBUSY;
	}

	/* The claim above keeps it from becoming that later. */
	if (region_intersects(mem->hpa.start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pci_err(pdev, "memory %pra is System RAM already: take it offline first\n",
			&mem->hpa);
		cxl_vfio_unclaim_memory(mem);
		return -EBUSY;
	}
	return 0;
}

/**
 * cxl_vfio_unclaim_memory - undo cxl_vfio_claim_memory()
 * @mem: the memory; nothing happens if its pages were orphaned, which keep the claim
 */
void cxl_vfio_unclaim_memory(struct cxl_vfio_mem *mem)
{
	if (mem->claim)
		release_mem_region(mem->hpa.start, range_len(&mem->hpa));
	mem->claim = NULL;
}
