// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine: a ring of descriptors in host memory, which the device works
 * off in order. docs/accelerator.md has its registers. Descriptors and
 * registers are little-endian, as all machines with CXL are.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "cxl_accel.h"

#define RING_ORDER	CXL_ACCEL_RING_ORDER_MAX
#define RING_SIZE	BIT(RING_ORDER)

/* Empty is head == tail, so one descriptor stays unused. */
static_assert(CXL_ACCEL_MAX_JOBS < RING_SIZE);
static_assert(CXL_ACCEL_MAX_VECTORS >= CXL_ACCEL_VECTORS);
static_assert(sizeof(struct cxl_accel_desc) == CXL_ACCEL_DESC_SIZE);

static u32 engine_read(struct accel *accel, unsigned int offset)
{
	return readl(accel->bar + CXL_ACCEL_ENGINE_OFFSET + offset);
}

static void engine_write(struct accel *accel, unsigned int offset, u32 val)
{
	writel(val, accel->bar + CXL_ACCEL_ENGINE_OFFSET + offset);
}

/* Move jobs that have ended out of the ring; with @code, all, as failed. */
static void retire(struct accel_engine *engine, u32 code, struct list_head *ended)
{
	struct accel_batch *batch;

	lockdep_assert_held(&engine->lock);
	while ((batch = list_first_entry_or_null(&engine->batches, struct accel_batch, node))) {
		struct cxl_accel_desc *job = &batch->jobs[batch->nr_ended].desc;
		struct cxl_accel_desc *desc = &engine->ring[engine->head];
		u32 status = READ_ONCE(desc->status);

		if (status & CXL_ACCEL_DESC_DONE) {
			/* The device writes the result first. */
			dma_rmb();
			job->status = status & CXL_ACCEL_DESC_CODE;
			job->result = desc->result;
		} else if (code) {
			job->status = code;
		} else {
			break;
		}
		engine->done++;
		engine->failed += !!job->status;
		engine->head = (engine->head + 1) % RING_SIZE;
		if (++batch->nr_ended == batch->nr_jobs)
			list_move_tail(&batch->node, ended);
	}
}

static void release_buffers(struct accel_batch *batch)
{
	unsigned int i, n;

	for (i = 0; i < batch->nr_jobs; i++)
		for (n = 0; n < NR_OPERANDS; n++) {
			accel_buffer_put(batch->jobs[i].buffers[n]);
			batch->jobs[i].buffers[n] = NULL;
		}
}

/* Tell who waits. Buffers go first: a user can count on their memory then. */
static void announce(struct accel_engine *engine, struct list_head *ended)
{
	struct accel_batch *batch, *next;

	list_for_each_entry_safe(batch, next, ended, node) {
		list_del_init(&batch->node);
		release_buffers(batch);
		complete_all(&batch->done);
		accel_batch_put(batch);
	}
	wake_up_all(&engine->room);
}

/* On return the device accesses neither ring nor operands. */
static void disable(struct accel *accel)
{
	engine_write(accel, CXL_ACCEL_CTRL, 0);
	engine_read(accel, CXL_ACCEL_CTRL);
}

static void enable(struct accel *accel)
{
	struct accel_engine *engine = &accel->engine;

	lockdep_assert_held(&engine->lock);
	engine->head = 0;
	engine->tail = 0;
	engine_write(accel, CXL_ACCEL_CTRL, CXL_ACCEL_CTRL_RESET);
	engine_write(accel, CXL_ACCEL_RING_LOW, lower_32_bits(engine->ring_dma));
	engine_write(accel, CXL_ACCEL_RING_HIGH, upper_32_bits(engine->ring_dma));
	engine_write(accel, CXL_ACCEL_RING_CFG, RING_ORDER);
	engine_write(accel, CXL_ACCEL_CTRL, CXL_ACCEL_CTRL_ENABLE);
}

/**
 * accel_engine_start - take jobs
 * @accel: the device; its memory is usable. accel.lock is held for write, or
 *	   the device is being bound
 */
void accel_engine_start(struct accel *accel)
{
	scoped_guard(spinlock, &accel->engine.lock) {
		enable(accel);
		WRITE_ONCE(accel->error, 0);
	}
	wake_up_all(&accel->engine.room);
}

/**
 * accel_engine_stop - take no more jobs, and fail those in flight
 * @accel: the device; as above
 * @error: what becomes of accel.error
 */
void accel_engine_stop(struct accel *accel, int error)
{
	LIST_HEAD(ended);

	scoped_guard(spinlock, &accel->engine.lock) {
		WRITE_ONCE(accel->error, error);
		disable(accel);
		retire(&accel->engine, CXL_ACCEL_CODE_RESET, &ended);
	}
	announce(&accel->engine, &ended);
}

/* It takes no jobs then, and raises one vector, on which completions come as well. */
static void check_halted(struct accel *accel, struct list_head *ended)
{
	struct accel_engine *engine = &accel->engine;

	lockdep_assert_held(&engine->lock);
	if (accel->error || !(engine_read(accel, CXL_ACCEL_STATUS) & CXL_ACCEL_STATUS_HALTED))
		return;

	pci_err(accel->pdev, "the engine halted with error %#x, and is started again\n",
		engine_read(accel, CXL_ACCEL_ERROR));
	disable(accel);
	retire(engine, CXL_ACCEL_CODE_HALTED, ended);
	enable(accel);
}

