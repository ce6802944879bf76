# SPDX-License-Identifier: BSD-3-Clause
"""Hashes, pseudo-random functions and the CBC ciphers of phase 1, by their IKE numbers."""
import hashlib
import hmac
import warnings
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HASHES = {1: "md5", 2: "sha1", 4: "sha256", 5: "sha384", 6: "sha512"}  # 4 to 6 by IANA
SHA224 = "sha224"  # in the CAVP vectors only


def _aes(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


def _cbc_mac(key, data, last_key):
    """CBC-MAC whose last block, padded already, is masked with last_key."""
    state = bytes(16)
    for at in range(0, len(data) - 16, 16):
        state = _aes(key, _xor(state, data[at:at + 16]))
    return _aes(key, _xor(_xor(state, data[-16:]), last_key))


def aes_xcbc(key, data):
    """AES-XCBC-MAC with its full 128 bits, RFC 3566 §4."""
    k1, k2, k3 = (_aes(key, bytes([n]) * 16) for n in (1, 2, 3))
    if data and len(data) % 16 == 0:
        return _cbc_mac(k1, data, k2)
    return _cbc_mac(k1, data + b"\x80" + bytes(-(len(data) + 1) % 16), k3)


def aes_cmac(key, data):
    """AES-CMAC, as RFC 4494 §2 and NIST SP 800-38B define it."""
    def doubled(block):
        value = int.from_bytes(block, "big") << 1
        return ((value ^ 0x87 if value >> 128 else value) & (1 << 128) - 1).to_bytes(16, "big")
    whole = doubled(_aes(key, bytes(16)))
    if data and len(data) % 16 == 0:
        return _cbc_mac(key, data, whole)
    return _cbc_mac(key, data + b"\x80" + bytes(-(len(data) + 1) % 16), doubled(whole))


def _any_key(mac, shorten):
    """RFC 4434 §2, RFC 4615 §3: a key of any length as the PRF takes it."""
    def prf(key, data):
        if len(key) != 16:
            key = shorten(key)
        return mac(key, data)
    return prf


aes_xcbc_prf = _any_key(aes_xcbc, lambda k: k + bytes(16 - len(k)) if len(k) < 16 else aes_xcbc(bytes(16), k))
aes_cmac_prf = _any_key(aes_cmac, lambda k: aes_cmac(bytes(16), k))

# RFC 2409 appendix A defines no number for a PRF; these are for private use, by agreement.
PRFS = {65001: aes_xcbc_prf, 65002: aes_cmac_prf}


def hash_by(name):
    return lambda data: hashlib.new(name, data).digest()


def hmac_by(name):
    return lambda key, data: hmac.new(key, data, name).digest()


@dataclass(frozen=True)
class CbcCipher:
    name: str
    block: int
    key_bytes: tuple      # lengths that may be negotiated; the first where none is
    variable: bool        # whether a key length is negotiated
    primitive: object

    def _mode(self, key, iv):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old ciphers are what a reference is for
            return Cipher(self.primitive(key), modes.CBC(iv))

    def encrypt(self, key, iv, data):
        return self._mode(key, iv).encryptor().update(data)

    def decrypt(self, key, iv, data):
        return self._mode(key, iv).decryptor().update(data)


def _des(key):
    return algorithms.TripleDES(key * 3)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    CIPHERS = {
        1: CbcCipher("des", 8, (8,), False, _des),
        3: CbcCipher("blowfish", 8, (56, 16, 24, 32), True, algorithms.Blowfish),
        5: CbcCipher("3des", 8, (24,), False, algorithms.TripleDES),
        6: CbcCipher("cast", 8, (16,), True, algorithms.CAST5),
        7: CbcCipher("aes", 16, (16, 24, 32), True, algorithms.AES),
        8: CbcCipher("camellia", 16, (16, 24, 32), True, algorithms.Camellia),
    }

# RFC 2409 appendix A; parity bits do not count.
_WEAK = """0101010101010101 1F1F1F1FE0E0E0E0 E0E0E0E01F1F1F1F FEFEFEFEFEFEFEFE 01FE01FE01FE01FE
1FE01FE00EF10EF1 01E001E001F101F1 1FFE1FFE0EFE0EFE 011F011F010E010E E0FEE0FEF1FEF1FE FE01FE01FE01FE01
E01FE01FF10EF10E E001E001F101F101 FE1FFE1FFE0EFE0E 1F011F010E010E01 FEE0FEE0FEF1FEF1"""


def _without_parity(key):
    return bytes(b & 0xfe for b in key)


_WEAK_KEYS = {_without_parity(bytes.fromhex(k)) for k in _WEAK.split()}
# The table of the RFC writes two keys with the halves' parity only; the usual forms too.
_WEAK_KEYS |= {_without_parity(bytes.fromhex(k)) for k in ("1F1F1F1F0E0E0E0E", "E0E0E0E0F1F1F1F1")}


def des_key(material):
    """The first eight octets that are no weak key, RFC 2409 appendix B."""
    for at in range(0, len(material) - 7, 8):
        if _without_parity(material[at:at + 8]) not in _WEAK_KEYS:
            return material[at:at + 8]
    raise ValueError("nothing but weak keys")
