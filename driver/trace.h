/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cxl_vfio

#if !defined(CXL_VFIO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXL_VFIO_TRACE_H

#include <linux/device.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "hw/hw.h"
#include "vfio_cxl.h"

TRACE_DEFINE_ENUM(CXL_VFIO_WHY_RESET);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_CXL_RESET);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_CLOSE);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_OPEN);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_ERROR);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_POWER);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_SUSPENDED);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_HUNG);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_LOST);
TRACE_DEFINE_ENUM(CXL_VFIO_WHY_GONE);
TRACE_DEFINE_ENUM(CXLR_RESET_FLR);
TRACE_DEFINE_ENUM(CXLR_RESET_CXL);
TRACE_DEFINE_ENUM(CXLR_RESET_CONVENTIONAL);

/* User space gets this text, with numbers for the names, and has no BIT(). */
#define cxl_vfio_show_reasons(bits)			\
	__print_flags(bits, "|",			\
		{ 1ul << CXL_VFIO_WHY_RESET, "reset" },	\
		{ 1ul << CXL_VFIO_WHY_CXL_RESET, "cxl_reset" },	\
		{ 1ul << CXL_VFIO_WHY_CLOSE, "close" },	\
		{ 1ul << CXL_VFIO_WHY_OPEN, "open" },	\
		{ 1ul << CXL_VFIO_WHY_ERROR, "error" },	\
		{ 1ul << CXL_VFIO_WHY_POWER, "power" },	\
		{ 1ul << CXL_VFIO_WHY_SUSPENDED, "suspended" },	\
		{ 1ul << CXL_VFIO_WHY_HUNG, "hung" },	\
		{ 1ul << CXL_VFIO_WHY_LOST, "lost" },	\
		{ 1ul << CXL_VFIO_WHY_GONE, "gone" })

#define cxl_vfio_show_reset(kind)			\
	__print_symbolic(kind,				\
		{ CXLR_RESET_FLR, "function" },		\
		{ CXLR_RESET_CXL, "CXL" },		\
		{ CXLR_RESET_CONVENTIONAL, "conventional" })

#define cxl_vfio_show_event(type)					\
	__print_symbolic(type,						\
		{ VFIO_CXL_EVENT_COMMITTED, "committed" },		\
		{ VFIO_CXL_EVENT_DECOMMITTED, "decommitted" },		\
		{ VFIO_CXL_EVENT_RESET_BEGIN, "reset_begin" },		\
		{ VFIO_CXL_EVENT_RESET_END, "reset_end" },		\
		{ VFIO_CXL_EVENT_ENABLE, "enable" },			\
		{ VFIO_CXL_EVENT_ACCESS, "access" })

/* TRACE_EVENT() and its like, with the device as first argument, and its name first in the text. */
#define DEVICE_EVENT(declare, event, proto, args, fields, assign, fmt, values...)	\
	declare(event,									\
		TP_PROTO(struct device *dev, proto), TP_ARGS(dev, args),		\
		TP_STRUCT__entry(__string(dev, dev_name(dev)) fields),			\
		TP_fast_assign(__assign_str(dev); assign;),				\
		TP_printk("%s " fmt, __get_str(dev), values))

/* The device is bound: its memory's HPA range, bytes, and the decoder of that. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_bind,
	PARAMS(const struct range *hpa, unsigned int decoder), PARAMS(hpa, decoder),
	__field(u64, start) __field(u64, end) __field(unsigned int, decoder),
	__entry->start = hpa->start;
	__entry->end = hpa->end;
	__entry->decoder = decoder,
	"hpa=%#llx-%#llx decoder=%u", __entry->start, __entry->end, __entry->decoder);

/* A bind or an open came to nothing; the log says why. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_refuse,
	PARAMS(const char *what, int error), PARAMS(what, error),
	__string(what, what) __field(int, error),
	__assign_str(what);
	__entry->error = error,
	"%s error=%d", __get_str(what), __entry->error);

DECLARE_EVENT_CLASS(cxl_vfio_device,
	TP_PROTO(struct device *dev), TP_ARGS(dev),
	TP_STRUCT__entry(__string(dev, dev_name(dev))),
	TP_fast_assign(__assign_str(dev);),
	TP_printk("%s", __get_str(dev)));

/* A first user has the device open; the last one has closed it. */
DEFINE_EVENT(cxl_vfio_device, cxl_vfio_open, TP_PROTO(struct device *dev), TP_ARGS(dev));
DEFINE_EVENT(cxl_vfio_device, cxl_vfio_close, TP_PROTO(struct device *dev), TP_ARGS(dev));
/* Nobody touches the memory until the end of it, which a HUNG one has not. */
DEFINE_EVENT(cxl_vfio_device, cxl_vfio_reset_begin, TP_PROTO(struct device *dev), TP_ARGS(dev));

