# SPDX-License-Identifier: BSD-3-Clause
"""One ESP packet with negotiated keys, sealed or opened, to prove to a peer that they are the same:
CBC ciphers with HMAC, tunnel mode, an ICMP echo inside (RFC 4303 §2, RFC 3602 §3, RFC 2404, RFC 4868)."""
import hmac
import ipaddress
import struct

from .algorithms import CIPHERS
from .children import key_octets

_CIPHERS = {3: CIPHERS[5], 12: CIPHERS[7], 22: CIPHERS[8]}  # ESP transform to a cipher of IKE
_INTEGRITY = {1: ("md5", 12), 2: ("sha1", 12), 5: ("sha256", 16), 6: ("sha384", 24), 7: ("sha512", 32)}
IP_IN_IP = 4


def _checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def echo_request(source, target, sequence=1):
    """A whole IPv4 packet."""
    def icmp(check):
        return struct.pack("!BBHHH", 8, 0, check, 0x5073, sequence) + b"penstock reference model"
    body = icmp(_checksum(icmp(0)))

    def header(check):
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 1, check) + \
            ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return header(_checksum(header(0))) + body


def is_echo_reply(packet, source, target):
    return (packet[9] == 1 and packet[20] == 0 and packet[12:16] == ipaddress.ip_address(source).packed and
            packet[16:20] == ipaddress.ip_address(target).packed)


def _parts(sa):
    return _CIPHERS[sa.transform.ident], *_INTEGRITY[sa.transform.get(5)]


def seal(sa, sequence, inner, iv):
    """An ESP packet of our outbound SA."""
    cipher, digest, icv = _parts(sa)
    key, auth = sa.parts(sa.material_out)
    pad = -(len(inner) + 2) % cipher.block
    clear = inner + bytes(range(1, pad + 1)) + bytes([pad, IP_IN_IP])
    packet = sa.spi_out + struct.pack("!I", sequence) + iv + cipher.encrypt(key, iv, clear)
    return packet + hmac.new(auth, packet, digest).digest()[:icv]


def open_packet(sa, packet):
    """The inner packet, or None if it is not of our inbound SA or not authentic."""
    cipher, digest, icv = _parts(sa)
    key, auth = sa.parts(sa.material_in)
    if packet[:4] != sa.spi_in or len(packet) < 8 + 2 * cipher.block + icv:
        return None
    if not hmac.compare_digest(hmac.new(auth, packet[:-icv], digest).digest()[:icv], packet[-icv:]):
        return None
    iv = packet[8:8 + cipher.block]
    clear = cipher.decrypt(key, iv, packet[8 + cipher.block:-icv])
    return clear[:-2 - clear[-2]]


def can_seal(sa):
    return sa.transform.ident in _CIPHERS and key_octets(sa.protocol, sa.transform)[1] > 0


def block_of(sa):
    return _CIPHERS[sa.transform.ident].block
