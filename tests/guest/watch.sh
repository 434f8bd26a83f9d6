# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced, after report.sh, by tests whose guests do to the accelerator what the
# lab's machine must not notice: what is looked at before, meanwhile and
# afterwards.
# shellcheck shell=bash

programs=build/tests/guest
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What the host's kernel may say: that the component BAR is claimed already; of
# MSRs, when a guest's kernel tries them; that the machine is slow.
expected_log="can't reserve|Unhandled (WR|RD)MSR|hogged CPU|clocksource|hrtimer: interrupt took|perf: interrupt|sched: DL replenish|timekeeping watchdog"

# What a guest's QEMU may: that the processors are not those it would like.
expected_qemu="doesn't support requested feature|recommended cpus supported by KVM"

# nap SECONDS: sleep without a process of its own. The guest has the same processor, and
# waits while that starts one: as long as the nap itself, where all is emulated.
exec {never}<> <(:)
nap() { read -r -t "$1" -u "$never" || :; }

log() { dmesg --level=emerg,alert,crit,err,warn | grep -vE "$expected_log"; }

# same WHEN: the witness says what it said at first, in $scratch/first. The witness
# waits until the driver has put the device back after its last user.
same()
{
	"$programs/witness" >"$scratch/now" && diff "$scratch/first" "$scratch/now" | sed 's/^/# /'
	[ "${PIPESTATUS[0]}" -eq 0 ]
	report "$1: physical decoders, DVSEC and host bridges are as before" $?
}

# descendants PID: all processes below one.
descendants()
{
	local child

	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}

# nothing_said DIR: neither by the QEMU of the guest that ran there, nor by the
# host's kernel since its log was put in $scratch/log.
nothing_said()
{
	grep -vE "$expected_qemu" "$1/qemu.log" >"$scratch/said"
	head -n 20 "$scratch/said" | sed 's/^/# QEMU: /'
	[ ! -s "$scratch/said" ]
	report "its QEMU had nothing to say" $?
	log | tail -n "+$(($(wc -l <"$scratch/log") + 1))" >"$scratch/said"
	head -n 20 "$scratch/said" | sed 's/^/# kernel: /'
	[ ! -s "$scratch/said" ]
	report "the host's kernel had nothing to say" $?
}

# next_user WHAT TEST...: another user of the device, these tests of the host's.
next_user()
{
	local what=$1 status

	shift
	tests/host/run "$@" >"$scratch/user" 2>&1
	status=$?
	[ $status -eq 0 ] || sed 's/^/# /' "$scratch/user"
	report "$what" $status
}
