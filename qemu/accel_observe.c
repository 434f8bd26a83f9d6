// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a test sees and sets over QMP (qom-get, qom-set), past the guest: the
 * registers as they are in the device, what is mapped, what happened, and
 * how the device misbehaves.
 */
#include "cxl_accel.h"
#include "qapi/error.h"
#include "qapi/visitor.h"

struct register_at {
	unsigned int offset;
	unsigned int width;	/* in bits */
};

/* A register of 32 bits, or two whose lower one is at the offset. */
static void cm_get(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	CxlAccel *s = CXL_ACCEL(obj);
	struct register_at *reg = opaque;
	uint64_t val = accel_cm_get(s, reg->offset);

	if (reg->width == 64)
		val |= (uint64_t)accel_cm_get(s, reg->offset + 4) << 32;
	visit_type_uint64(v, name, &val, errp);
}

static void dvsec_get(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	CxlAccel *s = CXL_ACCEL(obj);
	struct register_at *reg = opaque;
	uint64_t val = accel_dvsec_get(s, reg->offset);

	/* The DVSEC has the upper half of its 64-bit values first. */
	if (reg->width == 64)
		val = val << 32 | accel_dvsec_get(s, reg->offset + 4);
	visit_type_uint64(v, name, &val, errp);
}

/* Past all attributes, also what the hardware initialises. */
static void dvsec_init(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	struct register_at *reg = opaque;
	uint32_t val;

	if (visit_type_uint32(v, name, &val, errp))
		cxlr_init(&CXL_ACCEL(obj)->dvsec, reg->offset, UINT32_MAX, val);
}

static void register_release(Object *obj, const char *name, void *opaque)
{
	g_free(opaque);
}

static void add_register(CxlAccel *s, const char *name, ObjectPropertyAccessor *get,
			 ObjectPropertyAccessor *set, unsigned int offset, unsigned int width)
{
	struct register_at *reg = g_new(struct register_at, 1);

	reg->offset = offset;
	reg->width = width;
	object_property_add(OBJECT(s), name, width == 32 ? "uint32" : "uint64", get, set,
			    register_release, reg);
}

static void add_decoder(CxlAccel *s, unsigned int n)
{
	static const struct {
		const char *name;
		unsigned int offset, width;
	} registers[] = {
		{ "base", CXLR_HDM_BASE_LOW(0), 64 },
		{ "size", CXLR_HDM_SIZE_LOW(0), 64 },
		{ "control", CXLR_HDM_CTRL(0), 32 },
		{ "skip", CXLR_HDM_DPA_SKIP_LOW(0), 64 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		g_autofree char *name = g_strdup_printf("hdm%u-%s", n, registers[i].name);

		add_register(s, name, cm_get, NULL,
			     ACCEL_CM_HDM + registers[i].offset + n * CXLR_HDM_STRIDE,
			     registers[i].width);
	}
}

static void add_window(CxlAccel *s, const char *prefix, struct accel_window *window)
{
	g_autofree char *hpa = g_strdup_printf("%s-mapped-hpa", prefix);
	g_autofree char *size = g_strdup_printf("%s-mapped-size", prefix);

	object_property_add_uint64_ptr(OBJECT(s), hpa, &window->hpa, OBJ_PROP_FLAG_READ);
	object_property_add_uint64_ptr(OBJECT(s), size, &window->size, OBJ_PROP_FLAG_READ);
}

/* PCI_PM_CTRL's state: 0 for D0 to 3 for D3hot. */
static void power_state_get(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(obj);
	uint8_t val = pdev->config[pdev->pm_cap + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK;

	visit_type_uint8(v, name, &val, errp);
}

/* As firmware left them: past the locks, and without effect. */
static bool cache_enable_get(Object *obj, Error **errp)
{
	return accel_dvsec_get(CXL_ACCEL(obj), CXLR_DVSEC_CTRL) & CXLR_CTRL_CACHE_ENABLE;
}

static void cache_enable_set(Object *obj, bool enable, Error **errp)
{
	accel_dvsec_set(CXL_ACCEL(obj), CXLR_DVSEC_CTRL, CXLR_CTRL_CACHE_ENABLE, enable);
}

static bool config_lock_get(Object *obj, Error **errp)
{
	return accel_config_locked(CXL_ACCEL(obj));
}

static void config_lock_set(Object *obj, bool lock, Error **errp)
{
	accel_dvsec_set(CXL_ACCEL(obj), CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK, lock);
}

static bool ats_enabled_get(Object *obj, Error **errp)
{
	return accel_ats_enabled(CXL_ACCEL(obj));
}

static bool mem_active_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->mem_active;
}

/* False holds the memory inactive, over resets too, until true is written. */
static void mem_active_set(Object *obj, bool active, Error **errp)
{
	CxlAccel *s = CXL_ACCEL(obj);

	s->hold_inactive = !active;
	timer_del(s->active_timer);
	accel_set_mem_active(s, active && !s->resetting);
}

static bool mem_degraded_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->degraded;
}

