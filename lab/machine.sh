# SPDX-License-Identifier: GPL-2.0-only
# Machine descriptions (lab/machines), turned into QEMU's arguments. Sourced
# by lab/run, never run.
# shellcheck shell=bash
# Variables are of lab.sh, or for lab/run.
# shellcheck disable=SC2034,SC2154

# Firmware looks at each bus number up to the last host bridge's, a matter of
# seconds in a guest.
cpus=2 memory=2G maximum=64G firmware="" processor="" kernel_line="" slot=1 bus=4 last_bridge=""
qemu_of=distribution bios=seabios
board=() objects=() devices=() windows=()
declare -A ports switches

# The next two are for describe() alone, and use its file, item and name: those
# of the line that is read.

# settings KNOWN OPTION...: the values of the options that KNOWN lists, into
# given; the others, which are properties of QEMU's device, into properties.
settings()
{
	local known=" $1 " option
	shift

	given=() properties=''
	for option; do
		case $option in
		*=*) ;;
		*) die "$file: $item $name: '$option' is not PROPERTY=VALUE" ;;
		esac
		case $known in
		*" ${option%%=*} "*) given[${option%%=*}]=${option#*=} ;;
		*) properties+=,$option ;;
		esac
	done
}

# port: a port for the line's device, of the bridge or switch that was given.
port()
{
	local bridge=${given[bridge]:-} driver=cxl-rp

	[[ " ${!ports[*]} " = *" ${bridge:--} "* ]] || die "$file: $item $name: no bridge '$bridge' above it"
	[ -z "${switches[$bridge]:-}" ] || driver=cxl-downstream
	devices+=(-device "$driver,id=$name-port,bus=$bridge,chassis=0,slot=$slot,port=${ports[$bridge]}")
	slot=$((slot + 1)) ports[$bridge]=$((ports[$bridge] + 1))
}

# host_device N: address of the accelerator that is number N of those bound to
# cxl-vfio-pci; anything else is an address.
host_device()
{
	local bound

	case $1 in
	[0-9])
		bound=(/sys/bus/pci/drivers/cxl-vfio-pci/*:*:*.*)
		[ -e "${bound[$1]:-}" ] || die "fewer than $(($1 + 1)) devices are bound to cxl-vfio-pci"
		echo "${bound[$1]##*/}" ;;
	*) echo "$1" ;;
	esac
}

# near_machines NAME: those whose names have most in common with it, by pairs of letters.
near_machines()
{
	local name i count

	for name in $(cd "$top/lab/machines" && echo *); do
		count=0
		for ((i = 0; i < ${#1} - 1; i++)); do [[ $name != *"${1:i:2}"* ]] || count=$((count + 1)); done
		echo "$count $name"
	done | sort -rn | head -n 4 | cut -d' ' -f2 | paste -sd' '
}

# describe FILE: turn a machine description into QEMU's arguments.
describe()
{
	local file=$top/lab/machines/$1 item name options option window decoders host properties
	local -A given

	[ -e "$file" ] || die "no machine is called '$1'" "near: $(near_machines "$1")"
	while read -r item name options; do
		case $item in
		''|'#'*) ;;
		include) describe "$name" ;;
		cpus) cpus=$name ;;
		memory)
			# shellcheck disable=SC2086
			settings "maximum sparse" $options
			[ -z "$properties" ] || die "$file: memory: unknown option '${properties#,}'"
			memory=$name maximum=${given[maximum]:-$maximum}
			case ${given[sparse]:-no} in
			no) ;;
			yes)
				objects+=(-object "memory-backend-ram,id=ram,size=$memory,reserve=off")
				board+=(memory-backend=ram) ;;
			*) die "$file: memory: sparse is yes or no, not '${given[sparse]}'" ;;
			esac ;;
		qemu)
			case $name in
			distribution|backports) qemu_of=$name ;;
			*) die "$file: qemu is distribution or backports, not '$name'" ;;
			esac ;;
		bios)
			case $name in
			seabios|ovmf) bios=$name ;;
			*) die "$file: bios is seabios or ovmf, not '$name'" ;;
			esac ;;
		object) objects+=(-object "$name") ;;
		processor) processor+=,$name ;;
		append) kernel_line+=" $name $options" ;;
		iommu)
			case $name in
			none) ;;
			intel)
				# shellcheck disable=SC2086
				settings "" $options
				devices+=(-device "intel-iommu,intremap=on,caching-mode=on$properties") ;;
			*) die "$file: iommu is intel or none, not '$name'" ;;
			esac ;;
		bridge)
			window=4G decoders=yes
			for option in $options; do
				case $option in
				window=*) window=${option#*=} ;;
				decoders=yes|decoders=no) decoders=${option#*=} ;;
				*) die "$file: bridge $name: unknown option '$option'" ;;
				esac
			done
			[ "$decoders" = yes ] && decoders=on || decoders=off
			devices+=(-device "pxb-cxl,id=$name,bus=pcie.0,bus_nr=$bus,hdm_for_passthrough=$decoders")
			windows+=("cxl-fmw.${#windows[@]}.targets.0=$name,cxl-fmw.${#windows[@]}.size=$window")
			last_bridge=$name bus=$((bus + 4)) ports[$name]=0 ;;
		switch)
			# shellcheck disable=SC2086
			settings "bridge" $options
			port
			[ -z "${switches[${given[bridge]}]:-}" ] ||
				die "$file: switch $name: below switch '${given[bridge]}': one level is all there is"
			[ "${given[bridge]}" = "$last_bridge" ] ||
				die "$file: switch $name: put it before the next bridge, which takes the bus numbers"
			devices+=(-device "cxl-upstream,id=$name,bus=$name-port$properties")
			# Its own port has number 0.
			bus=$((bus + 8)) ports[$name]=1 switches[$name]=1 ;;
		accel)
			# shellcheck disable=SC2086
			settings "bridge size" $options
			[ -n "${given[size]:-}" ] || die "$file: accel $name: no size="
			# Sparse: it may be larger than what this computer has.
			objects+=(-object "memory-backend-ram,id=$name-hdm,size=${given[size]},reserve=off")
			port
			devices+=(-device "cxl-accel,id=$name,bus=$name-port,memdev=$name-hdm$properties") ;;
		expander)
			# shellcheck disable=SC2086
			settings "bridge size" $options
			[ -n "${given[size]:-}" ] || die "$file: expander $name: no size="
			objects+=(-object "memory-backend-ram,id=$name-ram,size=${given[size]},reserve=off")
			port
			devices+=(-device "cxl-type3,id=$name,bus=$name-port,volatile-memdev=$name-ram$properties") ;;
		pass)
			# shellcheck disable=SC2086
			settings "bridge host" $options
			port
			host=$(host_device "${given[host]:-}")
			devices+=(-device "vfio-cxl,id=$name,bus=$name-port,host=$host$properties") ;;
		stock)
			# shellcheck disable=SC2086
			settings "host" $options
			host=$(host_device "${given[host]:-}")
			devices+=(-device "pcie-root-port,id=$name-port,bus=pcie.0,chassis=$slot,slot=$slot,pref64-reserve=4G"
				-device "vfio-pci,id=$name,bus=$name-port,host=$host$properties")
			slot=$((slot + 1)) ;;
		device) devices+=(-device "$name") ;;
		firmware) firmware="$name $options" ;;
		*) die "$file: unknown item '$item'" ;;
		esac
	done <"$file"
}
