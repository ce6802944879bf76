# SPDX-License-Identifier: BSD-3-Clause
"""The ISAKMP message: header, chain of payloads, and the bodies of all payloads but SA (RFC 2408 §3).

A message is a Header and a list of (type, body); bodies are octets, because RFC 2409 encrypts some
of them singly. Each body has a pair of functions here, or a pair in proposals.py for the SA.
"""
import ipaddress
import struct
from dataclasses import dataclass, field

from .registry import Doi, ExchangeType, Flag, IdType, NotifyType, PayloadType, Protocol

HEADER_BYTES = 28
GENERIC_BYTES = 4
COOKIE_BYTES = 8
ZERO_COOKIE = bytes(COOKIE_BYTES)
KNOWN_FLAGS = Flag.ENCRYPTION | Flag.COMMIT | Flag.AUTHENTICATION_ONLY


class Malformed(ValueError):
    """A message that breaks a rule of RFC 2408 §5; notify is what the rule tells to answer."""

    def __init__(self, notify, why):
        super().__init__(f"{NotifyType(notify).name}: {why}")
        self.notify = NotifyType(notify)


class Reader:
    """Takes octets from the front; a shortage is the malformation named by notify."""

    def __init__(self, data, what, notify=NotifyType.PAYLOAD_MALFORMED):
        self.data, self.what, self.notify, self.at = data, what, notify, 0

    def left(self):
        return len(self.data) - self.at

    def fail(self, why):
        raise Malformed(self.notify, f"{self.what}: {why}")

    def take(self, count):
        if count < 0 or count > self.left():
            self.fail(f"{count} octets wanted, {self.left()} there")
        self.at += count
        return self.data[self.at - count:self.at]

    def numbers(self, layout):
        return struct.unpack("!" + layout, self.take(struct.calcsize("!" + layout)))

    def number(self, layout):
        return self.numbers(layout)[0]

    def rest(self):
        return self.take(self.left())

    def zero(self, count, what="RESERVED"):
        if any(self.take(count)):
            self.fail(f"{what} is not zero")

    def end(self):
        if self.left():
            self.fail(f"{self.left()} octets too many")


@dataclass
class Header:
    """RFC 2408 §3.1"""
    initiator: bytes
    responder: bytes
    exchange: int
    flags: int = 0
    message_id: int = 0
    next_payload: int = 0
    version: int = 0x10
    length: int = 0

    def build(self):
        return self.initiator + self.responder + struct.pack(
            "!BBBBII", self.next_payload, self.version, self.exchange, self.flags, self.message_id,
            self.length)

    def encrypted(self):
        return bool(self.flags & Flag.ENCRYPTION)


def parse_header(data):
    """The header of a whole datagram, checked by RFC 2408 §5.1 and §5.2."""
    if len(data) < HEADER_BYTES:
        raise Malformed(NotifyType.UNEQUAL_PAYLOAD_LENGTHS, "the header is not whole")
    header = Header(data[:8], data[8:16], 0)
    (header.next_payload, header.version, header.exchange, header.flags, header.message_id,
     header.length) = struct.unpack("!BBBBII", data[16:28])
    if header.initiator == ZERO_COOKIE:
        raise Malformed(NotifyType.INVALID_COOKIE, "no initiator cookie")
    if header.version >> 4 != 1:
        raise Malformed(NotifyType.INVALID_MAJOR_VERSION, f"version {header.version >> 4}")
    if header.version & 15:
        raise Malformed(NotifyType.INVALID_MINOR_VERSION, f"minor version {header.version & 15}")
    if header.exchange not in set(ExchangeType) - {ExchangeType.NONE}:
        raise Malformed(NotifyType.INVALID_EXCHANGE_TYPE, f"exchange {header.exchange}")
    if header.flags & ~KNOWN_FLAGS:
        raise Malformed(NotifyType.INVALID_FLAGS, f"flags {header.flags:#04x}")
    if header.length != len(data):
        raise Malformed(NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
                        f"header says {header.length}, datagram has {len(data)}")
    return header


