// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine: takes descriptors from a ring, works on host memory by DMA and
 * on the accelerator's own memory by DPA, reports by status word and MSI-X.
 *
 * Nothing that software writes may stop QEMU or keep it busy for long: every
 * number is checked before it is used, every access may fail, and the work is
 * done in steps between which QEMU serves the rest of the machine.
 */
#include "cxl_accel.h"
#include "qemu/bitops.h"
#include "qemu/crc32c.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"

#define STEP		(1 * MiB)	/* bytes of work in one step */
#define PAUSE_NS	50000		/* between steps, at least */
#define DESC_COST	(4 * KiB)	/* what a descriptor counts besides its bytes */

#define OPERANDS	ACCEL_OPERANDS
enum { SRC, SRC2, DST };

/* Not an error: a transfer had the engine stopped, so its work is over. */
#define STOPPED		0xff

QEMU_BUILD_BUG_ON(sizeof(struct cxl_accel_desc) != CXL_ACCEL_DESC_SIZE);
QEMU_BUILD_BUG_ON(offsetof(struct cxl_accel_desc, status) != CXL_ACCEL_DESC_STATUS);
QEMU_BUILD_BUG_ON(offsetof(struct cxl_accel_desc, result) != CXL_ACCEL_DESC_RESULT);

/* What an operation does to a chunk, whose operands are in e->buf[]. */
struct operation {
	bool reads[OPERANDS], writes;
	uint8_t align;
	void (*work)(struct accel_engine *e, uint32_t len);
};

static void work_copy(struct accel_engine *e, uint32_t len)
{
	memcpy(e->buf[DST], e->buf[SRC], len);
}

static void work_fill(struct accel_engine *e, uint32_t len)
{
	uint8_t pattern[8];
	uint32_t i;

	stq_le_p(pattern, e->desc.pattern);
	for (i = 0; i < len; i++)
		e->buf[DST][i] = pattern[(e->pos + i) % sizeof(pattern)];
}

static void work_xor(struct accel_engine *e, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		e->buf[DST][i] = e->buf[SRC][i] ^ e->buf[SRC2][i];
}

static void work_crc32c(struct accel_engine *e, uint32_t len)
{
	/* QEMU's function inverts what it returns. */
	e->crc = ~crc32c(e->crc, e->buf[SRC], len);
}

static void work_muladd(struct accel_engine *e, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i += sizeof(float)) {
		float a, b, c;

		memcpy(&a, e->buf[SRC] + i, sizeof(a));
		memcpy(&b, e->buf[SRC2] + i, sizeof(b));
		memcpy(&c, e->buf[DST] + i, sizeof(c));
		c += a * b;
		memcpy(e->buf[DST] + i, &c, sizeof(c));
	}
}

static const struct operation operations[CXL_ACCEL_OP_COUNT] = {
	[CXL_ACCEL_OP_COPY]   = { { true, false, false }, true, 1, work_copy },
	[CXL_ACCEL_OP_FILL]   = { { false, false, false }, true, 1, work_fill },
	[CXL_ACCEL_OP_XOR]    = { { true, true, false }, true, 1, work_xor },
	[CXL_ACCEL_OP_CRC32C] = { { true, false, false }, false, 1, work_crc32c },
	[CXL_ACCEL_OP_MULADD] = { { true, true, true }, true, sizeof(float), work_muladd },
};

static const uint8_t own_flag[OPERANDS] = {
	[SRC] = CXL_ACCEL_FLAG_SRC_OWN,
	[SRC2] = CXL_ACCEL_FLAG_SRC2_OWN,
	[DST] = CXL_ACCEL_FLAG_DST_OWN,
};

static uint64_t operand_address(const struct cxl_accel_desc *desc, unsigned int n)
{
	return n == SRC ? desc->src : n == SRC2 ? desc->src2 : desc->dst;
}

