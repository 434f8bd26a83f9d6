/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * cxl-accel: what software sees of the accelerator beyond the registers that
 * the PCIe and CXL specifications define. For drivers, tests and the device
 * itself; docs/accelerator.md explains each register and operation.
 *
 * Pure C. All registers are 32 bits wide, little-endian, and take aligned
 * 4-byte accesses only. All addresses, lengths and offsets are in bytes.
 */
#ifndef CXL_ACCEL_REGS_H
#define CXL_ACCEL_REGS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define CXL_ACCEL_VENDOR_ID		0x1af4
#define CXL_ACCEL_DEVICE_ID		0x10f0

/*
 * BAR 0: 64-bit, 1 MiB. Whatever is not named here reads as zero. The component registers
 * are elsewhere if option 'component' says so; beside them is the scratch page again.
 */
#define CXL_ACCEL_BAR			0
#define CXL_ACCEL_BAR_SIZE		0x100000
#define CXL_ACCEL_ID_OFFSET		0x00000	/* identity page */
#define CXL_ACCEL_SCRATCH_OFFSET	0x01000	/* scratch page: any width, no effect */
#define CXL_ACCEL_SCRATCH_SIZE		0x01000
#define CXL_ACCEL_COMPONENT_OFFSET	0x80000	/* CXL component registers, 64 KiB */
#define  CXL_ACCEL_ARB_MUX_SCRATCH	0x0e008	/* in those: 32 bits, without effect */
#define CXL_ACCEL_ENGINE_OFFSET		0xc0000	/* engine page */
#define CXL_ACCEL_CACHE_OFFSET		0xc1000	/* cache page */
/* With option 'acl', registers that declare two ranges of BAR 0 safe (CXL 3.1, 8.2.6). */
#define CXL_ACCEL_ACL_OFFSET		0x20000
#define  CXL_ACCEL_ACL_SAFE_0		0x00000	/* identity and scratch page */
#define  CXL_ACCEL_ACL_SAFE_0_SIZE	0x10000
#define  CXL_ACCEL_ACL_SAFE_1		0x80000	/* component registers to cache page */
#define  CXL_ACCEL_ACL_SAFE_1_SIZE	0x50000
#define CXL_ACCEL_PAGE_SIZE		0x01000

/* BAR 4, if option 'component' has the component registers there. */
#define CXL_ACCEL_COMPONENT_BAR		4

/* BAR 2: MSI-X table and pending bits. */
#define CXL_ACCEL_MSIX_BAR		2
#define CXL_ACCEL_VECTORS		4

/* Identity page, read-only. Offsets from CXL_ACCEL_ID_OFFSET. */
#define CXL_ACCEL_ID_MAGIC		0x00
#define  CXL_ACCEL_MAGIC		0x414c5843u	/* "CXLA" */
#define CXL_ACCEL_ID_VERSION		0x04
#define  CXL_ACCEL_VERSION		1u
#define CXL_ACCEL_ID_MEM_SIZE_LOW	0x08	/* size of the own memory */
#define CXL_ACCEL_ID_MEM_SIZE_HIGH	0x0c
#define CXL_ACCEL_ID_OPS		0x10	/* bit n: operation n is there */
#define CXL_ACCEL_ID_VECTORS		0x14	/* number of MSI-X vectors */
#define CXL_ACCEL_ID_STATE		0x18
#define  CXL_ACCEL_STATE_MEM_ACTIVE	0x1u	/* the own memory may be used */

/* Engine page. Offsets from CXL_ACCEL_ENGINE_OFFSET. */
#define CXL_ACCEL_CTRL			0x00
#define  CXL_ACCEL_CTRL_ENABLE		0x1u	/* 0 to 1: HEAD and TAIL become 0 */
#define  CXL_ACCEL_CTRL_RESET		0x2u	/* reads as zero */
#define CXL_ACCEL_STATUS		0x04	/* read-only */
#define  CXL_ACCEL_STATUS_BUSY		0x1u	/* HEAD has not reached TAIL */
#define  CXL_ACCEL_STATUS_HALTED	0x2u	/* ring error: see ERROR */
#define CXL_ACCEL_RING_LOW		0x08	/* writable while not enabled */
#define CXL_ACCEL_RING_HIGH		0x0c
#define  CXL_ACCEL_RING_ALIGN		64
#define CXL_ACCEL_RING_CFG		0x10	/* writable while not enabled */
#define  CXL_ACCEL_RING_ORDER		0xfu	/* log2 of the number of descriptors */
#define  CXL_ACCEL_RING_ORDER_MIN	1
#define  CXL_ACCEL_RING_ORDER_MAX	12
#define  CXL_ACCEL_RING_OWN		0x100u	/* the ring is in the own memory */
#define CXL_ACCEL_HEAD			0x14	/* read-only: next that the engine completes */
#define CXL_ACCEL_TAIL			0x18	/* first that is not ready; writing starts work */
#define CXL_ACCEL_ERROR			0x1c	/* first error since the last write to it */
#define  CXL_ACCEL_ERROR_CODE		0x000000ffu
#define  CXL_ACCEL_ERROR_INDEX		0xffff0000u
#define  CXL_ACCEL_ERROR_INDEX_SHIFT	16
#define CXL_ACCEL_ERROR_LOW		0x20	/* read-only: the address that failed */
#define CXL_ACCEL_ERROR_HIGH		0x24
#define CXL_ACCEL_DONE			0x28	/* read-only: descriptors completed */
#define CXL_ACCEL_FAILED		0x2c	/* read-only: those with an error */

