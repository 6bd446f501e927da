#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the Perfetto JSON of a two-host trace: trace_check.py FILE. Prints PASS and FAIL lines."""
import collections
import json
import re
import sys

doc = json.load(open(sys.argv[1]))
bound_us = sum(h["clock_bound_ns"] for h in doc["otherData"]["hosts"]) / 1000
events = doc["traceEvents"]
failed = False


def judge(name, good, why):
    global failed
    failed |= not good
    print(f"PASS trace-{name} ({why})" if good else f"FAIL trace-{name}: {why}")


# A message is one slice where it leaves and one where it comes: the same kind, page and transaction.
key = re.compile(r"^(\w+) (to|from) (\d+), page (\w+), .*transaction (\d+):(\d+)$")
sent, pairs, early, worst = {}, 0, 0, 0.0
for e in events:
    m = key.match(e.get("args", {}).get("what", "")) if e["ph"] == "X" else None
    if m and m[2] == "to":
        sent[(m[1], e["pid"] - 1, int(m[3]), m[4], m[5], m[6])] = e["ts"]
for e in events:
    m = key.match(e.get("args", {}).get("what", "")) if e["ph"] == "X" else None
    if m and m[2] == "from":
        at = sent.get((m[1], int(m[3]), e["pid"] - 1, m[4], m[5], m[6]))
        if at is not None:
            pairs += 1
            worst = min(worst, e["ts"] - at)
            early += e["ts"] + bound_us < at
judge("send-before-receive", pairs > 100 and early == 0,
      f"{pairs} messages seen at both ends, {early} came before they left by more than {bound_us:.3f} us; earliest {worst:.3f} us")

flows = collections.defaultdict(list)
for e in events:
    if e["ph"] in "stf":
        flows[e["id"]].append(e)
slices = collections.defaultdict(list)
for e in events:
    if e["ph"] == "X":
        slices[(e["pid"], e["tid"])].append((e["ts"], e["ts"] + e["dur"]))
crossing = whole = loose = 0
for f in flows.values():
    if len({e["pid"] for e in f}) < 2:
        continue
    crossing += 1
    times = [e["ts"] for e in f]
    ends = f[0]["ph"] == "s" and f[-1]["ph"] == "f" and all(e["ph"] == "t" for e in f[1:-1])
    # from a vCPU's fault to the same vCPU's going on, with the other host between
    whole += (ends and times == sorted(times) and f[0]["tid"] >= 100 and f[0]["tid"] == f[-1]["tid"]
              and f[0]["pid"] == f[-1]["pid"] and any(e["pid"] != f[0]["pid"] for e in f[1:-1]))
for f in list(flows.values())[:200]:
    for e in f:
        loose += not any(a - 0.0005 <= e["ts"] < b + 0.0005 for a, b in slices[(e["pid"], e["tid"])])
judge("fault-crosses-hosts", whole > 20, f"{crossing} arrows over both hosts, {whole} of them whole from fault to wake-up")
judge("arrows-are-on-slices", loose == 0 and flows, f"{loose} arrow ends outside of a slice")
sys.exit(failed)