/* What the reset was seen to do to the registers, and what putting back came to. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_reset_end,
	PARAMS(unsigned int kind, int error), PARAMS(kind, error),
	__field(unsigned int, kind) __field(int, error),
	__entry->kind = kind;
	__entry->error = error,
	"kind=%s error=%d", cxl_vfio_show_reset(__entry->kind), __entry->error);

DEVICE_EVENT(DECLARE_EVENT_CLASS, cxl_vfio_access,
	PARAMS(unsigned long why, unsigned long blocked), PARAMS(why, blocked),
	__field(unsigned long, why) __field(unsigned long, blocked),
	__entry->why = why;
	__entry->blocked = blocked,
	"why=%s blocked=%s", cxl_vfio_show_reasons(__entry->why),
	cxl_vfio_show_reasons(__entry->blocked));

/* All mappings were zapped, and none comes back while anything is blocked. */
DEFINE_EVENT(cxl_vfio_access, cxl_vfio_revoke,
	TP_PROTO(struct device *dev, unsigned long why, unsigned long blocked),
	TP_ARGS(dev, why, blocked));
DEFINE_EVENT(cxl_vfio_access, cxl_vfio_allow,
	TP_PROTO(struct device *dev, unsigned long why, unsigned long blocked),
	TP_ARGS(dev, why, blocked));

/* Of the user's virtual registers, as a VMM is told of it (VFIO_CXL_EVENT_*). */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_event,
	PARAMS(u32 type, u64 base, u64 size), PARAMS(type, base, size),
	__field(u32, type) __field(u64, base) __field(u64, size),
	__entry->type = type;
	__entry->base = base;
	__entry->size = size,
	"%s base=%#llx size=%#llx", cxl_vfio_show_event(__entry->type), __entry->base,
	__entry->size);

/* Clearing between users has ended: bytes that are not clear. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_clear,
	PARAMS(u64 left), PARAMS(left), __field(u64, left), __entry->left = left,
	"left=%llu", __entry->left);

/*
 * A fault in a mapping of the memory region: order is log2 of its pages; ahead is the number
 * of neighbouring pages that it mapped as well.
 */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_fault,
	PARAMS(unsigned long address, unsigned int order, unsigned int ahead, vm_fault_t ret),
	PARAMS(address, order, ahead, ret),
	__field(unsigned long, address) __field(unsigned int, order)
	__field(unsigned int, ahead) __field(unsigned int, ret),
	__entry->address = address;
	__entry->order = order;
	__entry->ahead = ahead;
	__entry->ret = (__force unsigned int)ret,
	"address=%#lx order=%u ahead=%u ret=%s", __entry->address, __entry->order,
	__entry->ahead, __print_flags(__entry->ret, "|", VM_FAULT_RESULT_TRACE));

/* The device's RAS capability has errors of the CXL protocols. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_protocol_error,
	PARAMS(bool uncorrectable, u32 status), PARAMS(uncorrectable, status),
	__field(bool, uncorrectable) __field(u32, status),
	__entry->uncorrectable = uncorrectable;
	__entry->status = status,
	"%s status=%#x", __entry->uncorrectable ? "uncorrectable" : "correctable",
	__entry->status);

/* An error in a page of the memory was reported: offset is in the memory, bytes. */
DEVICE_EVENT(TRACE_EVENT, cxl_vfio_poison,
	PARAMS(u64 offset), PARAMS(offset), __field(u64, offset), __entry->offset = offset,
	"offset=%#llx", __entry->offset);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
