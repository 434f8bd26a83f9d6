# SPDX-License-Identifier: GPL-2.0-only
# What every script of the lab needs: places, messages, and the way into the
# lab's root. Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the scripts that source it

# The kernel kills a script when its parent ends, so that nothing runs on after a run
# that was killed. The script executes itself once more, through setpriv, to ask for that.
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
# Links to entries of the cache (lab/cache): build/KIND.
root=$build/root
# The project as it is seen inside the root and inside the VM.
inside=/vfio-cxl
# And the entries of the cache other than the root: /cache/KIND.
cached=/cache
# In the VM, this is the root.
in_vm=
if [ -e /run/lab/environment ]; then
	in_vm=1 root=
fi

# Where the entries are. Set but empty, LAB_CACHE is for a cache of this checkout's own.
if [ -n "${LAB_CACHE+set}" ]; then
	cache=$(realpath -m "${LAB_CACHE:-$build/cache}")
elif [ "$(id -u)" -eq 0 ]; then
	cache=/var/cache/vfio-cxl
else
	cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/vfio-cxl
fi

# What lab/alone and lab/lanes say when they cannot have this checkout for themselves.
busy="another make builds or runs tests in this checkout already"

say() { printf 'lab: %s\n' "$*" >&2; }

# die MESSAGE [REMEDY]
die()
{
	printf 'lab: error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'lab: %s\n' "$2" >&2
	exit 1
}

# as_root COMMAND...: as the root to which the files of the lab's root belong.
# An ordinary user is that in a user namespace.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		unshare --user --map-root-user --map-auto "$@"
	fi
}

# hold ENTRY: keep the cache's entry from being removed for as long as this
# process, or one that inherits $held, lives. Fails if it is gone.
hold()
{
	[ -r "$1/lock" ] && { exec {held}<"$1/lock"; } 2>/dev/null || return 1
	flock --shared "$held"
	# A remover had it first: the lock is that of a file without a name.
	if [ ! "$1/lock" -ef "/dev/fd/$held" ]; then
		exec {held}<&-
		return 1
	fi
	# The time of last use.
	touch --no-create "$1/lock" 2>/dev/null || :
}

# need_space DIRECTORY MEBIBYTES
need_space()
{
	local free

	free=$(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge "$2" ] ||
		die "$1 has $free MiB free, the lab needs $2 MiB" \
		    "free some space, or take another file system: make LAB_CACHE=DIR"
}

# installed PATTERN...: the packages of the root that match, with their versions.
installed()
{
	# shellcheck disable=SC2016 # the format is dpkg's to expand
	dpkg-query --admindir="$root/var/lib/dpkg" -W \
		-f '${db:Status-Status} ${Package} ${Version}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' | sort
}

# recipe SCRIPT: what it does, without its comments: part of the key of what it makes.
recipe() { grep -v '^[[:space:]]*#' "$1" | sha256sum | cut -d ' ' -f 1; }

# The release of the distribution's kernel in the root.
kernel_release()
{
	local newest

	newest=$(cd "$root/boot" 2>/dev/null && ls -v vmlinuz-* 2>/dev/null | tail -n 1)
	[ -n "$newest" ] || die "no kernel in $root/boot" "make the root filesystem with: make lab"
	echo "${newest#vmlinuz-}"
}