static bool operand_used(const struct operation *op, unsigned int n)
{
	return op->reads[n] || (n == DST && op->writes);
}

static uint8_t check_own(CxlAccel *s, uint64_t dpa, uint64_t len)
{
	if (!s->mem_active)
		return CXL_ACCEL_ERR_MEM_INACTIVE;
	if (dpa > s->mem_size || len > s->mem_size - dpa)
		return CXL_ACCEL_ERR_DPA;
	return CXL_ACCEL_OK;
}

/*
 * The own memory is reached past the decoders: it needs to be active, and
 * neither a decoder nor Mem_Enable, which are the host's way to it.
 *
 * A bus address may be that of any register in the machine, and so a write to
 * it may reset this very device, or remove it.
 */
static uint8_t transfer(CxlAccel *s, bool own, uint64_t address, void *buf, uint64_t len,
			bool is_write)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	uint32_t stops = s->engine.stops;
	MemTxResult result;
	uint8_t code;

	if (own) {
		code = check_own(s, address, len);
		if (code)
			return code;
		result = address_space_rw(&s->mem_as, address, MEMTXATTRS_UNSPECIFIED, buf, len,
					  is_write);
	} else {
		result = pci_dma_rw(pdev, address, buf, len,
				    is_write ? DMA_DIRECTION_FROM_DEVICE : DMA_DIRECTION_TO_DEVICE,
				    MEMTXATTRS_UNSPECIFIED);
	}
	if (s->engine.stops != stops)
		return STOPPED;
	if (result == MEMTX_OK)
		return CXL_ACCEL_OK;
	return is_write ? CXL_ACCEL_ERR_DMA_WRITE : CXL_ACCEL_ERR_DMA_READ;
}

static uint32_t ring_size(struct accel_engine *e)
{
	return 1u << (e->ring_cfg & CXL_ACCEL_RING_ORDER);
}

static bool engine_runs(struct accel_engine *e)
{
	return e->ctrl & CXL_ACCEL_CTRL_ENABLE && !e->halted;
}

static bool engine_busy(struct accel_engine *e)
{
	return engine_runs(e) && e->head != e->tail;
}

static void note_error(struct accel_engine *e, uint8_t code, uint64_t address)
{
	if (e->error)
		return;
	e->error = code | e->head << CXL_ACCEL_ERROR_INDEX_SHIFT;
	e->error_addr = address;
}

static void halt(CxlAccel *s, uint8_t code, uint64_t address)
{
	note_error(&s->engine, code, address);
	s->engine.halted = true;
	s->engine.working = false;
	msix_notify(PCI_DEVICE(s), CXL_ACCEL_HALT_VECTOR);
}

static uint8_t check_operand(CxlAccel *s, const struct operation *op,
			     const struct cxl_accel_desc *desc, unsigned int n)
{
	uint64_t address = operand_address(desc, n), end;

	if (!operand_used(op, n))
		return CXL_ACCEL_OK;
	if (uadd64_overflow(address, desc->length, &end))
		return CXL_ACCEL_ERR_LENGTH;
	if (address % op->align)
		return CXL_ACCEL_ERR_ALIGN;
	if (desc->flags & own_flag[n])
		return check_own(s, address, desc->length);
	return CXL_ACCEL_OK;
}

/* Work goes chunk by chunk, so a result that lands in its own source is none. */
static bool overlaps(const struct operation *op, const struct cxl_accel_desc *desc,
		     unsigned int n)
{
	uint64_t address = operand_address(desc, n);

	return op->writes && operand_used(op, n) && address != desc->dst &&
	       !(desc->flags & own_flag[n]) == !(desc->flags & own_flag[DST]) &&
	       address < desc->dst + desc->length && desc->dst < address + desc->length;
}

