# SPDX-License-Identifier: BSD-3-Clause
"""Key derivation of RFC 2409 §5 and appendix B, as functions of octets."""
import struct
from dataclasses import dataclass

from .algorithms import CIPHERS, HASHES, PRFS, des_key, hash_by, hmac_by


@dataclass(frozen=True)
class Functions:
    """The functions that a phase 1 has agreed upon."""
    hash: object
    prf: object
    cipher: object
    key_bytes: int

    @staticmethod
    def of(encryption, hash_number, key_bits=None, prf=None):
        cipher = CIPHERS[encryption]
        name = HASHES[hash_number]
        # RFC 2409 §4: without a negotiated prf, the HMAC version of the hash.
        return Functions(hash_by(name), PRFS[prf] if prf else hmac_by(name), cipher,
                         key_bits // 8 if key_bits else cipher.key_bytes[0])


# --- SKEYID, RFC 2409 §5 -----------------------------------------------------------------------


def skeyid_psk(prf, psk, ni, nr):
    return prf(psk, ni + nr)


def skeyid_signature(prf, ni, nr, g_xy):
    return prf(ni + nr, g_xy)


def skeyid_encryption(prf, hash_function, ni, nr, cky_i, cky_r):
    """Both public-key encryption and its revision."""
    return prf(hash_function(ni + nr), cky_i + cky_r)


@dataclass(frozen=True)
class Skeyids:
    skeyid: bytes
    d: bytes
    a: bytes
    e: bytes


def derive(prf, skeyid, g_xy, cky_i, cky_r):
    d = prf(skeyid, g_xy + cky_i + cky_r + b"\0")
    a = prf(skeyid, d + g_xy + cky_i + cky_r + b"\1")
    e = prf(skeyid, a + g_xy + cky_i + cky_r + b"\2")
    return Skeyids(skeyid, d, a, e)


# --- keys and initialization vectors, appendix B -----------------------------------------------


def expand(prf, key, octets):
    """K1 | K2 | ... with K1 = prf(key, 0), Kn = prf(key, Kn-1); cut."""
    out, last = b"", b"\0"
    while len(out) < octets:
        last = prf(key, last)
        out += last
    return out[:octets]


def cipher_key(functions, source):
    """The key of a cipher from SKEYID_e, or from Ne_i or Ne_r: its first octets when it is long
    enough, else expanded."""
    wanted = functions.key_bytes
    if functions.cipher.name == "des":
        return des_key(source)
    return source[:wanted] if len(source) >= wanted else expand(functions.prf, source, wanted)


def phase1_iv(functions, g_xi, g_xr):
    return functions.hash(g_xi + g_xr)[:functions.cipher.block]


def phase2_iv(functions, last_block, message_id):
    return functions.hash(last_block + struct.pack("!I", message_id))[:functions.cipher.block]


# --- authentication ----------------------------------------------------------------------------


def hash_i(prf, skeyid, g_xi, g_xr, cky_i, cky_r, sai_b, idii_b):
    return prf(skeyid, g_xi + g_xr + cky_i + cky_r + sai_b + idii_b)


def hash_r(prf, skeyid, g_xi, g_xr, cky_i, cky_r, sai_b, idir_b):
    return prf(skeyid, g_xr + g_xi + cky_r + cky_i + sai_b + idir_b)


def hash_1(prf, skeyid_a, message_id, rest):
    """HASH(1) of Quick Mode, New Group Mode and Informational; the HASH of transactions too. rest:
    every octet after the HASH payload, without padding."""
    return prf(skeyid_a, struct.pack("!I", message_id) + rest)


def hash_2(prf, skeyid_a, message_id, ni, rest):
    return prf(skeyid_a, struct.pack("!I", message_id) + ni + rest)


def hash_3(prf, skeyid_a, message_id, ni, nr):
    return prf(skeyid_a, b"\0" + struct.pack("!I", message_id) + ni + nr)


# --- RFC 2409 §5.3 and §5.5 --------------------------------------------------------------------


def revised_key(functions, nonce, cookie):
    """Ke_i or Ke_r, from Ne = prf(N_b, CKY)."""
    return cipher_key(functions, functions.prf(nonce, cookie))


def keymat(prf, skeyid_d, protocol, spi, ni, nr, octets, g_xy=b""):
    """Keying material of one SA; spi is that chosen by its destination. g_xy: only with PFS."""
    seed = g_xy + bytes([protocol]) + spi + ni + nr
    out, last = b"", b""
    while len(out) < octets:
        last = prf(skeyid_d, last + seed)
        out += last
    return out[:octets]


# --- Base and Authentication Only --------------------------------------------------------------
# RFC 2408 §4.4 and §4.6 leave AUTH to the method, and RFC 2409 does not define these exchanges. The
# initiator of Base authenticates before it has the responder's public value, and Authentication Only
# has none. So AUTH is RFC 2409's, keyed with what does not need g^xy, over what is known by then.


def skeyid_without_g_xy(functions, psk, ni, nr, cky_i, cky_r):
    """With a pre-shared key the usual SKEYID; otherwise that of public-key encryption, the only form
    that has neither a secret nor g^xy in it."""
    if psk is not None:
        return skeyid_psk(functions.prf, psk, ni, nr)
    return skeyid_encryption(functions.prf, functions.hash, ni, nr, cky_i, cky_r)


def base_hash_i(prf, skeyid, g_xi, cky_i, cky_r, sai_b, idii_b):
    return prf(skeyid, g_xi + cky_i + cky_r + sai_b + idii_b)


def base_hash_r(prf, skeyid, g_xi, g_xr, cky_i, cky_r, sai_b, idir_b):
    return hash_r(prf, skeyid, g_xi, g_xr, cky_i, cky_r, sai_b, idir_b)


def authentication_only_hash_i(prf, skeyid, cky_i, cky_r, sai_b, idii_b):
    return prf(skeyid, cky_i + cky_r + sai_b + idii_b)


def authentication_only_hash_r(prf, skeyid, cky_i, cky_r, sai_b, idir_b):
    return prf(skeyid, cky_r + cky_i + sai_b + idir_b)
