#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that do harm, while another one works. hostile.py SOCKET PID: PASS or FAIL lines.

PID is the process whose memory must stay bounded.
"""
import json
import socket
import sys
import time

path, pid = sys.argv[1], int(sys.argv[2])
bad = 0


def check(name, ok, why=""):
    global bad
    print(f"{'PASS' if ok else 'FAIL'} qmp.hostile.{name}" + ("" if ok else f": {why}"))
    bad |= not ok


def dial(negotiate=True):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    f = s.makefile("rb")
    assert b'"QMP"' in f.readline()
    if negotiate:
        assert ask(s, f, "qmp_capabilities") == {}
    return s, f


def ask(s, f, command, **args):
    s.sendall(json.dumps({"execute": command, "arguments": args}).encode())
    while True:
        m = json.loads(f.readline())
        if "event" not in m:
            return m.get("return", m.get("error"))


def rss():
    return int(next(x for x in open(f"/proc/{pid}/status") if x.startswith("VmRSS")).split()[1])


def error_of(s, f):
    while True:
        m = json.loads(f.readline())
        if "event" not in m:
            return m["error"]["class"]


good = dial()


def still_served():
    t = time.monotonic()
    ok = ask(*good, "query-status")["running"]
    return ok and time.monotonic() - t < 2


before = rss()

s, f = dial()
s.sendall(b"garbage \x00\x01\x7f }}} ]\n")
check("garbage", error_of(s, f) == "GenericError" and still_served())

s, f = dial()
s.sendall(b'{"execute": "qu')
check("half_a_message", still_served())
s.close()

s, f = dial()
s.sendall(b"[" * 100000 + b"]" * 100000)
check("deep_nesting", error_of(s, f) == "GenericError" and ask(s, f, "query-name")["name"])

s, f = dial()
s.sendall(b'{"execute":"\xc3\x28\xa0\xa1"}')
check("invalid_utf8", error_of(s, f) == "GenericError" and ask(s, f, "query-name")["name"])

s, f = dial()
s.settimeout(120)
s.sendall(b'{"execute":"')
megabyte = b"x" * (1 << 20)
slow = 0
for i in range(1024):
    s.sendall(megabyte)
    if i % 128 == 0 and not still_served():
        slow += 1
s.sendall(b'"}')
check("a_gigabyte", error_of(s, f) == "GenericError" and slow == 0, f"{slow} answers of another client were late")

# It asks and never reads: nobody else waits, and its own answers are bounded.
deaf = dial()[0]
deaf.settimeout(0.5)
sent = 0
try:
    for i in range(200000):
        deaf.sendall(b'{"execute":"query-qmp-schema"}')
        sent += 1
except (socket.timeout, BlockingIOError):
    pass
check("a_client_that_does_not_read", still_served() and sent < 200000, f"{sent} commands were taken")
for i in range(200):
    ask(*good, "stop")
    ask(*good, "cont")
check("events_while_it_does_not_read", still_served())

many = []
for i in range(40):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(5)
    c.connect(path)
    many.append(c)
    time.sleep(0.02)  # the queue of connections is short
closed = sum(1 for c in many if c.recv(1) == b"")
check("too_many_clients", closed >= 24 and still_served(), f"{closed} of 40 were refused")
for c in many:
    c.close()
time.sleep(0.3)
again = dial()
check("served_again", ask(*again, "query-name")["name"])
grown = rss() - before
check("memory_is_bounded", grown < 64 << 10, f"{grown} KiB more")
sys.exit(bad)