static uint8_t check_desc(CxlAccel *s, const struct cxl_accel_desc *desc)
{
	const struct operation *op;
	unsigned int n;
	uint8_t code;

	if (desc->op >= CXL_ACCEL_OP_COUNT)
		return CXL_ACCEL_ERR_OP;
	if (desc->flags & ~CXL_ACCEL_FLAGS)
		return CXL_ACCEL_ERR_FLAGS;
	if (desc->vector >= (desc->flags & CXL_ACCEL_FLAG_INTERRUPT ? CXL_ACCEL_VECTORS : 1))
		return CXL_ACCEL_ERR_VECTOR;
	if (desc->op == CXL_ACCEL_OP_NOP)
		return CXL_ACCEL_OK;

	op = &operations[desc->op];
	if (!desc->length || desc->length > CXL_ACCEL_LENGTH_MAX)
		return CXL_ACCEL_ERR_LENGTH;
	if (desc->length % op->align)
		return CXL_ACCEL_ERR_ALIGN;
	for (n = 0; n < OPERANDS; n++) {
		code = check_operand(s, op, desc, n);
		if (code)
			return code;
	}
	for (n = 0; n < DST; n++)
		if (overlaps(op, desc, n))
			return CXL_ACCEL_ERR_OVERLAP;
	return CXL_ACCEL_OK;
}

static void desc_from_le(struct cxl_accel_desc *desc)
{
	desc->vector = le16_to_cpu(desc->vector);
	desc->src = le64_to_cpu(desc->src);
	desc->src2 = le64_to_cpu(desc->src2);
	desc->dst = le64_to_cpu(desc->dst);
	desc->length = le64_to_cpu(desc->length);
	desc->pattern = le64_to_cpu(desc->pattern);
}

static uint8_t write_result(CxlAccel *s, uint64_t at, bool own)
{
	uint64_t result = cpu_to_le64(~s->engine.crc);

	if (s->engine.desc.op != CXL_ACCEL_OP_CRC32C)
		return CXL_ACCEL_OK;
	return transfer(s, own, at + CXL_ACCEL_DESC_RESULT, &result, sizeof(result), true);
}

/* The result first, then the status, then the interrupt. */
static void complete(CxlAccel *s, uint8_t code, uint64_t address)
{
	struct accel_engine *e = &s->engine;
	uint64_t at = e->ring + (uint64_t)e->head * CXL_ACCEL_DESC_SIZE;
	bool own = e->ring_cfg & CXL_ACCEL_RING_OWN;
	uint32_t status = cpu_to_le32(CXL_ACCEL_DESC_DONE | code);
	uint8_t write_code = CXL_ACCEL_OK;

	e->working = false;
	if (code) {
		note_error(e, code, address);
		e->failed++;
	} else {
		write_code = write_result(s, at, own);
	}
	if (!write_code)
		write_code = transfer(s, own, at + CXL_ACCEL_DESC_STATUS, &status, sizeof(status),
				      true);
	if (write_code == STOPPED)
		return;
	if (write_code) {
		halt(s, CXL_ACCEL_ERR_RING_WRITE, at);
		return;
	}
	e->done++;
	e->head = (e->head + 1) % ring_size(e);
	/* The descriptor may be bad in its vector too, and QEMU would not survive that. */
	if (e->desc.flags & CXL_ACCEL_FLAG_INTERRUPT && e->desc.vector < CXL_ACCEL_VECTORS)
		msix_notify(PCI_DEVICE(s), e->desc.vector);
}

static void fetch(CxlAccel *s)
{
	struct accel_engine *e = &s->engine;
	uint64_t at = e->ring + (uint64_t)e->head * CXL_ACCEL_DESC_SIZE;
	uint8_t code;

	code = transfer(s, e->ring_cfg & CXL_ACCEL_RING_OWN, at, &e->desc, sizeof(e->desc), false);
	if (code == STOPPED)
		return;
	if (code) {
		halt(s, CXL_ACCEL_ERR_RING_READ, at);
		return;
	}
	desc_from_le(&e->desc);
	e->pos = 0;
	e->crc = ~0u;
	e->working = true;
	code = check_desc(s, &e->desc);
	if (code || e->desc.op == CXL_ACCEL_OP_NOP)
		complete(s, code, at);
}

