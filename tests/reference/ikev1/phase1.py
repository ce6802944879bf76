# SPDX-License-Identifier: BSD-3-Clause
"""The exchanges of phase 1 as generators: Main, Aggressive (RFC 2409 §5), Base and Authentication Only
(RFC 2408 §4.4, §4.6), each as initiator and as responder."""
from . import keys, nat, public_keys, session as sessions
from .authentication import Method, certificate_request, failed, identity_of
from .groups import EC2N, group, private_modp
from .proposals import Proposal, SaPayload, Transform, check_answer, choose, parse_sa
from .registry import KEY_IKE, VENDOR_NAT_T, ExchangeType, Ike, NotifyType, PayloadType, Protocol
from .wire import Malformed, check_nonce

KINDS = (ExchangeType.BASE, ExchangeType.IDENTITY_PROTECTION, ExchangeType.AUTHENTICATION_ONLY,
         ExchangeType.AGGRESSIVE)
NONCE_BYTES = 32


def transform(encryption, hash_number, auth, group_number, key_bits=None, life_s=28800, prf=None, **more):
    """A transform of phase 1 by IKE numbers; more: further attributes by the names of registry.Ike."""
    rows = [(Ike.ENCRYPTION, encryption)] + ([(Ike.KEY_LENGTH, key_bits)] if key_bits else [])
    rows += [(Ike.HASH, hash_number), (Ike.GROUP, group_number), (Ike.AUTHENTICATION, auth)]
    rows += [(Ike.PRF, prf)] if prf else []
    rows += [(Ike.LIFE_TYPE, 1), (Ike.LIFE_DURATION, life_s)] if life_s else []
    return Transform(1, KEY_IKE, rows + [(Ike[name], value) for name, value in more.items()])


def without_life(one):
    return sorted((k, v) for k, v in ((k, one.get(k)) for k, _ in one.attributes)
                  if k not in (Ike.LIFE_TYPE, Ike.LIFE_DURATION))


