#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the emulated accelerator, without a guest: its registers are read
and written from outside, and what it did is asked for over QMP.

  check.py [--qemu BINARY] [--plugin FILE] [--misfit FILE] [TEST...]

Prints TAP. docs/accelerator.md is what the device is held to."""

import argparse
import random
import struct
import sys
import traceback

sys.dont_write_bytecode = True
# After the line above, to leave no __pycache__.
from qtest import COMPONENT_BAR, Machine, MSIX_PAGE, SWITCH_BAR  # noqa: E402

MIB = 1 << 20
GIB = 1 << 30

# Offsets in the BAR and in configuration space, and fields.
CM, RAS, BI_DECODER, METADATA, HDM, ENGINE = 0x81000, 0x81080, 0x81180, 0x81190, 0x81200, 0xc0000
GLOBAL, BASE, SIZE, CTRL, SKIP = 0x04, 0x10, 0x18, 0x20, 0x24
LOCK, COMMIT, COMMITTED, ERROR, HOSTONLY, BI = 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000
BI_ENABLE = 2
CACHE_ENABLE, MEM_ENABLE = 1, 4
CAP_ATS, ATS_ENABLE = 0x210, 0x80000000
# The DVSEC for CXL Devices, and its registers.
DVSEC = 0x180
CAPABILITY, CONTROL, CONTROL2, STATUS2, CONFIG_LOCK, CAPABILITY2 = 0xa, 0xc, 0x10, 0x12, 0x14, 0x16
SIZE_HIGH, SIZE_LOW, BASE_HIGH, BASE_LOW = 0x18, 0x1c, 0x20, 0x24
# The engine page.
(ENABLE, STATUS, RING_LOW, RING_HIGH, RING_CFG, HEAD, TAIL, FIRST_ERROR, ERROR_LOW, ERROR_HIGH,
 COMPLETED, FAILED) = range(0, 0x30, 4)
BUSY, HALTED, RESET, RING_OWN = 1, 2, 2, 0x100
# The cache page, and what a fetch may come to.
CACHE, FETCH, FETCHED, LINE = 0xc1000, 0x8, 0xc, 0x40
NO_FETCH, FETCH_OK, FETCH_DISABLED, NO_TRANSLATION, NO_MEMORY = range(5)
BRIDGE_HDM = 0x1128     # from the start of a host bridge's or upstream port's registers


class Failure(Exception):
    pass


def equal(got, expected, what=''):
    if got != expected:
        show = [hex(x) if isinstance(x, int) else repr(x) for x in (got, expected)]
        raise Failure('%s: got %s, expected %s' % (what or 'value', *show))


class Device(Machine):
    """A machine, and what a driver of the accelerator would do."""

    def hdm(self, reg, n=0, accel=0):
        return self.read(self.bar(accel, HDM + reg + 0x20 * n))

    def set_hdm(self, reg, value, n=0, accel=0):
        self.write(self.bar(accel, HDM + reg + 0x20 * n), value)

    def dvsec(self, reg, width=2, accel=0):
        return self.read(self.device(accel, DVSEC + reg), width)

    def set_dvsec(self, reg, value, width=2, accel=0):
        self.write(self.device(accel, DVSEC + reg), value, width)

    def program(self, hpa, size, n=0, skip=0, accel=0):
        for reg, value in ((BASE, hpa), (SIZE, size), (SKIP, skip)):
            self.set_hdm(reg, value & 0xffffffff, n, accel)
            self.set_hdm(reg + 4, value >> 32, n, accel)

    def commit(self, n=0, flags=0, accel=0):
        """The fields of CTRL that tell the result."""
        self.set_hdm(CTRL, COMMIT | flags, n, accel)
        return self.hdm(CTRL, n, accel) & (COMMIT | COMMITTED | ERROR | LOCK | BI)

    def enable(self, accel=0):
        self.set_hdm(GLOBAL, 2, 0, accel)
        self.set_dvsec(CONTROL, self.dvsec(CONTROL, 2, accel) | MEM_ENABLE, 2, accel)

    def route_at(self, registers, hpa, size, n, port, flags=0):
        """Commit a decoder of a host bridge or an upstream port; its CTRL."""
        at = registers + BRIDGE_HDM + 0x20 * n
        for reg, value in ((BASE, hpa), (BASE + 4, hpa >> 32), (SIZE, size),
                           (SIZE + 4, size >> 32), (0x24, port), (CTRL, COMMIT | flags)):
            self.write(at + reg, value & 0xffffffff)
        return self.read(at + CTRL)

    def route(self, hpa, size, n=0, port=0):
        self.route_at(self.bridge, hpa, size, n, port)

    def unroute(self, n=0):
        self.write(self.bridge + BRIDGE_HDM + 0x20 * n + CTRL, 0)

    def switch_route(self, hpa, size, n=0, port=1, flags=0):
        return self.route_at(SWITCH_BAR, hpa, size, n, port, flags)

    def switch_unroute(self, n=0):
        self.write(SWITCH_BAR + BRIDGE_HDM + 0x20 * n + CTRL, 0)

    def map_by_switch(self, accel=0, flags=0):
        """Each accelerator's memory after that of the one before; root port 7."""
        size = 512 * MIB
        hpa = self.window + accel * size
        self.route(hpa, size, accel, 7)
        self.switch_route(hpa, size, accel, accel + 1)
        self.program(hpa, size, accel=accel)
        equal(self.commit(flags=flags, accel=accel), COMMIT | COMMITTED | flags, 'commit')
        self.enable(accel)
        equal(self.mapped(accel=accel), (hpa, size), 'mapped by switch')
        return hpa

    def map(self, size=512 * MIB, flags=0):
        self.route(self.window, size)
        self.program(self.window, size)
        equal(self.commit(flags=flags), COMMIT | COMMITTED | flags, 'commit')
        self.enable()

    def mapped(self, n=0, accel=0):
        return (self.get('hdm%d-mapped-hpa' % n, accel), self.get('hdm%d-mapped-size' % n, accel))

    def becomes(self, read, expected, what=''):
        """What QEMU's main loop brings about, which takes no virtual time."""
        self.wait(lambda: read() == expected)
        equal(read(), expected, what)

    def turns(self, ms, read, before, after, what=''):
        """What a timer brings about: it is so from its time on, and not earlier."""
        equal(read(), before, what)
        self.step(ms, early=True)
        equal(read(), before, '%s just before %d ms' % (what, ms))
        self.step(0)
        self.becomes(read, after, '%s at %d ms' % (what, ms))

    def active(self, accel=0):
        """The bits of RANGE1 for valid and active."""
        return self.dvsec(SIZE_LOW, 4, accel) & 3

    def fetch(self, address, ats=False, accel=0):
        """By the cache: what came of it, and the line."""
        self.write(self.bar(accel, CACHE), address & 0xffffffff)
        self.write(self.bar(accel, CACHE + 4), address >> 32)
        self.write(self.bar(accel, CACHE + FETCH), int(ats))
        return (self.read(self.bar(accel, CACHE + FETCHED)),
                self.read_bytes(self.bar(accel, CACHE + LINE), 64))

    def flr(self, accel=0):
        control = self.device(accel, 0x88)
        self.write(control, self.read(control, 2) | 0x8000, 2)

    def cxl_reset(self, clear, accel=0):
        """Start it."""
        self.set_dvsec(CONTROL2, 4 | (8 if clear else 0), 2, accel)

    def cxl_reset_result(self, accel=0):
        """The bits for Complete and Error."""
        return self.dvsec(STATUS2, 2, accel) & 6

    def engine(self, reg):
        return self.read(self.bar(0, ENGINE + reg))

    def set_engine(self, reg, value):
        self.write(self.bar(0, ENGINE + reg), value)

    def engine_start(self, order=4, ring=None, own=0):
        ring = RING if ring is None else ring
        self.set_engine(ENABLE, RESET)
        self.set_engine(RING_LOW, ring & 0xffffffff)
        self.set_engine(RING_HIGH, ring >> 32)
        self.set_engine(RING_CFG, order | own)
        self.set_engine(ENABLE, 1)
        self.slot = 0

    def engine_idle(self):
        self.becomes(lambda: self.engine(STATUS) & BUSY, 0, 'busy')

    def engine_run(self, data, order=4):
        """The status word of a descriptor that was worked on."""
        self.last = RING + 64 * self.slot
        self.write_bytes(self.last, data)
        self.slot = (self.slot + 1) % (1 << order)
        self.set_engine(TAIL, self.slot)
        self.engine_idle()
        return self.read(self.last + 4)

    def engine_result(self):
        return self.read(self.last + 0x30, 8)

    def doe(self, protocol, request, read=True):
        """The response after its header, or None if the request was discarded."""
        at = self.device(0, 0x160)
        words = (1 + len(request) // 4) + 1
        for word in (protocol << 16 | 0x1e98, words, *struct.unpack('<%dI' % (len(request) // 4),
                                                                    request)):
            self.write(at + 0x10, word)
        self.write(at + 8, 0x80000000)
        if not self.read(at + 0x0c) >> 31:
            return None
        answer = b''
        while read and self.read(at + 0x0c) >> 31:
            answer += struct.pack('<I', self.read(at + 0x14))
            self.write(at + 0x14, 0)
        return answer[8:]


tests = {}


def test(options=('',), **arguments):
    def register(function):
        tests[function.__name__] = (function, options, arguments)
        return function
    return register


# Where the memory is.

@test()
def memory_is_at_the_committed_address(m):
    m.map()
    equal(m.mapped(), (m.window, 512 * MIB))
    m.write(m.window, 0x12345678)
    m.write(m.window + 512 * MIB - 8, 0x1122334455667788, 8)
    equal(m.read(m.window), 0x12345678)
    equal(m.read(m.window + 512 * MIB - 8, 8), 0x1122334455667788)
    m.set_hdm(CTRL, 0)
    equal(m.hdm(CTRL), 0)
    equal(m.mapped(), (0, 0))
    m.write(m.window, 0)
    m.program(m.window + 512 * MIB, 512 * MIB)
    m.route(m.window + 512 * MIB, 512 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    equal(m.read(m.window + 512 * MIB), 0x12345678, 'memory after it moved')


@test()
def memory_needs_every_enable(m):
    m.map()
    pm = m.device(0, 0x44)

    def gone_by(off, on, what):
        off()
        equal(m.mapped(), (0, 0), 'mapped after ' + what)
        on()
        equal(m.mapped(), (m.window, 512 * MIB), 'mapped again after ' + what)

    control = m.dvsec(CONTROL)
    gone_by(lambda: m.set_dvsec(CONTROL, control & ~MEM_ENABLE),
            lambda: m.set_dvsec(CONTROL, control), 'Mem_Enable')
    gone_by(lambda: m.set_hdm(GLOBAL, 0), lambda: m.set_hdm(GLOBAL, 2), 'HDM Decoder Enable')
    gone_by(lambda: m.set('mem-active', False), lambda: m.set('mem-active', True), 'Mem_Active')
    gone_by(lambda: m.write(pm, 3, 2), lambda: m.write(pm, 0, 2), 'D3hot')
    gone_by(m.unroute, lambda: m.route(m.window, 512 * MIB), 'host bridge decoder')
    # PCI's Memory Space Enable is about BARs, not about CXL.mem.
    m.write(m.device(0, 4), 0, 2)
    equal(m.mapped(), (m.window, 512 * MIB), 'mapped without Memory Space Enable')


@test(('', ''))
def memory_is_where_the_bridge_routes_to(m):
    for accel in (0, 1):
        m.program(m.window, 512 * MIB, accel=accel)
        m.enable(accel)
        equal(m.commit(accel=accel), COMMIT | COMMITTED)
    for port in (1, 0):
        m.route(m.window, 512 * MIB, port=port)
        equal(m.mapped(accel=port), (m.window, 512 * MIB))
        equal(m.mapped(accel=1 - port), (0, 0))
        m.write(m.window, port + 1)
        m.unroute()
    for port in (0, 1):
        m.route(m.window, 512 * MIB, port=port)
        equal(m.read(m.window), port + 1)
        m.unroute()


@test(decoders='off')
def memory_below_a_bridge_without_decoders(m):
    m.qmp('system_reset')   # QEMU's host bridge counts its ports at its second reset
    m.becomes(lambda: m.get('resets-power'), 2)
    m.setup()
    m.program(m.window, 512 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    m.enable()
    equal(m.mapped(), (m.window, 512 * MIB))


@test(('', ''), switch=True)
def memory_behind_a_switch(m):
    for accel in (1, 0):
        m.write(m.map_by_switch(accel), accel + 1)
    for accel in (0, 1):
        equal(m.read(m.window + accel * 512 * MIB), accel + 1)
    # Each by decoders of its own.
    m.switch_unroute(1)
    equal((m.mapped(accel=0), m.mapped(accel=1)), ((m.window, 512 * MIB), (0, 0)))
    m.switch_route(m.window + 512 * MIB, 512 * MIB, 1, 2)
    m.unroute()
    equal((m.mapped(accel=0)[1], m.mapped(accel=1)[1]), (0, 512 * MIB))


@test(('', ''), switch=True)
def memory_is_where_the_switch_routes_to(m):
    size = 512 * MIB
    m.map_by_switch(0)
    m.switch_unroute()
    equal(m.mapped(), (0, 0), 'mapped without a decoder of the switch')
    for base, length, port, flags, what in (
            (m.window, size, 2, 0, 'another port'),
            (m.window, size, 0, 0, 'the number of the upstream port'),
            (m.window, size, 7, 0, 'the number of the root port'),
            (m.window, size // 2, 1, 0, 'half of it'),
            (m.window + size, size, 1, 0, 'another range'),
            (m.window, 2 * size, 1, 0x10, 'two ways')):
        m.switch_route(base, length, 0, port, flags)
        equal(m.mapped(), (0, 0), 'mapped by ' + what)
        m.switch_unroute()
    # A larger range that it is in.
    m.switch_route(m.window, 4 * size)
    equal(m.mapped(), (m.window, size))
    # The host bridge names the root port, not what is below.
    m.unroute()
    m.route(m.window, size, port=1)
    equal(m.mapped(), (0, 0), 'mapped by the number of the downstream port')


@test(('', ''), switch=True)
def switch_refuses_ways_that_qemu_does_not_survive(m):
    for ways in range(16):
        ctrl = m.switch_route(m.window, 512 * MIB, 0, 1, ways << 4)
        equal(ctrl & (COMMITTED | ERROR), COMMITTED if ways < 4 else ERROR, 'IW %d' % ways)
        m.read(m.window + 256)
        m.switch_unroute()


@test(('', ''), switch=True)
def bus_reset_below_a_switch(m):
    for accel in (0, 1):
        m.map_by_switch(accel, LOCK)
    m.write(m.window, 0xcafe)
    m.bus_reset(0)
    equal((m.get('resets-bus', 0), m.get('resets-bus', 1)), (1, 0))
    equal((m.mapped(accel=0)[1], m.mapped(accel=1)[1]), (0, 512 * MIB))
    # The switch's decoders are still there.
    m.program(m.window, 512 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    m.enable()
    equal(m.read(m.window), 0xcafe)


@test(('', ''), switch=True)
def bus_reset_above_a_switch(m):
    for accel in (0, 1):
        m.map_by_switch(accel, LOCK)
    m.write(m.window, 0xcafe)
    powered = m.get('resets-power')
    m.bus_reset_of_switch()
    for accel in (0, 1):
        equal((m.get('resets-bus', accel), m.get('resets-power', accel)), (1, powered))
        equal(m.hdm(CTRL, accel=accel), 0, 'decoder after the reset')
    equal(m.read(SWITCH_BAR + BRIDGE_HDM + CTRL), 0, "switch's decoder after the reset")
    # The host bridge's decoder is, the switch's is not.
    m.program(m.window, 512 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    m.enable()
    equal(m.mapped(), (0, 0), "mapped without the switch's decoder")
    m.switch_route(m.window, 512 * MIB)
    equal(m.mapped(), (m.window, 512 * MIB))
    equal(m.read(m.window), 0xcafe)


@test(decoders='off', switch=True)
def switch_below_a_bridge_without_decoders(m):
    m.qmp('system_reset')
    m.becomes(lambda: m.get('resets-power'), 2)
    m.setup()
    m.program(m.window, 512 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    m.enable()
    equal(m.mapped(), (0, 0))
    m.switch_route(m.window, 512 * MIB)
    equal(m.mapped(), (m.window, 512 * MIB))


@test(('', ''), switch=True)
def device_behind_a_switch_can_be_unplugged(m):
    for accel in (0, 1):
        m.map_by_switch(accel)
    m.qmp('device_del', id='accel0')
    slot = m.port(0, m.pcie_capability(m.port(0, 0)) + 0x18)
    m.write(slot, 0x07c0, 2)
    m.becomes(lambda: m.read(m.device(0, 0)), 0xffffffff, 'device after it went')
    m.switch_unroute()
    m.qmp('device_add', driver='cxl-accel', id='accel0', bus='rp0', memdev='mem0')
    m.write(slot, 0x0000, 2)
    m.becomes(lambda: m.read(m.device(0, 0)), 0x10f01af4, 'device that came back')
    m.setup_device(0)
    m.map_by_switch(0)


@test(switch=True)
def switch_can_be_unplugged(m):
    m.map_by_switch()
    m.qmp('device_del', id='switch')
    slot = m.root_port(m.pcie_capability(m.root_port(0)) + 0x18)
    m.write(slot, 0x07c0, 2)
    m.becomes(lambda: m.read(m.upstream_port(0)), 0xffffffff, 'switch after it went')
    m.write(m.window, 1)
    m.unroute()
    # One without ports: QEMU plugs in none of those.
    m.qmp('device_add', driver='cxl-upstream', id='switch', bus='root')
    m.write(slot, 0x0000, 2)
    m.becomes(lambda: m.read(m.upstream_port(0)) & 0xffff, 0x19e5, 'switch that came')
    m.setup_switch()
    equal(m.switch_route(m.window, 512 * MIB) & COMMITTED, COMMITTED)


@test()
def memory_outside_a_window_is_not_mapped(m):
    for hpa in (0, 256 * MIB, m.window + 4 * GIB, m.window + 4 * GIB - 256 * MIB, 1 << 51):
        m.route(hpa, 512 * MIB)
        m.program(hpa, 512 * MIB)
        equal(m.commit(), COMMIT | COMMITTED)
        m.enable()
        equal(m.mapped(), (0, 0), 'mapped at %#x' % hpa)
        m.set_hdm(CTRL, 0)
        m.unroute()


@test()
def dvsec_range_decodes_until_hdm_decoders_do(m):
    m.route(m.window, 512 * MIB)
    m.set_dvsec(BASE_HIGH, m.window >> 32, 4)
    m.set_dvsec(BASE_LOW, m.window & 0xffffffff, 4)
    m.set_dvsec(CONTROL, MEM_ENABLE)
    equal(m.get('dvsec-mapped-hpa'), m.window)
    m.set_hdm(GLOBAL, 2)
    equal(m.get('dvsec-mapped-hpa'), 0)


# Decoders.

@test()
def decoder_is_read_only_while_committed(m):
    m.map()
    before = [m.hdm(reg) for reg in range(0, 0x30, 4)]
    for reg in (BASE, BASE + 4, SIZE, SIZE + 4, SKIP, SKIP + 4):
        m.set_hdm(reg, 0xffffffff)
    m.set_hdm(CTRL, 0xffffffff)
    equal([m.hdm(reg) for reg in range(0, 0x30, 4)], before)
    equal(m.mapped(), (m.window, 512 * MIB))
    m.set_hdm(CTRL, 0x1ff)
    equal(m.hdm(CTRL), 0, 'the write that takes COMMIT away changes nothing else')


@test()
def decoder_lock_holds_until_a_bus_reset(m):
    m.map(flags=LOCK)
    m.set_hdm(CTRL, 0)
    equal(m.hdm(CTRL), LOCK | COMMIT | COMMITTED)
    equal(m.get('hdm0-control'), LOCK | COMMIT | COMMITTED)
    m.bus_reset()
    equal(m.get('resets-bus'), 1)
    equal([m.hdm(reg) for reg in range(4, 0x30, 4)], [0] * 11)
    equal(m.dvsec(CONTROL), 2)
    equal(m.mapped(), (0, 0))
    m.map()


@test(('', 'soft-reset=on'))
def d3hot_costs_nothing_unless_it_is_to(m):
    for accel, resets in ((0, 0), (1, 1)):
        pm = m.device(accel, 0x44)
        m.route(m.window, 512 * MIB, port=accel)
        m.program(m.window, 512 * MIB, accel=accel)
        m.enable(accel)
        equal(m.commit(accel=accel), COMMIT | COMMITTED)
        m.write(m.window, 0x12345678)
        equal(m.read(pm, 2) & 8, 0 if resets else 8, 'No_Soft_Reset')
        m.write(pm, 3, 2)
        equal(m.get('power-state', accel), 3)
        equal(m.mapped(accel=accel), (0, 0))
        m.write(pm, 0, 2)
        equal(m.get('power-state', accel), 0)
        equal(m.get('resets-d3', accel), resets)
        equal(m.get('hdm0-control', accel), 0 if resets else COMMIT | COMMITTED)
        equal(m.mapped(accel=accel), (0, 0) if resets else (m.window, 512 * MIB))
        if resets:
            m.setup_device(accel)
            m.program(m.window, 512 * MIB, accel=accel)
            m.enable(accel)
            equal(m.commit(accel=accel), COMMIT | COMMITTED)
        equal(m.read(m.window), 0xa5a5a5a5 if resets else 0x12345678)
        equal(m.read(m.window + 65536), 0)
        m.unroute()


@test(('', 'immediate-readiness=on'))
def immediate_readiness_outlives_a_reset(m):
    for accel in (0, 1):
        status = m.device(accel, 6)
        equal(m.read(status, 2) & 1, accel)
        m.bus_reset(accel)
        equal(m.read(status, 2) & 1, accel, 'after a bus reset')


@test()
def decoder_register_masks(m):
    for reg, mask in ((GLOBAL, 2), (0, 0), (8, 0), (BASE, 0xf0000000), (BASE + 4, 0xffffffff),
                      (SIZE, 0xf0000000), (SIZE + 4, 0xffffffff), (SKIP, 0xf0000000),
                      (SKIP + 4, 0xffffffff), (CTRL, 0x31ff), (0x2c, 0)):
        before = m.hdm(reg) if reg == 0 else 0
        m.set_hdm(reg, 0xffffffff & ~(COMMIT if reg == CTRL else 0))
        equal(m.hdm(reg), mask | before, 'register %#x' % reg)
    equal(m.get('hdm-writes'), 11)


@test(('decoders=2',))
def decoder_commit_errors(m):
    top = 1 << 64
    cases = {
        'base + size wraps': (top - 256 * MIB, 512 * MIB, 0, 0),
        'larger than the memory': (m.window, 768 * MIB, 0, 0),
        'skip past the memory': (m.window, 512 * MIB, 256 * MIB, 0),
        'skip wraps': (m.window, 512 * MIB, top - 256 * MIB, 0),
        'two ways': (m.window, 256 * MIB, 0, 0x10),
        'reserved granularity': (m.window, 256 * MIB, 0, 7),
        'host-only target': (m.window, 256 * MIB, 0, HOSTONLY),
    }
    for name, (hpa, size, skip, flags) in cases.items():
        m.program(hpa, size, skip=skip)
        equal(m.commit(flags=flags), COMMIT | ERROR, name)
        m.set_hdm(CTRL, 0)
        equal(m.hdm(CTRL) & (COMMIT | ERROR), 0, name + ', after COMMIT was cleared')
    m.program(m.window, 256 * MIB)
    equal(m.commit(flags=LOCK), COMMIT | COMMITTED | LOCK)


@test(('decoders=2',))
def decoder_that_failed_is_not_locked(m):
    m.program(m.window, GIB)
    equal(m.commit(flags=LOCK), COMMIT | ERROR | LOCK)
    m.set_hdm(BASE + 4, 7)
    equal(m.hdm(BASE + 4), m.window >> 32, 'read-only while COMMIT is set')
    m.set_hdm(CTRL, 0)
    m.program(m.window, 256 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)


@test(('hdm-db=on',))
def back_invalidate_needs_bi_enable(m):
    bi = m.bar(0, BI_DECODER + 4)
    m.route(m.window, 512 * MIB)
    m.program(m.window, 512 * MIB)
    m.enable()
    equal(m.commit(), COMMIT | ERROR, 'a commit without BI')
    m.set_hdm(CTRL, 0)
    equal(m.commit(flags=BI), COMMIT | ERROR | BI, 'a commit before BI Enable')
    m.set_hdm(CTRL, 0)
    equal((m.mapped(), m.get('bi-enable')), ((0, 0), False), 'BI Enable clear')
    m.write(bi, 0xffffffff)
    equal(m.read(bi), BI_ENABLE, 'all that a device has of BI Decoder Control')
    equal(m.commit(flags=BI), COMMIT | COMMITTED | BI)
    equal((m.mapped(), m.get('bi-enable')), ((m.window, 512 * MIB), True), 'BI Enable set')
    m.write(m.window, 0x1234)
    m.write(bi, 0)
    equal(m.mapped(), (0, 0), 'BI Enable clear again')
    m.set('refuse-bi', True)
    m.write(bi, BI_ENABLE)
    equal((m.read(bi), m.mapped()), (0, (0, 0)), 'BI Enable, refused')
    m.set('refuse-bi', False)
    m.set('bi-enable', True)
    equal((m.read(bi), m.read(m.window)), (BI_ENABLE, 0x1234), 'BI Enable, by the test')


@test(('hdm-db=on',))
def bi_enable_and_metadata_over_resets(m):
    bi, metadata = m.bar(0, BI_DECODER + 4), m.bar(0, METADATA + 4)

    def program():
        m.write(bi, BI_ENABLE)
        m.write(metadata, 0x80000120)
        m.map(flags=BI)

    def state():
        return m.get('bi-enable'), m.get('metadata-control')

    program()
    m.flr()
    m.setup_device(0)
    equal((state(), m.mapped()), ((True, 0x80000120), (m.window, 512 * MIB)), 'FLR')
    m.cxl_reset(clear=False)
    m.turns(10, m.cxl_reset_result, 0, 2)
    equal(state(), (False, 0x80000120), 'CXL Reset')
    program()
    m.bus_reset()
    equal(state(), (False, 0), 'bus reset')


@test(('hdm-db=on',))
def config_lock_locks_extended_metadata(m):
    metadata = m.bar(0, METADATA)
    equal(m.read(metadata), 0x120, 'Extended Metadata Capability')
    m.write(metadata + 4, 0xffffffff)
    equal(m.read(metadata + 4), 0x8000017f)
    m.set_dvsec(CONFIG_LOCK, 1)
    m.write(metadata + 4, 0)
    equal(m.get('metadata-control'), 0x8000017f, 'written while CONFIG_LOCK is set')
    m.set_dvsec(CONTROL2, 0x20)
    equal(m.dvsec(CONTROL2), 0x20, 'Modified Completion Enable')


@test(('hdm-db=on', ''))
def bi_decoder_is_listed_or_not(m):
    def listed(accel=0):
        count = m.read(m.bar(accel, CM)) >> 24
        return [m.read(m.bar(accel, CM + 4 * n)) & 0xffff for n in range(1, count + 1)]

    equal(listed(), [2, 4, 5, 12, 16])
    m.set('bi-listed', False)
    equal(listed(), [2, 4, 5, 0, 16])
    m.bus_reset()
    equal(listed(), [2, 4, 5, 0, 16], 'over a reset')
    m.set('bi-listed', True)
    equal(listed(), [2, 4, 5, 12, 16])
    equal(listed(1), [2, 4, 5], 'of a device without')
    equal((m.get('bi-listed', 1), m.get('bi-enable', 1), m.get('metadata-control', 1)),
          (False, False, 0))
    for name in ('bi-listed', 'bi-enable', 'refuse-bi'):
        try:
            m.set(name, True, 1)
        except RuntimeError as error:
            equal('no BI Decoder' in str(error), True, str(error))
        else:
            raise Failure(name + ' is accepted of a device without')


@test(('interleave=on',))
def interleaved_decoders_decode_nothing_here(m):
    m.route(m.window, GIB)
    m.enable()
    for iw in (1, 2, 3):
        m.program(m.window, 256 * MIB << iw)
        equal(m.commit(0, iw << 4), COMMIT | COMMITTED)
        equal(m.mapped(0), (0, 0))
        m.set_hdm(CTRL, 0)
    m.program(m.window, 256 * MIB << 4)
    equal(m.commit(0, 4 << 4), COMMIT | ERROR, '16 ways')


@test(('decoders=4',))
def decoders_commit_in_order(m):
    m.route(m.window, GIB)
    m.enable()
    for n in (1, 2, 3):
        m.program(m.window + n * 256 * MIB, 0 if n == 3 else 128 * MIB * 2, n)
        equal(m.commit(n), COMMIT | ERROR, 'decoder %d before decoder 0' % n)
        m.set_hdm(CTRL, 0, n)
    m.program(m.window, 256 * MIB)
    equal(m.commit(0), COMMIT | COMMITTED)
    m.program(m.window, 256 * MIB, 1)
    equal(m.commit(1), COMMIT | ERROR, 'the same address twice')
    m.set_hdm(CTRL, 0, 1)
    m.program(m.window + 512 * MIB, 256 * MIB, 1)
    equal(m.commit(1), COMMIT | COMMITTED)
    equal(m.mapped(0), (m.window, 256 * MIB))
    equal(m.mapped(1), (m.window + 512 * MIB, 256 * MIB))
    # One memory behind both: the second decoder shows its second half.
    m.write(m.window + 512 * MIB, 0xabcd)
    equal(m.own(256 * MIB, 4), struct.pack('<I', 0xabcd))
    m.program(m.window + 768 * MIB, 256 * MIB, 2)
    equal(m.commit(2), COMMIT | ERROR, 'no memory left')
    m.set_hdm(CTRL, 0, 2)
    m.program(m.window + 768 * MIB, 0, 2)
    equal(m.commit(2), COMMIT | COMMITTED, 'size 0')
    equal(m.mapped(2), (0, 0))
    # A lower decoder that comes back must fit below the others.
    m.set_hdm(CTRL, 0, 0)
    equal(m.mapped(1), (m.window + 512 * MIB, 256 * MIB))
    m.program(m.window + 512 * MIB, 256 * MIB, 0)
    equal(m.commit(0), COMMIT | ERROR, 'over a higher decoder')
    m.set_hdm(CTRL, 0, 0)
    m.program(m.window, 512 * MIB, 0)
    equal(m.commit(0), COMMIT | ERROR, 'into the memory of a higher decoder')
    m.set_hdm(CTRL, 0, 0)
    m.program(m.window + 256 * MIB, 256 * MIB, 0)
    equal(m.commit(0), COMMIT | COMMITTED)


@test(('decoders=2',))
def decoder_skips_memory(m):
    m.route(m.window, 256 * MIB)
    m.program(m.window, 256 * MIB, skip=256 * MIB)
    equal(m.commit(), COMMIT | COMMITTED)
    m.enable()
    m.write(m.window, 0x5a5a)
    equal(m.own(256 * MIB, 4), struct.pack('<I', 0x5a5a))


@test(('decoders=1', 'decoders=2', 'decoders=4', 'decoders=8'), size='256M')
def decoder_counts(m):
    for accel, (code, count) in enumerate(((0, 1), (1, 2), (2, 4), (4, 8))):
        equal(m.hdm(0, 0, accel), code | 1 << 21)
        m.set_hdm(BASE, 0xffffffff, count - 1, accel)
        equal(m.hdm(BASE, count - 1, accel), 0xf0000000)
        m.set_hdm(BASE, 0xffffffff, count, accel)
        equal(m.hdm(BASE, count, accel), 0, 'beyond the last decoder')


@test()
def decoder_refuses_on_demand(m):
    m.set('refuse-commit', True)
    m.program(m.window, 256 * MIB)
    equal(m.commit(), COMMIT | ERROR)
    m.set('refuse-commit', False)
    m.set_hdm(CTRL, 0)
    equal(m.commit(), COMMIT | COMMITTED)


# Other component registers.

@test()
def component_access_widths(m):
    equal(m.read(m.bar(0, CM)), 0x03110001)
    for width, ones in ((1, 0xff), (2, 0xffff), (8, (1 << 64) - 1)):
        equal(m.read(m.bar(0, HDM + BASE), width), ones, '%d bytes' % width)
        m.write(m.bar(0, HDM + BASE), (1 << 8 * width) - 1, width)
    equal(m.hdm(BASE), 0)
    equal(m.hdm(BASE + 4), 0)
    equal(m.get('hdm-writes'), 3)
    equal(m.read(m.bar(0, 0x81100), 8), 0, 'link capability')


@test()
def component_block_around_the_cm_block(m):
    block, scratch = CM - 0x1000, CM - 0x1000 + 0xe008
    for at in (block, block + 0xffc, block + 0x2000, scratch - 4, scratch + 4, block + 0xfffc):
        m.write(m.bar(0, at), 0xffffffff)
        equal(m.read(m.bar(0, at)), 0, hex(at))
    equal((m.get('component-writes'), m.get('arb-mux-scratch'), m.get('hdm-writes')), (6, 0, 0))
    m.write(m.bar(0, scratch), 0x12345678)
    for width in (1, 2, 8):
        m.write(m.bar(0, scratch), 0xff, width)
    m.bus_reset()
    equal(m.read(m.bar(0, scratch)), 0x12345678)
    equal((m.get('component-writes'), m.get('arb-mux-scratch')), (10, 0x12345678))


@test(('', 'component=middle', 'component=end', 'component=start', 'component=alone'))
def component_places(m):
    where = ((0x80000, 1 << 20),) * 2 + ((0xf0000, 1 << 20), (4, 0x20000), (4, 0x10000))
    for accel, (locator, size) in enumerate(where):
        bar = locator & 7
        equal(m.read(m.device(accel, 0x1fc)), locator | 0x100, 'Register Locator')
        m.write(m.device(accel, 0x10 + 4 * bar), 0xffffffff)
        equal(m.read(m.device(accel, 0x10 + 4 * bar)), -size & 0xffffffff | 4, 'BAR size')
        m.setup_device(accel)
        start = m.bar(accel, COMPONENT_BAR if bar else 0)
        block = start + (locator & ~7)
        equal(m.read(block + 0x1000), 0x03110001, 'capability array')
        m.write(block + 0xe008, accel + 1)
        equal(m.get('arb-mux-scratch', accel), accel + 1)
        m.write(m.bar(accel, 0x1ffc), 0x11223344)
        for at in (block - 4, block + 0x10ffc):
            if start <= at < start + size:
                equal(m.read(at), 0x11223344, hex(at))
    m.set('gone', True, 3)
    equal(m.read(m.bar(3, COMPONENT_BAR + 0x1000)), 0xffffffff)


@test(('', 'component=large'))
def component_large_bar(m):
    at = m.device(1, 0x20)
    m.write(at, 0xffffffff)
    m.write(at + 4, 0xffffffff)
    equal((m.read(at), m.read(at + 4)), (0xc, 0xffffffff), 'a prefetchable BAR of 4 GiB')


@test(('', 'acl=on'))
def acl_declares_safe_ranges(m):
    equal([m.read(m.device(a, 0x1f4)) >> 20 for a in (0, 1)], [0x14, 0x1c], 'DVSEC length')
    equal([m.read(m.device(a, 0x204)) for a in (0, 1)], [0, 0x20200])
    equal([m.read(m.bar(a, 0x20000)) for a in (0, 1)], [0, 2])
    equal([m.read(m.bar(1, 0x20000 + at), 8) for at in range(8, 0x30, 8)],
          [0, 0x10000, 0x80000, 0x50000, 0])
    equal(m.read(m.bar(1, 0x2001c)), 0)
    m.set('acl-locator', 0x100205, 1)
    equal((m.read(m.device(1, 0x204)), m.get('acl-locator', 1)), (0x100205, 0x100205))


@test()
def ras_registers(m):
    def ras(reg):
        return m.read(m.bar(0, RAS + reg))
    equal([ras(reg) for reg in range(0, 0x18, 4)], [0, 0x1cfff, 0x1cfff, 0, 0x7f, 0x2200])
    for reg in range(0, 0x58, 4):
        m.write(m.bar(0, RAS + reg), 0)
    equal([ras(reg) for reg in range(0, 0x18, 4)], [0, 0, 0, 0, 0, 0x2200])
    m.bus_reset()
    equal(ras(4), 0, 'the mask is sticky')


@test()
def bar_pages(m):
    equal(m.read(m.bar()), 0x414c5843)
    equal(m.read(m.bar(0, 8)), 512 * MIB)
    for width, value in ((1, 0x12), (2, 0x1234), (4, 0x12345678), (8, 0x123456789abcdef0)):
        m.write(m.bar(0, 0x1ff8), value, width)
        equal(m.read(m.bar(0, 0x1ff8), width), value)
    equal(m.read(m.bar(0, 0x2000)), 0)
    equal(m.read(m.bar(0, 0xff000)), 0)


# The configuration space.

@test()
def dvsec_attributes(m):
    equal(m.dvsec(CAPABILITY), 0x4adf)
    for reg, mask, width in ((CONTROL, 0x4fff, 2), (CONTROL2, 9, 2), (SIZE_HIGH, None, 4),
                             (SIZE_LOW, None, 4), (BASE_HIGH, 0xffffffff, 4),
                             (BASE_LOW, 0xf0000000, 4), (0x28, 0, 4), (0x30, 0, 4), (0x34, 0, 4),
                             (CAPABILITY2, None, 2), (CAPABILITY, None, 2)):
        before = m.dvsec(reg, width)
        m.set_dvsec(reg, (1 << 8 * width) - 1 & ~(6 if reg == CONTROL2 else 0), width)
        equal(m.dvsec(reg, width), before if mask is None else mask, 'register %#x' % reg)


@test()
def dvsec_lock(m):
    m.set_dvsec(CONTROL, 0x0004)
    m.set_dvsec(CONFIG_LOCK, 1)
    m.set_dvsec(CONFIG_LOCK, 0)
    equal(m.dvsec(CONFIG_LOCK), 1)
    m.set_dvsec(CONTROL, 0)
    equal(m.dvsec(CONTROL), 0x0006)
    m.set_dvsec(BASE_LOW, 0xffffffff, 4)
    equal(m.dvsec(BASE_LOW, 4), 0)
    m.set_dvsec(CONTROL2, 1)
    equal(m.dvsec(CONTROL2), 1, 'CONTROL2 is not locked')
    m.bus_reset()
    equal((m.dvsec(CONFIG_LOCK), m.dvsec(CONTROL)), (0, 2))
    m.set_dvsec(CONTROL, 4)
    equal(m.dvsec(CONTROL), 6)


@test()
def dvsec_bytes_leave_their_neighbours(m):
    m.set_dvsec(CONTROL, 0x4f, 1)
    m.set_dvsec(0x0d, 0x40, 1)
    equal(m.dvsec(CONTROL), 0x404f)
    m.write(m.device(0, DVSEC + CONTROL2), 0x01, 1)
    m.write(m.device(0, DVSEC + 0x11), 0xff, 1)
    equal(m.dvsec(CONTROL2), 0x01)


@test()
def cache_write_back(m):
    m.set_dvsec(CONTROL2, 3)
    equal(m.dvsec(CONTROL2), 1, 'the start bit reads as zero')
    m.turns(1, lambda: m.dvsec(STATUS2) & 1, 0, 1, 'Cache Invalid')
    m.set_dvsec(CONTROL2, 0)
    equal(m.dvsec(STATUS2) & 1, 0, 'Cache Invalid while caching is allowed')
    equal(m.get('forbidden-accesses'), 0)
    m.set_dvsec(CONTROL2, 2)
    m.step(1000)
    equal(m.dvsec(STATUS2) & 1, 0, 'Cache Invalid though caching is allowed')
    equal(m.get('forbidden-accesses'), 1, 'a start while caching is allowed')
    m.set_dvsec(CONTROL2, 3)
    m.set_dvsec(CONTROL2, 0)
    m.step(1000)
    equal(m.dvsec(STATUS2) & 1, 0, 'Cache Invalid though caching was allowed meanwhile')


@test(('active-delay=300', 'active-delay=-1', 'active-delay=3000'), size='256M')
def memory_becomes_active_late(m):
    equal([m.dvsec(SIZE_LOW, 4, accel) >> 13 & 7 for accel in (0, 1, 2)], [0, 0, 1], 'timeout')
    m.turns(300, m.active, 1, 3, 'active')
    m.turns(2700, lambda: m.active(2), 1, 3, 'active')
    m.bus_reset()
    equal(m.active(), 1, 'valid, not active, after a reset')
    m.map(256 * MIB)
    m.turns(300, lambda: (m.active(), *m.mapped()), (1, 0, 0), (3, m.window, 256 * MIB), 'mapped')
    m.cxl_reset(False)
    m.turns(10, m.cxl_reset_result, 0, 2, 'result of a CXL Reset')
    m.turns(300, m.active, 1, 3, 'active after a CXL Reset')
    m.step(300000)      # more than the longest Memory_Active_Timeout
    equal(m.active(1), 1, 'the one that never is')


@test()
def memory_is_active_or_degraded(m):
    m.map()
    active, degraded = 2, 1 << 16

    def flags():
        return m.dvsec(SIZE_LOW, 4) & (active | degraded)

    equal(flags(), active)
    m.set('mem-degraded', True)
    equal((flags(), *m.mapped()), (degraded, m.window, 512 * MIB), 'degraded')
    m.set('mem-active', False)
    equal((flags(), m.mapped()[1]), (0, 0), 'inactive')
    m.bus_reset()
    equal(flags(), 0, 'inactive after a reset')
    m.set('mem-active', True)
    equal(flags(), degraded, 'degraded again')
    m.set('mem-degraded', False)
    equal(flags(), active, 'active again')


@test()
def gpf_power_is_what_it_is_set_to(m):
    power = m.device(0, 0x1c0 + 0xc)
    equal(m.read(power), 0x33)
    m.set('gpf-power', 0xffffffff)
    equal((m.read(power), m.get('gpf-power')), (0xffffffff, 0xffffffff))
    m.bus_reset()
    equal(m.read(power), 0xffffffff, 'after a reset')


@test()
def silent_function_keeps_what_it_has(m):
    m.map()
    m.set('silent', True)
    equal((m.read(m.device(0, 0)), m.dvsec(CONTROL)), (0xffffffff, 0xffff))
    m.set_dvsec(CONTROL, 0)
    equal(m.mapped(), (m.window, 512 * MIB))
    m.set('silent', False)
    equal((m.read(m.device(0, 0)), m.dvsec(CONTROL)), (0x10f01af4, 6))


# Resets.

@test()
def bus_reset_that_does_not_get_there(m):
    m.map(flags=LOCK)
    m.write(m.bar(0, 0x1000), 1)
    m.set('ignore-bus-reset', True)
    m.bus_reset()
    equal(m.get('resets-bus'), 0)
    equal(m.mapped(), (m.window, 512 * MIB))
    equal((m.hdm(CTRL) & LOCK, m.dvsec(CONTROL), m.read(m.bar(0, 0x1000))), (LOCK, 6, 1))
    m.set('ignore-bus-reset', False)
    m.bus_reset()
    equal((m.get('resets-bus'), m.mapped()[1]), (1, 0))


@test(('reset-delay=100',))
def cxl_reset_clears_decoders_and_memory(m):
    m.map(flags=LOCK)
    m.set_dvsec(CONFIG_LOCK, 1)
    m.write(m.window, 0xdead)
    m.write(m.window + 512 * MIB - 4, 0xdead)
    for clear in (False, True):
        m.cxl_reset(clear)
        equal(m.mapped(), (0, 0))
        equal(m.hdm(CTRL), 0)
        m.turns(100, lambda: (m.cxl_reset_result(), m.active()), (0, 1), (2, 3),
                'result, and whether active,')
        equal((m.dvsec(CONFIG_LOCK), m.dvsec(CONTROL)), (1, 6), 'DVSEC lock and what it locks')
        equal(m.get('resets-cxl'), 2 if clear else 1)
        m.map(flags=LOCK)
        equal(m.read(m.window), 0 if clear else 0xdead)
        equal(m.read(m.window + 512 * MIB - 4), 0 if clear else 0xdead)


@test(('reset-delay=-1', ''), size='256M')
def cxl_reset_that_hangs_or_fails(m):
    m.cxl_reset(True)
    m.set('fail-reset', True, 1)
    m.cxl_reset(False, 1)
    m.turns(10, lambda: m.cxl_reset_result(1), 0, 4, 'error')
    m.step(300000)
    equal((m.cxl_reset_result(), m.active()), (0, 1), 'the one that never ends')
    m.bus_reset()
    equal((m.cxl_reset_result(), m.active()), (0, 3), 'after a bus reset')
    m.map(256 * MIB)
    equal(m.mapped(), (m.window, 256 * MIB))


@test(('reset-delay=600',))
def cxl_reset_forbids_accesses(m):
    def counted(*accesses):
        before = m.get('forbidden-accesses')
        for access in accesses:
            access()
        return m.get('forbidden-accesses') - before

    def status2():
        return m.dvsec(STATUS2)

    def other():
        return m.read(m.device(0, 0))

    equal(counted(status2, other, lambda: m.hdm(CTRL)), 0, 'before')
    m.cxl_reset(False)
    m.step(90)
    equal(counted(status2, other), 2, 'in the first 100 ms')
    m.step(20)
    equal(counted(status2, status2), 0, 'Status2 after that')
    equal(counted(other, lambda: m.dvsec(CONTROL2, 4), lambda: m.set_dvsec(STATUS2, 0),
                  lambda: m.hdm(CTRL)), 4, 'others after that')
    m.step(600)
    equal(counted(status2, other), 0, 'after the end')


@test()
def flr_leaves_cxl_alone(m):
    m.map()
    m.write(m.window, 0xbeef)
    m.write(m.bar(0, 0x1000), 1)
    m.write(m.bar(0, ENGINE + RING_CFG), 4)
    m.flr()
    equal(m.get('resets-function'), 1)
    equal(m.read(m.device(0, 4), 2) & 6, 0)
    equal(m.mapped(), (m.window, 512 * MIB))
    equal(m.read(m.window), 0xbeef)
    equal(m.dvsec(CONTROL), 6)
    m.setup_device(0)
    equal(m.hdm(CTRL), COMMIT | COMMITTED)
    equal((m.read(m.bar(0, 0x1000)), m.read(m.bar(0, ENGINE + RING_CFG))), (0, 0))


@test()
def machine_reset(m):
    m.map(flags=LOCK)
    m.write(m.bar(0, RAS + 4), 0)
    m.qmp('system_reset')
    m.becomes(lambda: m.get('resets-power'), 2)
    equal(m.mapped(), (0, 0))
    m.setup()
    equal(m.read(m.bar(0, RAS + 4)), 0x1cfff)
    m.map()


# The engine.

RING = 0x1000000        # in the machine's memory
DATA = 0x2000000
OPS = ('nop', 'copy', 'fill', 'xor', 'crc32c', 'muladd')
SRC_OWN, SRC2_OWN, DST_OWN, INTERRUPT = 1, 2, 4, 8
DONE = 0x80000000


def descriptor(op, flags=0, vector=0, src=0, src2=0, dst=0, length=0, pattern=0, result=0):
    code = OPS.index(op) if op in OPS else op
    return struct.pack('<BBHI7Q', code, flags, vector, 0, src, src2, dst, length, pattern,
                       result, 0x0c00c1e)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def single(value):
    return struct.unpack('<f', struct.pack('<f', value))[0]


def pattern_bytes(seed, size):
    return random.Random(seed).randbytes(size)


@test()
def engine_operations(m):
    size = 3 * 65536 + 1024
    operand = [pattern_bytes(n, size) for n in range(3)]
    floats = [[single(random.Random(n * 99 + i).uniform(-1000, 1000)) for i in range(size // 4)]
              for n in range(3)]
    m.engine_start()
    for flags in range(8):
        where = {'src': DATA, 'src2': DATA + 0x400000, 'dst': DATA + 0x800000}
        base = {name: 0 if flags & bit else address for (name, address), bit
                in zip(where.items(), (SRC_OWN, SRC2_OWN, DST_OWN))}
        base['src2'] += 0x400000 if flags & SRC2_OWN else 0
        base['dst'] += 0x800000 if flags & DST_OWN else 0

        def put(name, data):
            bit = {'src': SRC_OWN, 'src2': SRC2_OWN, 'dst': DST_OWN}[name]
            (m.set_own if flags & bit else m.write_bytes)(base[name], data)

        def result():
            return (m.own if flags & DST_OWN else m.read_bytes)(base['dst'], size)

        for name, data in zip(base, operand):
            put(name, data)
        equal(m.engine_run(descriptor('copy', flags, length=size, **base)), DONE)
        equal(result() == operand[0], True, 'copy')
        equal(m.engine_run(descriptor('xor', flags, length=size, **base)), DONE)
        equal(result() == bytes(a ^ b for a, b in zip(operand[0], operand[1])), True, 'xor')
        equal(m.engine_run(descriptor('fill', flags, length=size - 5, pattern=0x0807060504030201,
                                      **base)), DONE)
        equal(result()[:size - 5] == (bytes(range(1, 9)) * size)[:size - 5], True, 'fill')
        equal(m.engine_run(descriptor('crc32c', flags, length=5000, **base)), DONE)
        equal(m.engine_result(), crc32c(operand[0][:5000]), 'crc32c')
        for name, values in zip(base, floats):
            put(name, struct.pack('<%df' % len(values), *values))
        equal(m.engine_run(descriptor('muladd', flags, length=size, **base)), DONE)
        expected = struct.pack('<%df' % len(floats[0]), *(
            single(c + single(a * b)) for a, b, c in zip(*floats)))
        equal(result() == expected, True, 'muladd')
    equal(m.engine_run(descriptor('crc32c', 0, src=DATA, length=9)), DONE)
    m.write_bytes(DATA, b'123456789')
    equal(m.engine_run(descriptor('crc32c', 0, src=DATA, length=9)), DONE)
    equal(m.engine_result(), 0xe3069283, 'the check value of CRC32C')
    equal(m.engine(FAILED), 0, 'failed descriptors')


@test()
def engine_status_codes(m):
    top = 1 << 64
    cases = [
        (1, descriptor(6)), (1, descriptor(255)),
        (2, descriptor('nop', 0x10)), (2, descriptor('nop', 0x80)),
        (3, descriptor('nop', INTERRUPT, 4)), (3, descriptor('nop', 0, 1)),
        (4, descriptor('copy', src=DATA, dst=DATA)),
        (4, descriptor('copy', src=DATA, dst=0, length=(1 << 40) + 1)),
        (4, descriptor('copy', src=top - 8, dst=DATA, length=8)),
        (4, descriptor('copy', DST_OWN, src=DATA, dst=top - 1, length=16)),
        (5, descriptor('muladd', src=DATA, src2=DATA, dst=DATA, length=6)),
        (5, descriptor('muladd', src=DATA + 1, src2=DATA, dst=DATA, length=8)),
        (5, descriptor('muladd', src=DATA, src2=DATA, dst=DATA + 2, length=8)),
        (6, descriptor('copy', src=DATA, dst=DATA + 1, length=2)),
        (6, descriptor('copy', src=DATA + 7, dst=DATA, length=8)),
        (6, descriptor('xor', 7, src=0, src2=4096, dst=0, length=8192)),
        (7, descriptor('fill', DST_OWN, dst=512 * MIB, length=1)),
        (7, descriptor('fill', DST_OWN, dst=512 * MIB - 8, length=9)),
        (7, descriptor('copy', SRC_OWN, src=1 << 63, dst=DATA, length=1)),
        (9, descriptor('copy', src=1 << 50, dst=DATA, length=64)),
        (9, descriptor('crc32c', src=1 << 50, length=64)),
        (10, descriptor('copy', src=DATA, dst=1 << 50, length=64)),
        (10, descriptor('copy', src=DATA, dst=m.bar(0, ENGINE), length=64)),
        (9, descriptor('copy', src=m.bar(0, 0), dst=DATA, length=64)),
    ]
    m.engine_start()
    for number, (code, data) in enumerate(cases):
        m.set_engine(FIRST_ERROR, 0)
        equal(m.engine_run(data), DONE | code, 'case %d' % number)
        equal(m.engine(FIRST_ERROR) & 0xff, code)
    equal((m.engine(COMPLETED), m.engine(FAILED)), (len(cases), len(cases)))
    # These are good: in place, adjacent, the same numbers in two memories.
    for data in (descriptor('copy', src=DATA, dst=DATA, length=64),
                 descriptor('copy', src=DATA, dst=DATA + 64, length=64),
                 descriptor('copy', DST_OWN, src=DATA, dst=DATA + 1, length=64),
                 descriptor('fill', DST_OWN, dst=512 * MIB - 8, length=8),
                 descriptor('muladd', src=DATA, src2=DATA, dst=DATA, length=8),
                 descriptor('nop', src=top - 1, dst=top - 1)):
        equal(m.engine_run(data), DONE)
    m.set('mem-active', False)
    equal(m.engine_run(descriptor('fill', DST_OWN, length=1)), DONE | 8)
    m.set('mem-active', True)
    m.write(m.device(0, 4), 2, 2)
    data = descriptor('nop')
    m.write_bytes(RING, data)
    m.set_engine(TAIL, (m.engine(HEAD) + 1) % 16)
    m.engine_idle()
    equal(m.engine(STATUS), 2, 'halted without Bus Master Enable')


@test()
def engine_ring_errors(m):
    def start(order, own=0, ring=RING, tail=1):
        m.set_engine(ENABLE, RESET)
        m.set_engine(RING_LOW, ring & 0xffffffff)
        m.set_engine(RING_HIGH, ring >> 32)
        m.set_engine(RING_CFG, order | own)
        m.set_engine(ENABLE, 1)
        m.set_engine(TAIL, tail)
        m.engine_idle()
        return m.engine(STATUS), m.engine(FIRST_ERROR) & 0xff
    for order in (0, 13, 15):
        equal(start(order), (2, 16), 'order %d' % order)
    equal(start(4, tail=16), (2, 17))
    equal(start(4, tail=0xffffffff), (2, 17))
    equal(start(4, ring=1 << 50), (2, 18))
    equal(m.engine(ERROR_HIGH), 1 << 18)
    equal(start(4, own=RING_OWN, ring=512 * MIB), (2, 18))
    equal(start(4, own=RING_OWN, ring=512 * MIB - 64), (0, 0))
    equal(start(4, own=RING_OWN, ring=512 * MIB - 64, tail=2), (2, 18))
    m.set_engine(TAIL, 3)
    equal(m.engine(TAIL), 2, 'TAIL of a halted engine')
    m.set_engine(RING_LOW, 0)
    equal(m.engine(RING_LOW), 512 * MIB - 64, 'RING of an enabled engine')
    m.set_engine(ENABLE, 0)
    equal(m.engine(STATUS), 0)
    m.set_engine(TAIL, 3)
    equal(m.engine(TAIL), 2, 'TAIL of a disabled engine')


@test()
def engine_ring_wraps(m):
    m.engine_start(order=2)
    for i in range(11):
        equal(m.engine_run(descriptor('nop'), order=2), DONE)
    equal(m.engine(COMPLETED), 11)
    for n in range(4):
        m.write_bytes(RING + n * 64, descriptor('fill', dst=DATA + n, length=1, pattern=n + 1))
    m.set_engine(TAIL, (m.engine(HEAD) + 3) % 4)
    m.engine_idle()
    equal(m.engine(COMPLETED), 14)
    equal(m.engine(HEAD), (11 + 3) % 4)


@test()
def engine_ring_in_own_memory(m):
    m.map()
    m.engine_start(ring=4096, own=RING_OWN)
    m.write_bytes(m.window + 4096, descriptor('fill', DST_OWN, dst=8192, length=8, pattern=0x77))
    m.set_engine(TAIL, 1)
    m.engine_idle()
    equal(m.read(m.window + 4096 + 4), DONE)
    equal(m.read(m.window + 8192, 8), 0x77)


@test()
def engine_interrupts(m):
    table, target = m.bar(0, 0x800000), 0x3000000
    for vector in range(4):
        m.write(table + 16 * vector, target + 4 * vector)
        m.write(table + 16 * vector + 4, 0)
        m.write(table + 16 * vector + 8, 0x1000 + vector)
        m.write(table + 16 * vector + 12, 0)
    m.write(m.device(0, 0x4a), 0x8000, 2)
    m.engine_start()
    for vector in range(4):
        equal(m.engine_run(descriptor('nop', INTERRUPT, vector)), DONE)
        equal(m.read(target + 4 * vector), 0x1000 + vector)
    m.write_bytes(target, bytes(16))
    equal(m.engine_run(descriptor(99, INTERRUPT, 2)), DONE | 1)
    equal(m.read(target + 8), 0x1002, 'interrupt of a descriptor that failed')
    equal(m.engine_run(descriptor('nop')), DONE)
    m.set_engine(TAIL, 99)
    equal(m.read_bytes(target, 16), struct.pack('<4I', 0x1000, 0, 0x1002, 0), 'halt')
    m.write(table + 16 * 1 + 12, 1)
    m.engine_start()
    equal(m.engine_run(descriptor('nop', INTERRUPT, 1)), DONE)
    equal(m.read(target + 4), 0, 'masked')
    equal(m.read(table + 0x800), 2, 'pending')
    m.write(table + 16 * 1 + 12, 0)
    equal(m.read(target + 4), 0x1001, 'when unmasked')


@test(window='512G')
def engine_stops_in_a_long_job(m):
    for stop in (lambda: m.set_engine(ENABLE, 0), lambda: m.set_engine(ENABLE, RESET), m.bus_reset):
        m.engine_start()
        # Into QEMU's CXL window, eight bytes at a time: not over before the test is.
        m.write_bytes(RING, descriptor('nop') + descriptor('fill', dst=m.window, length=512 * GIB))
        m.set_engine(TAIL, 2)
        m.becomes(lambda: m.engine(COMPLETED), 1, 'descriptors before the long one')
        equal(m.engine(STATUS), 1, 'busy')
        stop()
        equal(m.engine(STATUS), 0)
        equal((m.read(RING + 4), m.read(RING + 64 + 4)), (DONE, 0), 'status of the two')
        m.write(m.device(0, 4), 6, 2)
    m.engine_start()
    equal(m.engine_run(descriptor('nop')), DONE)


@test()
def engine_dma_may_reset_the_device(m):
    """By ECAM, a DMA write reaches the device's own and its port's registers."""
    m.engine_start()
    flr = m.read(m.device(0, 0x88), 2) | 0x8000
    m.write(DATA, flr)
    m.write_bytes(RING, descriptor('copy', src=DATA, dst=m.device(0, 0x88), length=2))
    m.set_engine(TAIL, 1)
    m.becomes(lambda: m.get('resets-function'), 1)
    m.setup_device(0)
    equal((m.engine(ENABLE), m.engine(STATUS), m.engine(COMPLETED)), (0, 0, 0))
    m.engine_start()
    m.write(DATA, m.read(m.port(0, 0x3e), 2) | 0x40)
    m.write_bytes(RING, descriptor('copy', src=DATA, dst=m.port(0, 0x3e), length=2))
    m.set_engine(TAIL, 1)
    m.becomes(lambda: m.get('resets-bus'), 1)


# CDAT.

@test(size='768M')
def cdat_is_read_by_doe(m):
    table, handle = b'', 0
    while handle != 0xffff:
        entry = m.doe(0x0002, struct.pack('<BBH', 0, 0, handle))
        handle = struct.unpack_from('<H', entry, 2)[0]
        table += entry[4:]
    equal(struct.unpack_from('<I', table)[0], len(table), 'length')
    equal(sum(table) & 0xff, 0, 'checksum')
    equal(struct.unpack_from('<BBHBBHQQ', table, 16), (0, 0, 24, 0, 0, 0, 0, 768 * MIB), 'DSMAS')
    equal(m.doe(0x0002, struct.pack('<BBH', 0, 0, 99)), None, 'no such entry')
    equal(m.doe(0x0002, struct.pack('<BBH', 1, 0, 0)), None, 'no such request')
    # The mailbox must not grow without end when requests are repeated.
    doe = m.device(0, 0x160)
    m.doe(0x0002, struct.pack('<BBH', 0, 0, 0), read=False)
    for _ in range(20000):
        m.write(doe + 8, 0x80000000)
    equal(m.read(doe + 0x0c) >> 31, 1)
    m.write(doe + 8, 1)
    equal(m.read(doe + 0x0c) >> 31, 0)


# The device as QEMU sees it.

REFUSED = {
    'no memory': (['-device', 'cxl-accel,bus=rp0'], "property 'memdev' is not set"),
    'odd size': (['-object', 'memory-backend-ram,id=odd,size=100M',
                  '-device', 'cxl-accel,bus=rp0,memdev=odd'], 'not a multiple of 256M'),
    'shared memory': (['-device', 'cxl-accel,bus=rp0,memdev=mem0'], 'in use by another device'),
    'odd decoders': (['-object', 'memory-backend-ram,id=more,size=256M',
                      '-device', 'cxl-accel,bus=rp0,memdev=more,decoders=3'], '1, 2, 4 or 8'),
    'odd delay': (['-object', 'memory-backend-ram,id=more,size=256M',
                   '-device', 'cxl-accel,bus=rp0,memdev=more,active-delay=-2'], 'or -1 for never'),
    'odd place': (['-object', 'memory-backend-ram,id=more,size=256M',
                   '-device', 'cxl-accel,bus=rp0,memdev=more,component=top'], "it can be 'middle'"),
    'no root port': (['-object', 'memory-backend-ram,id=more,size=256M',
                      '-device', 'cxl-accel,bus=pcie.0,memdev=more'], 'below a CXL root port'),
    'two switches': (['-object', 'memory-backend-ram,id=more,size=256M',
                      '-device', 'cxl-upstream,id=up1,bus=rp0',
                      '-device', 'cxl-downstream,id=down1,bus=up1,chassis=1,slot=1,port=1',
                      '-device', 'cxl-upstream,id=up2,bus=down1',
                      '-device', 'cxl-downstream,id=down2,bus=up2,chassis=1,slot=2,port=1',
                      '-device', 'cxl-accel,bus=down2,memdev=more'], 'more than one CXL switch'),
    'a switch that is not CXL': (
        ['-object', 'memory-backend-ram,id=more,size=256M',
         '-device', 'x3130-upstream,id=up1,bus=rp0',
         '-device', 'xio3130-downstream,id=down1,bus=up1,chassis=1,slot=1',
         '-device', 'cxl-accel,bus=down1,memdev=more'], 'or a CXL switch below one'),
    'a switch below no CXL': (
        ['-object', 'memory-backend-ram,id=more,size=256M',
         '-device', 'pcie-root-port,id=plain,bus=pcie.0,chassis=7',
         '-device', 'cxl-upstream,id=up1,bus=plain',
         '-device', 'cxl-downstream,id=down1,bus=up1,chassis=1,slot=1,port=1',
         '-device', 'cxl-accel,bus=down1,memdev=more'], 'or a CXL switch below one'),
    'not CXL': (['-object', 'memory-backend-ram,id=more,size=256M',
                 '-device', 'pcie-root-port,id=plain,bus=pcie.0,chassis=7',
                 '-device', 'cxl-accel,bus=plain,memdev=more'], 'CXL'),
}


@test()
def bad_options_are_refused(m):
    for name, (extra, message) in REFUSED.items():
        extra = [word.replace('bus=rp0', 'bus=rp9') for word in extra]
        try:
            other = Device(m.qemu, m.plugin, extra=['-device', 'cxl-rp,id=rp9,bus=hb,addr=9,'
                                                    'chassis=0,slot=9,port=9'] + extra)
        except RuntimeError as error:
            if message not in str(error):
                raise Failure('%s: QEMU says: %s' % (name, error)) from error
            continue
        other.close()
        raise Failure(name + ': accepted')


def memory_comes_back(m):
    equal(m.take_memory(), True, 'whether the device that went has let go of its memory')


@test()
def device_can_be_unplugged(m):
    m.map()
    m.engine_start()
    m.qmp('device_del', id='accel0')
    slot = m.port(0, m.pcie_capability(m.port(0, 0)) + 0x18)
    m.write(slot, 0x07c0, 2)     # power and indicators off
    m.becomes(lambda: m.read(m.device(0, 0)), 0xffffffff, 'device after it went')
    m.write(m.window, 1)
    memory_comes_back(m)
    m.give_memory()
    m.qmp('device_add', driver='cxl-accel', id='accel0', bus='rp0', memdev='mem0')
    m.write(slot, 0x0000, 2)
    m.becomes(lambda: m.read(m.device(0, 0)), 0x10f01af4, 'device that came back')
    m.setup_device(0)
    m.unroute()
    m.map()


@test()
def engine_dma_may_unplug_the_device(m):
    m.engine_start()
    slot = m.port(0, m.pcie_capability(m.port(0, 0)) + 0x18)
    m.write(DATA, 0x07c0)
    m.write_bytes(RING, descriptor('copy', src=DATA, dst=slot, length=2))
    m.set_engine(TAIL, 1)
    m.becomes(lambda: m.read(m.device(0, 0)), 0xffffffff, 'device after it went')
    memory_comes_back(m)


@test()
def device_is_removed_without_notice(m):
    def slot(reg):
        return m.read(express + reg, 2)

    express = m.port(0, m.pcie_capability(m.port(0, 0)))
    presence, link, link_is_up = 0x40, 0x100, 0x2000
    # Link state changes and the hot-plug interrupt enabled, and what is there acknowledged.
    m.write(express + 0x18, 0x1020 | slot(0x18), 2)
    m.write(express + 0x1a, slot(0x1a), 2)
    equal(slot(0x18) & 0x1020, 0x1020, 'Slot Control')
    m.write(m.bar(0, 0x1000), 0x5a)
    m.map()
    m.write(m.window, 7)
    m.engine_start()
    m.set_dvsec(CONTROL2, 4)    # a CXL Reset, which takes 10 ms

    m.set('gone', True)
    for what, address in (('configuration', m.device(0, 0)), ('DVSEC', m.device(0, DVSEC + 8)),
                          ('identity', m.bar(0, 0)), ('CM', m.bar(0, CM)), ('HDM', m.bar(0, HDM)),
                          ('engine', m.bar(0, ENGINE)), ('MSI-X', m.bar(0, MSIX_PAGE))):
        equal(m.read(address), 0xffffffff, what)
        m.write(address, 0)
        equal(m.read(address), 0xffffffff, what)
    for width in (1, 2, 8):
        equal(m.read(m.bar(0, 0x1000), width), (1 << 8 * width) - 1, '%u bytes' % width)
    equal(m.get('hdm0-mapped-size'), 0)
    equal(m.read(m.window), 0, 'what is behind the window')
    before = m.get('resets-bus'), m.get('dvsec-status2')
    m.step(1000)
    m.bus_reset()
    equal((m.get('resets-bus'), m.get('dvsec-status2')), before, 'what happens to it')
    equal(m.read(m.device(0, 0)), 0xffffffff, 'after a reset')

    # The slot is told of it when the test says so.
    equal((slot(0x1a) & (presence | link), slot(0x12) & link_is_up), (presence, link_is_up))
    m.set('surprise-removed', True)
    equal((slot(0x1a) & (presence | link | 8), slot(0x12) & link_is_up), (link | 8, 0))
    m.write(express + 0x1a, slot(0x1a), 2)
    equal(slot(0x1a) & (presence | link | 8), 0, 'Slot Status, acknowledged')
    for name in ('gone', 'surprise-removed'):
        try:
            m.set(name, False)
        except RuntimeError as error:
            equal('does not come back' in str(error), True, str(error))
        else:
            raise Failure(name + ': false is accepted')

    # The slot is switched off, as an operating system does, and something else is put in.
    m.write(express + 0x18, 0x07c0, 2)
    m.qmp('device_del', id='accel0')
    memory_comes_back(m)
    m.give_memory()
    m.qmp('device_add', driver='cxl-accel', id='accel0', bus='rp0', memdev='mem0')
    m.write(express + 0x18, 0x0000, 2)
    m.becomes(lambda: m.read(m.device(0, 0)), 0x10f01af4, 'device that came instead')
    equal((m.get('gone'), m.get('surprise-removed')), (False, False))
    equal((slot(0x1a) & presence, slot(0x12) & link_is_up), (presence, link_is_up))
    m.setup_device(0)
    m.unroute()
    m.map()
    equal(m.read(m.window), 7, 'content')


@test(('', ''), switch=True)
def removal_is_told_by_the_slot_behind_a_switch(m):
    def slot(port):
        return m.read(port(m.pcie_capability(port(0)) + 0x1a), 2) & 0x48

    ports = (lambda offset: m.port(0, offset), lambda offset: m.port(1, offset), m.root_port)
    before = [slot(port) for port in ports]
    m.set('surprise-removed', True)
    equal(slot(ports[0]), 8, 'Slot Status: presence has changed, and there is none')
    equal([slot(port) for port in ports[1:]], before[1:], 'Slot Status of the others')
    equal(m.read(m.device(0, 0)), 0xffffffff)
    equal(m.read(m.device(1, 0)), 0x10f01af4)


# The cache of host memory.

def has_result(m, address, expected, ats=False, accel=0):
    result, line = m.fetch(address, ats, accel)
    equal(result, expected, 'fetch')
    if result != FETCH_OK:
        equal(line, bytes(64), 'line without a fetch')
    return line


@test()
def cache_fetches_host_memory(m):
    data = pattern_bytes(7, 192)
    m.write_bytes(DATA, data)
    equal(m.read(m.bar(0, CACHE + FETCHED)), NO_FETCH)
    has_result(m, DATA, FETCH_DISABLED)
    m.set_dvsec(CONTROL, CACHE_ENABLE)
    for at in (0, 64, 128):
        equal(has_result(m, DATA + at, FETCH_OK), data[at:at + 64], 'line at %d' % at)
    equal(has_result(m, DATA + 65, FETCH_OK), data[64:128], 'the line that has the byte')
    for address in (1 << 40, m.bar(), m.bridge, (1 << 64) - 64, 256 * MIB):
        has_result(m, address, NO_MEMORY)
    # CXL.cache is none of PCI's bus mastering.
    m.write(m.device(0, 4), 2, 2)
    equal(has_result(m, DATA, FETCH_OK), data[:64])
    m.set_dvsec(CONTROL, 0)
    has_result(m, DATA, FETCH_DISABLED)
    # Its own memory is the host's, where that has an address.
    m.map()
    m.set_own(0, data)
    m.set_dvsec(CONTROL, CACHE_ENABLE | MEM_ENABLE)
    equal(has_result(m, m.window, FETCH_OK), data[:64])


@test()
def cache_after_resets(m):
    m.set_dvsec(CONTROL, CACHE_ENABLE)
    has_result(m, DATA, FETCH_OK)
    m.flr()
    m.setup_device(0)
    equal(m.read(m.bar(0, CACHE + FETCHED)), NO_FETCH, 'after FLR')
    has_result(m, DATA, FETCH_OK)
    m.bus_reset()
    has_result(m, DATA, FETCH_DISABLED)
    m.set_dvsec(CONTROL, CACHE_ENABLE)
    m.set_dvsec(CONTROL2, 4)
    has_result(m, DATA, FETCH_DISABLED)
    m.step(10)
    # 8.1.3.6: a CXL Reset keeps Control.
    has_result(m, DATA, FETCH_OK)


@test(('ats=on', ''))
def cache_has_addresses_by_ats(m):
    m.write_bytes(DATA, pattern_bytes(9, 64))
    control = m.device(0, CAP_ATS + 4)
    for accel in (0, 1):
        m.set_dvsec(CONTROL, CACHE_ENABLE, accel=accel)
        has_result(m, DATA, NO_TRANSLATION, ats=True, accel=accel)
    for accel, there in ((0, True), (1, False)):
        at, chain = 0x100, []
        while at and at not in chain:
            chain.append(at)
            at = m.read(m.device(accel, at)) >> 20
        equal(CAP_ATS in chain, there, 'ATS in the chain of capabilities')
        equal(DVSEC in chain, True, 'DVSEC in the chain')
        equal(at, 0, 'end of the chain')
    equal(m.read(m.device(0, CAP_ATS)) & 0xffff, 0xf, 'capability')
    m.write(control, ATS_ENABLE)
    equal(m.get('ats-enabled'), True)
    # There is no IOMMU: each address is its own translation.
    equal(has_result(m, DATA, FETCH_OK, ats=True), pattern_bytes(9, 64))
    # A Translation Request is one of PCI's.
    m.write(m.device(0, 4), 2, 2)
    has_result(m, DATA, NO_TRANSLATION, ats=True)
    has_result(m, DATA, FETCH_OK)
    m.write(m.device(0, 4), 6, 2)
    has_result(m, DATA, FETCH_OK, ats=True)
    m.flr()
    equal(m.get('ats-enabled'), False, 'after FLR')
    m.write(control, ATS_ENABLE)
    m.bus_reset()
    equal(m.get('ats-enabled'), False, 'after a bus reset')


# Hostile software.

def hostile_value(rng):
    return rng.choice((0, 1, 0xffffffff, 0x80000000, 1 << rng.randrange(32),
                       rng.getrandbits(32), rng.getrandbits(32) & rng.getrandbits(32),
                       RING, 1 << 28, COMMIT, CTRL))


@test(('decoders=8,ats=on', 'decoders=2,hdm-db=on'), size='256M')
def hostile_registers(m):
    rng = random.Random(1)
    for step in range(30000):
        accel = rng.randrange(2)
        width = rng.choice((1, 2, 4, 4, 4, 4, 8))
        kind = rng.randrange(8)
        if kind == 0:
            address = m.bar(accel, rng.randrange(0, 0x100000))
        elif kind < 3:
            address = m.bar(accel, rng.choice((HDM, HDM, CM, RAS, ENGINE)) + rng.randrange(0x120))
        elif kind < 5:
            address = m.bar(accel, rng.choice((ENGINE, CACHE)) + rng.randrange(0x30))
        elif kind == 5:
            address = m.device(accel, rng.randrange(0x100, 0x218))
        elif kind == 6:
            address = m.device(accel, rng.randrange(0x1000))
        else:
            address = m.bridge + 0x1000 + rng.randrange(0x1000)
        address &= -width
        if rng.randrange(4):
            value = hostile_value(rng) | hostile_value(rng) << 32
            m.write(address, value & (1 << 8 * width) - 1, width)
        else:
            m.read(address, width)
        if step % 100 == 0:
            m.step(10)
        if step % 500 == 0:
            for n in (0, 1):
                m.setup_port(n)
                m.setup_device(n)
        if step % 5000 == 0:
            for n in (0, 1):
                m.bus_reset(n)
    m.qmp('query-status')


@test()
def hostile_descriptors(m):
    rng = random.Random(2)
    places = (0, RING, DATA, 256 * MIB, 512 * MIB, m.bar(0, 0), m.bar(0, ENGINE), 1 << 40, 1 << 63,
              m.window, m.bridge, (1 << 64) - 64)
    m.map()
    for step in range(300):
        m.engine_start(order=6)
        for n in range(63):
            # Only what does not take long, and leaves ECAM and the ring alone.
            data = descriptor(
                rng.choice((0, 1, 2, 3, 4, 5, 5, rng.getrandbits(8))),
                rng.choice((0, 7, rng.getrandbits(3), rng.getrandbits(8))),
                rng.choice((0, 0, 3, rng.getrandbits(16))),
                rng.choice(places) + rng.choice((0, 1, -1, rng.getrandbits(20))) & (1 << 64) - 1,
                rng.choice(places) + rng.choice((0, 4, rng.getrandbits(20))) & (1 << 64) - 1,
                rng.choice(places[2:]) + rng.choice((0, 8, rng.getrandbits(20))) & (1 << 64) - 1,
                rng.choice((0, 4, 64, 65536, rng.getrandbits(18), rng.getrandbits(64))))
            m.write_bytes(RING + n * 64, data)
        m.set_engine(TAIL, 63)
        if step % 3 == 0:
            m.engine_idle()
    m.set_engine(ENABLE, RESET)
    m.engine_start()
    m.setup_device(0)
    equal(m.engine_run(descriptor('nop')), DONE)


@test()
def other_layouts_are_refused(m):
    try:
        other = Device(m.qemu, m.misfit)
    except RuntimeError as error:
        if 'type pxb-cxl of this QEMU' not in str(error):
            raise Failure('QEMU says: %s' % error) from error
        return
    other.close()
    raise Failure('accepted')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--qemu', default='qemu-system-x86_64')
    parser.add_argument('--plugin', default='../build/qemu/cxl-accel.so')
    parser.add_argument('--misfit', default='../build/qemu/misfit.so',
                        help='the same, built for other sizes of QEMU\'s structures')
    parser.add_argument('tests', nargs='*')
    arguments = parser.parse_args()

    chosen = arguments.tests or list(tests)
    failed = 0
    print('1..%d' % len(chosen))
    for number, name in enumerate(chosen, 1):
        function, options, settings = tests[name]
        machine = Device(arguments.qemu, arguments.plugin, options, **settings)
        machine.misfit = arguments.misfit
        try:
            function(machine)
            if not machine.alive():
                raise Failure('QEMU is gone')
            print('ok %d - device.%s' % (number, name), flush=True)
        except Exception:
            failed += 1
            print('not ok %d - device.%s' % (number, name))
            for line in (traceback.format_exc() + machine.errors()).splitlines():
                print('# ' + line)
        machine.close()
    print('%d passed, %d failed' % (len(chosen) - failed, failed))
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
