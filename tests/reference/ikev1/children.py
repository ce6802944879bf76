# SPDX-License-Identifier: BSD-3-Clause
"""What Quick Mode negotiates: offers, the choice among them, and the keys that come out."""
from dataclasses import dataclass, field

from . import keys
from .proposals import Proposal, SaPayload, Transform, as_number, suites
from .registry import Ipsec, NotifyType, Protocol
from .wire import Malformed

SECONDS, KILOBYTES = 1, 2
TUNNEL, TRANSPORT, UDP_TUNNEL, UDP_TRANSPORT = 1, 2, 3, 4  # RFC 2407 §4.5, RFC 3947 §5.1

# Keying octets of ESP transforms: fixed, and those added to a negotiated key (salt or nonce).
ESP_KEYS = {2: (8, 0), 3: (24, 0), 6: (16, 0), 7: (16, 0), 11: (0, 0), 12: (16, 0), 13: (16, 4),
            14: (16, 3), 15: (16, 3), 16: (16, 3), 18: (16, 4), 19: (16, 4), 20: (16, 4), 22: (16, 0),
            23: (16, 4)}
# Keying octets of authentication algorithms, RFC 2403, 2404, 4868, 3566, 4543.
AUTH_KEYS = {1: 16, 2: 20, 5: 32, 6: 48, 7: 64, 9: 16}
AH_AUTH = {2: 1, 3: 2, 5: 5, 6: 6, 7: 7, 9: 9}  # transform of AH to authentication algorithm


def esp(ident, auth=None, key_bits=None, mode=TUNNEL, life_s=3600, life_kb=None, group=None, esn=False):
    """A transform of ESP by the numbers of the IPsec DOI."""
    return Transform(1, ident, _attributes(auth, key_bits, mode, life_s, life_kb, group, esn))


def ah(ident, mode=TUNNEL, life_s=3600, life_kb=None, group=None, esn=False):
    return Transform(1, ident, _attributes(AH_AUTH[ident], None, mode, life_s, life_kb, group, esn))


def _attributes(auth, key_bits, mode, life_s, life_kb, group, esn):
    rows = []
    for unit, length in ((SECONDS, life_s), (KILOBYTES, life_kb)):
        rows += [(Ipsec.LIFE_TYPE, unit), (Ipsec.LIFE_DURATION, length)] if length else []
    for kind, value in ((Ipsec.GROUP, group), (Ipsec.ENCAPSULATION, mode), (Ipsec.AUTHENTICATION, auth),
                        (Ipsec.KEY_LENGTH, key_bits), (Ipsec.ESN, 1 if esn else None)):
        rows += [(kind, value)] if value else []
    return rows


@dataclass
class ChildPolicy:
    """offers: for each SA payload its proposals; those of one number are a suite (ESP and AH, say).
    local and remote: Identification of the clients, or None for the peers themselves. The group for
    PFS stands in the transforms."""
    offers: list
    local: object = None
    remote: object = None


def single(transform, protocol=Protocol.ESP, **clients):
    return ChildPolicy([[Proposal(1, protocol, b"", [transform])]], **clients)


@dataclass
class ChildSa:
    protocol: int
    transform: Transform
    spi_in: bytes
    spi_out: bytes
    material_in: bytes = b""
    material_out: bytes = b""

    def parts(self, material):
        """(encryption key with salt, authentication key)"""
        size, _ = key_octets(self.protocol, self.transform)
        return material[:size], material[size:]


@dataclass
class Child:
    sas: list
    local: object
    remote: object
    ni: bytes
    nr: bytes
    group: int = None
    message_id: int = 0
    connected: bool = True   # False while CONNECTED is being waited for
    notifications: list = field(default_factory=list)
    gone: list = field(default_factory=list)  # those of sas that the peer has deleted


def key_octets(protocol, transform):
    """(of encryption, of authentication)"""
    auth = transform.get(Ipsec.AUTHENTICATION)
    if protocol == Protocol.AH:
        return 0, AUTH_KEYS[auth]
    fixed, added = ESP_KEYS[transform.ident]
    bits = transform.get(Ipsec.KEY_LENGTH)
    return (bits // 8 if bits else fixed) + added, AUTH_KEYS[auth] if auth else 0


def spi(session):
    """Not one of the reserved 0 to 255 (RFC 2406, RFC 4303 §2.1)."""
    value = session.random("spi", 4)
    return value if int.from_bytes(value, "big") > 255 else b"\1" + value[1:]


def offer_payloads(session, policy):
    """The SA payloads of an initiator, with fresh SPIs and transforms numbered."""
    out = []
    for proposals in policy.offers:
        rows = [Proposal(p.number, p.protocol, spi(session),
                         [Transform(n, t.ident, t.attributes, t.variable) for n, t in enumerate(p.transforms, 1)])
                for p in proposals]
        out.append(SaPayload(rows))
    return out


def _essence(transform):
    rows = [(k, as_number(v)) for k, v in transform.attributes if k not in (Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)]
    return transform.ident, sorted(rows)


def choose_suite(session, sa, wanted):
    """The first suite of an offer that equals one of ours but for lifetimes; as the answer, with our
    SPIs. None if there is none."""
    for suite in suites(sa):
        for ours in suites(SaPayload(wanted)):
            if sorted(p.protocol for p in suite) != sorted(p.protocol for p in ours):
                continue
            allowed = {p.protocol: [_essence(t) for t in p.transforms] for p in ours}
            picked = [next((t for t in p.transforms if _essence(t) in allowed[p.protocol]), None) for p in suite]
            if all(picked):
                rows = [Proposal(p.number, p.protocol, spi(session), [t]) for p, t in zip(suite, picked)]
                return suite, SaPayload(rows, sa.situation, sa.doi, sa.labels)
    return None


def pfs_group(sas):
    """The one group in all transforms of all SAs, or None in all (RFC 2409 §5.5)."""
    found = {t.get(Ipsec.GROUP) for sa in sas for p in sa.proposals for t in p.transforms}
    if len(found) != 1:
        raise Malformed(NotifyType.BAD_PROPOSAL_SYNTAX, f"groups {found} in one negotiation")
    return found.pop()


def check_transform(protocol, transform):
    """Rules of RFC 2407 §4.5 for what may stand together."""
    transform.lives(Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
    auth = transform.get(Ipsec.AUTHENTICATION)
    if protocol == Protocol.ESP and transform.ident == 11 and not auth:
        raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "ESP_NULL without authentication")
    if protocol == Protocol.AH and (auth is None or AH_AUTH.get(transform.ident) != auth):
        raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "AH with another authentication algorithm")


def make(session, pairs, qm):
    """A Child from [(our proposal, the peer's proposal)], each with its sender's inbound SPI."""
    sas = []
    for ours, theirs in pairs:
        answer = theirs if qm.initiator else ours  # the one with a single transform
        one = ChildSa(ours.protocol, answer.transforms[0], ours.spi, theirs.spi)
        octets = sum(key_octets(one.protocol, one.transform))
        for side, number in (("material_in", one.spi_in), ("material_out", one.spi_out)):
            setattr(one, side, keys.keymat(session.functions.prf, session.skeyids.d, one.protocol, number,
                                           qm.ni, qm.nr, octets, qm.g_xy))
        sas.append(one)
    return Child(sas, qm.local, qm.remote, qm.ni, qm.nr, qm.group_number, qm.message_id)