/* 8.1.3.8.2: the memory can be used, but there is less of it, or it is slower. */
static void mem_degraded_set(Object *obj, bool degraded, Error **errp)
{
	CxlAccel *s = CXL_ACCEL(obj);

	s->degraded = degraded;
	accel_set_mem_active(s, s->mem_active);
}

static bool refuse_commit_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->hdm.refuse;
}

static void refuse_commit_set(Object *obj, bool refuse, Error **errp)
{
	CXL_ACCEL(obj)->hdm.refuse = refuse;
}

static bool has_bi(CxlAccel *s, Error **errp)
{
	if (s->hdm_db)
		return true;
	error_setg(errp, "the device has no BI Decoder capability");
	error_append_hint(errp, "Give it hdm-db=on.\n");
	return false;
}

static bool bi_enable_get(Object *obj, Error **errp)
{
	return accel_bi_enabled(CXL_ACCEL(obj));
}

static void bi_enable_set(Object *obj, bool enable, Error **errp)
{
	ERRP_GUARD();
	CxlAccel *s = CXL_ACCEL(obj);

	if (!has_bi(s, errp))
		return;
	cxlr_set(&s->cm, ACCEL_CM_BI + CXLR_BI_CTRL, CXLR_BI_CTRL_ENABLE,
		 enable ? CXLR_BI_CTRL_ENABLE : 0);
	accel_map_update(s);
}

static bool refuse_bi_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->refuse_bi;
}

static void refuse_bi_set(Object *obj, bool refuse, Error **errp)
{
	ERRP_GUARD();
	CxlAccel *s = CXL_ACCEL(obj);

	if (has_bi(s, errp))
		s->refuse_bi = refuse;
}

static bool bi_listed_get(Object *obj, Error **errp)
{
	return accel_cm_get(CXL_ACCEL(obj), ACCEL_CM_BI_HEADER) & CXLR_CAP_ID;
}

/* False puts a NULL capability (8.2.4) in its place. */
static void bi_listed_set(Object *obj, bool listed, Error **errp)
{
	ERRP_GUARD();
	CxlAccel *s = CXL_ACCEL(obj);

	if (has_bi(s, errp))
		cxlr_init(&s->cm, ACCEL_CM_BI_HEADER, CXLR_CAP_ID,
			  listed ? CXLR_CAP_ID_BI_DECODER : CXLR_CAP_ID_NULL);
}

static bool fail_reset_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->fail_reset;
}

static void fail_reset_set(Object *obj, bool fail, Error **errp)
{
	CXL_ACCEL(obj)->fail_reset = fail;
}

static bool hold_reset_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->hold_reset;
}

static void hold_reset_set(Object *obj, bool hold, Error **errp)
{
	CXL_ACCEL(obj)->hold_reset = hold;
}

static bool ignore_bus_reset_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->ignore_bus_reset;
}

