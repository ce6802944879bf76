#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Known answers for the model's key derivation, groups, signatures and encryption. None is its own."""
import gzip
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from harness import equal, expect, run, udp_of_capture, vectors
from ikev1 import algorithms, curves, groups, keys, proposals, public_keys, randomness, wire
from ikev1.registry import Ike, PayloadType

octets = bytes.fromhex


def cavp():
    """the CAVP vectors of IKEv1 with a pre-shared key"""
    path = vectors("nist-cavp/ikev1_psk.rsp.gz")
    if path is None:
        return "the vectors are not there"
    prf, case, count = None, {}, 0
    for line in gzip.open(path, "rt"):
        if found := re.match(r"\[SHA-(\d+)\]", line):
            prf = algorithms.hmac_by("sha" + found[1])
        if not (found := re.match(r"([A-Za-z_^-]+) = ([0-9a-f]+)", line)):
            continue
        case[found[1]] = octets(found[2]) if found[1] != "COUNT" else b""
        if found[1] == "SKEYID_e":
            skeyid = keys.skeyid_psk(prf, case["pre-shared-key"], case["Ni"], case["Nr"])
            made = keys.derive(prf, skeyid, case["g^xy"], case["CKY_I"], case["CKY_R"])
            equal((made.skeyid, made.d, made.a, made.e),
                  tuple(case[n] for n in ("SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e")), f"case {count}")
            count += 1
    expect(count >= 280, f"{count} cases")


def capture():
    """a capture of Main and Quick Mode decrypts: first IV, chain, IV of phase 2"""
    path = vectors("captures/ikev1-certs.pcap")
    if path is None:
        return "the vectors are not there"
    rows = (path.parent / "ikev1_decryption_table.tmpl").read_text().splitlines()
    table = dict(row.split(",") for row in rows if not row.startswith("#"))
    messages = [wire.parse_message(d) for d in udp_of_capture(path)]
    chosen = proposals.parse_sa(messages[1][1][0][1]).proposals[0].transforms[0]
    functions = keys.Functions.of(chosen.get(Ike.ENCRYPTION), chosen.get(Ike.HASH), chosen.get(Ike.KEY_LENGTH))
    key = octets(table[messages[0][0].initiator.hex()])
    g_xi, g_xr = (dict(messages[n][1])[PayloadType.KE] for n in (2, 3))
    iv = keys.phase1_iv(functions, g_xi, g_xr)
    for header, sealed in messages[4:6]:
        clear = functions.cipher.decrypt(key, iv, sealed)
        kinds = [kind for kind, _ in wire.parse_chain(header.next_payload, clear, padded=True)]
        expect(kinds[0] == PayloadType.ID and PayloadType.SIG in kinds, f"payloads {kinds}")
        iv = sealed[-functions.cipher.block:]
    header, sealed = messages[6]
    iv = keys.phase2_iv(functions, iv, header.message_id)
    payloads = wire.parse_chain(header.next_payload, functions.cipher.decrypt(key, iv, sealed), padded=True)
    equal([kind for kind, _ in payloads[:3]], [PayloadType.HASH, PayloadType.SA, PayloadType.NONCE], "Quick Mode")
    proposals.parse_sa(payloads[1][1])