/* Read or write one operand's chunk; false: that ended the descriptor. */
static bool move_operand(CxlAccel *s, unsigned int n, uint32_t len, bool is_write)
{
	struct accel_engine *e = &s->engine;
	uint64_t address = operand_address(&e->desc, n) + e->pos;
	uint8_t code;

	code = transfer(s, e->desc.flags & own_flag[n], address, e->buf[n], len, is_write);
	if (code && code != STOPPED)
		complete(s, code, address);
	return !code;
}

static void work_chunk(CxlAccel *s, uint32_t len)
{
	struct accel_engine *e = &s->engine;
	const struct operation *op = &operations[e->desc.op];
	unsigned int n;

	for (n = 0; n < OPERANDS; n++)
		if (op->reads[n] && !move_operand(s, n, len, false))
			return;
	op->work(e, len);
	if (op->writes && !move_operand(s, DST, len, true))
		return;
	e->pos += len;
	if (e->pos == e->desc.length)
		complete(s, CXL_ACCEL_OK, 0);
}

static void engine_step(void *opaque)
{
	CxlAccel *s = opaque;
	struct accel_engine *e = &s->engine;
	int64_t budget = STEP, start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME), end;

	while (budget > 0 && engine_busy(e)) {
		if (!e->working) {
			budget -= DESC_COST;
			fetch(s);
		} else {
			uint32_t len = MIN(ACCEL_CHUNK, e->desc.length - e->pos);

			budget -= len;
			work_chunk(s, len);
		}
	}
	if (!engine_busy(e))
		return;
	/*
	 * QEMU's lock is not fair: a processor that accesses a device would wait
	 * for half a minute if this went on at once.
	 */
	end = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
	timer_mod(e->pause, end + MAX(end - start, PAUSE_NS));
}

static void pause_over(void *opaque)
{
	CxlAccel *s = opaque;

	qemu_bh_schedule(s->engine.bh);
}

static void engine_stop(struct accel_engine *e)
{
	timer_del(e->pause);
	qemu_bh_cancel(e->bh);
	e->stops++;
	e->working = false;
	e->halted = false;
}

static void write_ctrl(CxlAccel *s, uint32_t val)
{
	struct accel_engine *e = &s->engine;
	uint32_t order = e->ring_cfg & CXL_ACCEL_RING_ORDER;

	if (val & CXL_ACCEL_CTRL_RESET) {
		accel_engine_reset(s);
		return;
	}
	if (!((val ^ e->ctrl) & CXL_ACCEL_CTRL_ENABLE))
		return;
	engine_stop(e);
	e->ctrl = val & CXL_ACCEL_CTRL_ENABLE;
	if (!e->ctrl)
		return;
	e->head = 0;
	e->tail = 0;
	if (order < CXL_ACCEL_RING_ORDER_MIN || order > CXL_ACCEL_RING_ORDER_MAX)
		halt(s, CXL_ACCEL_ERR_RING_CFG, 0);
}

static void write_tail(CxlAccel *s, uint32_t val)
{
	struct accel_engine *e = &s->engine;

	if (!engine_runs(e))
		return;
	if (val >= ring_size(e)) {
		halt(s, CXL_ACCEL_ERR_RING_TAIL, 0);
		return;
	}
	e->tail = val;
	/* Else it is between two steps. */
	if (engine_busy(e) && !timer_pending(e->pause))
		qemu_bh_schedule(e->bh);
}

