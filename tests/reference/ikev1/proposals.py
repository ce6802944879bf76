# SPDX-License-Identifier: BSD-3-Clause
"""The SA payload: situation, proposals, transforms, attributes (RFC 2408 §3.3 to §3.6, RFC 2407
§4.6.1); the Attributes payload of mode-config; choosing one offer, checking the answer."""
import struct
from dataclasses import dataclass, field

from .registry import (IKE_BASIC, IPSEC_BASIC, KEY_IKE, Doi, Ike, NotifyType, PayloadType,
                       Protocol, Situation)
from .wire import GENERIC_BYTES, Malformed, Reader

SPI_BYTES = {Protocol.ISAKMP: (0, 16), Protocol.AH: (4, 4), Protocol.ESP: (4, 4),
             Protocol.IPCOMP: (2, 4)}
LIFE = {Protocol.ISAKMP: (Ike.LIFE_TYPE, Ike.LIFE_DURATION)}


def build_attribute(kind, value, variable=False):
    """RFC 2408 §3.3. An int that fits takes the basic form, unless variable is asked for; octets
    take the variable form."""
    if isinstance(value, int) and value < 65536 and not variable:
        return struct.pack("!HH", 0x8000 | kind, value)
    if isinstance(value, int):
        value = value.to_bytes(max(4, (value.bit_length() + 7) // 8), "big")
    return struct.pack("!HH", kind, len(value)) + value


def parse_attributes(data, basic_only=(), notify=NotifyType.BAD_PROPOSAL_SYNTAX):
    """[(type, value)]: an int from the basic form, octets from the variable one."""
    reader, found = Reader(data, "attributes", notify), []
    while reader.left():
        kind, value = reader.numbers("HH")
        if kind & 0x8000:
            found.append((kind & 0x7fff, value))
        elif kind in basic_only:
            # RFC 2409 appendix A: basic ones MUST NOT be encoded as variable.
            reader.fail(f"attribute {kind} in variable form")
        else:
            found.append((kind, reader.take(value)))
    return found


def as_number(value):
    return value if isinstance(value, int) else int.from_bytes(value, "big")


def same_attributes(one, other):
    """RFC 2409 §5: nothing may change but the encoding."""
    def normal(rows):
        return sorted((kind, as_number(value)) for kind, value in rows)
    return normal(one) == normal(other)


@dataclass
class Transform:
    number: int
    ident: int
    attributes: list = field(default_factory=list)  # [(type, int or octets)], in order
    variable: set = field(default_factory=set)      # types of ints to be sent in variable form

    def get(self, kind, default=None):
        for found, value in self.attributes:
            if found == kind:
                return as_number(value)
        return default

    def lives(self, life_type, duration):
        """{unit: length}, by RFC 2407 §4.5.2: each duration has the unit before it."""
        unit, lives = None, {}
        for kind, value in self.attributes:
            if kind == life_type:
                unit = as_number(value)
            elif kind == duration:
                if unit is None:
                    raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "duration without a life type")
                if lives.setdefault(unit, as_number(value)) != as_number(value):
                    raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "two durations of one type")
                unit = None
        return lives

    def build(self, last):
        body = struct.pack("!BBH", self.number, self.ident, 0) + b"".join(
            build_attribute(k, v, k in self.variable) for k, v in self.attributes)
        following = PayloadType.NONE if last else PayloadType.TRANSFORM
        return struct.pack("!BBH", following, 0, GENERIC_BYTES + len(body)) + body


@dataclass
class Proposal:
    number: int
    protocol: int
    spi: bytes = b""
    transforms: list = field(default_factory=list)

    def build(self, last):
        body = struct.pack("!BBBB", self.number, self.protocol, len(self.spi), len(self.transforms)) + self.spi
        for index, transform in enumerate(self.transforms):
            body += transform.build(index + 1 == len(self.transforms))
        following = PayloadType.NONE if last else PayloadType.PROPOSAL
        return struct.pack("!BBH", following, 0, GENERIC_BYTES + len(body)) + body


@dataclass
class Labels:
    """What SECRECY and INTEGRITY add to the situation, RFC 2407 §4.6.1; lengths of the category
    bitmaps are in bits."""
    domain: int = 0
    secrecy: tuple = (b"", 0, b"")    # level, category bits, category bitmap
    integrity: tuple = (b"", 0, b"")

    @staticmethod
    def _padded(data):
        return data + bytes(-len(data) % 4)

    def build(self, situation):
        out = struct.pack("!I", self.domain)
        for flag, (level, bits, bitmap) in ((Situation.SECRECY, self.secrecy),
                                            (Situation.INTEGRITY, self.integrity)):
            if not situation & flag:
                level, bits, bitmap = b"", 0, b""
            out += struct.pack("!HH", len(level), 0) + self._padded(level)
            out += struct.pack("!HH", bits, 0) + self._padded(bitmap)
        return out


