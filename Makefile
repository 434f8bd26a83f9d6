# SPDX-License-Identifier: GPL-2.0-only
#
# What a person types. The work is done by the scripts in lab/, and inside the
# lab's root by lab/inside.mk.

inside = @lab/alone lab/enter make --no-print-directory -f lab/inside.mk

help:
	@echo "vfio-cxl: CXL accelerators for virtual machines, through VFIO"
	@echo
	@echo "Try"
	@echo "  make demo          boot the lab and show the driver at work, step by step"
	@echo "  make guest         boot a guest that computes on the accelerator; COUNT=N jobs"
	@echo "  make shell         a shell in the machine, accelerator bound; MACHINE=NAME"
	@echo "Test"
	@echo "  make check         all tests on the distribution's kernel, in 13 minutes"
	@echo "  make check-debug   the driver's tests on a kernel that looks for bugs, in 13"
	@echo "  make check-all     both, with make demo and make style, as CI runs them"
	@echo "  make check-long    what takes long on purpose: many cycles, hours of soak"
	@echo "  make check-unit, check-fuzz, check-device, check-lab, check-host, check-guest"
	@echo "                     parts of make check; one: make host-switch, guest-life"
	@echo "  make test T=mmap.2m_faults"
	@echo "                     one test; T=mmap a program's, T='mmap.*[pfn,cdev]' a"
	@echo "                     pattern's; MACHINE=, KERNEL=debug, BACKING= narrow it"
	@echo "  make tests         which test runs where, and how long it took; T= as above"
	@echo "  make style         checkpatch, sparse, shellcheck and more on the sources"
	@echo "  make soak          resets and power changes in random order for an hour;"
	@echo "                     SOAK_CYCLES=N, BACKING=folio:0x200000"
	@echo "Measure"
	@echo "  make bench         registers, guests and mappings, beside peers"
	@echo "  make bench-guest   only the part with guests; PARTS=\"jobs commit boot\""
	@echo "  make bench-ram     only the ways to map memory; FIGURES=\"touch dma"
	@echo "                     transfer zap munmap reset life bind\"; with"
	@echo "                     CLOCK=instructions other load does not count"
	@echo "  make bench-clear   only the clearing of memory, with two processors"
	@echo "  make prototype     anonymous memory in the device (docs/coherent.md)"
	@echo "Build"
	@echo "  make lab           make the root filesystem and build everything in it"
	@echo "  make debug-kernel  build the kernel for check-debug"
	@echo "  make docs          docs/registers.md, printed from the tables in registers/"
	@echo "  make -C driver     the driver alone, for the kernel that runs here"
	@echo "Clean"
	@echo "  make clean         remove what was built"
	@echo "  make distclean     remove build/; the cache stays"
	@echo "  make cacheclean    remove the cache: root filesystem, QEMU's headers, kernels"
	@echo
	@echo "  JOBS=N             parts that run at a time; three for two processors"
	@echo "  MACHINE=NAME       another machine of lab/machines for shell and test:"
	@echo "$(machines)" | fold -s -w 58 | sed 's/ *$$//; s/^/                     /'
	@echo "  V=1                show each command of a build"
	@echo "  LAB_CACHE=DIR      where the cache is; LAB_CACHE= for build/cache"
	@echo "  LAB_MIRROR=URL     another Debian mirror than this computer's own"
	@echo "  LAB_ACCEL=kvm      run the lab's machine on KVM (needs nested virtualisation)"

machines = $(sort $(notdir $(wildcard lab/machines/*)))
include tests/parts.mk
export LAB_MIRROR LAB_ACCEL LAB_APPEND FUZZ_SECONDS JOBS MACHINE KERNEL BACKING V

root:
	@lab/root

lab: root
	@lab/qemu-headers
	$(inside) all

demo: lab
	@lab/run --machine vmm --name demo --timeout 1500 -- demo/run

guest: lab
	@lab/run --machine vmm --name guest --timeout 1500 -- demo/guest $(COUNT)

# Tests. lab/lanes replaces the shell, so that it ends when make does.
check: lab
	@exec lab/lanes $(check_parts)

check-debug: lab
	@exec lab/lanes debug-kernel $(debug_parts)

check-all: lab
	@exec lab/lanes $(all_parts)

check-long: lab
	@exec lab/lanes $(long_parts)

check-host: lab
	@exec lab/lanes $(host_parts)

check-guest: lab
	@exec lab/lanes $(guest_parts)

check-unit check-fuzz check-device check-lab: check-%: lab
	@exec lab/lanes $*

$(host_parts) $(guest_parts) $(long_parts): lab
	@exec lab/lanes $@

$(debug_parts): lab
	@exec lab/lanes debug-kernel $@

T ?=
test: lab
	@exec lab/test $(foreach word,$(T),'$(word)')

tests: lab
	@lab/enter tests/matrix print $(foreach word,$(T),'$(word)')

# A third of a second a round, and a fifth of the cycles are rounds: an hour.
SOAK_CYCLES ?= 50000
soak: lab
	@lab/run --machine $(or $(MACHINE),default) --name soak --timeout 86400 -- \
		tests/host/run --cycles=$(SOAK_CYCLES) $(addprefix backing=,$(BACKING)) soak

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
# By -icount the clock goes on by a nanosecond with each instruction: one round is as good as more.
ram_clock = $(if $(filter instructions,$(CLOCK)),LAB_QEMU="-icount shift=0" LAB_ENVIRONMENT="export CLOCK=instructions ROUNDS=1")
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
	@lab/run --machine $(or $(MACHINE),default) --name shell --timeout 86400 --interactive -- lab/vm/shell

docs: root
	$(inside) docs

style: root
	@lab/enter lab/style

debug-kernel: root
	@lab/qemu-headers
	@lab/alone lab/debug-kernel

clean:
	@lab/alone lab/remove $(addprefix build/,driver lib qemu firmware tests demo examples guest bench prototypes print initramfs vmlinux run)

distclean:
	@lab/alone lab/remove build
	@echo "removed build/"

cacheclean:
	@lab/cache clean

.PHONY: help root lab demo guest check check-debug check-all check-long check-host check-guest \
	check-unit check-fuzz check-device check-lab $(host_parts) $(guest_parts) $(debug_parts) $(long_parts) \
	test tests soak bench bench-guest bench-ram bench-clear prototype shell docs style debug-kernel clean distclean cacheclean
