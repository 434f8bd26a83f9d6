/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cxl_vfio

#if !defined(CXL_VFIO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXL_VFIO_TRACE_H

#include <linux/device.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

/* A fault in a mapping of the memory region: order is log2 of its pages. */
TRACE_EVENT(cxl_vfio_fault,
	TP_PROTO(struct device *dev, unsigned long address, unsigned int order, vm_fault_t ret),
	TP_ARGS(dev, address, order, ret),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(unsigned long, address)
		__field(unsigned int, order)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->address = address;
		__entry->order = order;
		__entry->ret = (__force unsigned int)ret;
	),
	TP_printk("%s address=%#lx order=%u ret=%s", __get_str(dev), __entry->address,
		  __entry->order, __print_flags(__entry->ret, "|", VM_FAULT_RESULT_TRACE))
);

/* An error in a page of the memory was reported: offset is in the memory, bytes. */
TRACE_EVENT(cxl_vfio_poison,
	TP_PROTO(struct device *dev, u64 offset),
	TP_ARGS(dev, offset),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(u64, offset)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->offset = offset;
	),
	TP_printk("%s offset=%#llx", __get_str(dev), __entry->offset)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
