#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What passt is to its parent: frames on descriptor 3, an answer to who asks for the gateway, all others sent back.
# PANDO_FAKE_PASST is a folder: args (appended, one start a line), and mode, which is read at each start:
#   serve       a frame that says "die" is an end with status 3, one that says "lie" a length that no frame has
#   refuse      a line on standard error and status 1, as for a port that is taken
#   namespaces  the same, as where there are no user namespaces
#   silent      no answer to anything
#   slow        serves after a second
import os
import socket
import struct
import sys
import time

folder = os.environ["PANDO_FAKE_PASST"]
with open(folder + "/args", "a") as f:
    f.write(" ".join(sys.argv[1:]) + "\n")
with open(folder + "/mode") as f:
    mode = f.read().strip()
if mode == "refuse":
    print("one line\nFailed to bind any port for '-t 2222:22', exiting", file=sys.stderr)
    sys.exit(1)
if mode == "namespaces":
    print("Couldn't create user namespace: Operation not permitted", file=sys.stderr)
    sys.exit(1)
peer = socket.socket(fileno=3)
with open(folder + "/pid", "w") as f:
    f.write(str(os.getpid()))


def take(n):
    b = b""
    while len(b) < n:
        part = peer.recv(n - len(b))
        if not part:
            sys.exit(0)
        b += part
    return b


def give(frame):
    peer.sendall(struct.pack(">I", len(frame)) + frame)


if mode == "silent":
    time.sleep(3600)
if mode == "slow":
    time.sleep(1)
while True:
    frame = take(struct.unpack(">I", take(4))[0])
    if frame[14:17] == b"die":
        print("the last words", file=sys.stderr)
        sys.exit(3)
    if frame[14:17] == b"lie":
        peer.sendall(struct.pack(">I", 5) + b"12345")
    elif frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01":
        give(frame[6:12] + b"\x52\x55\x0a\x00\x02\x02" + frame[12:20] + b"\x00\x02" + frame[22:])
    else:
        give(frame)
