# SPDX-License-Identifier: BSD-3-Clause
"""What the authentication methods of phase 1 differ in: SKEYID, which payloads carry key, nonce and
identity, who may be whom, and how the exchange is authenticated (RFC 2409 §5.1 to §5.4)."""
import hmac

from cryptography import x509

from . import keys, public_keys
from .algorithms import hmac_by
from .registry import Auth, CertEncoding, NotifyType, PayloadType
from .wire import Malformed, build_cert, check_nonce, parse_cert, parse_id

_SIGNATURES = {Auth.DSS, Auth.RSA, Auth.ECDSA, Auth.ECDSA_256, Auth.ECDSA_384, Auth.ECDSA_521}
# XAUTH says only that a user's authentication follows; below it is one of the plain methods.
_PLAIN = {Auth.XAUTH_INIT_PSK: Auth.PSK, Auth.XAUTH_RESP_PSK: Auth.PSK,
          Auth.XAUTH_INIT_DSS: Auth.DSS, Auth.XAUTH_RESP_DSS: Auth.DSS,
          Auth.XAUTH_INIT_RSA: Auth.RSA, Auth.XAUTH_RESP_RSA: Auth.RSA,
          Auth.XAUTH_INIT_RSA_ENCRYPTION: Auth.RSA_ENCRYPTION,
          Auth.XAUTH_RESP_RSA_ENCRYPTION: Auth.RSA_ENCRYPTION,
          Auth.XAUTH_INIT_RSA_REVISED: Auth.RSA_REVISED,
          Auth.XAUTH_RESP_RSA_REVISED: Auth.RSA_REVISED}
# Hybrid: the signature's method, and whether the initiator is the one who signs nothing.
_HYBRID = {Auth.HYBRID_INIT_RSA: (Auth.RSA, True), Auth.HYBRID_RESP_RSA: (Auth.RSA, False),
           Auth.HYBRID_INIT_DSS: (Auth.DSS, True), Auth.HYBRID_RESP_DSS: (Auth.DSS, False)}


def failed(why):
    return Malformed(NotifyType.AUTHENTICATION_FAILED, why)