static irqreturn_t count_interrupt(int irq, void *data)
{
	struct accel_vector *vector = data;

	WRITE_ONCE(vector->interrupts, vector->interrupts + 1);
	return IRQ_WAKE_THREAD;
}

static irqreturn_t handle_interrupt(int irq, void *data)
{
	struct accel_vector *vector = data;
	struct accel *accel = vector->accel;
	LIST_HEAD(ended);

	scoped_guard(spinlock, &accel->engine.lock) {
		retire(&accel->engine, CXL_ACCEL_OK, &ended);
		if (vector == &accel->engine.vectors[CXL_ACCEL_HALT_VECTOR])
			check_halted(accel, &ended);
	}
	announce(&accel->engine, &ended);
	return IRQ_HANDLED;
}

/**
 * accel_engine_init - the ring and the interrupts
 * @accel: the device, being bound; accel_engine_start() comes next
 *
 * Return: 0, or an error that was logged.
 */
int accel_engine_init(struct accel *accel)
{
	struct accel_engine *engine = &accel->engine;
	struct device *dev = &accel->pdev->dev;
	int ret, i;

	mutex_init(&engine->turn);
	init_waitqueue_head(&engine->room);
	spin_lock_init(&engine->lock);
	INIT_LIST_HEAD(&engine->batches);

	engine->ring = dmam_alloc_coherent(dev, RING_SIZE * sizeof(*engine->ring),
					   &engine->ring_dma, GFP_KERNEL);
	if (!engine->ring)
		return dev_err_probe(dev, -ENOMEM, "no memory for the ring\n");

	ret = pci_alloc_irq_vectors(accel->pdev, 1, CXL_ACCEL_MAX_VECTORS, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(dev, ret, "no MSI-X interrupts\n");
	engine->nr_vectors = ret;
	for (i = 0; i < engine->nr_vectors; i++) {
		engine->vectors[i].accel = accel;
		ret = devm_request_threaded_irq(dev, pci_irq_vector(accel->pdev, i),
						count_interrupt, handle_interrupt, 0,
						accel->name, &engine->vectors[i]);
		if (ret)
			return dev_err_probe(dev, ret, "no interrupt for vector %d\n", i);
	}
	return 0;
}

/* -EAGAIN: not now. */
static int try_submit(struct accel *accel, struct accel_batch *batch)
{
	struct accel_engine *engine = &accel->engine;
	unsigned int i;

	guard(spinlock)(&engine->lock);
	if (accel->error)
		return accel->error;
	if (batch->nr_jobs >= RING_SIZE - (engine->tail - engine->head) % RING_SIZE)
		return -EAGAIN;

	for (i = 0; i < batch->nr_jobs; i++) {
		engine->ring[engine->tail] = batch->jobs[i].desc;
		engine->tail = (engine->tail + 1) % RING_SIZE;
	}
	kref_get(&batch->ref);
	list_add_tail(&batch->node, &engine->batches);
	engine_write(accel, CXL_ACCEL_TAIL, engine->tail);
	return 0;
}

/**
 * accel_engine_submit - have jobs done
 * @accel: the device
 * @batch: their descriptors, with statuses of 0 and the last with an interrupt,
 *	   and the buffers that those name
 *
 * Waits for room in the ring, and for the end of a reset, in turn: small
 * batches would leave no room for a large one. batch.done tells the end.
 *
 * Return: 0, -ERESTARTSYS for a signal, or accel.error.
 */
int accel_engine_submit(struct accel *accel, struct accel_batch *batch)
{
	struct accel_engine *engine = &accel->engine;
	int ret, interrupted;

	scoped_cond_guard(mutex_intr, return -ERESTARTSYS, &engine->turn) {
		interrupted = wait_event_interruptible(engine->room,
						       (ret = try_submit(accel, batch)) != -EAGAIN);
		if (interrupted)
			return interrupted;
	}
	return ret;
}

/**
 * accel_batch_alloc - room for jobs, cleared
 * @nr_jobs: not 0
 *
 * Return: a batch with one reference that the caller owns, or NULL.
 */
struct accel_batch *accel_batch_alloc(unsigned int nr_jobs)
{
	struct accel_batch *batch = kvzalloc_flex(*batch, jobs, nr_jobs, GFP_KERNEL_ACCOUNT);

	if (!batch)
		return NULL;
	kref_init(&batch->ref);
	INIT_LIST_HEAD(&batch->node);
	init_completion(&batch->done);
	batch->nr_jobs = nr_jobs;
	return batch;
}

static void free_batch(struct kref *ref)
{
	struct accel_batch *batch = container_of(ref, struct accel_batch, ref);

	release_buffers(batch);
	kvfree(batch);
}

/**
 * accel_batch_put - drop a reference; may sleep
 * @batch: freed with the last one
 */
void accel_batch_put(struct accel_batch *batch)
{
	kref_put(&batch->ref, free_batch);
}