class Phase1:
    """What the two ends of a phase 1 know of it."""

    def __init__(self, session, kind, initiator):
        self.session, self.policy, self.kind, self.initiator = session, session.policy, kind, initiator
        self.functions = self.group = self.method = self.private = None
        self.ni = self.nr = self.g_xi = self.g_xr = self.sai_b = self.idii_b = self.idir_b = b""
        self.skeyid = b""
        self.certificate = None

    # --- proposals -----------------------------------------------------------------------------

    def offer(self):
        rows = [Transform(n, t.ident, t.attributes, t.variable)
                for n, t in enumerate(self.policy.transforms, 1)]
        self.offered = SaPayload([Proposal(1, Protocol.ISAKMP, b"", rows)])
        self.sai_b = self.offered.build()
        return [(PayloadType.SA, self.sai_b)] + self.vendors()

    def vendors(self):
        known = self.policy.vendors + ([VENDOR_NAT_T] if self.policy.nat_t else [])
        return [(PayloadType.VID, v) for v in known]

    def _phase1_sa(self, message):
        """RFC 2409 §5: SA first, one proposal for ISAKMP."""
        if not message.payloads or message.payloads[0][0] != PayloadType.SA:
            raise Malformed(NotifyType.PAYLOAD_MALFORMED, "SA is not the first payload")
        sa = parse_sa(message.one(PayloadType.SA))
        if len(sa.proposals) != 1 or sa.proposals[0].protocol != Protocol.ISAKMP:
            raise Malformed(NotifyType.BAD_PROPOSAL_SYNTAX, "phase 1 has one proposal, for ISAKMP")
        return sa

    def accept(self, message):
        """As responder: the answer to an offer."""
        sa = self._phase1_sa(message)
        self.sai_b = message.one(PayloadType.SA)
        wanted = [without_life(t) for t in self.policy.transforms]
        if any(t.get(Ike.GROUP) in EC2N or t.get(Ike.GROUP_TYPE) == 3 for t in sa.proposals[0].transforms):
            self.session.note("ec2n_refused")
        answer = choose(sa, lambda _, t: without_life(t) in wanted)
        if answer is None:
            raise Malformed(NotifyType.NO_PROPOSAL_CHOSEN, "no transform fits")
        self._agree(answer.proposals[0].transforms[0])
        self._look_at_vendors(message)
        return [(PayloadType.SA, answer.build())] + self.vendors()

    def accepted(self, message):
        """As initiator: what the responder took."""
        answer = self._phase1_sa(message)
        check_answer(self.offered, answer)
        self._agree(answer.proposals[0].transforms[0])
        self._look_at_vendors(message)

    def assume(self):
        """Aggressive Mode and the encryption modes need the first transform before it is agreed."""
        self._agree(self.policy.transforms[0])

    def _agree(self, one):
        self.functions = keys.Functions.of(one.get(Ike.ENCRYPTION), one.get(Ike.HASH),
                                           one.get(Ike.KEY_LENGTH), one.get(Ike.PRF))
        self.session.functions, self.session.transform = self.functions, one
        if self.method is None or self.method.number != one.get(Ike.AUTHENTICATION):
            self.method = Method(self, one.get(Ike.AUTHENTICATION))
        if one.get(Ike.GROUP) is not None:
            chosen = group(one.get(Ike.GROUP), self.session.groups)
        else:
            # RFC 2409 §5.6: the parts of a group in the proposal itself.
            if one.get(Ike.GROUP_TYPE) != 1:
                raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "neither a group nor a MODP prime")
            chosen = private_modp(one.get(Ike.GROUP_PRIME), one.get(Ike.GROUP_GENERATOR_ONE))
        if self.private is not None and chosen != self.group:
            raise Malformed(NotifyType.INVALID_KEY_INFORMATION, "the group changed under way")
        self.group = chosen

    def _look_at_vendors(self, message):
        self.session.peer_vendors += message.bodies(PayloadType.VID)

    def nat_wanted(self):
        return self.policy.nat_t and any(v == VENDOR_NAT_T for v in self.session.peer_vendors)

    # --- values of both ends -------------------------------------------------------------------

    def make_nonce(self):
        setattr(self, "ni" if self.initiator else "nr", self.session.random("nonce", NONCE_BYTES))

    def make_key(self):
        self.private = self.session.random("private", self.group.private_octets)
        setattr(self, "g_xi" if self.initiator else "g_xr", self.group.public(self.private))

    def mine(self, what):
        """"n" or "g_x" of this end."""
        return getattr(self, what + ("i" if self.initiator else "r"))

    def theirs(self, what):
        return getattr(self, what + ("r" if self.initiator else "i"))

    def set_nonce(self, nonce):
        setattr(self, "nr" if self.initiator else "ni", check_nonce(nonce))

    def set_theirs(self, public, nonce):
        self.set_nonce(nonce)
        setattr(self, "g_xr" if self.initiator else "g_xi", public)

    def set_peer_identity(self, body):
        identity = identity_of(body)
        wanted = self.policy.peer_identity
        if wanted is not None and (identity.kind, identity.data) != (wanted.kind, wanted.data):
            raise Malformed(NotifyType.INVALID_ID_INFORMATION, f"the peer is {identity.text()}")
        setattr(self, "idir_b" if self.initiator else "idii_b", body)
        self.session.peer_identity = identity

    def identity_payload(self):
        body = self.policy.identity.build()
        setattr(self, "idii_b" if self.initiator else "idir_b", body)
        return PayloadType.ID, body

    def take_certificate(self, der):
        """The first that our CA issued is the peer's; all others are passed over."""
        if self.certificate is None and self.policy.ca and public_keys.issued_by(der, self.policy.ca):
            self.certificate = der

    def peer_key(self):
        return public_keys.key_of_certificate(self.certificate) if self.certificate else self.policy.peer_key

    # --- keys ----------------------------------------------------------------------------------

    def derive(self):
        """All keys, once both nonces and both public values are there; arms the session's cipher."""
        s = self.session
        g_xy = self.group.shared(self.private, self.theirs("g_x"))
        self.skeyid = self.method.skeyid(g_xy)
        s.skeyids = keys.derive(self.functions.prf, self.skeyid, g_xy, *s.cookies)
        s.encryption_key = keys.cipher_key(self.functions, s.skeyids.e)
        s.phase1.iv = keys.phase1_iv(self.functions, self.g_xi, self.g_xr)

    def exchange_hash(self, of_initiator, prf):
        cookies = self.session.cookies
        identity = self.idii_b if of_initiator else self.idir_b
        if self.kind in (ExchangeType.BASE, ExchangeType.AUTHENTICATION_ONLY):
            psk = self.policy.psk if self.method.family == "psk" else None
            skeyid = keys.skeyid_without_g_xy(self.functions, psk, self.ni, self.nr, *cookies)
            if self.kind == ExchangeType.AUTHENTICATION_ONLY:
                how = keys.authentication_only_hash_i if of_initiator else keys.authentication_only_hash_r
                return how(prf, skeyid, *cookies, self.sai_b, identity)
            if of_initiator:
                return keys.base_hash_i(prf, skeyid, self.g_xi, *cookies, self.sai_b, identity)
            return keys.base_hash_r(prf, skeyid, self.g_xi, self.g_xr, *cookies, self.sai_b, identity)
        how = keys.hash_i if of_initiator else keys.hash_r
        return how(prf, self.skeyid, self.g_xi, self.g_xr, *cookies, self.sai_b, identity)

    def requests(self):
        signed = self.method.signs(not self.initiator)
        return [certificate_request(self.policy.ca)] if signed and self.policy.ca else []

    def take_hidden(self, message):
        """Aggressive Mode: vendor ids may stand behind the nonce, and be encrypted with all else."""
        self.method.take_key_payloads(message)
        if self.method.family == "revised":
            self._look_at_vendors(message)

    def plain_identity(self):
        """The identity, unless the method has sent it encrypted already."""
        if self.method.encrypts():
            self.identity_payload()
            return []
        return [self.identity_payload()]

    def take_plain_identity(self, message):
        if not self.method.encrypts():
            self.set_peer_identity(message.one(PayloadType.ID))


