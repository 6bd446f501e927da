#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One session with QEMU's own client library: every command, what it returned and which events came.

session.py LIBRARY SOCKET OUT.json DUMP [--pando]

The same script runs against Pando and against QEMU; compare.py compares the two logs.
"""
import asyncio
import json
import os
import sys

lib, socket, out, dump = sys.argv[1:5]
pando = "--pando" in sys.argv
sys.path.insert(0, lib)
from qemu.qmp import ExecuteError, QMPClient  # noqa: E402

HMP = "human-monitor-command"
IMAGE = os.path.dirname(dump) + "/plug.img"
NODE = {"driver": "raw", "node-name": "plug-node", "file": {"driver": "file", "filename": IMAGE}}
DISK = {"driver": "virtio-blk-pci", "drive": "plug-node", "id": "plug-disk", "serial": "PLUG"}
MEMORY = {"qom-type": "memory-backend-ram", "id": "plug-memory", "size": 128 << 20}
COMMANDS = [
    ("query-version", {}), ("query-commands", {}), ("query-qmp-schema", {}), ("query-events", {}), ("query-name", {}),
    ("query-uuid", {}), ("query-status", {}), ("query-kvm", {}), ("query-target", {}), ("query-machines", {}),
    ("query-cpus-fast", {}), ("query-hotpluggable-cpus", {}), ("query-memory-size-summary", {}),
    ("query-memory-devices", {}), ("query-pci", {}), ("query-block", {}), ("query-blockstats", {}),
    ("query-named-block-nodes", {}),
    ("query-chardev", {}), ("query-iothreads", {}), ("query-dump", {}),
    ("stop", {}), ("query-status", {}), ("cont", {}), ("query-status", {}),
    ("inject-nmi", {}), ("system_wakeup", {}),
    ("block_resize", {"device": "disk0", "size": 2 << 20}), ("block_resize", {"device": "nosuch", "size": 1}),
    ("block_resize", {"node-name": "nosuch", "size": 1}), ("block_resize", {"size": 1}),
    ("set_link", {"name": "nosuch", "up": True}), ("device_add", {"driver": "nosuch", "addr": "5"}),
    ("device_del", {"id": "nosuch"}),
    # A disk comes; it is asked for, the guest says nothing, and the reset below is the end of it.
    ("blockdev-add", NODE), ("blockdev-add", NODE), ("blockdev-add", {"driver": "raw", "node-name": "x"}),
    ("blockdev-add", {**NODE, "node-name": "x", "nosuch": 1}), ("blockdev-add", {"driver": "nosuch", "node-name": "x"}),
    ("device_add", DISK), ("device_add", DISK), ("device_add", {**DISK, "id": "x"}),
    ("device_add", {"driver": "virtio-blk-pci"}), ("device_add", {"driver": "virtio-blk-pci", "drive": "nosuch"}),
    ("device_add", {"driver": "virtio-rng-pci", "bus": "nosuch"}), ("device_add", {"driver": "virtio-rng-pci", "nosuch": 1}),
    ("device_add", {"driver": "virtio-rng-pci", "addr": "40"}), ("device_add", {"driver": "virtio-rng-pci", "id": "a b"}),
    ("query-block", {}), ("query-blockstats", {}), ("query-named-block-nodes", {}), ("query-pci", {}),
    ("blockdev-del", {"node-name": "plug-node"}), ("blockdev-del", {"node-name": "nosuch"}),
    ("netdev_add", {"type": "user", "id": "plug-net"}), ("netdev_add", {"type": "user", "id": "plug-net"}),
    ("netdev_add", {"type": "nosuch", "id": "x"}), ("netdev_add", {"type": "user", "id": "x", "nosuch": 1}),
    ("device_add", {"driver": "virtio-net-pci", "netdev": "nosuch"}),
    ("netdev_del", {"id": "nosuch"}), ("netdev_del", {"id": "plug-net"}),
    ("device_del", {"id": "plug-disk"}),
    # Neither guest has room for more memory.
    ("object-add", MEMORY), ("object-add", MEMORY), ("object-add", {**MEMORY, "id": "x", "nosuch": 1}),
    ("object-add", {"qom-type": "nosuch", "id": "x"}), ("object-add", {"qom-type": "memory-backend-ram", "id": "x"}),
    ("device_add", {"driver": "pc-dimm"}), ("device_add", {"driver": "pc-dimm", "memdev": "nosuch"}),
    ("device_add", {"driver": "pc-dimm", "memdev": "plug-memory"}), ("query-memory-devices", {}),
    ("object-del", {"id": "nosuch"}), ("object-del", {"id": "plug-memory"}),
    (HMP, {"command-line": "info status"}), (HMP, {"command-line": "info cpus"}),
    (HMP, {"command-line": "info registers"}), (HMP, {"command-line": "info mtree"}),
    (HMP, {"command-line": "nonsense"}), (HMP, {"command-line": "info registers", "cpu-index": 99}), (HMP, {}),
    ("dump-guest-memory", {"paging": False, "protocol": "file:" + dump}),
    ("dump-guest-memory", {"paging": False, "protocol": "nonsense"}),
    ("dump-guest-memory", {"paging": False, "protocol": "file:" + dump, "begin": 0}),
    ("dump-guest-memory", {"paging": False}), ("dump-guest-memory", {"paging": 0, "protocol": "file:x"}),
    ("system_powerdown", {}), ("system_reset", {}),
    ("device_del", {"id": "plug-disk"}), ("blockdev-del", {"node-name": "plug-node"}), ("blockdev-del", {"node-name": "plug-node"}),
    ("qmp_capabilities", {}), ("nosuch", {}), ("stop", {"x": 1}),
]
OURS = [
    ("x-pando-query-status", {}), ("x-pando-query-domain-xml", {}), ("x-pando-query-hosts", {}), ("x-pando-query-warnings", {}), ("x-pando-query-host-load", {}), ("x-pando-query-coherence", {}),
    ("x-pando-query-hot-pages", {"count": 5}), ("x-pando-query-hot-pages", {"count": 0}),
    ("x-pando-query-vcpu-placement", {}),
]
# More of ours, used where they are offered.
LATER = [
    ("x-pando-move-vcpu", {"vcpu": 1, "host": 0}), ("x-pando-query-vcpu-placement", {}),
    ("x-pando-move-vcpu", {"vcpu": 1, "host": 1}), ("x-pando-move-vcpu", {"vcpu": 77, "host": 0}),
    ("x-pando-grow", {"host": 1, "cpus": 1}), ("x-pando-shrink", {"vcpu": 1}),
    ("x-pando-add-host", {"address": "127.0.0.1:1"}), ("x-pando-remove-host", {"host": 7}),
    ("x-pando-drain", {"host": 7}), ("x-pando-move-board", {"host": 63}), ("x-pando-drain-cancel", {}), ("x-pando-query-drain", {}),
    ("x-pando-move-homes", {"from": 1, "to": 0, "bytes": 2097152}), ("x-pando-move-homes", {"from": 1, "to": 7}),
    ("x-pando-trace-start", {}), ("x-pando-trace-stop", {}),
]


async def main():
    log = []
    c = QMPClient("test")
    await c.connect(socket)
    with c.listener() as events:
        offered = {x["name"] for x in await c.execute("query-commands")}
        todo = COMMANDS + ((OURS + [x for x in LATER if x[0] in offered]) if pando else []) + [("quit", {})]
        for name, args in todo:
            entry = {"command": name, "args": args}
            try:
                entry["return"] = await asyncio.wait_for(c.execute(name, args or None), 60)
            except ExecuteError as e:
                entry["error"] = {"class": e.error_class, "desc": str(e)}
            # What a command causes comes before its return.
            entry["events"] = []
            while not events.empty():
                e = await events.get()
                entry["events"].append({k: e[k] for k in ("event", "data") if k in e})
            # Of this one QEMU tells when it comes to it; there the front's own end is told before, and the reset last.
            while name == "system_reset" and not (any("device" in e.get("data", {}) for e in entry["events"])
                                                  and any(e["event"] == "RESET" for e in entry["events"])):
                e = await asyncio.wait_for(events.get(), 60)
                entry["events"].append({k: e[k] for k in ("event", "data") if k in e})
            log.append(entry)
        exercised = {e["command"] for e in log}
        missed = sorted(x for x in offered - exercised if x.startswith("x-pando-") or pando)
        if missed:
            print("FAIL qmp.every_command: not exercised:", " ".join(missed))
        elif pando:
            print("PASS qmp.every_command")
    try:
        await c.disconnect()
    except Exception:  # the server is gone after quit
        pass
    with open(out, "w") as f:
        json.dump(log, f, indent=1)


asyncio.run(main())