def build_chain(payloads):
    """Generic headers and bodies of a list of (type, body)."""
    out = b""
    for index, (_, body) in enumerate(payloads):
        following = payloads[index + 1][0] if index + 1 < len(payloads) else PayloadType.NONE
        out += struct.pack("!BBH", following, 0, GENERIC_BYTES + len(body)) + body
    return out


def parse_chain(first, data, padded=False):
    """[(type, body)] of what follows a header. With padded, zeros may follow the last payload
    (RFC 2409 appendix B). A type that is not known is refused by RFC 2408 §5.3; those for private
    use are passed on."""
    payloads, kind = [], first
    reader = Reader(data, "payload chain")
    while kind != PayloadType.NONE:
        if kind in (PayloadType.PROPOSAL, PayloadType.TRANSFORM):
            raise Malformed(NotifyType.INVALID_PAYLOAD_TYPE, f"payload {kind} outside of an SA")
        if kind < 128 and kind not in set(PayloadType):
            raise Malformed(NotifyType.INVALID_PAYLOAD_TYPE, f"payload {kind}")
        following, reserved, length = reader.numbers("BBH")
        if reserved:
            reader.fail(f"RESERVED of payload {kind} is not zero")
        if length < GENERIC_BYTES:
            reader.fail(f"payload {kind} has length {length}")
        payloads.append((kind, reader.take(length - GENERIC_BYTES)))
        kind = following
    if reader.left() and not padded:
        raise Malformed(NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
                        f"{reader.left()} octets after the last payload")
    return payloads


def chain_bytes(payloads):
    """How many octets a chain takes, without padding."""
    return sum(GENERIC_BYTES + len(body) for _, body in payloads)


def build_message(header, payloads):
    """A message in clear. Sets next payload and length in the header."""
    chain = build_chain(payloads)
    header.next_payload = payloads[0][0] if payloads else PayloadType.NONE
    header.length = HEADER_BYTES + len(chain)
    return header.build() + chain


def parse_message(data):
    """(header, payloads); of an encrypted message, (header, octets of the ciphertext)."""
    header = parse_header(data)
    if header.encrypted():
        return header, data[HEADER_BYTES:]
    return header, parse_chain(header.next_payload, data[HEADER_BYTES:])


# --- bodies ------------------------------------------------------------------------------------


@dataclass
class Identification:
    """RFC 2407 §4.6.2"""
    kind: int
    data: bytes
    protocol: int = 0
    port: int = 0

    def build(self):
        return struct.pack("!BBH", self.kind, self.protocol, self.port) + self.data

    def text(self):
        if self.kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR):
            return str(ipaddress.ip_address(self.data))
        if self.kind in (IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET):
            half = len(self.data) // 2
            mask = int.from_bytes(self.data[half:], "big")
            return f"{ipaddress.ip_address(self.data[:half])}/{bin(mask).count('1')}"
        if self.kind in (IdType.FQDN, IdType.USER_FQDN):
            return self.data.decode("ascii", "replace")
        return self.data.hex()


ID_LENGTHS = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16, IdType.IPV4_ADDR_SUBNET: 8,
              IdType.IPV6_ADDR_SUBNET: 32, IdType.IPV4_ADDR_RANGE: 8, IdType.IPV6_ADDR_RANGE: 32}


def parse_id(body, phase=1):
    reader = Reader(body, "ID", NotifyType.INVALID_ID_INFORMATION)
    kind, protocol, port = reader.numbers("BBH")
    data = reader.rest()
    if kind not in set(IdType):
        reader.fail(f"type {kind}")
    if kind in ID_LENGTHS and len(data) != ID_LENGTHS[kind] or not data:
        reader.fail(f"type {kind} with {len(data)} octets")
    # RFC 2407 §4.6.2: in phase 1 either both zero or UDP port 500; 4500 with NAT-T (RFC 3947 §4).
    if phase == 1 and (protocol, port) not in ((0, 0), (17, 500), (17, 0), (17, 4500)):
        reader.fail(f"protocol {protocol} port {port}")
    return Identification(kind, data, protocol, port)