/*
 * Cache page. Offsets from CXL_ACCEL_CACHE_OFFSET. A write to FETCH fetches a line of host
 * memory by CXL.cache, and the result is there when the write returns.
 */
#define CXL_ACCEL_CACHE_LOW		0x00	/* the address, a multiple of 64 */
#define CXL_ACCEL_CACHE_HIGH		0x04
#define CXL_ACCEL_CACHE_FETCH		0x08	/* reads as zero */
#define  CXL_ACCEL_FETCH_ATS		0x1u	/* 0: a host physical address, 1: a bus address */
#define CXL_ACCEL_CACHE_RESULT		0x0c	/* read-only */
#define  CXL_ACCEL_FETCH_NONE		0u	/* there was no fetch since a reset */
#define  CXL_ACCEL_FETCH_OK		1u
#define  CXL_ACCEL_FETCH_DISABLED	2u	/* Cache_Enable is clear, or in a CXL Reset */
#define  CXL_ACCEL_FETCH_NO_TRANSLATION	3u	/* ATS is off, or the IOMMU has none */
#define  CXL_ACCEL_FETCH_NO_MEMORY	4u	/* the host has no memory there */
#define CXL_ACCEL_CACHE_LINE		0x40	/* read-only: the line; zeros without one */
#define  CXL_ACCEL_LINE_SIZE		64

/* The vector that is raised when the engine halts. */
#define CXL_ACCEL_HALT_VECTOR		0

/* Operations; dst, src and src2 are the memory that the descriptor names. */
#define CXL_ACCEL_OP_NOP		0
#define CXL_ACCEL_OP_COPY		1	/* dst = src */
#define CXL_ACCEL_OP_FILL		2	/* dst = pattern, repeated every 8 bytes */
#define CXL_ACCEL_OP_XOR		3	/* dst = src ^ src2 */
#define CXL_ACCEL_OP_CRC32C		4	/* result = CRC32C of src */
#define CXL_ACCEL_OP_MULADD		5	/* float: dst[i] = dst[i] + src[i] * src2[i] */
#define CXL_ACCEL_OP_COUNT		6

/* Flags: where an address points (0: bus address, 1: DPA), and what follows. */
#define CXL_ACCEL_FLAG_SRC_OWN		0x01u
#define CXL_ACCEL_FLAG_SRC2_OWN		0x02u
#define CXL_ACCEL_FLAG_DST_OWN		0x04u
#define CXL_ACCEL_FLAG_INTERRUPT	0x08u	/* raise the vector on completion */
#define CXL_ACCEL_FLAGS			0x0fu

#define CXL_ACCEL_LENGTH_MAX		(1ull << 40)

/*
 * A descriptor. Software sets status to zero; the device writes result, then
 * status, then raises the interrupt. It leaves everything else alone.
 */
struct cxl_accel_desc {
	uint8_t  op;
	uint8_t  flags;
	uint16_t vector;	/* zero without CXL_ACCEL_FLAG_INTERRUPT */
	uint32_t status;
	uint64_t src;
	uint64_t src2;
	uint64_t dst;
	uint64_t length;	/* of each operand */
	uint64_t pattern;	/* FILL */
	uint64_t result;	/* CRC32C */
	uint64_t cookie;	/* software's own */
};

#define CXL_ACCEL_DESC_SIZE		64
#define CXL_ACCEL_DESC_STATUS		0x04
#define CXL_ACCEL_DESC_RESULT		0x30

/* Status word: DONE and an error code; ERROR holds the same codes. */
#define CXL_ACCEL_DESC_DONE		0x80000000u
#define CXL_ACCEL_DESC_CODE		0x000000ffu

#define CXL_ACCEL_OK			0
#define CXL_ACCEL_ERR_OP		1	/* no such operation */
#define CXL_ACCEL_ERR_FLAGS		2	/* a flag that is reserved */
#define CXL_ACCEL_ERR_VECTOR		3	/* no such vector */
#define CXL_ACCEL_ERR_LENGTH		4	/* zero, too long, or the address wraps */
#define CXL_ACCEL_ERR_ALIGN		5	/* MULADD: not a multiple of 4 */
#define CXL_ACCEL_ERR_OVERLAP		6	/* dst overlaps a source and is not the same */
#define CXL_ACCEL_ERR_DPA		7	/* past the end of the own memory */
#define CXL_ACCEL_ERR_MEM_INACTIVE	8	/* the own memory is not active */
#define CXL_ACCEL_ERR_DMA_READ		9	/* host memory could not be read */
#define CXL_ACCEL_ERR_DMA_WRITE		10	/* host memory could not be written */
/* Ring errors: the engine halts. */
#define CXL_ACCEL_ERR_RING_CFG		16	/* RING_ORDER out of its limits */
#define CXL_ACCEL_ERR_RING_TAIL		17	/* TAIL beyond the ring */
#define CXL_ACCEL_ERR_RING_READ		18	/* a descriptor could not be read */
#define CXL_ACCEL_ERR_RING_WRITE	19	/* nor its status be written */

#endif
