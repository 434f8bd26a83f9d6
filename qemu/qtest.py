# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with cxl-accel devices and no guest: its processor halts at once,
and the test reads and writes memory and I/O ports by QEMU's qtest protocol.

The virtual clock, by which devices measure delays, stands still until the test
steps it. Work that takes no time on that clock is done by QEMU's main loop,
sooner or later, and is waited for.

qtest's own way to step it needs -accel qtest, which distributions leave out of
QEMU. So the machine is stopped, and its clock with it. For a step it runs: with
-icount sleep=off and a halted processor, the clock jumps from timer to timer, in
no time. One of them is the HPET's, whose interrupt message goes to a pvpanic
device, and that stops the machine.

Used by check.py. Needs nothing but Python and the QEMU binary."""

import json
import mmap
import os
import re
import select
import socket
import subprocess
import tempfile
import time

ECAM = 0xb0000000
BRIDGE_BUS = 16         # of the pxb-cxl; its root ports get the buses after it
BAR_BASE = 0xe0000000   # BARs of the devices, 16 MiB apart
SWITCH_BAR = 0xe8000000  # BAR of a switch's upstream port
MSIX_PAGE = 0x800000    # from a device's first BAR to its MSI-X BAR
COMPONENT_BAR = 0x400000    # where option component has one

# A BIOS whose reset vector holds: cli; hlt; jmp to the hlt.
HALT = b'\xf4' * 0xfff0 + b'\xfa\xf4\xeb\xfd' + b'\xf4' * 12

# What steps the clock. The HPET counts in units of 10 ns.
HPET = 0xfed00000
PANIC_SLOT, PANIC_BAR = 0x1c, 0xd0000000

MS = 1000000            # nanoseconds

# The accelerator's timers expire at whole milliseconds. Steps end this long
# before or after one, so that it is certain which of them have expired.
EDGE = 1000

# QEMU lets the clock jump once more before the machine has stopped: to a second
# timer of the HPET, this much later, which does nothing else.
STOPPING = 100

# Seconds after which QEMU is taken to hang. Nothing that works comes near it,
# however slow or loaded the computer is.
LIMIT = 60


class Line:
    """A socket on which QEMU answers line by line."""

    def __init__(self, listener):
        self.socket, _ = listener.accept()
        self.socket.settimeout(LIMIT)
        self.file = self.socket.makefile('rw', newline='\n')

    def send(self, text):
        self.file.write(text + '\n')
        self.file.flush()

    def receive(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError('QEMU is gone')
        return line.rstrip('\n')


class Machine:
    """options: for each accelerator, its -device options after the memdev. Each is on
    a root port of its own, or with switch on a port of its own of the one switch."""

    def __init__(self, qemu, plugin, options=('',), size='512M', window='4G',
                 decoders='on', extra=(), switch=False):
        self.qemu, self.plugin, self.switch = qemu, plugin, switch
        self.directory = tempfile.TemporaryDirectory()
        listeners = {}
        for name in ('qtest', 'qmp'):
            listeners[name] = socket.socket(socket.AF_UNIX)
            listeners[name].bind(os.path.join(self.directory.name, name))
            listeners[name].listen(1)
        bios = os.path.join(self.directory.name, 'bios')
        with open(bios, 'wb') as file:
            file.write(HALT)
        command = [
            qemu, '-nodefaults', '-no-user-config', '-display', 'none',
            '-accel', 'tcg', '-icount', 'shift=0,sleep=off', '-S', '-bios', bios,
            '-global', 'hpet.msi=on', '-action', 'panic=pause',
            '-device', 'pvpanic-pci,bus=pcie.0,addr=%#x' % PANIC_SLOT,
            '-machine', 'q35,cxl=on,cxl-fmw.0.targets.0=hb,cxl-fmw.0.size=' + window,
            '-m', '256M', '-plugin', plugin,
            '-qtest', 'unix:%s/qtest' % self.directory.name,
            '-qtest-log', 'none',
            '-chardev', 'socket,id=qmp,path=%s/qmp' % self.directory.name,
            '-mon', 'chardev=qmp,mode=control',
            '-device', 'pxb-cxl,id=hb,bus=pcie.0,bus_nr=%d,addr=0x10,hdm_for_passthrough=%s'
            % (BRIDGE_BUS, decoders)]
        if switch:
            command += ['-device', 'cxl-rp,id=root,bus=hb,addr=0,chassis=0,slot=99,port=7',
                        '-device', 'cxl-upstream,id=switch,bus=root']
        for i, option in enumerate(options):
            command += [
                '-object', 'memory-backend-file,id=mem%d,size=%s,share=on,mem-path=%s/mem%d'
                % (i, size, self.directory.name, i),
                '-device', 'cxl-%s,id=rp%d,addr=%d,chassis=0,slot=%d,port=%d'
                % ('downstream,bus=switch' if switch else 'rp,bus=hb', i, i, i, i + switch),
                '-device', 'cxl-accel,id=accel%d,bus=rp%d,memdev=mem%d%s'
                % (i, i, i, ',' + option if option else '')]
        self.log = open(os.path.join(self.directory.name, 'log'), 'w+')
        self.process = subprocess.Popen(command + list(extra), stderr=self.log, stdout=self.log)
        try:
            self.qtest = self.accept(listeners['qtest'])
            self.monitor = self.accept(listeners['qmp'])
            self.monitor.receive()
            self.qmp('qmp_capabilities')
        except OSError as error:
            self.close()
            raise RuntimeError(self.errors()) from error
        self.count = len(options)
        self.memory = []
        for i in range(self.count):
            with open(os.path.join(self.directory.name, 'mem%d' % i), 'r+b') as file:
                self.memory.append(mmap.mmap(file.fileno(), 0))
        self.ms = 0             # where the clock is, in steps
        self.clock = 0          # and exactly, in nanoseconds
        self.setup()

    def accept(self, listener):
        self.wait(lambda: select.select([listener], [], [], 0)[0] or not self.alive())
        listener.setblocking(False)
        return Line(listener)

    def errors(self):
        self.log.seek(0)
        return self.log.read().strip()

    def qmp(self, command, **arguments):
        self.monitor.send(json.dumps({'execute': command, 'arguments': arguments}))
        while True:
            answer = json.loads(self.monitor.receive())
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise RuntimeError(answer['error']['desc'])

    def get(self, name, accel=0):
        return self.qmp('qom-get', path='/machine/peripheral/accel%d' % accel, property=name)

    def set(self, name, value, accel=0):
        self.qmp('qom-set', path='/machine/peripheral/accel%d' % accel, property=name,
                 value=value)

    def ask(self, text):
        self.qtest.send(text)
        while True:
            answer = self.qtest.receive()
            if answer.startswith('OK'):
                return answer[2:].strip()
            if not answer.startswith('IRQ'):
                raise RuntimeError('%s: %s' % (text, answer))

    def read(self, address, width=4):
        return int(self.ask('read%s 0x%x' % (' bw l   q'[width], address)), 0)

    def write(self, address, value, width=4):
        self.ask('write%s 0x%x 0x%x' % (' bw l   q'[width], address, value))

    def read_bytes(self, address, size):
        return bytes.fromhex(self.ask('read 0x%x 0x%x' % (address, size))[2:])

    def write_bytes(self, address, data):
        self.ask('write 0x%x 0x%x 0x%s' % (address, len(data), data.hex()))

    def own(self, dpa, size):
        """Bytes of the first accelerator's memory, past QEMU."""
        return self.memory[0][dpa:dpa + size]

    def set_own(self, dpa, data):
        self.memory[0][dpa:dpa + len(data)] = data

    def take_memory(self):
        """Whether QEMU gives the only accelerator's memory back, when that was unplugged."""
        self.qmp('object-del', id='mem0')
        # QEMU has hold of it until the machine's memory map changes.
        command = self.read(self.port(0, 4), 2)
        for value in (0, command):
            self.write(self.port(0, 4), value, 2)
        used_and_total = 2 * (' 0x%016x' % len(self.memory[0]))
        return self.wait(lambda: used_and_total not in self.qmp(
            'human-monitor-command', **{'command-line': 'info ramblock'}))

    def give_memory(self):
        self.qmp('object-add', **{
            'qom-type': 'memory-backend-file', 'id': 'mem0', 'size': len(self.memory[0]),
            'share': True, 'mem-path': os.path.join(self.directory.name, 'mem0')})

    def pcie_capability(self, config):
        at = self.read(config + 0x34, 1)
        while self.read(config + at, 1) != 0x10:
            at = self.read(config + at + 1, 1)
        return at

    def step(self, ms, early=False):
        """Advance the virtual clock to ms later, or to just before that, from where
        step(0) goes on. The timers that expire on the way have been run then."""
        self.ms += ms
        end = self.ms * MS + (-EDGE if early else EDGE)
        self.clock = end + STOPPING
        self.write(HPET + 0x108, end // 10, 8)
        self.write(HPET + 0x128, self.clock // 10, 8)
        self.qmp('cont')
        if not self.wait(lambda: self.qmp('query-status')['status'] == 'guest-panicked'):
            raise RuntimeError('the machine does not stop')

    @staticmethod
    def wait(condition):
        """Whether the condition comes true, before QEMU is taken to hang."""
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    @staticmethod
    def config(bus, slot, offset):
        return ECAM + (bus << 20) + (slot << 15) + offset

    def port_bus(self):
        """The bus that the accelerators' ports are on; the next are the accelerators'."""
        return BRIDGE_BUS + (2 if self.switch else 0)

    def device(self, accel, offset):
        return self.config(self.port_bus() + 1 + accel, 0, offset)

    def port(self, accel, offset):
        return self.config(self.port_bus(), accel, offset)

    def root_port(self, offset):
        """The one above the switch."""
        return self.config(BRIDGE_BUS, 0, offset)

    def upstream_port(self, offset):
        return self.config(BRIDGE_BUS + 1, 0, offset)

    @staticmethod
    def bar(accel=0, offset=0):
        return BAR_BASE + (accel << 24) + offset

    def setup(self):
        """What firmware does: ECAM, bus numbers, bridge windows, BARs."""
        self.ask('outl 0xcf8 0x80000064')
        self.ask('outl 0xcfc 0')
        self.ask('outl 0xcf8 0x80000060')
        self.ask('outl 0xcfc 0x%x' % (ECAM | 1))
        tree = self.qmp('human-monitor-command', **{'command-line': 'info mtree'})
        self.window, self.bridge = (
            int(re.search(r'([0-9a-f]{16})-\S+ \(prio 0, \S+\): ' + name, tree)[1], 16)
            for name in ('cxl-fixed', 'cxl_host_reg'))
        self.setup_clock()
        self.setup_devices()

    def setup_devices(self):
        if self.switch:
            self.setup_switch()
        for i in range(self.count):
            self.setup_port(i)
            self.setup_device(i)

    def setup_clock(self):
        """The message of the HPET's timer 0 writes 1 to the panic device. In legacy
        mode the HPET turns the PIT off, whose timer would be one more to jump to."""
        self.write(self.config(0, PANIC_SLOT, 0x10), PANIC_BAR)
        self.write(self.config(0, PANIC_SLOT, 0x04), 2, 2)
        self.write(HPET + 0x110, PANIC_BAR << 32 | 1, 8)
        self.write(HPET + 0x100, 0x4004, 8)
        self.write(HPET + 0xf0, self.clock // 10, 8)
        self.write(HPET + 0x10, 3, 8)

    def setup_bridge(self, config, primary, bus, last_bus, start, end):
        """The bus that it is on, those below it, addresses."""
        self.write(config + 0x18, last_bus << 16 | bus << 8 | primary)
        self.write(config + 0x20, (end - 1) & 0xfff00000 | start >> 16)
        self.write(config + 0x04, 6, 2)

    def setup_switch(self):
        last = self.port_bus() + self.count
        self.setup_bridge(self.root_port(0), BRIDGE_BUS, BRIDGE_BUS + 1, last,
                          BAR_BASE, SWITCH_BAR + (1 << 24))
        self.write(self.upstream_port(0x10), SWITCH_BAR)
        self.write(self.upstream_port(0x14), 0)
        self.setup_bridge(self.upstream_port(0), BRIDGE_BUS + 1, BRIDGE_BUS + 2, last,
                          BAR_BASE, SWITCH_BAR)

    def setup_port(self, accel):
        bus = self.port_bus() + 1 + accel
        self.setup_bridge(self.port(accel, 0), self.port_bus(), bus, bus,
                          self.bar(accel), self.bar(accel + 1))

    def setup_device(self, accel):
        self.write(self.device(accel, 0x10), self.bar(accel))
        self.write(self.device(accel, 0x14), 0)
        self.write(self.device(accel, 0x18), self.bar(accel, MSIX_PAGE))
        self.write(self.device(accel, 0x20), self.bar(accel, COMPONENT_BAR))
        self.write(self.device(accel, 0x24), 0)
        self.write(self.device(accel, 0x04), 6, 2)

    def secondary_bus_reset(self, config):
        control = self.read(config + 0x3e, 2)
        self.write(config + 0x3e, control | 0x40, 2)
        self.write(config + 0x3e, control, 2)

    def bus_reset(self, accel=0):
        self.secondary_bus_reset(self.port(accel, 0))
        self.setup_device(accel)

    def bus_reset_of_switch(self):
        self.secondary_bus_reset(self.root_port(0))
        self.setup_devices()

    def alive(self):
        return self.process.poll() is None

    def close(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()
