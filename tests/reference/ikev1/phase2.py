# SPDX-License-Identifier: BSD-3-Clause
"""Quick Mode, New Group Mode and Informational as generators (RFC 2409 §5.5 to §5.7), DPD (RFC 3706),
the commit bit with CONNECTED (RFC 2408 §3.1, §4.8)."""
import hmac
import struct

from . import children, keys, session as sessions
from .groups import group, private_modp
from .proposals import Proposal, SaPayload, Transform, check_answer, parse_sa
from .registry import KEY_IKE, Flag, Ike, NotifyType, PayloadType, Protocol
from .wire import Deletion, Malformed, Notification, build_chain, check_nonce, parse_delete, parse_id, parse_notify

NONCE_BYTES = 32
LEAST_PRIVATE_GROUP = 1 << 15  # RFC 2409 §5.6


def take_hash(message, expected_of):
    """Compares the first payload with expected_of(all octets after it). Clear text has not come so far:
    the session refuses it."""
    if not message.payloads or message.payloads[0][0] != PayloadType.HASH:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, "HASH is not the first payload")
    expected = expected_of(build_chain(message.payloads[1:]))
    if not hmac.compare_digest(message.payloads[0][1], expected):
        raise Malformed(NotifyType.INVALID_HASH_INFORMATION, "the HASH is another")


class Quick:
    """What both ends of a Quick Mode know of it."""

    def __init__(self, session, message_id, initiator):
        self.session, self.message_id, self.initiator = session, message_id, initiator
        self.ni = self.nr = self.g_xy = self.private = b""
        self.local = self.remote = self.group_number = self.group = None

    def prf(self):
        return self.session.functions.prf, self.session.skeyids.a, self.message_id

    def sealed(self, how, payloads, *nonces):
        rest = build_chain(payloads)
        flags = Flag.COMMIT if self.session.policy.commit else 0
        return sessions.Send([(PayloadType.HASH, how(*self.prf(), *nonces, rest))] + payloads, True, flags)

    def key_payload(self):
        if self.group is None:
            return []
        self.private = self.session.random("private", self.group.private_octets)
        return [(PayloadType.KE, self.group.public(self.private))]

    def set_group(self, number):
        self.group_number = number
        self.group = group(number, self.session.groups) if number else None

    def take_key(self, message):
        there = message.bodies(PayloadType.KE)
        if bool(there) != bool(self.group) or len(there) > 1:
            raise Malformed(NotifyType.INVALID_KEY_INFORMATION, "KE and the group do not go together")
        if there:
            self.g_xy = self.group.shared(self.private, there[0])

    def client_payloads(self, mine, theirs):
        """IDci and IDcr, in that order whoever sends them."""
        if mine is None:
            return []
        both = (mine, theirs) if self.initiator else (theirs, mine)
        return [(PayloadType.ID, one.build()) for one in both]

    def sas_of(self, message):
        """RFC 2409 §5.5: the SA payloads follow HASH at once."""
        count = len(message.bodies(PayloadType.SA))
        first = [kind for kind, _ in message.payloads[1:1 + count]]
        if not count or any(kind != PayloadType.SA for kind in first):
            raise Malformed(NotifyType.PAYLOAD_MALFORMED, "SA does not follow HASH")
        sas = [parse_sa(body) for body in message.bodies(PayloadType.SA)]
        for sa in sas:
            for proposal in sa.proposals:
                for one in proposal.transforms:
                    children.check_transform(proposal.protocol, one)
        return sas

    def clients_of(self, message):
        found = [parse_id(body, phase=2) for body in message.bodies(PayloadType.ID)]
        if len(found) not in (0, 2):
            raise Malformed(NotifyType.INVALID_ID_INFORMATION, f"{len(found)} client identities")
        return found or [None, None]

    def finish(self, pairs, connected):
        child = children.make(self.session, pairs, self)
        child.connected = connected
        self.session.children.append(child)
        self.session.note("child", child)
        return child


def same(one, other):
    return (one and one.build()) == (other and other.build())


