#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Judges frames: scapy reads each, forgets lengths and checksums, and builds the same octets."""
import sys
from socket import AF_INET6, inet_ntop, inet_pton

try:
    from scapy.all import ARP, ICMP, IP, UDP, Ether, ICMPv6ND_NS, IPv6, defragment, raw
    from scapy.utils6 import in6_getnsma, in6_getnsmac
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
        elif isinstance(layer, IPv6):
            del layer.plen
        elif hasattr(layer, "cksum"):
            del layer.cksum
        elif isinstance(layer, ICMP):
            del layer.chksum
            break
        elif not isinstance(layer, ARP):
            break
        layer = layer.payload
    return raw(packet)


def probe_fault(packet):
    """What RFC 4862 5.4.2 and RFC 4861 7.1.1 ask of who looks for a duplicate."""
    if ICMPv6ND_NS not in packet or packet[IPv6].src != "::":
        return None
    group = in6_getnsma(inet_pton(AF_INET6, packet[ICMPv6ND_NS].tgt))
    right = (packet[IPv6].dst == inet_ntop(AF_INET6, group) and packet[IPv6].hlim == 255
             and packet.dst == in6_getnsmac(group) and not packet[ICMPv6ND_NS].payload)
    return None if right else f"no probe: {packet!r}"


def main():
    faults, fragments, whole = [], [], None
    for line in open(sys.argv[1], encoding="ascii"):
        kind, octets = line.split()[0], bytes.fromhex(line.split()[1])
        if kind == "whole":
            whole = octets
            continue
        if probe_fault(Ether(octets)):
            faults.append(probe_fault(Ether(octets)))
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
