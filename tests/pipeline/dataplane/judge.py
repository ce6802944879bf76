#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Judges frames: scapy reads each, forgets lengths and checksums, and builds the same octets."""
import sys

try:
    from scapy.all import ARP, ICMP, IP, UDP, Ether, defragment, raw
except ImportError:
    sys.exit(77)


def rebuilt(frame):
    """The frame from its fields. What an ICMP error quotes is left as it is."""
    packet = Ether(frame)
    layer = packet.payload
    while layer:
        if isinstance(layer, IP):
            del layer.len, layer.chksum
            if layer.frag or layer.flags.MF:
                break
        elif isinstance(layer, UDP):
            del layer.len, layer.chksum
        elif isinstance(layer, ICMP):
            del layer.chksum
            break
        elif not isinstance(layer, ARP):
            break
        layer = layer.payload
    return raw(packet)


def main():
    faults, fragments, whole = [], [], None
    for line in open(sys.argv[1], encoding="ascii"):
        kind, octets = line.split()[0], bytes.fromhex(line.split()[1])
        if kind == "whole":
            whole = octets
            continue
        if rebuilt(octets) != octets:
            faults.append(f"{octets.hex()}\n  scapy builds {rebuilt(octets).hex()}")
        if IP in Ether(octets):
            fragments.append(Ether(octets)[IP])
    if whole is not None:
        joined = [raw(p) for p in defragment(fragments)]
        if joined != [whole]:
            faults.append(f"the fragments make {[j.hex() for j in joined]}, not {whole.hex()}")
    print("\n".join(faults), end="")
    sys.exit(1 if faults else 0)


main()