static uint64_t engine_read(void *opaque, hwaddr addr, unsigned int size)
{
	CxlAccel *s = opaque;
	struct accel_engine *e = &s->engine;

	switch (addr) {
	case CXL_ACCEL_CTRL:
		return e->ctrl;
	case CXL_ACCEL_STATUS:
		return (engine_busy(e) ? CXL_ACCEL_STATUS_BUSY : 0) |
		       (e->halted ? CXL_ACCEL_STATUS_HALTED : 0);
	case CXL_ACCEL_RING_LOW:
		return (uint32_t)e->ring;
	case CXL_ACCEL_RING_HIGH:
		return e->ring >> 32;
	case CXL_ACCEL_RING_CFG:
		return e->ring_cfg;
	case CXL_ACCEL_HEAD:
		return e->head;
	case CXL_ACCEL_TAIL:
		return e->tail;
	case CXL_ACCEL_ERROR:
		return e->error;
	case CXL_ACCEL_ERROR_LOW:
		return (uint32_t)e->error_addr;
	case CXL_ACCEL_ERROR_HIGH:
		return e->error_addr >> 32;
	case CXL_ACCEL_DONE:
		return e->done;
	case CXL_ACCEL_FAILED:
		return e->failed;
	default:
		return 0;
	}
}

/* The ring stays where it is while the engine may read it. */
static void write_ring(struct accel_engine *e, hwaddr addr, uint32_t val)
{
	if (e->ctrl & CXL_ACCEL_CTRL_ENABLE)
		return;
	if (addr == CXL_ACCEL_RING_LOW)
		e->ring = deposit64(e->ring, 0, 32, val & -CXL_ACCEL_RING_ALIGN);
	else if (addr == CXL_ACCEL_RING_HIGH)
		e->ring = deposit64(e->ring, 32, 32, val);
	else
		e->ring_cfg = val & (CXL_ACCEL_RING_ORDER | CXL_ACCEL_RING_OWN);
}

static void engine_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	CxlAccel *s = opaque;
	struct accel_engine *e = &s->engine;

	/* On its way when the device left: there is nothing to do DMA by. */
	if (s->gone)
		return;
	switch (addr) {
	case CXL_ACCEL_CTRL:
		write_ctrl(s, val);
		break;
	case CXL_ACCEL_RING_LOW:
	case CXL_ACCEL_RING_HIGH:
	case CXL_ACCEL_RING_CFG:
		write_ring(e, addr, val);
		break;
	case CXL_ACCEL_TAIL:
		write_tail(s, val);
		break;
	case CXL_ACCEL_ERROR:
		e->error = 0;
		e->error_addr = 0;
		break;
	}
}

static const MemoryRegionOps engine_ops = {
	.read = engine_read,
	.write = engine_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 4, .max_access_size = 4 },
	.impl = { .min_access_size = 4, .max_access_size = 4 },
};

void accel_engine_reset(CxlAccel *s)
{
	struct accel_engine *e = &s->engine;

	engine_stop(e);
	e->ctrl = 0;
	e->ring = 0;
	e->ring_cfg = 0;
	e->head = 0;
	e->tail = 0;
	e->error = 0;
	e->error_addr = 0;
	e->done = 0;
	e->failed = 0;
}

void accel_engine_init(CxlAccel *s)
{
	struct accel_engine *e = &s->engine;

	memory_region_init_io(&s->engine_page, OBJECT(s), &engine_ops, s, "cxl-accel-engine",
			      CXL_ACCEL_PAGE_SIZE);
	memory_region_add_subregion(&s->bar, CXL_ACCEL_ENGINE_OFFSET, &s->engine_page);
	/* Guarded: DMA to the engine's own registers fails, and does not recurse. */
	e->bh = qemu_bh_new_guarded(engine_step, s, &DEVICE(s)->mem_reentrancy_guard);
	e->pause = timer_new_ns(QEMU_CLOCK_REALTIME, pause_over, s);
}

void accel_engine_finalize(CxlAccel *s)
{
	timer_free(s->engine.pause);
	if (s->engine.bh)
		qemu_bh_delete(s->engine.bh);
}
