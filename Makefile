# SPDX-License-Identifier: GPL-2.0-only
#
# What a person types. The work is done by the scripts in lab/, and inside the
# lab's root by lab/inside.mk.

inside = @lab/enter make --no-print-directory -f lab/inside.mk

help:
	@echo "vfio-cxl: CXL accelerators for virtual machines, through VFIO"
	@echo
	@echo "  make demo          boot the lab and show the driver at work, step by step"
	@echo "  make guest         boot a guest with the accelerator, which computes on it; JOBS=N"
	@echo "  make check         all tests on the distribution's kernel"
	@echo "  make check-debug   the same tests on a kernel that looks for bugs (KASAN, lockdep, ...)"
	@echo "  make test T=memory only these programs of tests/host, or PROGRAM:TEST,TEST, in one boot"
	@echo "  make soak          resets and power changes in random order for an hour; SOAK_CYCLES=N,"
	@echo "                     SOAK=\"backing=folio:0x200000 soak\""
	@echo "  make bench         what accesses to registers cost, and what a guest gets, beside peers"
	@echo "  make bench-guest   only the part with guests; PARTS=\"jobs commit boot\""
	@echo "  make bench-ram     only the ways to map memory; FIGURES=\"touch dma copy transfer zap munmap reset life bind\","
	@echo "                     CLOCK=instructions for a clock that other load leaves alone"
	@echo "  make bench-clear   only the clearing of memory, with two processors"
	@echo "  make prototype     the tests and costs of anonymous memory in the device (docs/coherent.md)"
	@echo "  make shell         a shell in the lab's machine, the accelerator bound to the driver"
	@echo
	@echo "  make lab           make the root filesystem and build everything in it"
	@echo "  make unit          only the tests that need no machine"
	@echo "  make fuzz          only the fuzzers of the register engine, for a minute"
	@echo "  make device-check  only the tests of the emulated accelerator"
	@echo "  make check-guest   only the tests of guests and VMMs"
	@echo "  make style         checkpatch and sparse on the modules"
	@echo "  make docs          docs/registers.md, printed from the tables in registers/"
	@echo "  make debug-kernel  build the kernel for check-debug"
	@echo "  make clean         remove what was built, keep the root filesystem and kernels"
	@echo "  make distclean     remove all that the lab made"
	@echo
	@echo "  MACHINE=NAME       another machine of lab/machines for shell and test ($(machines))"
	@echo "  LAB_MIRROR=URL     another Debian mirror than this computer's own"
	@echo "  LAB_ACCEL=kvm      run the lab's machine on KVM (needs nested virtualisation)"
	@echo
	@echo "To build the driver alone, for the kernel that runs here: make -C driver"

machines = $(sort $(notdir $(wildcard lab/machines/*)))
MACHINE ?= default
export LAB_MIRROR LAB_ACCEL LAB_APPEND

root:
	@lab/root

lab: root
	@lab/enter lab/qemu-headers
	$(inside) all

demo: lab
	@lab/run --machine vmm --name demo --timeout 1500 -- demo/run

guest: lab
	@lab/run --machine vmm --name guest --timeout 1500 -- demo/guest $(JOBS)

check: unit fuzz device-check check-host check-guest

check-host: lab
	@tests/host/check distribution

check-guest: lab
	@tests/guest/check

# After a change: only these tests, one boot.
T ?= memory mmap
SOAK ?= soak
test: lab
	@lab/run --machine $(MACHINE) --name test -- tests/host/run $(T)

check-debug: debug-kernel
	@tests/host/check debug

# A third of a second a round, and a fifth of the cycles are rounds: an hour.
SOAK_CYCLES ?= 50000
soak: lab
	@lab/run --machine $(MACHINE) --name soak --timeout 86400 -- tests/host/run --cycles=$(SOAK_CYCLES) $(SOAK)

bench: lab
	@lab/enter bench/engine
	@lab/run --machine pair --name bench -- bench/registers
	@lab/run --machine bench --name bench-guest --timeout 5400 -- bench/guest
	@lab/run --machine ram --name bench-ram --timeout 7200 -- bench/ram
	@lab/enter bench/ram_report build/run/bench-ram
	@$(cpus) lab/run --machine ram-cpus --name bench-clear --timeout 3600 -- bench/ram clear
	@lab/enter bench/ram_report build/run/bench-clear

# Processors of an emulated machine have one thread of QEMU's (lab/run says why), unless told.
cpus = LAB_THREAD=multi
# By -icount the machine's clock goes on by a nanosecond with each instruction.
ram_clock = $(if $(filter instructions,$(CLOCK)),LAB_QEMU="-icount shift=0" LAB_ENVIRONMENT="export CLOCK=instructions")
bench-ram: lab
	@$(ram_clock) lab/run --machine ram --name bench-ram --timeout 7200 -- bench/ram $(FIGURES)
	@lab/enter bench/ram_report build/run/bench-ram

bench-clear: lab
	@$(cpus) lab/run --machine ram-cpus --name bench-clear --timeout 3600 -- bench/ram clear
	@lab/enter bench/ram_report build/run/bench-clear

bench-guest: lab
	@lab/run --machine bench --name bench-guest --timeout 5400 -- bench/guest $(PARTS)

prototype: lab
	@lab/run --machine pair --name prototype --timeout 3000 -- prototypes/coherent/run

shell: lab
	@lab/run --machine $(MACHINE) --name shell --timeout 86400 --interactive -- lab/vm/shell

unit: root
	$(inside) unit

FUZZ_SECONDS ?= 60
fuzz: root
	$(inside) fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

device-check: lab
	$(inside) device-check

docs: root
	$(inside) docs

style: root
	@lab/enter lab/style

debug-kernel: root
	@lab/enter lab/qemu-headers
	@lab/enter lab/kernels/build debug
	$(inside) debug

clean:
	@lab/remove $(addprefix build/,driver lib qemu firmware tests demo examples guest bench prototypes print initramfs run)

distclean:
	@lab/remove build
	@echo "removed build/"

.PHONY: help root lab demo guest check check-host check-guest test soak check-debug bench bench-guest \
	bench-ram bench-clear prototype shell unit fuzz device-check docs style debug-kernel clean distclean
