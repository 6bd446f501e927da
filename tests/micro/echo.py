#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Sends every frame back that comes over a stream socket (a length of four bytes, then the frame). Usage: echo.py SOCKET
# Says "ready" once it listens, and serves one connection after the other until it is ended.
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    try:
        while part := peer.recv(1 << 16):  # each byte as it came is each frame as it came
            peer.sendall(part)
    except OSError:
        pass
    peer.close()
