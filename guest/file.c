// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device: open files, their buffers and tickets, the ioctls.
 * cxl_accel_uapi.h says what each does.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cxl_accel.h"

static int file_open(struct inode *inode, struct file *filp)
{
	struct accel *accel = container_of(filp->private_data, struct accel, misc);
	struct accel_file *file = kzalloc_obj(*file, GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	/* It is bound: misc_deregister() waits for this function. */
	kref_get(&accel->ref);
	file->accel = accel;
	file->mapping = filp->f_mapping;
	xa_init_flags(&file->buffers, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&file->tickets, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	filp->private_data = file;

	guard(rwsem_write)(&accel->lock);
	list_add(&file->node, &accel->files);
	return 0;
}

/* No mapping is left: each has the file open. */
static int file_release(struct inode *inode, struct file *filp)
{
	struct accel_file *file = filp->private_data;
	struct accel *accel = file->accel;
	struct accel_buffer *buffer;
	struct accel_batch *batch;
	unsigned long index;

	scoped_guard(rwsem_write, &accel->lock)
		list_del(&file->node);
	xa_for_each(&file->tickets, index, batch)
		accel_batch_put(batch);
	xa_for_each(&file->buffers, index, buffer)
		accel_buffer_put(buffer);
	xa_destroy(&file->tickets);
	xa_destroy(&file->buffers);
	kfree(file);
	accel_put(accel);
	return 0;
}

/**
 * accel_file_buffer - find a buffer
 * @file: that it belongs to
 * @handle: its name, from user space
 *
 * Return: the buffer, with a reference that the caller owns, or NULL.
 */
struct accel_buffer *accel_file_buffer(struct accel_file *file, u32 handle)
{
	struct accel_buffer *buffer;

	xa_lock(&file->buffers);
	buffer = xa_load(&file->buffers, handle);
	if (buffer)
		kref_get(&buffer->ref);
	xa_unlock(&file->buffers);
	return buffer;
}

static struct accel_batch *file_batch(struct accel_file *file, u32 ticket)
{
	struct accel_batch *batch;

	xa_lock(&file->tickets);
	batch = xa_load(&file->tickets, ticket);
	if (batch)
		kref_get(&batch->ref);
	xa_unlock(&file->tickets);
	return batch;
}

static int do_info(struct accel_file *file, void *arg)
{
	struct accel *accel = file->accel;
	struct accel_engine *engine = &accel->engine;
	struct cxl_accel_info *info = arg;
	unsigned int i;

	guard(rwsem_read)(&accel->lock);
	if (accel->error == -ENODEV)
		return -ENODEV;
	*info = (struct cxl_accel_info) {
		.mem_size = range_len(&accel->hpa),
		.mem_free = gen_pool_avail(accel->pool),
		.ops = accel->ops,
		.vectors = engine->nr_vectors,
	};
	for (i = 0; i < engine->nr_vectors; i++)
		info->interrupts[i] = READ_ONCE(engine->vectors[i].interrupts);

	guard(spinlock)(&engine->lock);
	info->jobs_done = engine->done;
	info->jobs_failed = engine->failed;
	return 0;
}

static int do_alloc(struct accel_file *file, void *arg)
{
	struct cxl_accel_alloc *alloc = arg;
	struct accel_buffer *buffer;
	int ret;

	if (!alloc->size || alloc->size > CXL_ACCEL_LENGTH_MAX || alloc->handle ||
	    alloc->mmap_offset || alloc->where > CXL_ACCEL_MEM_OWN)
		return -EINVAL;
	alloc->size = PAGE_ALIGN(alloc->size);

	buffer = accel_buffer_alloc(file->accel, alloc->size, alloc->where == CXL_ACCEL_MEM_OWN);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	ret = xa_alloc(&file->buffers, &alloc->handle, buffer, XA_LIMIT(1, ACCEL_MAX_HANDLE),
		       GFP_KERNEL);
	if (ret) {
		accel_buffer_put(buffer);
		return ret == -EBUSY ? -ENOSPC : ret;
	}
	alloc->mmap_offset = (u64)alloc->handle << ACCEL_MMAP_SHIFT;
	return 0;
}

static int do_free(struct accel_file *file, void *arg)
{
	struct cxl_accel_free *free = arg;
	struct accel_buffer *buffer;

	if (free->reserved)
		return -EINVAL;
	buffer = xa_erase(&file->buffers, free->handle);
	if (!buffer)
		return -ENOENT;
	accel_buffer_put(buffer);
	return 0;
}

#define OPERAND(n)	(1U << (n))

static const u8 operands_of[CXL_ACCEL_OP_COUNT] = {
	[CXL_ACCEL_OP_COPY] = OPERAND(SRC) | OPERAND(DST),
	[CXL_ACCEL_OP_FILL] = OPERAND(DST),
	[CXL_ACCEL_OP_XOR] = OPERAND(SRC) | OPERAND(SRC2) | OPERAND(DST),
	[CXL_ACCEL_OP_CRC32C] = OPERAND(SRC),
	[CXL_ACCEL_OP_MULADD] = OPERAND(SRC) | OPERAND(SRC2) | OPERAND(DST),
};

static const u8 own_flag[NR_OPERANDS] = {
	[SRC] = CXL_ACCEL_FLAG_SRC_OWN,
	[SRC2] = CXL_ACCEL_FLAG_SRC2_OWN,
	[DST] = CXL_ACCEL_FLAG_DST_OWN,
};

/* From the user's handle and offset to the engine's address and flag. */
static int prepare_operand(struct accel_file *file, struct accel_job *job, unsigned int n,
			   const struct cxl_accel_operand *operand, u64 *address)
{
	struct accel_buffer *buffer;
	u64 end;

	if (operand->reserved)
		return -EINVAL;
	buffer = accel_file_buffer(file, operand->handle);
	if (!buffer)
		return -ENOENT;
	/* From here on the batch drops it. */
	job->buffers[n] = buffer;
	if (check_add_overflow(operand->offset, job->desc.length, &end) || end > buffer->size)
		return -ERANGE;
	*address = buffer->address + operand->offset;
	if (buffer->own)
		job->desc.flags |= own_flag[n];
	return 0;
}

static bool is_zero(const struct cxl_accel_operand *operand)
{
	return !operand->offset && !operand->handle && !operand->reserved;
}

static int prepare_job(struct accel_file *file, struct accel_job *job,
		       const struct cxl_accel_job *user)
{
	const struct cxl_accel_operand *from[] = { &user->src, &user->src2, &user->dst };
	struct cxl_accel_desc *desc = &job->desc;
	u64 *to[] = { &desc->src, &desc->src2, &desc->dst };
	bool interrupt = user->flags & CXL_ACCEL_JOB_INTERRUPT;
	unsigned int n, operands;
	int ret;

	if (user->op >= CXL_ACCEL_OP_COUNT || !(file->accel->ops & BIT(user->op)))
		return -EINVAL;
	operands = operands_of[array_index_nospec(user->op, CXL_ACCEL_OP_COUNT)];
	if (user->flags & ~CXL_ACCEL_JOB_INTERRUPT || user->reserved ||
	    user->vector >= (interrupt ? file->accel->engine.nr_vectors : 1) ||
	    (user->pattern && user->op != CXL_ACCEL_OP_FILL) || !!user->length != !!operands)
		return -EINVAL;

	desc->op = user->op;
	desc->flags = interrupt ? CXL_ACCEL_FLAG_INTERRUPT : 0;
	desc->vector = user->vector;
	desc->length = user->length;
	desc->pattern = user->pattern;
	for (n = 0; n < NR_OPERANDS; n++) {
		if (operands & OPERAND(n))
			ret = prepare_operand(file, job, n, from[n], to[n]);
		else
			ret = is_zero(from[n]) ? 0 : -EINVAL;
		if (ret)
			return ret;
	}
	return 0;
}

static struct accel_batch *prepare_batch(struct accel_file *file,
					 const struct cxl_accel_submit *submit)
{
	const struct cxl_accel_job __user *jobs = u64_to_user_ptr(submit->jobs);
	struct accel_batch *batch = accel_batch_alloc(submit->nr_jobs);
	struct cxl_accel_job user;
	unsigned int i;
	int ret;

	if (!batch)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < batch->nr_jobs; i++) {
		ret = copy_from_user(&user, jobs + i, sizeof(user)) ? -EFAULT :
		      prepare_job(file, &batch->jobs[i], &user);
		if (ret) {
			accel_batch_put(batch);
			return ERR_PTR(ret);
		}
	}
	/* Or nobody would look. */
	batch->jobs[batch->nr_jobs - 1].desc.flags |= CXL_ACCEL_FLAG_INTERRUPT;
	return batch;
}

static int do_submit(struct accel_file *file, void *arg)
{
	struct cxl_accel_submit *submit = arg;
	struct accel_batch *batch;
	int ret;

	if (!submit->nr_jobs || submit->nr_jobs > CXL_ACCEL_MAX_JOBS || submit->flags ||
	    submit->ticket || submit->reserved)
		return -EINVAL;
	batch = prepare_batch(file, submit);
	if (IS_ERR(batch))
		return PTR_ERR(batch);

	/* Reserved, so that nothing can fail after the jobs have begun. */
	ret = xa_alloc(&file->tickets, &submit->ticket, NULL, XA_LIMIT(1, CXL_ACCEL_MAX_TICKETS),
		       GFP_KERNEL);
	if (ret)
		goto err_put;
	ret = accel_engine_submit(file->accel, batch);
	if (ret)
		goto err_release;
	xa_store(&file->tickets, submit->ticket, batch, GFP_KERNEL);
	return 0;

err_release:
	xa_release(&file->tickets, submit->ticket);
err_put:
	accel_batch_put(batch);
	return ret;
}

/* Without a lock: it is for good. */
static bool is_gone(struct accel *accel)
{
	return READ_ONCE(accel->error) == -ENODEV;
}

static int wait_for(struct accel *accel, struct accel_batch *batch, u64 timeout_ns)
{
	unsigned long timeout = MAX_SCHEDULE_TIMEOUT;
	long left;

	if (timeout_ns != CXL_ACCEL_WAIT_FOREVER)
		timeout = min(nsecs_to_jiffies64(timeout_ns) + !!timeout_ns,
			      MAX_SCHEDULE_TIMEOUT - 1ULL);
	left = wait_for_completion_interruptible_timeout(&batch->done, timeout);
	if (is_gone(accel))
		return -ENODEV;
	if (left < 0)
		return -EINTR;
	return left || completion_done(&batch->done) ? 0 : -ETIMEDOUT;
}

static int copy_results(const struct accel_batch *batch, struct cxl_accel_result __user *results)
{
	unsigned int i;

	for (i = 0; i < batch->nr_jobs; i++) {
		const struct cxl_accel_desc *desc = &batch->jobs[i].desc;
		struct cxl_accel_result result = {
			.value = desc->op == CXL_ACCEL_OP_CRC32C ? desc->result : 0,
			.code = desc->status,
		};

		if (copy_to_user(results + i, &result, sizeof(result)))
			return -EFAULT;
	}
	return 0;
}

static int do_wait(struct accel_file *file, void *arg)
{
	struct cxl_accel_wait *wait = arg;
	struct accel_batch *batch = file_batch(file, wait->ticket);
	int ret;

	if (!batch)
		return -ENOENT;
	ret = wait->nr_results == batch->nr_jobs ? 0 : -EINVAL;
	if (!ret)
		ret = wait_for(file->accel, batch, wait->timeout_ns);
	if (!ret)
		ret = copy_results(batch, u64_to_user_ptr(wait->results));
	/* Once: another WAIT may have had the ticket too, and even a new SUBMIT. */
	if (!ret && xa_cmpxchg(&file->tickets, wait->ticket, batch, NULL, 0) == batch)
		accel_batch_put(batch);
	accel_batch_put(batch);
	return ret;
}

static const struct {
	unsigned int cmd;
	int (*call)(struct accel_file *file, void *arg);
} commands[] = {
	{ CXL_ACCEL_INFO, do_info },
	{ CXL_ACCEL_ALLOC, do_alloc },
	{ CXL_ACCEL_FREE, do_free },
	{ CXL_ACCEL_SUBMIT, do_submit },
	{ CXL_ACCEL_WAIT, do_wait },
};

static long file_ioctl(struct file *filp, unsigned int cmd, unsigned long user)
{
	struct accel_file *file = filp->private_data;
	void __user *where = (void __user *)user;
	unsigned int nr = _IOC_NR(cmd);
	union {
		struct cxl_accel_info info;
		struct cxl_accel_alloc alloc;
		struct cxl_accel_free free;
		struct cxl_accel_submit submit;
		struct cxl_accel_wait wait;
	} arg;
	int ret;

	if (nr >= ARRAY_SIZE(commands))
		return -ENOTTY;
	nr = array_index_nospec(nr, ARRAY_SIZE(commands));
	if (commands[nr].cmd != cmd)
		return -ENOTTY;

	if (is_gone(file->accel))
		return -ENODEV;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, where, _IOC_SIZE(cmd)))
		return -EFAULT;
	ret = commands[nr].call(file, &arg);
	if (!ret && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(where, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return ret;
}

const struct file_operations accel_fops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.release = file_release,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = accel_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
};
