#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""VLANs for a Linux whose kernel was built without IEEE 802.1Q: a TAP device for each, whose frames cross a
trunk with a tag. All of IP and ARP stays the kernel's.

  vlan_taps.py TRUNK DEVICE=VLAN...
"""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_VLAN_VALID = 0x10
ETH_P_ALL, TAG = 3, 0x8100


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def open_trunk(name):
    trunk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    trunk.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    trunk.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    trunk.bind((name, 0))
    trunk.setblocking(False)
    return trunk


def receive(trunk):
    """A frame without its tag, and its VLAN: the kernel has put the tag beside the frame, or left it in."""
    frame, extra, _, source = trunk.recvmsg(65536, 256)
    if source[2] == PACKET_OUTGOING:
        return None, None
    for _, _, data in extra:
        status, _, _, _, _, control, _ = struct.unpack("IIIHHHH", data[:20])
        if status & TP_STATUS_VLAN_VALID:
            return frame, control & 0xFFF
    if len(frame) >= 18 and frame[12:14] == struct.pack(">H", TAG):
        return frame[:12] + frame[16:], struct.unpack(">H", frame[14:16])[0] & 0xFFF
    return frame, None


def relay(trunk, taps):
    numbers = {tap: number for number, tap in taps.items()}
    while True:
        for ready in select.select([trunk, *numbers], [], [])[0]:
            try:
                if ready is trunk:
                    frame, number = receive(trunk)
                    if number in taps:
                        os.write(taps[number], frame)
                else:
                    frame = os.read(ready, 65536)
                    trunk.send(frame[:12] + struct.pack(">HH", TAG, numbers[ready]) + frame[12:])
            except OSError as gone:  # a device that is down, a queue that is full: as on a wire
                print(gone, flush=True)


if __name__ == "__main__":
    devices = {int(number): open_tap(name) for name, number in (word.split("=") for word in sys.argv[2:])}
    print("ready", flush=True)
    relay(open_trunk(sys.argv[1]), devices)