class Method:
    """One authentication method within one phase 1; p1 is the phase1.Phase1 it serves."""

    def __init__(self, p1, number):
        self.p1, self.number = p1, number
        self.signature = _PLAIN.get(number, number)
        self.hybrid = number in _HYBRID
        self.unsigned_initiator = False
        self.iv = None  # of the next body that the revised mode seals
        if self.hybrid:
            self.signature, self.unsigned_initiator = _HYBRID[number]
        if self.signature in _SIGNATURES:
            self.family = "signature"
        else:
            self.family = {Auth.PSK: "psk", Auth.RSA_ENCRYPTION: "encryption",
                           Auth.RSA_REVISED: "revised"}[self.signature]

    def encrypts(self):
        return self.family in ("encryption", "revised")

    def signs(self, by_initiator):
        return self.family == "signature" and not (self.hybrid and by_initiator == self.unsigned_initiator)

    def skeyid(self, g_xy):
        """The fourth form, public-key encryption revised, is computed as the third."""
        p1, f = self.p1, self.p1.functions
        if self.family == "psk":
            return keys.skeyid_psk(f.prf, p1.policy.psk, p1.ni, p1.nr)
        if self.family == "signature":
            return keys.skeyid_signature(f.prf, p1.ni, p1.nr, g_xy)
        return keys.skeyid_encryption(f.prf, f.hash, p1.ni, p1.nr, *p1.session.cookies)

    # --- key, nonce and, encrypted, identity ---------------------------------------------------

    def key_payloads(self):
        p1 = self.p1
        if not self.encrypts():
            return [(PayloadType.KE, p1.mine("g_x")), (PayloadType.NONCE, p1.mine("n"))]
        peer = p1.policy.peer_key
        certificate_hash = []
        if p1.initiator and p1.policy.hash_certificate:
            certificate_hash = [(PayloadType.HASH, p1.functions.hash(p1.policy.peer_certificate))]
        nonce = (PayloadType.NONCE, peer.encrypt(p1.mine("n"), p1.session.random))
        identity = p1.policy.identity.build()
        if self.family == "encryption":
            sealed = (PayloadType.ID, peer.encrypt(identity, p1.session.random))
            return [(PayloadType.KE, p1.mine("g_x"))] + certificate_hash + [sealed, nonce]
        bodies = [(PayloadType.KE, p1.mine("g_x")), (PayloadType.ID, identity)]
        if p1.initiator:
            bodies += [(PayloadType.CERT, build_cert(CertEncoding.X509_KEY_EXCHANGE, der))
                       for der in p1.policy.certificates]
        self.iv = bytes(p1.functions.cipher.block)
        return certificate_hash + [nonce] + self.behind_nonce(bodies)

    def take_key_payloads(self, message):
        """Sets the peer's nonce and public value, and its identity where that is encrypted here."""
        p1 = self.p1
        if not self.encrypts():
            p1.set_theirs(message.one(PayloadType.KE), check_nonce(message.one(PayloadType.NONCE)))
            return
        clear = p1.policy.key.decrypt(message.one(PayloadType.NONCE))
        if clear is None or not 8 <= len(clear) <= 256:
            # A model may say so; a product must go on with a random value (an oracle otherwise).
            raise failed("the nonce does not decrypt")
        if self.family == "encryption":
            identity = p1.policy.key.decrypt(message.one(PayloadType.ID))
            if identity is None:
                raise failed("the identity does not decrypt")
            p1.set_theirs(message.one(PayloadType.KE), clear)
            p1.set_peer_identity(identity)
            return
        p1.set_nonce(clear)
        after = [kind for kind, _ in message.payloads].index(PayloadType.NONCE) + 1
        message.payloads[after:] = self._open_bodies(message.payloads[after:], not p1.initiator)
        p1.set_theirs(message.one(PayloadType.KE), clear)
        p1.set_peer_identity(message.one(PayloadType.ID))
        for body in message.bodies(PayloadType.CERT)[:1]:
            p1.take_certificate(parse_cert(body)[1])

    def _ephemeral(self, by_initiator):
        p1 = self.p1
        nonce = p1.ni if by_initiator else p1.nr
        return keys.revised_key(p1.functions, nonce, p1.session.cookies[0 if by_initiator else 1])

    def behind_nonce(self, bodies):
        """Payloads that follow ours of key_payloads(). Revised, they are sealed, one chain through all bodies; padding
        of zeros whose last octet counts the others. HASH_R is not among them: the figure has it in clear."""
        if self.family != "revised":
            return bodies
        cipher, key, out = self.p1.functions.cipher, self._ephemeral(self.p1.initiator), []
        for kind, body in bodies:
            pad = cipher.block - len(body) % cipher.block
            sealed = cipher.encrypt(key, self.iv, body + bytes(pad - 1) + bytes([pad - 1]))
            self.iv = sealed[-cipher.block:]
            out.append((kind, sealed))
        return out

    def _open_bodies(self, payloads, by_initiator):
        cipher, key = self.p1.functions.cipher, self._ephemeral(by_initiator)
        iv, out = bytes(cipher.block), []
        for kind, sealed in payloads:
            if kind == PayloadType.HASH:
                out.append((kind, sealed))
                continue
            if not sealed or len(sealed) % cipher.block:
                raise Malformed(NotifyType.PAYLOAD_MALFORMED, "a body that is no whole number of blocks")
            clear = cipher.decrypt(key, iv, sealed)
            iv, pad = sealed[-cipher.block:], clear[-1] + 1
            if pad > cipher.block or any(clear[-pad:-1]):
                raise Malformed(NotifyType.PAYLOAD_MALFORMED, "padding of an encrypted body")
            out.append((kind, clear[:-pad]))
        if not {PayloadType.KE, PayloadType.ID} <= {kind for kind, _ in out}:
            raise Malformed(NotifyType.PAYLOAD_MALFORMED, "no KE or no ID after the nonce")
        return out

    # --- the proof -----------------------------------------------------------------------------

    def proof(self):
        """Our HASH, or CERT and SIG."""
        p1 = self.p1
        if not self.signs(p1.initiator):
            return [(PayloadType.HASH, p1.exchange_hash(p1.initiator, p1.functions.prf))]
        key = p1.policy.key
        if key is None or not public_keys.fits(self.signature, key):
            raise failed("no key for this method")
        out = [(PayloadType.CERT, build_cert(CertEncoding.X509_SIGNATURE, der)) for der in p1.policy.certificates]
        digest = p1.exchange_hash(p1.initiator, self._signature_prf(key))
        return out + [(PayloadType.SIG, key.sign(digest, p1.session.random))]

    def check(self, message):
        p1 = self.p1
        if not self.signs(not p1.initiator):
            expected = p1.exchange_hash(not p1.initiator, p1.functions.prf)
            if not hmac.compare_digest(message.one(PayloadType.HASH), expected):
                raise Malformed(NotifyType.INVALID_HASH_INFORMATION, "the peer's hash is another")
            return
        for body in message.bodies(PayloadType.CERT):
            encoding, der = parse_cert(body)
            if encoding == CertEncoding.X509_SIGNATURE:
                p1.take_certificate(der)
        key = p1.peer_key()
        if key is None:
            raise failed("no key of the peer")
        digest = p1.exchange_hash(not p1.initiator, self._signature_prf(key))
        if not public_keys.fits(self.signature, key) or not key.verify(digest, message.one(PayloadType.SIG)):
            raise public_keys.bad_signature("the peer's signature does not verify")

    def _signature_prf(self, key):
        name = public_keys.signature_hash(self.signature, key)
        return hmac_by(name) if name else self.p1.functions.prf


def certificate_request(ca):
    """CR for X.509 signatures by this CA, or by any."""
    subject = x509.load_der_x509_certificate(ca).subject.public_bytes() if ca else b""
    return PayloadType.CR, build_cert(CertEncoding.X509_SIGNATURE, subject)


def identity_of(body):
    return parse_id(body, phase=1)