def quick_initiator(session, message_id, policy):
    qm = Quick(session, message_id, True)
    offered = children.offer_payloads(session, policy)
    qm.set_group(children.pfs_group(offered))
    qm.ni = session.random("nonce", NONCE_BYTES)
    qm.local, qm.remote = policy.local, policy.remote
    payloads = [(PayloadType.SA, sa.build()) for sa in offered] + [(PayloadType.NONCE, qm.ni)]
    payloads += qm.key_payload() + qm.client_payloads(qm.local, qm.remote)
    message = yield qm.sealed(keys.hash_1, payloads)
    take_hash(message, lambda rest: keys.hash_2(*qm.prf(), qm.ni, rest))
    qm.nr = check_nonce(message.one(PayloadType.NONCE))
    answers = qm.sas_of(message)
    if len(answers) != len(offered):
        raise Malformed(NotifyType.BAD_PROPOSAL_SYNTAX, "an SA payload is missing")
    pairs = [pair for offer, answer in zip(offered, answers) for pair in check_answer(offer, answer)]
    qm.take_key(message)
    idci, idcr = qm.clients_of(message)
    if idci is not None and not (same(idci, qm.local) and same(idcr, qm.remote)):
        raise Malformed(NotifyType.INVALID_ID_INFORMATION, "the client identities changed")
    peer_commits = bool(message.header.flags & Flag.COMMIT)
    child = qm.finish(pairs, connected=not peer_commits)
    child.notifications = [parse_notify(b) for b in message.bodies(PayloadType.NOTIFY)]
    last = [(PayloadType.HASH, keys.hash_3(*qm.prf(), qm.ni, qm.nr))]
    if session.policy.commit:
        session.after.append(([connected(session, child)], message_id))
    return sessions.Send(last, True, Flag.COMMIT if session.policy.commit else 0)


def accept_children(session, qm, sas, local, remote):
    """(pairs, answers) by the first ChildPolicy that fits clients and all SAs."""
    clients_known = False
    for policy in session.policy.children:
        if not (same(policy.local, local) and same(policy.remote, remote)):
            continue
        clients_known = True
        if len(policy.offers) != len(sas):
            continue
        chosen = [children.choose_suite(session, sa, wanted) for sa, wanted in zip(sas, policy.offers)]
        if all(chosen):
            answers = [answer for _, answer in chosen]
            pairs = [(ours, theirs) for suite, answer in chosen for ours, theirs in zip(answer.proposals, suite)]
            return pairs, answers
    if not clients_known:
        raise Malformed(NotifyType.INVALID_ID_INFORMATION, "no such clients")
    raise Malformed(NotifyType.NO_PROPOSAL_CHOSEN, "no suite fits")


def quick_responder(session, message_id):
    qm = Quick(session, message_id, False)
    message = yield
    take_hash(message, lambda rest: keys.hash_1(*qm.prf(), rest))
    qm.ni = check_nonce(message.one(PayloadType.NONCE))
    sas = qm.sas_of(message)
    qm.remote, qm.local = qm.clients_of(message)
    pairs, answers = accept_children(session, qm, sas, qm.local, qm.remote)
    qm.set_group(children.pfs_group(answers))
    qm.nr = session.random("nonce", NONCE_BYTES)
    key = qm.key_payload()
    qm.take_key(message)
    payloads = [(PayloadType.SA, sa.build()) for sa in answers] + [(PayloadType.NONCE, qm.nr)]
    notifications = [parse_notify(b) for b in message.bodies(PayloadType.NOTIFY)]
    message = yield qm.sealed(keys.hash_2, payloads + key + qm.client_payloads(qm.local, qm.remote), qm.ni)
    take_hash(message, lambda _: keys.hash_3(*qm.prf(), qm.ni, qm.nr))
    child = qm.finish(pairs, connected=not message.header.flags & Flag.COMMIT or session.policy.commit)
    child.notifications = notifications
    if session.policy.commit:
        session.after.append(([connected(session, child)], message_id))


# --- New Group Mode ----------------------------------------------------------------------------


def new_group_initiator(session, message_id, number, prime, generator):
    octets = (prime.bit_length() + 7) // 8
    rows = [(Ike.GROUP, number), (Ike.GROUP_TYPE, 1), (Ike.GROUP_PRIME, prime.to_bytes(octets, "big")),
            (Ike.GROUP_GENERATOR_ONE, generator)]
    offered = SaPayload([Proposal(1, Protocol.ISAKMP, b"", [Transform(1, KEY_IKE, rows)])])
    payloads = [(PayloadType.SA, offered.build())]
    prf = session.functions.prf, session.skeyids.a, message_id
    first = (PayloadType.HASH, keys.hash_1(*prf, build_chain(payloads)))
    message = yield sessions.Send([first] + payloads, protected=True)
    take_hash(message, lambda rest: keys.hash_1(*prf, rest))
    check_answer(offered, parse_sa(message.one(PayloadType.SA)))
    session.groups[number] = private_modp(prime, generator)
    session.note("group", number)


