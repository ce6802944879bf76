# SPDX-License-Identifier: BSD-3-Clause
"""RSA, DSA and ECDSA as IKEv1 uses them, in plain integers: signatures over a hash that is there
already, and the encryption of PKCS #1 v1.5 with padding given from outside.

Not constant in time. A model that talks to its own tests has no secret to lose; a product has.
"""
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from . import curves
from .registry import Auth, NotifyType
from .wire import Malformed

# Which HMAC makes HASH_I and HASH_R for a signature tied to a hash (RFC 2409 §5.1, RFC 4754 §4).
SIGNATURE_HASH = {Auth.DSS: "sha1", Auth.ECDSA_256: "sha256", Auth.ECDSA_384: "sha384",
                  Auth.ECDSA_521: "sha512"}


def bad_signature(why):
    return Malformed(NotifyType.INVALID_SIGNATURE, why)


@dataclass
class Rsa:
    n: int
    e: int
    d: int = 0  # zero: the public half alone

    kind = "rsa"

    @property
    def octets(self):
        return (self.n.bit_length() + 7) // 8

    def sign(self, digest, _random):
        """PKCS #1 block type 1 around the bare hash: no OID (RFC 2409 §5.1)."""
        block = b"\0\1" + b"\xff" * (self.octets - 3 - len(digest)) + b"\0" + digest
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(self.octets, "big")

    def verify(self, digest, signature):
        if len(signature) != self.octets or int.from_bytes(signature, "big") >= self.n:
            return False
        block = pow(int.from_bytes(signature, "big"), self.e, self.n).to_bytes(self.octets, "big")
        return block == b"\0\1" + b"\xff" * (self.octets - 3 - len(digest)) + b"\0" + digest

    def encrypt(self, clear, random):
        """PKCS #1 block type 2; the padding octets are random and not zero."""
        wanted = self.octets - 3 - len(clear)
        if wanted < 8:
            raise ValueError(f"{len(clear)} octets do not fit a key of {self.octets}")
        padding = bytes(b or 1 for b in random("rsa_padding", wanted))
        block = b"\0\2" + padding + b"\0" + clear
        return pow(int.from_bytes(block, "big"), self.e, self.n).to_bytes(self.octets, "big")

    def decrypt(self, sealed):
        """The clear octets; None where the padding is wrong. Who uses this must not let the peer see
        which it was."""
        if len(sealed) != self.octets or int.from_bytes(sealed, "big") >= self.n:
            return None
        block = pow(int.from_bytes(sealed, "big"), self.d, self.n).to_bytes(self.octets, "big")
        zero = block.find(b"\0", 2)
        if block[:2] != b"\0\2" or zero < 10:
            return None
        return block[zero + 1:]


@dataclass
class Dsa:
    p: int
    q: int
    g: int
    y: int
    x: int = 0

    kind = "dsa"

    @property
    def half(self):
        return (self.q.bit_length() + 7) // 8

    def _left(self, digest):
        return int.from_bytes(digest[:self.half], "big")

    def sign(self, digest, random):
        """r followed by s, RFC 2409 §5.1."""
        k = int.from_bytes(random("dsa_k", self.half + 8), "big") % (self.q - 1) + 1
        r = pow(self.g, k, self.p) % self.q
        s = pow(k, -1, self.q) * (self._left(digest) + self.x * r) % self.q
        return r.to_bytes(self.half, "big") + s.to_bytes(self.half, "big")

    def verify(self, digest, signature):
        if len(signature) != 2 * self.half:
            return False
        r = int.from_bytes(signature[:self.half], "big")
        s = int.from_bytes(signature[self.half:], "big")
        if not (0 < r < self.q and 0 < s < self.q):
            return False
        w = pow(s, -1, self.q)
        v = pow(self.g, self._left(digest) * w % self.q, self.p) * pow(self.y, r * w % self.q, self.p)
        return v % self.p % self.q == r


@dataclass
class Ecdsa:
    curve: curves.Curve
    public: tuple
    private: int = 0

    kind = "ecdsa"

    def sign(self, digest, random):
        k = int.from_bytes(random("ecdsa_k", self.curve.octets + 8), "big") % (self.curve.n - 1) + 1
        return self.curve.sign(self.private, digest, k)

    def verify(self, digest, signature):
        return self.curve.verify(self.public, digest, signature)


def from_library(key):
    """Our form of a key of the cryptography package, public or private."""
    secret = hasattr(key, "private_numbers")
    numbers = key.private_numbers() if secret else None
    public = numbers.public_numbers if secret else key.public_numbers()
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return Rsa(public.n, public.e, numbers.d if secret else 0)
    if isinstance(key, (dsa.DSAPrivateKey, dsa.DSAPublicKey)):
        p = public.parameter_numbers
        return Dsa(p.p, p.q, p.g, public.y, numbers.x if secret else 0)
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        curve = curves.BY_NAME[public.curve.name]
        return Ecdsa(curve, (public.x, public.y), numbers.private_value if secret else 0)
    raise ValueError("a kind of key that IKEv1 does not know")


def private_from_pem(pem):
    return from_library(serialization.load_pem_private_key(pem, None))


def public_half(key):
    if key.kind == "rsa":
        return Rsa(key.n, key.e)
    if key.kind == "dsa":
        return Dsa(key.p, key.q, key.g, key.y)
    return Ecdsa(key.curve, key.public)


def key_of_certificate(der):
    return from_library(x509.load_der_x509_certificate(der).public_key())


def fits(auth, key):
    """Whether a key can serve an authentication method."""
    wanted = {Auth.DSS: "dsa", Auth.RSA: "rsa", Auth.RSA_ENCRYPTION: "rsa", Auth.RSA_REVISED: "rsa",
              Auth.ECDSA: "ecdsa", Auth.ECDSA_256: "ecdsa", Auth.ECDSA_384: "ecdsa", Auth.ECDSA_521: "ecdsa"}
    of_curve = {Auth.ECDSA_256: curves.P256, Auth.ECDSA_384: curves.P384, Auth.ECDSA_521: curves.P521}
    return key.kind == wanted[auth] and (auth not in of_curve or key.curve == of_curve[auth])


def signature_hash(auth, key):
    """The name of the hash whose HMAC a signature method brings along; None: the negotiated prf."""
    if auth == Auth.ECDSA:
        auth = {curves.P256.name: Auth.ECDSA_256, curves.P384.name: Auth.ECDSA_384,
                curves.P521.name: Auth.ECDSA_521}[key.curve.name]
    return SIGNATURE_HASH.get(auth)


def issued_by(der, ca_der):
    """Whether a certificate bears the signature of a CA (RSA and ECDSA; no other check)."""
    from cryptography.hazmat.primitives.asymmetric import padding
    certificate, ca = x509.load_der_x509_certificate(der), x509.load_der_x509_certificate(ca_der)
    if certificate.issuer != ca.subject:
        return False
    key, algorithm = ca.public_key(), certificate.signature_hash_algorithm
    how = (padding.PKCS1v15(), algorithm) if isinstance(key, rsa.RSAPublicKey) else (ec.ECDSA(algorithm),)
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, *how)
        return True
    except Exception:  # the package raises its own
        return False