def id_of(text):
    """An identity by how it looks: address, net/bits, user@name, else a name; @#hex is a key id."""
    try:
        address = ipaddress.ip_address(text)
        return Identification(IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR,
                              address.packed)
    except ValueError:
        pass
    if "/" in text and "=" not in text:
        net = ipaddress.ip_network(text)
        kind = IdType.IPV4_ADDR_SUBNET if net.version == 4 else IdType.IPV6_ADDR_SUBNET
        return Identification(kind, net.network_address.packed + net.netmask.packed)
    if text.startswith("@#"):
        return Identification(IdType.KEY_ID, bytes.fromhex(text[2:]))
    return Identification(IdType.USER_FQDN if "@" in text else IdType.FQDN, text.encode())


@dataclass
class Notification:
    """RFC 2408 §3.14"""
    kind: int
    protocol: int = Protocol.ISAKMP
    spi: bytes = b""
    data: bytes = b""
    doi: int = Doi.IPSEC

    def build(self):
        return struct.pack("!IBBH", self.doi, self.protocol, len(self.spi),
                           self.kind) + self.spi + self.data


def parse_notify(body):
    reader = Reader(body, "N")
    doi, protocol, spi_bytes, kind = reader.numbers("IBBH")
    if doi not in set(Doi):
        raise Malformed(NotifyType.DOI_NOT_SUPPORTED, f"N: DOI {doi}")
    if protocol > Protocol.IPCOMP:
        raise Malformed(NotifyType.INVALID_PROTOCOL_ID, f"N: protocol {protocol}")
    return Notification(kind, protocol, reader.take(spi_bytes), reader.rest(), doi)


@dataclass
class Deletion:
    """RFC 2408 §3.15"""
    protocol: int
    spis: list = field(default_factory=list)
    doi: int = Doi.IPSEC

    def build(self):
        size = len(self.spis[0])
        return struct.pack("!IBBH", self.doi, self.protocol, size, len(self.spis)) + b"".join(self.spis)


def parse_delete(body):
    reader = Reader(body, "D")
    doi, protocol, spi_bytes, count = reader.numbers("IBBH")
    if doi not in set(Doi):
        raise Malformed(NotifyType.DOI_NOT_SUPPORTED, f"D: DOI {doi}")
    expected = {Protocol.ISAKMP: 16, Protocol.AH: 4, Protocol.ESP: 4, Protocol.IPCOMP: 2}
    if protocol not in expected:
        raise Malformed(NotifyType.INVALID_PROTOCOL_ID, f"D: protocol {protocol}")
    if spi_bytes != expected[protocol] and not (protocol == Protocol.IPCOMP and spi_bytes == 4):
        raise Malformed(NotifyType.INVALID_SPI, f"D: {spi_bytes} octets for protocol {protocol}")
    spis = [reader.take(spi_bytes) for _ in range(count)]
    reader.end()
    if not spis:
        reader.fail("no SPI")
    return Deletion(protocol, spis, doi)


def build_cert(encoding, data):
    return bytes([encoding]) + data


def parse_cert(body):
    """(encoding, data) of a CERT or CR payload, RFC 2408 §3.9, §3.10."""
    if not body:
        raise Malformed(NotifyType.INVALID_CERT_ENCODING, "empty")
    return body[0], body[1:]


def check_nonce(body):
    """RFC 2409 §5: 8 to 256 octets."""
    if not 8 <= len(body) <= 256:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, f"nonce of {len(body)} octets")
    return body


def build_nat_oa(address):
    packed = ipaddress.ip_address(address).packed
    return struct.pack("!BBH", IdType.IPV4_ADDR if len(packed) == 4 else IdType.IPV6_ADDR, 0, 0) + packed


def parse_nat_oa(body):
    reader = Reader(body, "NAT-OA")
    kind = reader.number("B")
    reader.zero(3)
    if kind not in (IdType.IPV4_ADDR, IdType.IPV6_ADDR) or reader.left() != ID_LENGTHS[kind]:
        reader.fail(f"type {kind} with {reader.left()} octets")
    return str(ipaddress.ip_address(reader.rest()))
