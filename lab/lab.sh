# SPDX-License-Identifier: GPL-2.0-only
# What every script of the lab needs: places, messages, and the way into the
# lab's root. Sourced, never run.
# shellcheck shell=bash

# A script ends when what started it does, however that ended: nothing runs on. It
# begins anew as lab/tied does it; once is enough, and a child begins for itself.
tied=${LAB_TIED:-}
if [ "$tied" != "$$ $PPID" ]; then
	# Its parent has ended in between.
	[ "${tied%% *}" != $$ ] || exit 1
	LAB_TIED="$$ $PPID" exec setpriv --pdeathsig KILL -- "$0" "$@"
fi

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
# Where runs leave their logs, below the project.
runs=${LAB_RUNS:-build/run}
root=$build/root
# The project as it is seen inside the root and inside the VM.
inside=/vfio-cxl
# In the VM, this is the root.
in_vm=
if [ -e /run/lab/environment ]; then
	in_vm=1 root=
fi

say() { printf 'lab: %s\n' "$*" >&2; }

# die MESSAGE [REMEDY]
die()
{
	printf 'lab: error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'lab: %s\n' "$2" >&2
	exit 1
}

# need_space DIRECTORY MEBIBYTES
need_space()
{
	local free

	free=$(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge "$2" ] ||
		die "$1 has $free MiB free, the lab needs $2 MiB" \
		    "free some space, or clone the project to a larger file system"
}

# The release of the distribution's kernel in the root.
kernel_release()
{
	local newest

	newest=$(cd "$root/boot" 2>/dev/null && ls -v vmlinuz-* 2>/dev/null | tail -n 1)
	[ -n "$newest" ] || die "no kernel in $root/boot" "run 'make distclean' and start again"
	echo "${newest#vmlinuz-}"
}
