#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent judge of ESP packets: opens what we sealed, seals what we shall open.

  judge.py open|seal CASES.json     prints a JSON list of hexadecimal packets, "" where it failed

scapy's IPsec layer does it, but for what scapy 2.5.0 does wrongly (an extended sequence number
with a separate HMAC, AES-GCM with a short ICV): there `cryptography` and `hmac` do.
"""
import hmac
import json
import os
import sys

os.environ.setdefault("XDG_CONFIG_HOME", "/nonexistent")
try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from scapy.layers import ipsec
    from scapy.layers.inet import IP, UDP
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

SCAPY_AUTH = {"sha1": "HMAC-SHA1-96", "sha256": "SHA2-256-128", "sha384": "SHA2-384-192",
              "sha512": "SHA2-512-256", "": "NULL"}
ICV = {"sha1": 12, "sha256": 16, "sha384": 24, "sha512": 32}


def scapy_can(case):
    if case["auth"]:
        return not case["esn"]
    return case["icv"] == 16


def association(case):
    source, destination = case["outer"]
    return ipsec.SecurityAssociation(
        ipsec.ESP, spi=case["spi"], seq_num=case["sequence"] & 0xffffffff,
        crypt_algo=case["cipher"], crypt_key=bytes.fromhex(case["key"]) or None,
        crypt_icv_size=case["icv"] or None, auth_algo=SCAPY_AUTH[case["auth"]],
        auth_key=bytes.fromhex(case["auth_key"]) or None,
        tunnel_header=IP(src=source, dst=destination),
        nat_t_header=UDP(sport=4500, dport=4500, chksum=0) if case["encap"] else None,
        esn_en=case["esn"], esn=case["sequence"] >> 32)


def scapy_open(case, packet):
    return bytes(association(case).decrypt(IP(packet)))


def scapy_seal(case, inner):
    sealed = association(case).encrypt(IP(inner))
    if case["encap"]:  # scapy 2.5.0 leaves the template's UDP length as it was
        sealed[UDP].len = len(bytes(sealed[UDP]))
    return bytes(sealed)


def covered_by_hmac(case, esp):
    return esp + ((case["sequence"] >> 32).to_bytes(4, "big") if case["esn"] else b"")


def digest(case, esp):
    return hmac.new(bytes.fromhex(case["auth_key"]), covered_by_hmac(case, esp),
                    case["auth"]).digest()[:ICV[case["auth"]]]


def aad(case):
    sequence = case["sequence"].to_bytes(8, "big")
    return case["spi"].to_bytes(4, "big") + (sequence if case["esn"] else sequence[4:])


def own_open(case, packet):
    esp = packet[28 if case["encap"] else 20:]
    key = bytes.fromhex(case["key"])
    if case["auth"]:
        size = ICV[case["auth"]]
        esp, icv = esp[:-size], esp[-size:]
        if icv != digest(case, esp):
            raise ValueError("ICV")
        text = esp[8:]
        if case["cipher"] == "AES-CBC":
            text = Cipher(algorithms.AES(key), modes.CBC(esp[8:24])).decryptor().update(esp[24:])
    else:
        key, salt = key[:-4], key[-4:]
        esp, icv = esp[:-case["icv"]], esp[-case["icv"]:]
        gcm = Cipher(algorithms.AES(key),
                     modes.GCM(salt + esp[8:16], icv, min_tag_length=8)).decryptor()
        gcm.authenticate_additional_data(aad(case))
        text = gcm.update(esp[16:]) + gcm.finalize()
    if text[-1] != 4 or text[-2 - text[-2]:-2] != bytes(range(1, text[-2] + 1)):
        raise ValueError("trailer")
    return text[:-2 - text[-2]]


def own_seal(case, inner):
    key = bytes.fromhex(case["key"])
    block = 16 if case["cipher"] == "AES-CBC" else 4
    padding = bytes(range(1, 1 + -(len(inner) + 2) % block))
    text = inner + padding + bytes([len(padding), 4])
    esp = case["spi"].to_bytes(4, "big") + (case["sequence"] & 0xffffffff).to_bytes(4, "big")
    if case["auth"]:
        if case["cipher"] == "AES-CBC":
            iv = os.urandom(16)
            text = iv + Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(text)
        esp += text
        esp += digest(case, esp)
    else:
        key, salt = key[:-4], key[-4:]
        iv = os.urandom(8)
        gcm = Cipher(algorithms.AES(key), modes.GCM(salt + iv)).encryptor()
        gcm.authenticate_additional_data(aad(case))
        esp += iv + gcm.update(text) + gcm.finalize()
        esp += gcm.tag[:case["icv"]]
    source, destination = case["outer"]
    outer = IP(src=source, dst=destination, proto=17 if case["encap"] else 50)
    if case["encap"]:
        udp = (4500).to_bytes(2, "big") * 2 + (len(esp) + 8).to_bytes(2, "big") + b"\0\0"
        esp = udp + esp
    return bytes(outer / esp)


def main():
    way, cases = sys.argv[1], json.load(open(sys.argv[2], encoding="ascii"))
    work = {"open": (scapy_open, own_open), "seal": (scapy_seal, own_seal)}[way]
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
