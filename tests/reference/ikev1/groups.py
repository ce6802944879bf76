# SPDX-License-Identifier: BSD-3-Clause
"""Diffie-Hellman groups by their IKE numbers: MODP from their formula, ECP, Curve25519, private ones.

A group has public(private octets) and shared(private octets, peer's public octets).
"""
import functools
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import curves
from .registry import NotifyType
from .wire import Malformed

# Bits of the prime and the number added to pi's digits: RFC 2409 §6.1, §6.2, RFC 3526 §2 to §7.
_MODP = {1: (768, 149686), 2: (1024, 129093), 5: (1536, 741804), 14: (2048, 124476),
         15: (3072, 1690314), 16: (4096, 240904), 17: (6144, 929484), 18: (8192, 4743158)}
_ECP = {19: curves.P256, 20: curves.P384, 21: curves.P521, 25: curves.P192, 26: curves.P224,
        27: curves.BP224, 28: curves.BP256, 29: curves.BP384, 30: curves.BP512}
EC2N = (3, 4)  # named so that they can be refused by name
LEAST_PRIVATE_BITS = 1024  # of a private group's prime


@functools.lru_cache(maxsize=None)
def pi_times_power_of_two(bits):
    """floor(2^bits * pi), by Machin's formula."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_of_inverse(x):
        power = one // x
        total, n, sign = power, 1, 1
        while power:
            power //= x * x
            n, sign = n + 2, -sign
            total += sign * (power // n)
        return total

    return (4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))) >> guard


@functools.lru_cache(maxsize=None)
def modp_prime(number):
    """2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + c)"""
    bits, added = _MODP[number]
    return 2**bits - 2**(bits - 64) - 1 + 2**64 * (pi_times_power_of_two(bits - 130) + added)


@dataclass(frozen=True)
class Modp:
    prime: int
    generator: int = 2

    @property
    def octets(self):
        return (self.prime.bit_length() + 7) // 8

    @property
    def private_octets(self):
        return min(self.octets, 64)

    def _encode(self, value):
        # RFC 2409 §5: as long as the prime, zeros in front.
        return value.to_bytes(self.octets, "big")

    def public(self, private):
        return self._encode(pow(self.generator, int.from_bytes(private, "big"), self.prime))

    def shared(self, private, public):
        value = int.from_bytes(public, "big")
        if len(public) != self.octets or not 1 < value < self.prime - 1:
            raise Malformed(NotifyType.INVALID_KEY_INFORMATION, "public value outside of the group")
        return self._encode(pow(value, int.from_bytes(private, "big"), self.prime))


@dataclass(frozen=True)
class Ecp:
    curve: curves.Curve

    @property
    def private_octets(self):
        return self.curve.octets

    def _scalar(self, private):
        return int.from_bytes(private, "big") % (self.curve.n - 1) + 1 if \
            int.from_bytes(private, "big") >= self.curve.n else int.from_bytes(private, "big")

    def public(self, private):
        return self.curve.encode(self.curve.times(self._scalar(private), self.curve.g))

    def shared(self, private, public):
        point = self.curve.decode(public)
        if point is None:
            raise Malformed(NotifyType.INVALID_KEY_INFORMATION, "public value not on the curve")
        # RFC 5903 §7: the shared secret is x alone.
        return self.curve.times(self._scalar(private), point)[0].to_bytes(self.curve.octets, "big")


@dataclass(frozen=True)
class Curve25519:
    private_octets = 32

    def public(self, private):
        key = x25519.X25519PrivateKey.from_private_bytes(private)
        return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def shared(self, private, public):
        try:
            key = x25519.X25519PrivateKey.from_private_bytes(private)
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        except ValueError as why:
            raise Malformed(NotifyType.INVALID_KEY_INFORMATION, str(why)) from why


def group(number, private=None):
    """A group by its number; private holds those agreed by New Group Mode. KeyError if unknown."""
    if number in _MODP:
        return Modp(modp_prime(number))
    if number in _ECP:
        return Ecp(_ECP[number])
    if number == 31:
        return Curve25519()
    return (private or {})[number]


def is_prime(value):
    """Miller-Rabin by the first 24 primes as bases."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89)
    if value < 2 or any(value % b == 0 for b in bases):
        return value in bases
    odd, twos = value - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, value)
        if x in (1, value - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % value
            if x == value - 1:
                break
        else:
            return False
    return True


def private_modp(prime, generator):
    """A group that a peer proposes: primality and size are checked, and that its generator is no
    trivial one."""
    safe = prime.bit_length() >= LEAST_PRIVATE_BITS and 1 < generator < prime - 1 and is_prime(prime)
    if not safe or not is_prime((prime - 1) // 2):
        raise Malformed(NotifyType.ATTRIBUTES_NOT_SUPPORTED, "this prime is no group to trust")
    return Modp(prime, generator)