static void ignore_bus_reset_set(Object *obj, bool ignore, Error **errp)
{
	CXL_ACCEL(obj)->ignore_bus_reset = ignore;
}

static bool silent_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->silent;
}

static void silent_set(Object *obj, bool silent, Error **errp)
{
	CXL_ACCEL(obj)->silent = silent;
}

static bool viral_get(Object *obj, Error **errp)
{
	return accel_dvsec_get(CXL_ACCEL(obj), CXLR_DVSEC_STATUS) & CXLR_STATUS_VIRAL;
}

static void viral_set(Object *obj, bool viral, Error **errp)
{
	accel_dvsec_set(CXL_ACCEL(obj), CXLR_DVSEC_STATUS, CXLR_STATUS_VIRAL, viral);
}

static bool gone_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->gone;
}

static bool told_get(Object *obj, Error **errp)
{
	return CXL_ACCEL(obj)->told;
}

static bool may_go(bool value, Error **errp)
{
	if (value)
		return true;
	error_setg(errp, "a device that was removed does not come back");
	error_append_hint(errp, "Use device_del, then device_add.\n");
	return false;
}

static void gone_set(Object *obj, bool gone, Error **errp)
{
	ERRP_GUARD();

	if (may_go(gone, errp))
		accel_vanish(CXL_ACCEL(obj));
}

static void told_set(Object *obj, bool told, Error **errp)
{
	ERRP_GUARD();

	if (may_go(told, errp))
		accel_vanish_and_tell(CXL_ACCEL(obj));
}

/* Errors of the CXL protocols that are not masked are an internal error of AER (12.2.2). */
static void signal_errors(CxlAccel *s, uint32_t status_at, uint32_t errors)
{
	bool correctable = status_at == CXLR_RAS_COR_STATUS;
	PCIEAERErr err = {
		.status = correctable ? PCI_ERR_COR_INTERNAL : PCI_ERR_UNC_INTN,
		.source_id = pci_requester_id(PCI_DEVICE(s)),
		.flags = correctable ? PCIE_AER_ERR_IS_CORRECTABLE : 0,
	};

	if (s->gone)
		return;
	/* The mask comes after the status. */
	errors &= ~accel_cm_get(s, ACCEL_CM_RAS + status_at + sizeof(uint32_t));
	if (errors)
		pcie_aer_inject_error(PCI_DEVICE(s), &err);
}

/* A status of the RAS capability (8.2.4.17); the bits that are written happen. */
static void ras_get(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	struct register_at *reg = opaque;
	uint32_t val = accel_cm_get(CXL_ACCEL(obj), ACCEL_CM_RAS + reg->offset);

	visit_type_uint32(v, name, &val, errp);
}

static void ras_set(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	struct register_at *reg = opaque;
	uint32_t val;

	if (!visit_type_uint32(v, name, &val, errp))
		return;
	cxlr_set(&CXL_ACCEL(obj)->cm, ACCEL_CM_RAS + reg->offset, val, val);
	signal_errors(CXL_ACCEL(obj), reg->offset, val);
}

