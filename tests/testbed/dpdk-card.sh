#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a nested machine: gives the network card with the MAC address $1 to DPDK (uio_pci_generic: there is no IOMMU) and
# writes its PCI address to /run/dpdk-card. Hugepages are reserved for it: the card reads physical memory.
mac=$1
fail() { echo "dpdk-card: $*" >&2; exit 1; }
modprobe virtio_net && modprobe uio_pci_generic || fail "no module virtio_net or uio_pci_generic"
for n in /sys/class/net/*; do
	grep -q "$mac" "$n/address" || continue
	# The network device is a child of the virtio device, which is a child of the PCI function.
	pci=$(basename "$(dirname "$(readlink -f "$n/device")")")
	case $pci in *:*:*.*) ;; *) pci=$(basename "$(readlink -f "$n/device")") ;; esac
done
[ -n "$pci" ] || fail "no card has the address $mac"
echo "$pci" >"/sys/bus/pci/devices/$pci/driver/unbind"
echo uio_pci_generic >"/sys/bus/pci/devices/$pci/driver_override"
echo "$pci" >/sys/bus/pci/drivers/uio_pci_generic/bind || fail "uio_pci_generic does not take $pci"
echo 128 >/proc/sys/vm/nr_hugepages
mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages
echo "$pci" >/run/dpdk-card