def start(session, kind, initiator):
    steps = {(ExchangeType.IDENTITY_PROTECTION, True): main_initiator,
             (ExchangeType.IDENTITY_PROTECTION, False): main_responder,
             (ExchangeType.AGGRESSIVE, True): aggressive_initiator,
             (ExchangeType.AGGRESSIVE, False): aggressive_responder,
             (ExchangeType.BASE, True): base_initiator, (ExchangeType.BASE, False): base_responder,
             (ExchangeType.AUTHENTICATION_ONLY, True): authentication_only_initiator,
             (ExchangeType.AUTHENTICATION_ONLY, False): authentication_only_responder}
    p1 = session.p1 = Phase1(session, kind, initiator)
    return steps[kind, initiator](p1)


def must_be(message, encrypted):
    if message.encrypted != encrypted:
        raise Malformed(NotifyType.INVALID_FLAGS, "encrypted" if message.encrypted else "in clear")


def must_be_keyed(p1):
    if p1.method.encrypts():
        raise failed("this exchange has no place for encrypted nonces")


def main_initiator(p1):
    Send = sessions.Send
    message = yield Send(p1.offer())
    must_be(message, False)
    p1.accepted(message)
    p1.make_nonce()
    p1.make_key()
    message = yield Send(p1.method.key_payloads() + p1.method.behind_nonce(nat.payloads(p1)))
    must_be(message, False)
    p1.method.take_key_payloads(message)
    nat.look(p1, message)
    p1.derive()
    wants = p1.requests()
    message = yield Send(p1.plain_identity() + p1.method.proof() + wants, protected=True)
    must_be(message, True)
    p1.take_plain_identity(message)
    p1.method.check(message)


def main_responder(p1):
    Send = sessions.Send
    message = yield
    must_be(message, False)
    answer = p1.accept(message)
    message = yield Send(answer)
    must_be(message, False)
    p1.method.take_key_payloads(message)
    p1.make_nonce()
    p1.make_key()
    answer = p1.method.key_payloads() + p1.method.behind_nonce(p1.requests() + nat.payloads(p1))
    nat.look(p1, message)
    p1.derive()
    message = yield Send(answer)
    must_be(message, True)
    p1.take_plain_identity(message)
    if p1.method.encrypts():
        p1.identity_payload()
    p1.method.check(message)
    return Send(p1.plain_identity() + p1.method.proof(), protected=True)