def new_group_responder(session, message_id):
    message = yield
    prf = session.functions.prf, session.skeyids.a, message_id
    take_hash(message, lambda rest: keys.hash_1(*prf, rest))
    sa = parse_sa(message.one(PayloadType.SA))
    if not session.policy.private_groups or len(sa.proposals) != 1 or sa.proposals[0].protocol != Protocol.ISAKMP:
        raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "no new groups")
    for one in sa.proposals[0].transforms:
        number, kind = one.get(Ike.GROUP), one.get(Ike.GROUP_TYPE)
        if kind != 1 or number is None or number < LEAST_PRIVATE_GROUP:
            continue
        # RFC 2409 §5.6: a group that is not acceptable is answered with ATTRIBUTES-NOT-SUPPORTED.
        session.groups[number] = private_modp(one.get(Ike.GROUP_PRIME, 0), one.get(Ike.GROUP_GENERATOR_ONE, 0))
        session.note("group", number)
        proposal = Proposal(sa.proposals[0].number, Protocol.ISAKMP, sa.proposals[0].spi, [one])
        payloads = [(PayloadType.SA, SaPayload([proposal], sa.situation, sa.doi, sa.labels).build())]
        digest = keys.hash_1(*prf, build_chain(payloads))
        return sessions.Send([(PayloadType.HASH, digest)] + payloads, protected=True)
    raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "no MODP group of a private number")


# --- Informational -----------------------------------------------------------------------------


def connected(session, child):
    """SPI and protocol of the SA that the receiver sends by."""
    one = child.sas[0]
    return PayloadType.NOTIFY, Notification(NotifyType.CONNECTED, one.protocol, one.spi_in).build()


def r_u_there(session):
    first = session.dpd_sequence is None
    if first:
        session.dpd_sequence = int.from_bytes(session.random("dpd", 4), "big") & 0x7fffffff
    else:
        session.dpd_sequence += 1
    return PayloadType.NOTIFY, _dpd(session, NotifyType.R_U_THERE, struct.pack("!I", session.dpd_sequence))


def _dpd(session, kind, sequence):
    return Notification(kind, Protocol.ISAKMP, b"".join(session.cookies), sequence).build()


def delete_isakmp(session):
    return PayloadType.DELETE, Deletion(Protocol.ISAKMP, [b"".join(session.cookies)]).build()


def delete_child(sa):
    """By the SPI of the sender's inbound SA, RFC 2408 §3.15."""
    return PayloadType.DELETE, Deletion(sa.protocol, [sa.spi_in]).build()


def informational_responder(session, message_id):
    message = yield
    if session.encryption_key and message.encrypted:
        prf = session.functions.prf, session.skeyids.a, message_id
        take_hash(message, lambda rest: keys.hash_1(*prf, rest))
    for kind, body in message.payloads:
        if kind == PayloadType.NOTIFY:
            _on_notify(session, parse_notify(body), message)
        elif kind == PayloadType.DELETE and message.encrypted:
            _on_delete(session, parse_delete(body))


def _on_notify(session, found, message):
    session.note("notify", found)
    if not message.encrypted:
        return  # RFC 2408 §5.14: nothing is done upon what anybody may have sent
    if found.kind == NotifyType.R_U_THERE:
        reply = PayloadType.NOTIFY, _dpd(session, NotifyType.R_U_THERE_ACK, found.data)
        session.after.append(([reply], None))
    elif found.kind == NotifyType.R_U_THERE_ACK and session.dpd_sequence is not None \
            and found.data == struct.pack("!I", session.dpd_sequence):
        session.note("dpd_ack", session.dpd_sequence)
    elif found.kind == NotifyType.CONNECTED:
        for child in session.children:
            if child.message_id == message.header.message_id:
                child.connected = True


def _on_delete(session, found):
    session.note("delete", found)
    if found.protocol == Protocol.ISAKMP:
        session.deleted = session.deleted or b"".join(session.cookies) in found.spis
        return
    for child in list(session.children):
        child.gone += [s for s in child.sas if s.protocol == found.protocol and s.spi_out in found.spis]
        if len(child.gone) >= len(child.sas):
            session.children.remove(child)
