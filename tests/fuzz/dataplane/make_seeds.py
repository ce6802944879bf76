#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds of the pipeline's fuzz target: one step each, and some in a row. What a step's octets mean
is said in pipeline_packet_fuzz.cpp. Writes seed files beside the list of their names, OUTPUT."""
import ipaddress
import pathlib
import struct
import sys

LAN_HOST, US_LAN, LAN_OTHER, NET2, NET3, NET4, NET5, NET6 = range(8)
US_WAN, PEER_9, PEER_10, BYPASS, VLAN_HOST = range(8, 13)
LINK_LOCAL, GROUP, SILENT = 13, 14, 15
LAN, WAN = 0, 1
VLAN, OTHER_VLAN = WAN | 4, WAN | 6


def ipv4(protocol, payload, ttl=64, fragment=0, words=5, options=b""):
    return struct.pack(">BBHHHBBHII", 0x40 | words, 0, 0, 1, fragment, ttl, protocol, 0, 0, 0) + options + payload


def udp(source, destination, payload=b"payload"):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source, destination, options=b""):
    """A SYN."""
    return struct.pack(">HHIIBBHHH", source, destination, 1, 1, 0x50 + (len(options) << 2), 2, 1000, 0, 0) + options


def icmp(kind, code, payload=b"12345678"):
    return struct.pack(">BBHI", kind, code, 0, 1) + payload


def ipv6(next_header, payload, hops=64, flow=0):
    return struct.pack(">IHBB", 6 << 28 | flow, 0, next_header, hops) + bytes(32) + payload


def extension(next_header, options=b"", kind_octets=b""):
    """Hop-by-hop or destination options; a routing header with its kind's octets."""
    body = kind_octets + options
    missing = (6 - len(body)) % 8  # Pad1 or PadN (RFC 8200 §4.2)
    body += bytes([1, missing - 2] + [0] * (missing - 2)) if missing > 1 else bytes(missing)
    return bytes([next_header, (len(body) + 2) // 8 - 1]) + body


def fragment(next_header, offset, more, identification=7):
    return struct.pack(">BBHI", next_header, 0, offset | more, identification)


def address6(text):
    return ipaddress.IPv6Address(text).packed


def nd(kind, target, option=1, flags=0, hops=255):
    """A solicitation (135) or an advertisement (136)."""
    link = bytes([option, 1, 2, 0, 0, 0, 0, 0x82]) if option else b""
    return ipv6(58, struct.pack(">BBHI", kind, 0, 0, flags) + address6(target) + link, hops=hops)


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def probe(target, group):
    """A solicitation of who has no address yet (RFC 4862 §5.4.2)."""
    message = struct.pack(">BBHI", 135, 0, 0, 0) + address6(target)
    total = checksum(bytes(16) + address6(group) + struct.pack(">II", len(message), 58) + message)
    return ipv6(58, b"", hops=255)[:24] + address6(group) + message[:2] + struct.pack(">H", total) + message[4:]


def icmp6_error(kind, code, quoted, rest=1280):
    return struct.pack(">BBHI", kind, code, 0, rest) + quoted


def quoted4(source, destination, protocol, payload):
    return (struct.pack(">BBHHHBBH", 0x45, 0, 1500, 1, 0x4000, 60, protocol, 0) + bytes(source) + bytes(destination) +
            payload)


def quoted6(source, destination, next_header, payload):
    return (struct.pack(">IHBB", 6 << 28, len(payload), next_header, 60) + address6(source) +
            address6(destination) + payload)


def step(what, detail, *parts, together=False):
    return bytes([what | detail << 4 | (0x80 if together else 0)]) + b"".join(parts)


def sized(octets):
    return struct.pack(">H", len(octets)) + octets


def sound(port, source, destination, packet, **kw):
    return step(3, port, bytes([source << 4 | destination]), sized(packet), **kw)


def pieces(port, source, destination, piece, packet, detail=0):
    return step(4, port | detail, bytes([source << 4 | destination]), struct.pack(">H", piece), sized(packet))


def sealed(what, sa, sequence, source, destination, packet, tos=0, damage=None, detail=0):
    return step(what, detail, struct.pack(">BHBB", sa, sequence, source << 4 | destination, tos),
                struct.pack(">H", damage) if damage is not None else b"", sized(packet))


def larval(sequence, source, destination, packet):
    return step(15, 4, struct.pack(">HB", sequence, source << 4 | destination), sized(packet))


def arp(operation, sender=(10, 1, 0, 9), target=(10, 1, 0, 1), tag=b""):
    mac = bytes([2, 0, 0, 0, 0, 0x82])
    return (bytes([0xFF] * 6) + mac + tag + b"\x08\x06" +
            struct.pack(">HHBBH", 1, 0x800, 6, 4, operation) + mac + bytes(sender) + bytes(6) + bytes(target))


UDP = ipv4(17, udp(4711, 9))
BIG = ipv4(17, udp(4711, 9, bytes(1460)))
UDP6 = ipv6(17, udp(4711, 9))
BIG6 = ipv6(17, udp(4711, 9, bytes(1440)))
PASSES6 = ipv6(17, udp(4711, 1500))
PING6 = ipv6(58, icmp(128, 0))
TOLD_MTU = struct.pack(">BBHHH", 3, 4, 0, 0, 600)
ENDS_9, ENDS_10 = ((192, 0, 2, 1), (192, 0, 2, 9)), ((192, 0, 2, 1), (192, 0, 2, 10))
ESP_0, ESP_4 = struct.pack(">II", 0x2000, 1), struct.pack(">II", 0x2004, 1)
ESP_1 = udp(4500, 4500, struct.pack(">II", 0x2001, 1))
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
    "no_policy": sound(LAN, LAN_HOST, PEER_9, UDP),
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
    # IPv6
    "nd_solicitation": sound(LAN, LAN_HOST, GROUP, nd(135, "2001:db8:1::1")),
    "nd_solicitation_out": sound(WAN, PEER_9, GROUP, nd(135, "2001:db8:f::1")),
    "nd_solicitation_one": sound(LAN, LAN_HOST, US_LAN, nd(135, "2001:db8:1::1")),
    "nd_of_link_local": sound(LAN, LINK_LOCAL, GROUP, nd(135, "2001:db8:1::1")),
    "nd_for_another": sound(LAN, LAN_HOST, GROUP, nd(135, "2001:db8:1::77")),
    "nd_advertisement": sound(WAN, PEER_9, US_WAN, nd(136, "2001:db8:f::9", 2, 0x60000000)),
    "nd_unasked": sound(WAN, PEER_9, GROUP, nd(136, "2001:db8:f::77", 2, 0x20000000)),
    "nd_from_afar": sound(WAN, PEER_9, US_WAN, nd(135, "2001:db8:f::1", hops=64)),
    "nd_router": sound(WAN, LINK_LOCAL, GROUP, ipv6(58, icmp(134, 0, bytes(24)), hops=255)),
    "nd_without_option": sound(LAN, LAN_HOST, US_LAN, nd(135, "2001:db8:1::1", option=0)),
    "nd_empty_option": step(3, LAN, bytes([LAN_HOST << 4 | GROUP]), sized(nd(135, "2001:db8:1::1")[:-7] + bytes(7))),
    "nd_probe": step(2, LAN, b"\x00", sized(probe("2001:db8:1::1", "ff02::1:ff00:1"))),
    "echo6": sound(LAN, LAN_HOST, US_LAN, PING6),
    "echo6_out": sound(WAN, PEER_9, US_WAN, PING6),
    "echo6_options": sound(LAN, LAN_HOST, US_LAN, ipv6(60, extension(58) + icmp(128, 0))),
    "echo6_forbidding": sound(LAN, LAN_HOST, US_LAN, ipv6(60, extension(58, b"\xc2\x02\x00\x00") + icmp(128, 0))),
    "hops6": sound(LAN, LAN_HOST, NET2, ipv6(17, udp(1, 2), hops=1)),
    "no_port6": sound(LAN, LAN_HOST, US_LAN, UDP6),
    "no_protocol6": sound(LAN, LAN_HOST, US_LAN, ipv6(0, extension(99) + bytes(8))),
    "chain6": sound(LAN, LAN_HOST, NET2, ipv6(0, extension(60) + extension(43) + extension(17, kind_octets=bytes(6)) + udp(1, 2))),
    "long_chain6": sound(LAN, LAN_HOST, NET2, ipv6(60, extension(60) * 8 + extension(17) + udp(1, 2))),
    "source_route6": sound(LAN, LAN_HOST, NET2, ipv6(43, extension(17, kind_octets=b"\x00\x01") + udp(1, 2))),
    "hop_by_hop_late6": sound(LAN, LAN_HOST, NET2, ipv6(60, extension(0) + extension(17) + udp(1, 2))),
    "no_chain_end6": sound(LAN, LAN_HOST, NET2, ipv6(60, extension(60))),
    "martian6": step(2, LAN, b"\x00", sized(UDP6)),
    "link_local6": sound(LAN, LINK_LOCAL, NET2, UDP6),
    "group6": sound(LAN, LAN_HOST, GROUP, UDP6),
    "atomic6": sound(LAN, LAN_HOST, NET2, ipv6(44, fragment(17, 0, 0) + udp(1, 2))),
    "first_without_ports6": sound(LAN, LAN_HOST, NET2, ipv6(44, fragment(17, 0, 1))),
    "fragments_out6": pieces(LAN, LAN_HOST, NET2, 504, BIG6),
    "fragments_us6": pieces(WAN, PEER_9, US_WAN, 504, ipv6(17, udp(500, 500, bytes(1200)))),
    "fragments_back6": pieces(WAN, PEER_9, US_WAN, 256, ipv6(17, udp(500, 500, bytes(1200))), detail=6),
    "fragments_with_chain6": pieces(LAN, LAN_HOST, BYPASS, 256, ipv6(60, extension(17) + udp(9, 1500, bytes(900)))),
    "fragments_overlap6": sound(WAN, PEER_9, US_WAN, ipv6(44, fragment(17, 0, 1) + udp(500, 500, bytes(56)))) +
                          sound(WAN, PEER_9, US_WAN, ipv6(44, fragment(17, 32, 0) + bytes(64))),
    "fragments_late6": pieces(LAN, LAN_HOST, NET2, 0x0208, BIG6, detail=4) + step(9, 0, b"\xff\xff"),
    "fragment_flood6": step(13, WAN | 6, bytes([PEER_9 << 4 | US_WAN]), sized(ipv6(44, fragment(17, 0, 1) + udp(500, 500, bytes(8))))[1:]),
    "ike6": sound(WAN, PEER_9, US_WAN, ipv6(17, udp(500, 500, bytes(28)))),
    "ike_nat6": sound(WAN, PEER_9, US_WAN, ipv6(17, udp(4500, 4500, bytes(32)))),
    "keepalive6": sound(WAN, PEER_9, US_WAN, ipv6(17, udp(4500, 4500, b"\xff"))),
    "bypass_out6": step(12, 0) + sound(LAN, LAN_HOST, BYPASS, PASSES6),
    "bypass_ping6": step(12, 0) + sound(LAN, LAN_HOST, BYPASS, PING6),
    "bypass_other_port6": sound(LAN, LAN_HOST, BYPASS, UDP6),
    "bypass_in6": sound(WAN, BYPASS, LAN_HOST, ipv6(17, udp(1500, 4711))),
    "clear_in6": sound(WAN, NET2, LAN_HOST, UDP6),
    "discard6": sound(LAN, LAN_OTHER, NET2, UDP6),
    "waits6": sound(LAN, LAN_HOST, BYPASS, PASSES6) + step(12, 0),
    "waits_in_vain6": sound(LAN, LAN_HOST, BYPASS, PASSES6) + step(9, 0, b"\x20\x00"),
    "way_moves6": sound(LAN, LAN_HOST, SILENT, UDP6) + step(14, 0) + step(9, 0, b"\x00\xff"),
    "no_policy6": sound(LAN, LAN_HOST, PEER_9, UDP6),
    "trap6": sound(LAN, LAN_HOST, NET6, UDP6),
    "out_6_in_6": sound(LAN, LAN_HOST, NET2, UDP6),
    "out_6_in_udp6": sound(LAN, LAN_HOST, NET3, UDP6),
    "out_6_in_4": sound(LAN, LAN_HOST, NET4, ipv6(6, tcp(80, 4711))),
    "out_6_in_udp4": sound(LAN, LAN_HOST, NET5, UDP6),
    "out_icmp_in_4": sound(LAN, LAN_HOST, NET4, PING6),
    "out_big6": sound(LAN, LAN_HOST, NET2, BIG6),
    "out_big_6_in_4": sound(LAN, LAN_HOST, NET5, BIG6),
    "out_must_carry6": sound(LAN, LAN_HOST, NET3, ipv6(17, udp(1, 2, bytes(1232)))),
    "out_big_4_in_6": sound(LAN, LAN_HOST, NET5, BIG) + sound(LAN, LAN_HOST, NET5, ipv4(17, udp(4711, 9, bytes(1460)), fragment=0x4000)),
    "in_6_in_6": sealed(5, 4, 1, NET2, LAN_HOST, ipv6(17, udp(4711, 9), flow=2 << 20), tos=3),
    "in_6_in_udp6": sealed(5, 5, 1, NET3, LAN_HOST, UDP6),
    "in_4_in_udp6": sealed(5, 5, 1, NET3, LAN_HOST, ipv4(17, udp(603, 9))),
    "out_4_in_udp6": sound(LAN, LAN_HOST, NET3, ipv4(17, udp(9, 603))),
    "in_6_in_4": sealed(5, 6, 1, NET4, LAN_HOST, ipv6(6, tcp(4711, 80))),
    "in_6_in_udp4": sealed(5, 7, 1, NET5, LAN_HOST, ipv6(17, udp(4711, 9), flow=1 << 20), tos=3),
    "in_chain6": sealed(5, 4, 1, NET2, LAN_HOST, ipv6(0, extension(60) + extension(17) + udp(1, 2))),
    "in_fragments6": sealed(5, 4, 1, NET2, US_LAN, ipv6(44, fragment(17, 0, 1) + udp(4711, 9, bytes(8)))) +
                     sealed(5, 4, 2, NET2, US_LAN, ipv6(44, fragment(17, 16, 0) + bytes(8))),
    "in_hops6": sealed(5, 4, 1, NET2, LAN_HOST, ipv6(17, udp(1, 2), hops=1)),
    "in_martian6": sealed(5, 4, 1, GROUP, LAN_HOST, UDP6),
    "in_echo6": sealed(5, 4, 1, NET2, US_LAN, PING6),
    "in_error6": sealed(5, 4, 1, VLAN_HOST, LAN_HOST, ipv6(58, icmp6_error(2, 0, quoted6("2001:db8:1::9", "2001:db8:2::9", 17, udp(1, 2))))),
    "out_error6": sound(LAN, SILENT, NET2, ipv6(58, icmp6_error(1, 0, quoted6("2001:db8:2::9", "2001:db8:1::9", 17, udp(1, 2))))),
    "error_to_us6": sound(WAN, PEER_9, US_WAN, ipv6(58, icmp6_error(2, 0, quoted6("2001:db8:f::1", "2001:db8:f::9", 50, bytes(8))))),
    "hub6": sealed(5, 4, 1, NET2, NET3, UDP6),
    "big_hub6": sealed(5, 4, 1, NET2, NET3, BIG6),
    "hub_4_to_6": sealed(5, 0, 1, NET2, NET3, BIG),
    "replay6": sealed(5, 4, 7, NET2, LAN_HOST, UDP6) * 2,
    "wrong_policy6": sealed(5, 4, 1, NET5, LAN_HOST, UDP6),
    "wrong_version": sealed(5, 0, 1, NET2, LAN_HOST, UDP6),
    "damaged6": sealed(6, 4, 1, NET2, LAN_HOST, UDP6, damage=80),
    "cut6": sealed(6, 5, 1, NET3, LAN_HOST, UDP6, damage=70, detail=4),
    "fragmented_esp6": sealed(8, 4, 1, NET2, LAN_HOST, BIG6, damage=504),
    "fragmented_udp_esp6": sealed(8, 5, 1, NET3, LAN_HOST, BIG6, damage=504, detail=2),
    "dummy6": sealed(7, 4, 1, 0, 0, bytes(14) + b"\x00\x3b"),
    "unknown_spi6": sound(WAN, PEER_9, US_WAN, ipv6(50, struct.pack(">II", 0x9999, 1) + bytes(40))),
    "other_peer6": sound(WAN, PEER_10, US_LAN, ipv6(50, struct.pack(">II", 0x1004, 1) + bytes(40))),
    "inject6": step(15, 2, bytes([0x80 | PEER_9]), sized(bytes(64))) + step(15, 3, bytes([0x80 | PEER_10]), sized(bytes(1500))),
    "retired6": step(10, 0, b"\x13") + sealed(5, 4, 1, NET2, LAN_HOST, UDP6),
    "mixed": sound(LAN, LAN_HOST, NET2, UDP, together=True) + sound(LAN, LAN_HOST, NET2, UDP6, together=True) +
             sound(LAN, LAN_HOST, BYPASS, PASSES6, together=True) + sound(LAN, LAN_HOST, NET4, PING6),
    # AH, transport mode, AH around ESP
    "out_ah": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(9, 600))) + sound(LAN, LAN_HOST, NET2, ipv6(17, udp(9, 600))),
    "out_ah6": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(9, 601))) + sound(LAN, LAN_HOST, NET2, ipv6(17, udp(9, 601))),
    "out_ah_big": sound(LAN, LAN_HOST, NET2, ipv4(17, udp(9, 600, bytes(1460)))) + sound(LAN, LAN_HOST, NET2, ipv6(17, udp(9, 601, bytes(1440)))),
    "out_bundle": sound(LAN, LAN_HOST, NET3, ipv4(17, udp(9, 602))) + sound(LAN, LAN_HOST, NET3, ipv4(17, udp(9, 602, bytes(1400)))),
    "out_bundle_half": step(10, 0, bytes([4 * 13 + 2])) + sound(LAN, LAN_HOST, NET3, ipv4(17, udp(9, 602))),
    "in_ah": sealed(5, 8, 1, NET2, LAN_HOST, ipv4(17, udp(600, 9))) + sealed(5, 8, 2, NET2, LAN_HOST, ipv6(17, udp(600, 9))),
    "in_ah6": sealed(5, 9, 1, NET2, LAN_HOST, ipv4(17, udp(601, 9)), tos=1) + sealed(5, 9, 2, NET2, LAN_HOST, ipv6(17, udp(601, 9))),
    "in_ah_damaged": sealed(6, 8, 1, NET2, LAN_HOST, ipv4(17, udp(600, 9)), damage=60),
    "in_ah_length": sealed(6, 9, 1, NET2, LAN_HOST, ipv4(17, udp(601, 9)), damage=41),
    "in_ah_cut": sealed(6, 8, 1, NET2, LAN_HOST, ipv4(17, udp(600, 9)), damage=44, detail=4),
    "in_ah_raw": sealed(7, 8, 1, 0, 0, bytes(40)) + sealed(7, 11, 1, 0, 0, icmp(128, 0)),
    "in_ah_fragments": sealed(8, 8, 1, NET2, LAN_HOST, ipv4(17, udp(600, 9, bytes(900))), damage=504),
    "in_ah_fragments6": sealed(8, 9, 1, NET2, LAN_HOST, ipv6(17, udp(601, 9, bytes(900))), damage=504),
    "in_transport": sealed(5, 10, 1, 0, 0, ipv4(1, icmp(8, 0))),
    "in_transport_ah6": sealed(5, 11, 1, 0, 0, PING6) + sealed(5, 11, 1, 0, 0, PING6),
    "in_transport_udp6": sealed(5, 14, 1, 0, 0, PING6),
    "in_transport_error6": sealed(5, 11, 1, 0, 0, ipv6(58, icmp6_error(1, 0, bytes(48)))),
    "in_transport_esp": sealed(5, 13, 1, 0, 0, ipv4(50, struct.pack(">II", 0x100C, 1) + bytes(64))),
    "in_transport_other": sealed(5, 10, 1, 0, 0, ipv4(17, udp(1, 2))),
    "in_bundle": sealed(5, 12, 1, NET3, LAN_HOST, ipv4(17, udp(602, 9))),
    "in_bundle_damaged": sealed(6, 12, 1, NET3, LAN_HOST, ipv4(17, udp(602, 9)), damage=100),
    "in_bundle_ah_alone": sealed(5, 13, 1, 0, 0, ipv4(17, udp(602, 9))),
    "in_bundle_fragments": sealed(8, 12, 1, NET3, LAN_HOST, ipv4(17, udp(602, 9, bytes(1200))), damage=504),
    "in_bundle_esp_gone": step(10, 0, bytes([4 * 12 + 3])) + sealed(5, 12, 1, NET3, LAN_HOST, ipv4(17, udp(602, 9))),
    "echo_transport": sound(WAN, PEER_9, US_WAN, ipv4(1, icmp(8, 0))),
    "spoofed_transport": sound(LAN, US_WAN, PEER_9, ipv4(1, icmp(0, 0))) + sound(LAN, US_WAN, PEER_10, ipv6(60, extension(58) + icmp(129, 0))),
    # what suits the tunnel: path MTU, MSS, fragments before sealing, padding
    "path_mtu": sound(LAN, LAN_HOST, NET2, UDP) + sound(WAN, VLAN_HOST, US_WAN, ipv4(1, TOLD_MTU + quoted4(*ENDS_9, 50, ESP_0))) +
                sound(LAN, LAN_HOST, NET2, BIG) + sound(LAN, LAN_HOST, NET2, ipv4(17, udp(4711, 9, bytes(1300)), fragment=0x4000)),
    "path_mtu_udp": sound(LAN, LAN_HOST, NET3, UDP) + sound(WAN, PEER_10, US_WAN, ipv4(1, TOLD_MTU + quoted4(*ENDS_10, 17, ESP_1))) +
                    sound(LAN, LAN_HOST, NET3, BIG),
    "path_mtu6": sound(LAN, LAN_HOST, NET2, UDP6) +
                 sound(WAN, BYPASS, US_WAN, ipv6(58, icmp6_error(2, 0, quoted6("2001:db8:f::1", "2001:db8:f::9", 50, ESP_4), 1290))) +
                 sound(LAN, LAN_HOST, NET2, ipv6(17, udp(4711, 9, bytes(1230)))) + sound(LAN, LAN_HOST, NET2, BIG6),
    "path_mtu_forgotten": sound(LAN, LAN_HOST, NET2, UDP) + sound(WAN, VLAN_HOST, US_WAN, ipv4(1, TOLD_MTU + quoted4(*ENDS_9, 50, ESP_0))) +
                          step(9, 0, b"\x60\x00") + sound(LAN, LAN_HOST, NET2, BIG),
    "path_mtu_other": sound(LAN, LAN_HOST, NET2, UDP) + sound(WAN, VLAN_HOST, US_WAN, ipv4(1, TOLD_MTU + quoted4(*ENDS_10, 50, ESP_0))),
    "mss_out": sound(LAN, LAN_HOST, NET2, ipv4(6, tcp(1, 2, b"\x01\x01\x01\x01\x02\x04\x05\xb4"))),
    "mss_out6": sound(LAN, LAN_HOST, NET2, ipv6(6, tcp(1, 2, b"\x02\x04\x05\xa0"))),
    "mss_in": sealed(5, 0, 1, NET2, LAN_HOST, ipv4(6, tcp(1, 2, b"\x02\x04\x05\xb4"))),
    "mss_in6": sealed(5, 7, 1, NET5, LAN_HOST, ipv6(6, tcp(1, 2, b"\x02\x04\x05\xb4"))),
    "mss_broken": sound(LAN, LAN_HOST, NET2, ipv4(6, tcp(1, 2, b"\x02\x00\x05\xb4"))) + sound(LAN, LAN_HOST, NET2, ipv4(6, tcp(1, 2, b"\x01\x01\x02\x04"))),
    "cut_before": sound(LAN, LAN_HOST, NET3, BIG) + sound(LAN, LAN_HOST, NET2, ipv4(17, udp(9, 600, bytes(1460)))) +
                  sound(LAN, LAN_HOST, NET3, ipv4(17, udp(9, 602, bytes(1460)))),
    # VLANs
    "vlan_in": sound(VLAN, VLAN_HOST, LAN_HOST, UDP),
    "vlan_in6": sound(VLAN, VLAN_HOST, LAN_HOST, UDP6),
    "vlan_out": sound(LAN, LAN_HOST, VLAN_HOST, UDP) + sound(LAN, LAN_HOST, VLAN_HOST, UDP6),
    "vlan_out_big": sound(LAN, LAN_HOST, VLAN_HOST, BIG) + sound(LAN, LAN_HOST, VLAN_HOST, BIG6),
    "vlan_to_tunnel": sound(VLAN, LAN_HOST, NET2, UDP),
    "vlan_discovery": sound(VLAN, VLAN_HOST, GROUP, nd(135, "2001:db8:9::1")),
    "vlan_arp": step(0, WAN, sized(arp(1, (203, 0, 113, 5), (203, 0, 113, 1), b"\x81\x00\x00\x07"))),
    "vlan_other": sound(OTHER_VLAN, VLAN_HOST, LAN_HOST, UDP) + b"\x00\x08",
    "vlan_priority": sound(OTHER_VLAN, NET2, LAN_HOST, UDP) + b"\xe0\x00",
    "vlan_twice": step(0, WAN, sized(bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9]) + b"\x81\x00\x00\x07" * 2 + b"\x08\x00" + bytes(40))),
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
