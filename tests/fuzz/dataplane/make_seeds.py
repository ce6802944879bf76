#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds of the pipeline's fuzz target: one step each, and some in a row. What a step's octets mean
is said in pipeline_packet_fuzz.cpp. Writes seed files beside the list of their names, OUTPUT."""
import pathlib
import struct
import sys

LAN_HOST, US_LAN, LAN_OTHER, NET2, NET3, NET4, NET5, NET6 = range(8)
US_WAN, PEER_9, PEER_10, BYPASS, NOWHERE = range(8, 13)
SILENT = 15
LAN, WAN = 0, 1


def ipv4(protocol, payload, ttl=64, fragment=0, words=5, options=b""):
    return struct.pack(">BBHHHBBHII", 0x40 | words, 0, 0, 1, fragment, ttl, protocol, 0, 0, 0) + options + payload


def udp(source, destination, payload=b"payload"):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source, destination):
    return struct.pack(">HHIIBBHHH", source, destination, 1, 1, 0x50, 2, 1000, 0, 0)


def icmp(kind, code, payload=b"12345678"):
    return struct.pack(">BBHI", kind, code, 0, 1) + payload


def step(what, detail, *parts, together=False):
    return bytes([what | detail << 4 | (0x80 if together else 0)]) + b"".join(parts)


def sized(octets):
    return struct.pack(">H", len(octets)) + octets


def sound(port, source, destination, packet, **kw):
    return step(3, port, bytes([source << 4 | destination]), sized(packet), **kw)


def pieces(port, source, destination, piece, packet, detail=0):
    return step(4, port | detail, bytes([source << 4 | destination]), struct.pack(">H", piece), sized(packet))


def sealed(what, sa, sequence, source, destination, packet, tos=0, damage=None, detail=0):
    return step(what, sa | detail, struct.pack(">HBB", sequence, source << 4 | destination, tos),
                struct.pack(">H", damage) if damage is not None else b"", sized(packet))


def larval(sequence, source, destination, packet):
    return step(15, 4, struct.pack(">HB", sequence, source << 4 | destination), sized(packet))


def arp(operation):
    mac = bytes([2, 0, 0, 0, 0, 0x82])
    return (bytes([0xFF] * 6) + mac + b"\x08\x06" +
            struct.pack(">HHBBH", 1, 0x800, 6, 4, operation) + mac + bytes([10, 1, 0, 9]) + bytes(6) + bytes([10, 1, 0, 1]))


UDP = ipv4(17, udp(4711, 9))
BIG = ipv4(17, udp(4711, 9, bytes(1460)))
SEEDS = {
    "arp": step(0, LAN, sized(arp(1))),
    "echo": sound(LAN, LAN_HOST, US_LAN, ipv4(1, icmp(8, 0))),
    "ttl": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(1, 2), ttl=1)),
    "options": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(1, 2), words=6, options=b"\x01\x01\x01\x00")),
    "ike": sound(WAN, PEER_9, US_WAN, ipv4(17, udp(500, 500, bytes(28)))),
    "ike_nat": sound(WAN, PEER_9, US_WAN, ipv4(17, udp(4500, 4500, bytes(32)))),
    "keepalive": sound(WAN, PEER_9, US_WAN, ipv4(17, udp(4500, 4500, b"\xff"))),
    "bypass_out": step(12, 0) + sound(LAN, LAN_HOST, BYPASS, UDP),
    "bypass_in": sound(WAN, BYPASS, LAN_HOST, UDP),
    "waits": sound(LAN, LAN_HOST, BYPASS, UDP) + step(12, 0),
    "way_moves": sound(LAN, LAN_HOST, SILENT, UDP) + step(14, 0) + step(9, 0, b"\x00\xff"),
    "no_policy": sound(LAN, LAN_HOST, NOWHERE, UDP),
    "trap": sound(LAN, LAN_HOST, NET6, UDP),
    "out_gcm": sound(LAN, LAN_HOST, NET2, UDP),
    "out_cbc": sound(LAN, LAN_HOST, NET3, UDP),
    "out_null": sound(LAN, LAN_HOST, NET4, ipv4(6, tcp(80, 4711))),
    "out_chacha": sound(LAN, LAN_HOST, NET5, UDP),
    "out_big_df": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(4711, 9, bytes(1460)), fragment=0x4000)),
    "out_big": sound(LAN, LAN_HOST, NET3, BIG),
    "fragments_out": pieces(LAN, LAN_HOST, NET2, 504, BIG),
    "fragments_us": pieces(WAN, PEER_9, US_WAN, 504, ipv4(17, udp(500, 500, bytes(1200)))),
    "fragments_back": pieces(WAN, PEER_9, US_WAN, 256, ipv4(17, udp(500, 500, bytes(1200))), detail=6),
    "in_gcm": sealed(5, 0, 1, NET2, LAN_HOST, UDP),
    "in_cbc": sealed(5, 1, 1, NET3, LAN_HOST, UDP, tos=3),
    "in_null": sealed(5, 2, 1, NET4, LAN_HOST, ipv4(6, tcp(4711, 80))),
    "in_chacha": sealed(5, 3, 1, NET5, LAN_HOST, UDP),
    "hub": sealed(5, 0, 1, NET2, NET3, UDP),
    "replay": sealed(5, 0, 7, NET2, LAN_HOST, UDP) * 2,
    "window": b"".join(sealed(5, 0, n, NET2, LAN_HOST, UDP) for n in (100, 37, 36, 35, 300)),
    "wrong_policy": sealed(5, 0, 1, NET5, LAN_HOST, UDP),
    "damaged": sealed(6, 0, 1, NET2, LAN_HOST, UDP, damage=60),
    "damaged_header": sealed(6, 1, 1, NET3, LAN_HOST, UDP, damage=21),
    "cut": sealed(6, 1, 1, NET3, LAN_HOST, UDP, damage=50, detail=4),
    "dummy": sealed(7, 0, 1, 0, 0, bytes(14) + b"\x00\x3b"),
    "padding": sealed(7, 2, 1, 0, 0, bytes(28) + b"\x01\x02\x02\x04"),
    "fragmented_esp": sealed(8, 0, 1, NET2, LAN_HOST, BIG, damage=504),
    "big_hub": sealed(5, 0, 1, NET2, NET3, BIG),
    "in_ttl": sealed(5, 0, 1, NET2, LAN_HOST, ipv4(17, udp(1, 2), ttl=1)),
    "in_fragments": sealed(5, 0, 1, NET2, LAN_HOST, ipv4(17, bytes(64), fragment=0x2000)),
    "larval": larval(1, NET2, LAN_HOST, UDP) + larval(2, NET2, LAN_HOST, UDP) + step(15, 0) + step(9, 0, b"\x00\x05"),
    "larval_late": larval(1, NET2, LAN_HOST, UDP) + step(9, 0, b"\x10\x00"),
    "larval_retired": step(15, 0) + larval(1, NET2, LAN_HOST, UDP) + step(15, 0) + larval(2, NET2, LAN_HOST, UDP),
    "stop": larval(1, NET2, LAN_HOST, UDP) + sound(LAN, LAN_HOST, BYPASS, UDP) + step(15, 1),
    "inject": step(15, 2, bytes([PEER_9]), sized(bytes(64))) + step(15, 3, bytes([PEER_10]), sized(bytes(1500))),
    "lifetime": sound(LAN, LAN_HOST, NET5, UDP) * 8,
    "rekey": step(10, 0, b"\x02") + sound(LAN, LAN_HOST, NET2, UDP) + step(10, 0, b"\x00"),
    "retired": step(10, 0, b"\x03") + sealed(5, 0, 1, NET2, LAN_HOST, UDP),
    "time": pieces(WAN, PEER_9, US_WAN, 0x0208, BIG, detail=4) + step(9, 0, b"\x3a\x98") + sound(WAN, PEER_9, US_WAN, UDP),
    "flood": step(13, LAN | 6, bytes([LAN_HOST << 4 | NET2]), bytes([len(UDP)]) + UDP),
}


def main():
    listing = pathlib.Path(sys.argv[1]).resolve()
    folder = listing.parent / "pipeline_seeds"
    folder.mkdir(exist_ok=True)
    names = []
    for name, octets in SEEDS.items():
        (folder / name).write_bytes(octets)
        names.append(str(folder / name))
    listing.write_text(",".join(names))


if __name__ == "__main__":
    main()
