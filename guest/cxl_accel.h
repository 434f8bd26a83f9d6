/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver's files share. Locks, in the order in which they nest:
 * mmap_lock, accel.lock, accel.buffers_lock, engine.lock; and engine.turn
 * before engine.lock.
 */
#ifndef CXL_ACCEL_H
#define CXL_ACCEL_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/genalloc.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/range.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "cxl_accel_regs.h"
#include "cxl_accel_uapi.h"

enum { SRC, SRC2, DST, NR_OPERANDS };

/* A piece of memory that the engine can address. */
struct accel_buffer {
	struct kref ref;		/* the handle, each mapping, each job in flight */
	struct accel *accel;
	struct list_head node;		/* buffers_lock; empty: its memory was taken away */
	bool own;
	u64 size;
	u64 address;			/* for the engine: device or bus address */
	unsigned long hpa;		/* own memory: where the CPU finds it */
	struct sg_table *sgt;		/* host memory: its pages */
};

struct accel_job {
	struct cxl_accel_desc desc;	/* status: the code, once it has ended */
	struct accel_buffer *buffers[NR_OPERANDS];
};

/* The jobs of one SUBMIT. */
struct accel_batch {
	struct kref ref;		/* the ticket, the engine, each WAIT */
	struct list_head node;		/* engine.lock */
	struct completion done;
	unsigned int nr_jobs;
	unsigned int nr_ended;		/* engine.lock */
	struct accel_job jobs[] __counted_by(nr_jobs);
};

struct accel_vector {
	struct accel *accel;
	u64 interrupts;			/* written by its handler alone */
};

struct accel_engine {
	struct mutex turn;		/* to wait for room in the ring */
	wait_queue_head_t room;
	spinlock_t lock;		/* all that follows, and the engine's registers */
	struct list_head batches;	/* in the ring, in its order */
	struct cxl_accel_desc *ring;
	dma_addr_t ring_dma;
	unsigned int head, tail;	/* the oldest job in flight; the first free descriptor */
	u64 done, failed;
	unsigned int nr_vectors;	/* not changed after probe */
	struct accel_vector vectors[CXL_ACCEL_MAX_VECTORS];
};

struct accel {
	struct kref ref;		/* the binding, each open file */
	struct pci_dev *pdev;		/* until it is unbound */
	struct miscdevice misc;
	char name[24];
	int id;

	void __iomem *bar;
	void __iomem *hdm;		/* HDM decoder capability; NULL: the memory is in a BAR */
	u64 capacity;
	u32 ops;

	/*
	 * Memory and engine may be used while error is 0. Written with lock
	 * (for write) and engine.lock held, so either is enough to rely on it.
	 *   -EAGAIN: a reset is under way; -EIO: the memory was lost by a
	 *   reset; -ENODEV: the device is gone
	 */
	struct rw_semaphore lock;
	int error;
	struct list_head files;		/* lock */

	struct range hpa;		/* of the own memory */
	u64 dpa;			/* device address of its first byte */
	void *kaddr;
	struct gen_pool *pool;		/* of HPAs */
	struct mutex buffers_lock;
	struct list_head buffers;	/* buffers_lock: those that have memory */

	struct accel_engine engine;
};

struct accel_file {
	struct accel *accel;
	struct list_head node;		/* accel.lock */
	struct address_space *mapping;
	struct xarray buffers;		/* by handle */
	struct xarray tickets;		/* batches */
};

/* The handle is in the upper bits of the offset that mmap() is given. */
#define ACCEL_MMAP_SHIFT	40
#define ACCEL_MAX_HANDLE	((1U << 20) - 1)

/* pci_driver.c */
void accel_put(struct accel *accel);

/* bar.c */
bool accel_bar_attach(struct accel *accel, u16 dvsec);

/* cxl.c */
int accel_cxl_attach(struct accel *accel);
bool accel_cxl_usable(struct accel *accel);

/* memory.c */
int accel_memory_init(struct accel *accel);
void accel_memory_exit(struct accel *accel);
struct accel_buffer *accel_buffer_alloc(struct accel *accel, u64 size, bool own);
void accel_buffer_put(struct accel_buffer *buffer);
unsigned long accel_buffer_pfn(struct accel_buffer *buffer, unsigned long page);

/* mapping.c */
int accel_mmap(struct file *file, struct vm_area_struct *vma);

/* engine.c */
int accel_engine_init(struct accel *accel);
void accel_engine_start(struct accel *accel);
void accel_engine_stop(struct accel *accel, int error);
int accel_engine_submit(struct accel *accel, struct accel_batch *batch);
struct accel_batch *accel_batch_alloc(unsigned int nr_jobs);
void accel_batch_put(struct accel_batch *batch);

/* file.c */
extern const struct file_operations accel_fops;
struct accel_buffer *accel_file_buffer(struct accel_file *file, u32 handle);

#endif
