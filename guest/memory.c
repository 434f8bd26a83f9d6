// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: pieces of the own memory, and of the host's that is contiguous for
 * the engine. Own memory is given out by host physical address.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "cxl_accel.h"

/**
 * accel_memory_init - claim the own memory and make a pool of it
 * @accel: the device, attached to its CXL region
 *
 * Return: 0, or an error that was logged.
 */
int accel_memory_init(struct accel *accel)
{
	struct device *dev = &accel->pdev->dev;
	u64 size = range_len(&accel->hpa);
	int ret;

	/* Refused while it is System RAM; and memremap() would give its direct map. */
	if (!devm_request_mem_region(dev, accel->hpa.start, size, accel->name))
		return dev_err_probe(dev, -EBUSY,
				     "memory %pra is in use: see /proc/iomem for by whom\n",
				     &accel->hpa);

	accel->kaddr = devm_memremap(dev, accel->hpa.start, size, MEMREMAP_WB);
	if (IS_ERR(accel->kaddr))
		return dev_err_probe(dev, PTR_ERR(accel->kaddr), "cannot map memory %pra\n",
				     &accel->hpa);

	accel->pool = devm_gen_pool_create(dev, PAGE_SHIFT, dev_to_node(dev), NULL);
	if (IS_ERR(accel->pool))
		return PTR_ERR(accel->pool);
	ret = gen_pool_add(accel->pool, accel->hpa.start, size, dev_to_node(dev));
	if (ret)
		return dev_err_probe(dev, ret, "no memory to keep account of memory %pra\n",
				     &accel->hpa);
	return 0;
}

/* Aligned as large mappings need it, if the pool has such a piece. */
static int alloc_own(struct accel_buffer *buffer)
{
	static const unsigned long sizes[] = { PMD_SIZE, PAGE_SIZE };
	struct accel *accel = buffer->accel;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && !buffer->hpa; i++) {
		struct genpool_data_align align = { .align = sizes[i] };

		if (buffer->size >= sizes[i])
			buffer->hpa = gen_pool_alloc_algo(accel->pool, buffer->size,
							  gen_pool_first_fit_align, &align);
	}
	if (!buffer->hpa)
		return -ENOSPC;
	buffer->address = accel->dpa + buffer->hpa - accel->hpa.start;
	return 0;
}

/* DMA of a CXL device is coherent, so nothing is ever synchronized. */
static int alloc_host(struct accel_buffer *buffer)
{
	buffer->sgt = dma_alloc_noncontiguous(&buffer->accel->pdev->dev, buffer->size,
					      DMA_BIDIRECTIONAL,
					      GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, 0);
	if (!buffer->sgt)
		return -ENOMEM;
	buffer->address = sg_dma_address(buffer->sgt->sgl);
	return 0;
}

/* Give the buffer its memory, and have it where accel_memory_exit() finds it. */
static int get_memory(struct accel_buffer *buffer)
{
	struct accel *accel = buffer->accel;
	int ret;

	guard(rwsem_read)(&accel->lock);
	if (accel->error)
		return accel->error;
	ret = buffer->own ? alloc_own(buffer) : alloc_host(buffer);
	if (ret)
		return ret;
	guard(mutex)(&accel->buffers_lock);
	list_add(&buffer->node, &accel->buffers);
	return 0;
}

/* Idempotent: unbinding does it before the last reference is dropped. */
static void put_memory(struct accel_buffer *buffer)
{
	struct accel *accel = buffer->accel;

	lockdep_assert_held(&accel->buffers_lock);
	if (list_empty(&buffer->node))
		return;
	list_del_init(&buffer->node);
	if (buffer->own)
		gen_pool_free(accel->pool, buffer->hpa, buffer->size);
	else
		dma_free_noncontiguous(&accel->pdev->dev, buffer->size, buffer->sgt,
				       DMA_BIDIRECTIONAL);
}

/**
 * accel_memory_exit - take all buffers' memory away
 * @accel: the device, blocked for good: no mappings, no jobs
 */
void accel_memory_exit(struct accel *accel)
{
	struct accel_buffer *buffer, *next;

	guard(mutex)(&accel->buffers_lock);
	list_for_each_entry_safe(buffer, next, &accel->buffers, node)
		put_memory(buffer);
}

/* Nothing of the last user is left. In steps: it may take seconds. */
static int clear_own(struct accel_buffer *buffer)
{
	struct accel *accel = buffer->accel;
	void *kaddr = accel->kaddr + (buffer->hpa - accel->hpa.start);
	u64 done, step;

	for (done = 0; done < buffer->size; done += step) {
		step = min_t(u64, buffer->size - done, SZ_2M);
		scoped_guard(rwsem_read, &accel->lock) {
			if (accel->error)
				return accel->error;
			memset(kaddr + done, 0, step);
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * accel_buffer_alloc - a new buffer, cleared
 * @accel: the device
 * @size: in bytes, a multiple of pages, not 0
 * @own: of the own memory, or else of the host's
 *
 * Return: the buffer, with one reference that the caller owns, or -ENOMEM,
 * -ENOSPC (own memory), -EINTR (killed), or accel.error.
 */
struct accel_buffer *accel_buffer_alloc(struct accel *accel, u64 size, bool own)
{
	struct accel_buffer *buffer = kzalloc_obj(*buffer, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!buffer)
		return ERR_PTR(-ENOMEM);
	kref_init(&buffer->ref);
	INIT_LIST_HEAD(&buffer->node);
	buffer->accel = accel;
	buffer->size = size;
	buffer->own = own;

	ret = get_memory(buffer);
	if (!ret && own)
		ret = clear_own(buffer);
	if (ret) {
		accel_buffer_put(buffer);
		return ERR_PTR(ret);
	}
	return buffer;
}

static void free_buffer(struct kref *ref)
{
	struct accel_buffer *buffer = container_of(ref, struct accel_buffer, ref);

	scoped_guard(mutex, &buffer->accel->buffers_lock)
		put_memory(buffer);
	kfree(buffer);
}

/**
 * accel_buffer_put - drop a reference; may sleep
 * @buffer: freed with the last one; or NULL
 */
void accel_buffer_put(struct accel_buffer *buffer)
{
	if (buffer)
		kref_put(&buffer->ref, free_buffer);
}

/**
 * accel_buffer_pfn - where a page of a buffer is
 * @buffer: the buffer; accel.lock is held, and accel.error is 0
 * @page: its index, within the buffer
 */
unsigned long accel_buffer_pfn(struct accel_buffer *buffer, unsigned long page)
{
	struct sg_page_iter iter;

	lockdep_assert_held(&buffer->accel->lock);
	if (buffer->own)
		return PHYS_PFN(buffer->hpa) + page;
	for_each_sgtable_page(buffer->sgt, &iter, page)
		break;
	return page_to_pfn(sg_page_iter_page(&iter));
}