void accel_observe_init(CxlAccel *s)
{
	static const char *const resets[ACCEL_RESET_COUNT] = {
		[ACCEL_RESET_FUNCTION] = "resets-function",
		[ACCEL_RESET_CXL] = "resets-cxl",
		[ACCEL_RESET_D3] = "resets-d3",
		[ACCEL_RESET_BUS] = "resets-bus",
		[ACCEL_RESET_POWER] = "resets-power",
	};
	Object *obj = OBJECT(s);
	unsigned int i;

	add_register(s, "hdm-capability", cm_get, NULL, ACCEL_CM_HDM + CXLR_HDM_CAP, 32);
	add_register(s, "hdm-global-control", cm_get, NULL, ACCEL_CM_HDM + CXLR_HDM_GLOBAL_CTRL,
		     32);
	add_register(s, "metadata-control", cm_get, NULL, ACCEL_CM_METADATA + CXLR_METADATA_CTRL,
		     32);
	for (i = 0; i < s->decoders; i++) {
		g_autofree char *prefix = g_strdup_printf("hdm%u", i);

		add_decoder(s, i);
		add_window(s, prefix, &s->window[i]);
	}

	add_register(s, "dvsec-control", dvsec_get, NULL, CXLR_DVSEC_CTRL, 16);
	add_register(s, "dvsec-control2", dvsec_get, NULL, CXLR_DVSEC_CTRL2, 16);
	add_register(s, "dvsec-status2", dvsec_get, NULL, CXLR_DVSEC_STATUS2, 16);
	add_register(s, "dvsec-lock", dvsec_get, NULL, CXLR_DVSEC_LOCK, 16);
	add_register(s, "dvsec-range1-size", dvsec_get, NULL, CXLR_DVSEC_RANGE_SIZE_HIGH(0), 64);
	add_register(s, "dvsec-range1-base", dvsec_get, NULL, CXLR_DVSEC_RANGE_BASE_HIGH(0), 64);
	add_window(s, "dvsec", &s->window[ACCEL_DECODERS_MAX]);

	object_property_add_uint64_ptr(obj, "hdm-writes", &s->hdm_writes, OBJ_PROP_FLAG_READ);
	object_property_add_uint64_ptr(obj, "component-writes", &s->component_writes,
				       OBJ_PROP_FLAG_READ);
	object_property_add_uint32_ptr(obj, "arb-mux-scratch", &s->arb_mux_scratch,
				       OBJ_PROP_FLAG_READ);
	object_property_add_uint64_ptr(obj, "forbidden-accesses", &s->forbidden,
				       OBJ_PROP_FLAG_READ);
	for (i = 0; i < ACCEL_RESET_COUNT; i++)
		object_property_add_uint64_ptr(obj, resets[i], &s->resets[i], OBJ_PROP_FLAG_READ);

	object_property_add_bool(obj, "cache-enable", cache_enable_get, cache_enable_set);
	object_property_add_bool(obj, "config-lock", config_lock_get, config_lock_set);
	object_property_add_bool(obj, "ats-enabled", ats_enabled_get, NULL);
	object_property_add(obj, "power-state", "uint8", power_state_get, NULL, NULL, NULL);
	add_register(s, "ras-uncorrectable", ras_get, ras_set, CXLR_RAS_UNCOR_STATUS, 32);
	add_register(s, "ras-correctable", ras_get, ras_set, CXLR_RAS_COR_STATUS, 32);
	object_property_add_bool(obj, "viral", viral_get, viral_set);
	object_property_add_bool(obj, "mem-active", mem_active_get, mem_active_set);
	object_property_add_bool(obj, "mem-degraded", mem_degraded_get, mem_degraded_set);
	add_register(s, "gpf-power", dvsec_get, dvsec_init, ACCEL_DVSEC_GPF_POWER, 32);
	if (s->acl)
		add_register(s, "acl-locator", dvsec_get, dvsec_init,
			     ACCEL_DVSEC_LOCATOR + CXLR_REG_LOCATOR_BLOCK_LOW(1), 32);
	object_property_add_bool(obj, "refuse-commit", refuse_commit_get, refuse_commit_set);
	object_property_add_bool(obj, "bi-enable", bi_enable_get, bi_enable_set);
	object_property_add_bool(obj, "refuse-bi", refuse_bi_get, refuse_bi_set);
	object_property_add_bool(obj, "bi-listed", bi_listed_get, bi_listed_set);
	object_property_add_bool(obj, "fail-reset", fail_reset_get, fail_reset_set);
	object_property_add_bool(obj, "hold-reset", hold_reset_get, hold_reset_set);
	object_property_add_bool(obj, "ignore-bus-reset", ignore_bus_reset_get,
				 ignore_bus_reset_set);
	object_property_add_bool(obj, "silent", silent_get, silent_set);
	object_property_add_bool(obj, "gone", gone_get, gone_set);
	object_property_add_bool(obj, "surprise-removed", told_get, told_set);
}
