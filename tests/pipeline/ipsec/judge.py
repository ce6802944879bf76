#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent judge of ESP and AH packets: opens what we sealed, seals what we shall open.

  judge.py open|seal CASES.json     prints a JSON list of hexadecimal packets, "" where it failed
  judge.py text CASES.json          the same of what ESP carries, with its next header behind it

scapy's IPsec layer does it, but for what scapy 2.5.0 does wrongly (an extended sequence number
with a separate HMAC, AES-GCM and AES-CCM with a short ICV) or not at all (AES-GMAC, AES-XCBC,
SHA2-256 cut to 96 bits): there `cryptography` and `hmac` do. Of AH scapy always says which fields
count as zero; a case may say `ah` and `transport`.
"""
import hmac
import json
import os
import sys

os.environ.setdefault("XDG_CONFIG_HOME", "/nonexistent")
try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
    from cryptography.hazmat.primitives.cmac import CMAC
    from scapy.layers import ipsec
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

SCAPY_AUTH = {"md5": "HMAC-MD5-96", "sha1": "HMAC-SHA1-96", "sha256": "SHA2-256-128",
              "sha384": "SHA2-384-192", "sha512": "SHA2-512-256", "cmac": "AES-CMAC-96", "": "NULL"}
SCAPY_AH = {"md5", "sha1", "sha256", "sha384", "sha512", "cmac"}
ICV = {"md5": 12, "sha1": 12, "sha256": 16, "sha256_96": 12, "sha384": 24, "sha512": 32, "xcbc": 12,
       "cmac": 12}
IV = {"NULL": 0, "AES-CBC": 16, "3DES": 8, "AES-CTR": 8}  # of ciphers that need a MAC beside them
BLOCK = {"AES-CBC": 16, "3DES": 8}


def scapy_can(case):
    if case.get("ah") or case.get("transport"):
        return True
    if case["auth"]:
        return case["auth"] in SCAPY_AUTH and not case["esn"]
    return case["icv"] == 16 and case["cipher"] != "AES-NULL-GMAC"


def outer_header(case, **fields):
    source, destination = case["outer"]
    return (IPv6 if ":" in source else IP)(src=source, dst=destination, **fields)


def packet_of(octets):
    return (IPv6 if octets[0] >> 4 == 6 else IP)(octets)


class OwnMac:
    """Of AH, what scapy lacks. Of AES-GMAC the field is IV and tag (RFC 4543, section 4)."""
    def __init__(self, case):
        self.case, self.data = case, b""

    def update(self, data):
        self.data += data

    def finalize(self):
        key = bytes.fromhex(self.case["auth_key"])
        if self.case["auth"] == "gmac":
            iv = self.case["iv"]
            tag = Cipher(algorithms.AES(key[:-4]), modes.GCM(key[-4:] + iv)).encryptor()
            tag.authenticate_additional_data(self.data)
            tag.finalize()
            return iv + tag.tag
        if self.case["auth"] == "xcbc":
            return xcbc(key, self.data)
        return hmac.new(key, self.data, "sha256").digest()  # sha256_96


class AhAlgorithm(ipsec.AuthAlgo):
    def __init__(self, case):
        auth = case["auth"]
        stock = ipsec.AUTH_ALGOS[SCAPY_AUTH[auth]] if auth in SCAPY_AH else None
        super().__init__("judge", mac=stock.mac if stock else True,
                         digestmod=stock.digestmod if stock else None,
                         icv_size=24 if auth == "gmac" else ICV[auth])
        self.case, self.own = case, stock is None

    def new_mac(self, key):
        return OwnMac(self.case) if self.own else super().new_mac(key)

    def sign(self, pkt, key, esn_en=False, esn=0):
        # scapy 2.5.0 would sign the ESP inside of AH
        mac = self.new_mac(key)
        mac.update(bytes(ipsec.zero_mutable_fields(pkt.copy(), sending=True)))
        mac.update(esn.to_bytes(4, "big") if esn_en else b"")
        pkt[ipsec.AH].icv = mac.finalize()[:self.icv_size]
        return pkt


def ah_association(case, packet):
    sa = ipsec.SecurityAssociation(
        ipsec.AH, spi=case["spi"], seq_num=case["sequence"] & 0xffffffff,
        auth_algo="HMAC-SHA1-96", auth_key=bytes.fromhex(case["auth_key"]),
        tunnel_header=None if case.get("transport") else outer_header(case),
        esn_en=case["esn"], esn=case["sequence"] >> 32)
    sa.auth_algo = AhAlgorithm(case)
    case["iv"] = bytes(packet[ipsec.AH].icv)[:8] if ipsec.AH in packet else os.urandom(8)
    return sa


def association(case, packet):
    if case.get("ah"):
        return ah_association(case, packet)
    return ipsec.SecurityAssociation(
        ipsec.ESP, spi=case["spi"], seq_num=case["sequence"] & 0xffffffff,
        crypt_algo=case["cipher"], crypt_key=bytes.fromhex(case["key"]) or None,
        crypt_icv_size=case["icv"] or None, auth_algo=SCAPY_AUTH[case["auth"]],
        auth_key=bytes.fromhex(case["auth_key"]) or None,
        tunnel_header=None if case.get("transport") else outer_header(case),
        nat_t_header=UDP(sport=4500, dport=4500, chksum=0) if case["encap"] else None,
        esn_en=case["esn"], esn=case["sequence"] >> 32)


def scapy_open(case, packet):
    packet = packet_of(packet)
    if case["encap"] and case.get("transport") and packet.version == 6:
        # scapy 2.5.0 would leave the UDP header where it is
        source, destination = case["outer"]
        packet = packet_of(bytes(IPv6(src=source, dst=destination, nh=50, hlim=packet.hlim)
                                 / bytes(packet[UDP].payload)))
    return bytes(association(case, packet).decrypt(packet))


def scapy_text(case, packet):
    packet, sa = packet_of(packet), association(case, b"")
    esp = ipsec.ESP(bytes(packet[UDP].payload)) if case["encap"] else packet[ipsec.ESP]
    plain = sa.crypt_algo.decrypt(sa, esp, sa.crypt_key, sa.crypt_icv_size)
    return plain.data + bytes([plain.nh])


def scapy_seal(case, inner):
    inner = packet_of(inner)
    sealed = association(case, inner).encrypt(inner)
    if case["encap"]:  # scapy 2.5.0 leaves the template's UDP length as it was
        sealed[UDP].len = len(bytes(sealed[UDP]))
    return bytes(sealed)


def covered_by_hmac(case, esp):
    return esp + ((case["sequence"] >> 32).to_bytes(4, "big") if case["esn"] else b"")


def xcbc(key, data):  # RFC 3566, section 4
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    k1, k2, k3 = (aes.update(bytes([n]) * 16) for n in (1, 2, 3))
    whole = data and len(data) % 16 == 0
    padded = data if whole else data + b"\x80" + bytes(-(len(data) + 1) % 16)
    last = bytes(a ^ b for a, b in zip(padded[-16:], k2 if whole else k3))
    chain = Cipher(algorithms.AES(k1), modes.CBC(bytes(16))).encryptor()
    return chain.update(padded[:-16] + last)[-16:]


def digest(case, esp):
    key, data = bytes.fromhex(case["auth_key"]), covered_by_hmac(case, esp)
    if case["auth"] == "xcbc":
        whole = xcbc(key, data)
    elif case["auth"] == "cmac":
        mac = CMAC(algorithms.AES(key))
        mac.update(data)
        whole = mac.finalize()
    else:
        whole = hmac.new(key, data, case["auth"].split("_")[0]).digest()
    return whole[:ICV[case["auth"]]]


def aad(case):
    sequence = case["sequence"].to_bytes(8, "big")
    return case["spi"].to_bytes(4, "big") + (sequence if case["esn"] else sequence[4:])


def cipher(case, iv):
    """What needs a MAC beside it."""
    key = bytes.fromhex(case["key"])
    if case["cipher"] == "AES-CTR":  # RFC 3686, section 4
        return Cipher(algorithms.AES(key[:-4]), modes.CTR(key[-4:] + iv + b"\0\0\0\1"))
    block = algorithms.TripleDES if case["cipher"] == "3DES" else algorithms.AES
    return Cipher(block(key), modes.CBC(iv))


def gmac(case, key, nonce, text):  # RFC 4543, section 3.3
    tag = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    tag.authenticate_additional_data(aad(case) + nonce[4:] + text)
    tag.finalize()
    return tag.tag


def aead_open(case, iv, text, icv):
    key = bytes.fromhex(case["key"])
    if case["cipher"] == "AES-CCM":
        return AESCCM(key[:-3], len(icv)).decrypt(key[-3:] + iv, text + icv, aad(case))
    key, salt = key[:-4], key[-4:]
    if case["cipher"] == "AES-NULL-GMAC":
        if icv != gmac(case, key, salt + iv, text):
            raise ValueError("ICV")
        return text
    gcm = Cipher(algorithms.AES(key), modes.GCM(salt + iv, icv, min_tag_length=8)).decryptor()
    gcm.authenticate_additional_data(aad(case))
    return gcm.update(text) + gcm.finalize()


def aead_seal(case, iv, text):
    key = bytes.fromhex(case["key"])
    if case["cipher"] == "AES-CCM":
        return AESCCM(key[:-3], case["icv"]).encrypt(key[-3:] + iv, text, aad(case))
    key, salt = key[:-4], key[-4:]
    if case["cipher"] == "AES-NULL-GMAC":
        return text + gmac(case, key, salt + iv, text)
    gcm = Cipher(algorithms.AES(key), modes.GCM(salt + iv)).encryptor()
    gcm.authenticate_additional_data(aad(case))
    return gcm.update(text) + gcm.finalize() + gcm.tag[:case["icv"]]


def own_open(case, packet):
    esp = packet[28 if case["encap"] else 20:]
    size = ICV[case["auth"]] if case["auth"] else case["icv"]
    esp, icv = esp[:-size], esp[-size:]
    if case["auth"]:
        if icv != digest(case, esp):
            raise ValueError("ICV")
        start = 8 + IV[case["cipher"]]
        text = esp[start:]
        if start != 8:
            text = cipher(case, esp[8:start]).decryptor().update(text)
    else:
        text = aead_open(case, esp[8:16], esp[16:], icv)
    if text[-1] != 4 or text[-2 - text[-2]:-2] != bytes(range(1, text[-2] + 1)):
        raise ValueError("trailer")
    return text[:-2 - text[-2]]


def own_seal(case, inner):
    padding = bytes(range(1, 1 + -(len(inner) + 2) % BLOCK.get(case["cipher"], 4)))
    text = inner + padding + bytes([len(padding), 4])
    esp = case["spi"].to_bytes(4, "big") + (case["sequence"] & 0xffffffff).to_bytes(4, "big")
    iv = os.urandom(IV.get(case["cipher"], 8))
    if case["auth"]:
        esp += iv + (cipher(case, iv).encryptor().update(text) if iv else text)
        esp += digest(case, esp)
    else:
        esp += iv + aead_seal(case, iv, text)
    source, destination = case["outer"]
    outer = IP(src=source, dst=destination, proto=17 if case["encap"] else 50)
    if case["encap"]:
        udp = (4500).to_bytes(2, "big") * 2 + (len(esp) + 8).to_bytes(2, "big") + b"\0\0"
        esp = udp + esp
    return bytes(outer / esp)


def main():
    way, cases = sys.argv[1], json.load(open(sys.argv[2], encoding="ascii"))
    work = {"open": (scapy_open, own_open), "seal": (scapy_seal, own_seal), "text": (scapy_text, None)}[way]
    out = []
    for case in cases:
        try:
            judge = work[0 if scapy_can(case) else 1]
            out.append(judge(case, bytes.fromhex(case["packet"])).hex())
        except Exception as fault:  # a wrong packet is an answer, too
            print(case["name"], type(fault).__name__, fault, file=sys.stderr)
            out.append("")
    print(json.dumps(out))


if __name__ == "__main__":
    main()