def xcbc():
    """AES-XCBC of RFC 3566, the PRF of RFC 4434, AES-CMAC of RFC 4494"""
    key, message = bytes(range(16)), bytes(range(20))
    equal(algorithms.aes_xcbc(key, bytes(range(16))), octets("d2a246fa349b68a79998a4394ff7a263"), "RFC 3566 case 3")
    for size, wanted in ((16, "47f51b4564966215b8985c63055ed308"), (10, "0fa087af7d866e7653434e602fdde835")):
        equal(algorithms.aes_xcbc_prf(key[:size], message), octets(wanted), f"key of {size}")
    equal(algorithms.aes_xcbc_prf(key + octets("edcb"), message), octets("8cd3c93ae598a9803006ffb67c40e9e4"), "18")
    key = octets("2b7e151628aed2a6abf7158809cf4f3c")
    for data, wanted in (("", "bb1d6929e95937287fa37d129b756746"),
                         ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c")):
        equal(algorithms.aes_cmac(key, octets(data)), octets(wanted), "CMAC")


def modp():
    """the primes made from pi are those of RFC 2409 and RFC 3526"""
    endings = {1: "A63A3620FFFFFFFFFFFFFFFF", 2: "ECE65381FFFFFFFFFFFFFFFF", 5: "CA237327FFFFFFFFFFFFFFFF",
               14: "8AACAA68FFFFFFFFFFFFFFFF", 15: "A93AD2CAFFFFFFFFFFFFFFFF", 16: "34063199FFFFFFFFFFFFFFFF",
               17: "6DCC4024FFFFFFFFFFFFFFFF", 18: "98EDD3DFFFFFFFFFFFFFFFFF"}
    texts = vectors("../rfc/rfc3526.txt"), vectors("../rfc/rfc2409.txt")
    flat = "".join(re.sub(r"\n.*\[Page \d+\]\n\f?.*\n", "", t.read_text()) for t in texts if t)
    flat = re.sub(r"\s", "", flat)
    for number, ending in endings.items():
        digits = f"{groups.modp_prime(number):X}"
        expect(digits.endswith(ending), f"group {number} ends in {digits[-24:]}")
        expect(not all(texts) or digits in flat, f"group {number} is not in the text")


def ecp():
    """ECDH of RFC 5903 §8.1 and RFC 6954 appendix A"""
    private = octets("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433")
    theirs = octets("D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
                    "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB")
    equal(groups.group(19).public(private)[:8], octets("DAD0B65394221CF9"), "g^i")
    equal(groups.group(19).shared(private, theirs),
          octets("D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"), "group 19")
    private = octets("39F155483CEE191FBECFE9C81D8AB1A03CDA6790E7184ACE44BCA161")
    theirs = octets("034A56C550FF88056144E6DD56070F54B0135976B5BF77827313F36B"
                    "75165AD99347DC86CAAB1CBB579E198EAF88DC35F927B358AA683681")
    equal(groups.group(27).shared(private, theirs),
          octets("1A4BFE705445120C8E3E026699054104510D119757B74D5FE2462C66"), "group 27")


def every_group():
    """both ends of each group agree, and bad public values are refused"""
    for number in (1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 25, 26, 27, 28, 29, 30, 31):
        group = groups.group(number)
        size = min(group.private_octets, 32)  # short exponents: the test is of agreement
        a, b = (randomness.Seeded(n)("private", group.private_octets) for n in "ab")
        if isinstance(group, groups.Modp):
            a, b = a[:size], b[:size]
        equal(group.shared(a, group.public(b)), group.shared(b, group.public(a)), f"group {number}")
        bad = bytes(len(group.public(a)))
        for wrong in (bad, bad[1:], bad[:-1] + b"\1"):
            try:
                group.shared(a, wrong)
            except wire.Malformed:
                continue
            expect(number == 31 and wrong is not bad and len(wrong) == 32, f"group {number} takes {wrong[-4:].hex()}")


def ecdsa():
    """ECDSA-256 of RFC 4754 §8.1, and signatures of OpenSSL"""
    private = 0xDC51D3866A15BACDE33D96F992FCA99DA7E6EF0934E7097559C27F1614C88A7F
    k = 0x9E56F509196784D963D1C0A401510EE7ADA3DCC5DEE04B154BF61AF1D5A6DECE
    digest = algorithms.hash_by("sha256")(b"abc")
    wanted = octets("CB28E0999B9C7715FD0A80D8E47A77079716CBBF917DD72E97566EA1C066957C"
                    "86FA3BB4E26CAD5BF90B7F81899256CE7594BB1EA0C89212748BFF3B3D5B0315")
    equal(curves.P256.sign(private, digest, k), wanted, "r | s")
    for curve, name, size in ((ec.SECP256R1(), "sha256", 32), (ec.SECP521R1(), "sha512", 66)):
        key = ec.generate_private_key(curve)
        ours, digest = public_keys.from_library(key), algorithms.hash_by(name)(b"message")
        method = ec.ECDSA(utils.Prehashed(hashes.SHA256() if size == 32 else hashes.SHA512()))
        r, s = utils.decode_dss_signature(key.sign(digest, method))
        theirs = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        expect(ours.verify(digest, theirs), f"{name}: OpenSSL's signature")
        expect(not ours.verify(digest, theirs[:-1] + bytes([theirs[-1] ^ 1])), f"{name}: a changed signature")
        made = ours.sign(digest, randomness.from_system)
        der = utils.encode_dss_signature(int.from_bytes(made[:size], "big"), int.from_bytes(made[size:], "big"))
        key.public_key().verify(der, digest, method)


def dsa_and_rsa():
    """DSA and RSA against OpenSSL, both ways"""
    key = dsa.generate_private_key(1024)
    ours, digest = public_keys.from_library(key), algorithms.hash_by("sha1")(b"message")
    made = ours.sign(digest, randomness.from_system)
    der = utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (made[:20], made[20:])))
    key.public_key().verify(der, digest, utils.Prehashed(hashes.SHA1()))
    expect(ours.verify(digest, made) and not ours.verify(digest[::-1], made), "DSA")
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    ours = public_keys.from_library(key)
    sealed = ours.encrypt(b"a nonce", randomness.from_system)
    equal(key.decrypt(sealed, padding.PKCS1v15()), b"a nonce", "OpenSSL opens what the model sealed")
    equal(ours.decrypt(key.public_key().encrypt(b"a nonce", padding.PKCS1v15())), b"a nonce", "and the reverse")
    expect(ours.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1])) is None, "a changed ciphertext opens")
    # RFC 2409 §5.1: no OID. With the DigestInfo as its "hash", it is OpenSSL's signature.
    info = octets("3021300906052b0e03021a05000414")
    equal(ours.sign(info + digest, None), key.sign(b"message", padding.PKCS1v15(), hashes.SHA1()), "RSA")


def expansion():
    """keys longer than the PRF gives are expanded as RFC 2409 appendix B says"""
    functions = keys.Functions.of(7, 1, 256)  # AES-256 with MD5: 16 octets at a time
    e, prf = bytes(range(16)), functions.prf
    first = prf(e, b"\0")
    equal(keys.cipher_key(functions, e), first + prf(e, first), "Ka = K1 | K2")
    equal(keys.cipher_key(keys.Functions.of(7, 1, 128), e), e, "long enough: its first octets")
    made = keys.keymat(prf, e, 3, b"spi1", b"ni", b"nr", 40, b"secret")
    one = prf(e, b"secret\x03spi1ninr")
    two = prf(e, one + b"secret\x03spi1ninr")
    equal(made, (one + two + prf(e, two + b"secret\x03spi1ninr"))[:40], "KEYMAT")
    weak = octets("0101010101010101")
    equal(algorithms.des_key(weak + e), e[:8], "the first octets that are no weak key of DES")


if __name__ == "__main__":
    run("ikev1_keys", [cavp, capture, xcbc, modp, ecp, every_group, ecdsa, dsa_and_rsa, expansion])
