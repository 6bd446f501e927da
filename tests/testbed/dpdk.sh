# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Sourced. What a nested machine needs of DPDK beside the libraries of pando itself.
#
#   dpdk_driver NAME...     drivers by name: virtio, memif, af_packet, af_xdp. Sets
#     dpdk_files            SOURCE=PATH words for run.sh's --files, comma-separated
#     dpdk_before           a shell command that puts them where DPDK looks, for the nested machine
dpdk_driver() {
	local drivers d bpf
	drivers=$(echo "$(pkg-config --variable=libdir libdpdk)"/dpdk/pmds-*)
	[ -d "$drivers" ] || { echo "testbed: DPDK's drivers are not here: libdpdk-dev is missing" >&2; return 1; }
	# One folder of the system holds all its drivers; the bus comes as a library of the driver.
	dpdk_before="mkdir -p ${drivers%/*} && ln -s /pando/dpdk $drivers"
	dpdk_files=""
	for d in mempool_ring "${@/#/net_}"; do
		[ -e "$drivers/librte_$d.so" ] || { echo "testbed: DPDK has no $d here" >&2; return 1; }
		dpdk_files="$dpdk_files${dpdk_files:+,}$drivers/librte_$d.so=dpdk/librte_$d.so"
	done
	case " $* " in *" af_xdp "*)
		# libxdp loads its program from a folder of the system, and keeps it in the kernel's bpf file system.
		bpf=${drivers%/dpdk/*}/bpf
		[ -d "$bpf" ] && dpdk_files="$dpdk_files,$bpf=bpf" && dpdk_before="$dpdk_before && ln -s /pando/bpf $bpf"
		dpdk_before="$dpdk_before && mount -t bpf bpf /sys/fs/bpf" ;;
	esac
}
