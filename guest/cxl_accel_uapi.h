/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cxl_accel: the user interface of the accelerator's driver.
 *
 * Each accelerator is a character device, /dev/cxl_accel0 and so on. Through
 * an open file a process allocates buffers, in the accelerator's own memory or
 * in the host's, maps them, and has the engine work on them. Buffers and
 * tickets belong to the open file; other files cannot name them.
 *
 *	ALLOC a buffer -> its handle, and the offset for mmap()
 *	mmap() it
 *	SUBMIT jobs on buffers -> a ticket
 *	WAIT for the ticket -> a code, and for CRC32C a value, for each job
 *
 * Sizes, offsets and lengths are in bytes. Flags and reserved fields are zero,
 * or the call fails with EINVAL. Operations are CXL_ACCEL_OP_*, codes are
 * CXL_ACCEL_OK and CXL_ACCEL_ERR_* of cxl_accel_regs.h.
 *
 * mmap() needs MAP_SHARED and a file that was opened O_RDWR; part of a buffer
 * will do. Nothing is mapped then, faults do that, in pieces of 1 GiB, 2 MiB or
 * 4 KiB (host buffers: 4 KiB). Buffers are aligned so that pieces are large,
 * and so are mmap()'s addresses, unless they are asked for. Mappings are
 * write-back cacheable. They have no struct pages: O_DIRECT and the like fail
 * on them (EFAULT).
 *
 * A buffer's memory is cleared when it is allocated. It stays until its handle
 * was freed, its last mapping is gone and the last job that uses it has ended.
 * Close frees handles and tickets. Jobs that are under way then run to their
 * end; nobody else gets their memory before.
 *
 * A reset of the device ends all jobs with CXL_ACCEL_CODE_RESET. Own memory
 * keeps its content when the device lets it (over FLR it does). While a reset
 * is under way a touch of any buffer is SIGBUS, SUBMIT waits, and ALLOC fails
 * with EAGAIN. If the device has lost its memory window by the reset, touches
 * stay SIGBUS, and ALLOC and SUBMIT fail with EIO, until the driver is bound
 * anew. When the device is unbound, all calls fail with ENODEV, those that
 * wait too, and touches are SIGBUS.
 */
#ifndef CXL_ACCEL_UAPI_H
#define CXL_ACCEL_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CXL_ACCEL_IOC_TYPE		0xcb

/* No more jobs than this in one SUBMIT, nor tickets that wait for their WAIT. */
#define CXL_ACCEL_MAX_JOBS		1024
#define CXL_ACCEL_MAX_TICKETS		4096

/* No accelerator has more interrupt vectors. */
#define CXL_ACCEL_MAX_VECTORS		4

/* Codes of a job beside those of the engine. */
#define CXL_ACCEL_CODE_RESET		0x100	/* a reset came before its end */
#define CXL_ACCEL_CODE_HALTED		0x101	/* the engine could not read or write its ring */

/* INFO: what the device is, and how much it has done since it was bound. */
struct cxl_accel_info {
	__u64 mem_size;			/* of the own memory */
	__u64 mem_free;			/* in pieces of any size */
	__u32 ops;			/* bit n: operation n is there */
	__u32 vectors;			/* interrupt vectors */
	__u64 jobs_done;		/* those that failed included */
	__u64 jobs_failed;
	__u64 interrupts[CXL_ACCEL_MAX_VECTORS];
};

/*
 * ALLOC: ENOSPC when there is no such piece of own memory, or no handle;
 * ENOMEM for host memory, which without an IOMMU comes in pieces of up to 4
 * MiB; EINTR when the process is killed.
 */
#define CXL_ACCEL_MEM_HOST		0
#define CXL_ACCEL_MEM_OWN		1
struct cxl_accel_alloc {
	__u64 size;			/* in: wanted; out: rounded up to pages */
	__u32 where;			/* in: CXL_ACCEL_MEM_* */
	__u32 handle;			/* in: 0; out: never 0 */
	__u64 mmap_offset;		/* in: 0; out: of the buffer's first byte */
};

/* FREE: ENOENT when there is no such handle. */
struct cxl_accel_free {
	__u32 handle;
	__u32 reserved;
};

/*
 * SUBMIT: operands that an operation does not have are all zero, so is pattern
 * unless it is FILL, and length for NOP. Interrupts are for completion; the
 * last job of a SUBMIT always has one.
 *
 * ENOENT: no such handle. ERANGE: an operand is not within its buffer. EBUSY:
 * too many tickets. Waits, interruptibly, while the engine has no room.
 */
#define CXL_ACCEL_JOB_INTERRUPT		0x1

struct cxl_accel_operand {
	__u64 offset;			/* in the buffer */
	__u32 handle;
	__u32 reserved;
};

struct cxl_accel_job {
	__u8  op;
	__u8  flags;			/* CXL_ACCEL_JOB_* */
	__u16 vector;			/* of its interrupt */
	__u32 reserved;
	struct cxl_accel_operand src;
	struct cxl_accel_operand src2;
	struct cxl_accel_operand dst;
	__u64 length;			/* of each operand */
	__u64 pattern;
};

struct cxl_accel_submit {
	__u64 jobs;			/* address of an array of struct cxl_accel_job */
	__u32 nr_jobs;
	__u32 flags;
	__u32 ticket;			/* in: 0; out */
	__u32 reserved;
};

/*
 * WAIT: for all jobs of a SUBMIT. The ticket is used up when this returns 0.
 * ETIMEDOUT, EINTR: not all have ended, try again. ENOENT: no such ticket.
 */
#define CXL_ACCEL_WAIT_FOREVER		(~0ULL)

struct cxl_accel_result {
	__u64 value;			/* CRC32C */
	__u32 code;
	__u32 reserved;
};

struct cxl_accel_wait {
	__u64 results;			/* address of an array of struct cxl_accel_result */
	__u64 timeout_ns;		/* from now, or CXL_ACCEL_WAIT_FOREVER; 0: do not wait */
	__u32 nr_results;		/* as nr_jobs, or EINVAL */
	__u32 ticket;
};

#define CXL_ACCEL_INFO		_IOR(CXL_ACCEL_IOC_TYPE, 0, struct cxl_accel_info)
#define CXL_ACCEL_ALLOC		_IOWR(CXL_ACCEL_IOC_TYPE, 1, struct cxl_accel_alloc)
#define CXL_ACCEL_FREE		_IOW(CXL_ACCEL_IOC_TYPE, 2, struct cxl_accel_free)
#define CXL_ACCEL_SUBMIT	_IOWR(CXL_ACCEL_IOC_TYPE, 3, struct cxl_accel_submit)
#define CXL_ACCEL_WAIT		_IOW(CXL_ACCEL_IOC_TYPE, 4, struct cxl_accel_wait)

_Static_assert(sizeof(struct cxl_accel_info) == 72, "ABI");
_Static_assert(sizeof(struct cxl_accel_alloc) == 24, "ABI");
_Static_assert(sizeof(struct cxl_accel_free) == 8, "ABI");
_Static_assert(sizeof(struct cxl_accel_operand) == 16, "ABI");
_Static_assert(sizeof(struct cxl_accel_job) == 72, "ABI");
_Static_assert(sizeof(struct cxl_accel_submit) == 24, "ABI");
_Static_assert(sizeof(struct cxl_accel_result) == 16, "ABI");
_Static_assert(sizeof(struct cxl_accel_wait) == 24, "ABI");

#endif