def aggressive_initiator(p1):
    Send = sessions.Send
    offer = p1.offer()
    p1.assume()
    p1.make_nonce()
    p1.make_key()
    # RFC 2409 §5.3: HASH(1), if there, comes first after SA; vendor ids go to the end.
    keyed = p1.method.key_payloads() + p1.plain_identity()
    message = yield Send(offer[:1] + keyed + p1.method.behind_nonce(p1.requests() + offer[1:]))
    must_be(message, False)
    p1.accepted(message)
    p1.take_hidden(message)
    p1.take_plain_identity(message)
    p1.derive()
    p1.method.check(message)
    nat.look(p1, message)
    return Send(p1.method.proof() + nat.payloads(p1), protected=p1.policy.encrypt_aggressive)


def aggressive_responder(p1):
    Send = sessions.Send
    message = yield
    must_be(message, False)
    answer = p1.accept(message)
    p1.take_hidden(message)
    p1.take_plain_identity(message)
    p1.make_nonce()
    p1.make_key()
    keyed = answer[:1] + p1.method.key_payloads() + p1.plain_identity()
    p1.derive()
    rest = p1.requests() + nat.payloads(p1) + answer[1:]
    message = yield Send(keyed + p1.method.proof() + p1.method.behind_nonce(rest))
    # Either is allowed (RFC 2409 §5).
    p1.method.check(message)
    nat.look(p1, message)


def base_initiator(p1):
    Send = sessions.Send
    p1.make_nonce()
    offer = p1.offer()
    message = yield Send(offer[:1] + [(PayloadType.NONCE, p1.ni)] + offer[1:])
    must_be(message, False)
    p1.accepted(message)
    must_be_keyed(p1)
    p1.set_nonce(message.one(PayloadType.NONCE))
    p1.make_key()
    message = yield Send([(PayloadType.KE, p1.g_xi), p1.identity_payload()] + p1.method.proof())
    must_be(message, False)
    p1.g_xr = message.one(PayloadType.KE)
    p1.set_peer_identity(message.one(PayloadType.ID))
    p1.method.check(message)
    p1.derive()


def base_responder(p1):
    Send = sessions.Send
    message = yield
    must_be(message, False)
    answer = p1.accept(message)
    must_be_keyed(p1)
    p1.set_nonce(message.one(PayloadType.NONCE))
    p1.make_nonce()
    message = yield Send(answer[:1] + [(PayloadType.NONCE, p1.nr)] + answer[1:])
    must_be(message, False)
    p1.g_xi = message.one(PayloadType.KE)
    p1.set_peer_identity(message.one(PayloadType.ID))
    p1.method.check(message)
    p1.make_key()
    answer = [(PayloadType.KE, p1.g_xr), p1.identity_payload()] + p1.method.proof()
    p1.derive()
    return Send(answer)


def authentication_only_initiator(p1):
    Send = sessions.Send
    p1.make_nonce()
    offer = p1.offer()
    message = yield Send(offer[:1] + [(PayloadType.NONCE, p1.ni)] + offer[1:])
    must_be(message, False)
    p1.accepted(message)
    must_be_keyed(p1)
    p1.set_nonce(message.one(PayloadType.NONCE))
    p1.set_peer_identity(message.one(PayloadType.ID))
    p1.method.check(message)
    return Send([p1.identity_payload()] + p1.method.proof())


def authentication_only_responder(p1):
    Send = sessions.Send
    message = yield
    must_be(message, False)
    answer = p1.accept(message)
    must_be_keyed(p1)
    p1.set_nonce(message.one(PayloadType.NONCE))
    p1.make_nonce()
    proof = [(PayloadType.NONCE, p1.nr), p1.identity_payload()] + p1.method.proof()
    message = yield Send(answer[:1] + proof + answer[1:])
    must_be(message, False)
    p1.set_peer_identity(message.one(PayloadType.ID))
    p1.method.check(message)
