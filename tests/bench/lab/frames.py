# SPDX-License-Identifier: BSD-3-Clause
"""Packets of a benchmark: SAs, inner packets, the same sealed, and capture files of them. Sealing is
that of python3-cryptography, so that what a gateway opens was not made by a gateway."""
import hashlib
import hmac
import random
import socket
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

PCAP_MAC = "0270636170{:02x}"  # net_pcap's own: they are numbered as they are made
PEER_MAC = bytes.fromhex("020000000009")
OUR_OUTER, PEER_OUTER = "192.0.2.1", "192.0.2.9"
OUR_NET, SOURCE = "10.1.0.0/16", "10.1.0.9"
FIRST_BEHIND = 0x0A800000  # 10.128.0.0: an address behind the peer for each SA
IMIX = [64] * 7 + [570] * 4 + [1420]
FLOWS_OF_ONE_SA = 64
# proposal: octets of cipher key, salt, IV, block, integrity key, ICV
SUITES = {"aes128gcm16": (16, 4, 8, 4, 0, 16), "aes256gcm16": (32, 4, 8, 4, 0, 16),
          "chacha20poly1305": (32, 4, 8, 4, 0, 16),
          "aes128-sha256": (16, 0, 16, 16, 32, 16), "aes256-sha256": (32, 0, 16, 16, 32, 16)}


class Sa:
    """One pair: `index` names its addresses and its SPIs, its keys follow from them."""

    def __init__(self, index, suite):
        self.index, self.suite = index, suite
        self.behind = socket.inet_ntoa(struct.pack("!I", FIRST_BEHIND + index))

    def spi(self, inbound):
        return (0x2000000 if inbound else 0x1000000) + self.index

    def keys(self, inbound):
        key, salt, _, _, mac, _ = SUITES[self.suite]
        name = f"{self.suite}|{self.spi(inbound)}".encode()
        octets = hashlib.sha512(name).digest() + hashlib.sha512(name + b"2").digest()
        return octets[:key + salt], octets[64:64 + mac]


def checksum(octets):
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def inner(sa, octets, flow, towards_us=False):
    """A UDP packet of so many octets, IP header and all; its flow is its source port."""
    body = octets - 28
    udp = struct.pack("!HHHH", 1024 + flow, 2000, 8 + body, 0) + bytes(i & 0xff for i in range(body))
    ends = (sa.behind, SOURCE) if towards_us else (SOURCE, sa.behind)
    return ipv4(*ends, 17, udp)


def sealed(sa, packet, sequence=1):
    """ESP in tunnel mode from the peer to us (RFC 4303; RFC 4106, RFC 7634, RFC 3602)."""
    _, salt, iv_octets, block, mac, icv = SUITES[sa.suite]
    key, auth = sa.keys(inbound=True)
    padding = -(len(packet) + 2) % block
    text = packet + bytes(range(1, padding + 1)) + bytes([padding, 4])
    head = struct.pack("!II", sa.spi(True), sequence)
    iv = hashlib.sha256(head).digest()[:iv_octets]
    if mac:
        cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        covered = head + iv + cipher.update(text) + cipher.finalize()
        esp = covered + hmac.new(auth, covered, "sha256").digest()[:icv]
    else:
        aead = (ChaCha20Poly1305 if sa.suite.startswith("chacha") else AESGCM)(key[:-salt])
        esp = head + iv + aead.encrypt(key[-salt:] + iv, text, head)
    return ipv4(PEER_OUTER, OUR_OUTER, 50, esp)


def packets(sas, size, inbound, seed=1):
    """What a source replays: each SA in random order, or one SA's flows. `size` in octets of the inner
    packet, or "imix"."""
    order = [(sa, 0) for sa in sas] if len(sas) > 1 else [(sas[0], i) for i in range(FLOWS_OF_ONE_SA)]
    random.Random(seed).shuffle(order)
    if size == "imix":
        order = order * -(-len(IMIX) // len(order))
    for number, (sa, flow) in enumerate(order):
        octets = IMIX[number % len(IMIX)] if size == "imix" else size
        packet = inner(sa, octets, flow, towards_us=inbound)
        yield sealed(sa, packet) if inbound else packet


def mean_octets(size):
    return sum(IMIX) / len(IMIX) if size == "imix" else size


def write_capture(path, ip_packets, number=0, mac=None):
    """A pcap file of Ethernet frames for the net_pcap of that number, or for another port's MAC.
    @return how many"""
    link = (mac or bytes.fromhex(PCAP_MAC.format(number))) + PEER_MAC + b"\x08\x00"
    count = 0
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for packet in ip_packets:
            out.write(struct.pack("<IIII", 0, 0, len(packet) + 14, len(packet) + 14) + link + packet)
            count += 1
    return count