def parse_labels(reader):
    labels = Labels(reader.number("I"))
    parts = []
    for _ in range(2):
        length, reserved = reader.numbers("HH")
        level = reader.take((length + 3) // 4 * 4)[:length]
        bits, reserved_too = reader.numbers("HH")
        bitmap = reader.take((bits + 31) // 32 * 4)[:(bits + 7) // 8]
        if reserved or reserved_too:
            reader.fail("RESERVED in the labels is not zero")
        parts.append((level, bits, bitmap))
    labels.secrecy, labels.integrity = parts
    return labels


@dataclass
class SaPayload:
    proposals: list
    situation: int = Situation.IDENTITY_ONLY
    doi: int = Doi.IPSEC
    labels: Labels = None

    def build(self):
        out = struct.pack("!II", self.doi, self.situation)
        if self.doi == Doi.IPSEC and self.situation & (Situation.SECRECY | Situation.INTEGRITY):
            out += (self.labels or Labels()).build(self.situation)
        for index, proposal in enumerate(self.proposals):
            out += proposal.build(index + 1 == len(self.proposals))
        return out


def parse_transform(data, protocol):
    reader = Reader(data, "T", NotifyType.BAD_PROPOSAL_SYNTAX)
    number, ident = reader.numbers("BB")
    reader.zero(2)
    if protocol == Protocol.ISAKMP and ident != KEY_IKE:
        raise Malformed(NotifyType.INVALID_TRANSFORM_ID, f"T: {ident} of ISAKMP")
    basic = IKE_BASIC if protocol == Protocol.ISAKMP else IPSEC_BASIC
    return Transform(number, ident, parse_attributes(reader.rest(), basic))


def _sub_payloads(reader, kind, what):
    """Bodies of a chain of proposals or of transforms, RFC 2408 §3.5, §3.6."""
    while True:
        following, reserved, length = reader.numbers("BBH")
        if reserved or length < GENERIC_BYTES or following not in (PayloadType.NONE, kind):
            reader.fail(f"{what}: next payload {following}, RESERVED {reserved}, length {length}")
        yield reader.take(length - GENERIC_BYTES)
        if following == PayloadType.NONE:
            return


def parse_proposal(data):
    reader = Reader(data, "P", NotifyType.BAD_PROPOSAL_SYNTAX)
    number, protocol, spi_bytes, count = reader.numbers("BBBB")
    if protocol not in SPI_BYTES:
        raise Malformed(NotifyType.INVALID_PROTOCOL_ID, f"P: protocol {protocol}")
    least, most = SPI_BYTES[protocol]
    if not least <= spi_bytes <= most:
        raise Malformed(NotifyType.INVALID_SPI, f"P: {spi_bytes} octets of SPI for protocol {protocol}")
    proposal = Proposal(number, protocol, reader.take(spi_bytes))
    for body in _sub_payloads(reader, PayloadType.TRANSFORM, "T"):
        proposal.transforms.append(parse_transform(body, protocol))
    reader.end()
    if len(proposal.transforms) != count:
        reader.fail(f"{count} transforms announced, {len(proposal.transforms)} there")
    return proposal


def parse_sa(body):
    reader = Reader(body, "SA", NotifyType.BAD_PROPOSAL_SYNTAX)
    doi = reader.number("I")
    if doi not in set(Doi):
        raise Malformed(NotifyType.DOI_NOT_SUPPORTED, f"SA: DOI {doi}")
    situation = reader.number("I")
    labels = None
    if doi == Doi.IPSEC:
        if not situation & Situation.IDENTITY_ONLY or situation > 7:
            raise Malformed(NotifyType.SITUATION_NOT_SUPPORTED, f"SA: situation {situation}")
        if situation != Situation.IDENTITY_ONLY:
            labels = parse_labels(reader)
    sa = SaPayload([], situation, doi, labels)
    for data in _sub_payloads(reader, PayloadType.PROPOSAL, "P"):
        sa.proposals.append(parse_proposal(data))
    reader.end()
    numbers = [p.number for p in sa.proposals]
    if numbers != sorted(numbers):
        # RFC 2408 §4.2: proposal numbers are monotonically increasing.
        reader.fail(f"proposal numbers {numbers}")
    return sa


def suites(sa):
    """The proposals of one number together are one suite (RFC 2408 §4.2); in order of preference."""
    groups = {}
    for proposal in sa.proposals:
        groups.setdefault(proposal.number, []).append(proposal)
    return list(groups.values())


def choose(sa, acceptable):
    """The first suite with an acceptable transform in each of its proposals; as an SaPayload with
    one transform each, or None. acceptable(proposal, transform) -> bool"""
    for suite in suites(sa):
        picked = []
        for proposal in suite:
            fits = [t for t in proposal.transforms if acceptable(proposal, t)]
            if not fits:
                break
            picked.append(Proposal(proposal.number, proposal.protocol, proposal.spi, [fits[0]]))
        else:
            return SaPayload(picked, sa.situation, sa.doi, sa.labels)
    return None


def check_answer(offer, answer):
    """The answer must be one suite of the offer, unmodified (RFC 2409 §5). Returns its suite from
    the offer as [(offered proposal, answered proposal)]."""
    chosen = suites(answer)
    if len(chosen) != 1 or any(len(p.transforms) != 1 for p in chosen[0]):
        raise Malformed(NotifyType.BAD_PROPOSAL_SYNTAX, "the answer is not one suite")
    for suite in suites(offer):
        if [p.protocol for p in suite] != [p.protocol for p in chosen[0]]:
            continue
        pairs = list(zip(suite, chosen[0]))
        if all(any(o.ident == a.transforms[0].ident and
                   same_attributes(o.attributes, a.transforms[0].attributes)
                   for o in offered.transforms) for offered, a in pairs):
            return pairs
    raise Malformed(NotifyType.BAD_PROPOSAL_SYNTAX, "the answer was not offered")


@dataclass
class Attributes:
    """The payload of a transaction exchange, the mode-config draft §3.2."""
    kind: int
    identifier: int
    attributes: list

    def get(self, kind):
        return next((value for found, value in self.attributes if found == kind), None)

    def build(self):
        return struct.pack("!BBH", self.kind, 0, self.identifier) + b"".join(
            build_attribute(k, v) for k, v in self.attributes)


def parse_attributes_payload(body):
    reader = Reader(body, "ATTR")
    kind, reserved, identifier = reader.numbers("BBH")
    if reserved:
        reader.fail("RESERVED is not zero")
    return Attributes(kind, identifier, parse_attributes(reader.rest(), (), NotifyType.PAYLOAD_MALFORMED))
