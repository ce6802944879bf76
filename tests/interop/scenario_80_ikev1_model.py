#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Python reference model of IKEv1 (tests/reference/ikev1) against strongSwan, so that what it says
to our engine has been proved right first: Main and Aggressive Mode, PSK, RSA and ECDSA signatures, Quick
Mode with and without PFS, in both roles. An echo in ESP, sealed by the model and answered by strongSwan,
proves the keys; then DPD and deletion.

model --- (m0, p0) strongSwan, which has 10.2.0.1 behind it.
"""
import re
import shutil
import sys

from lab.bench import wait_for
from lab.ikev1_model import Authority, Model
from lab.scenario import LAN_NET, PEER, PEER_INNER, PSK, WAN, Scenario, with_address
from lab.strongswan import StrongSwan, child

NET = "10.2.0.0/24"
SWAN = "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"

# Name: exchange, authentication, phase 1 as strongSwan and as the model write it, ESP as both do.
# Numbers: cipher, hash, group, key bits (RFC 2409 appendix A); ident, auth, key bits, group (RFC 2407 §4.5).
CASES = {
    "main, PSK": ("main", "psk", "aes128-sha256-modp2048", (7, 4, 14, 128), "aes128-sha256", (12, 5, 128, None)),
    "main, PSK, 3DES and SHA-1, PFS": ("main", "psk", "3des-sha1-modp1536", (5, 2, 5, None),
                                       "3des-sha1-modp2048", (3, 2, None, 14)),
    "main, PSK, AES-256, P-521": ("main", "psk", "aes256-sha512-ecp521", (7, 6, 21, 256),
                                  "aes256-sha512-ecp384", (12, 7, 256, 20)),
    "main, PSK, MD5, Curve25519": ("main", "psk", "aes192-md5-curve25519", (7, 1, 31, 192),
                                   "aes128-md5-curve25519", (12, 1, 128, 31)),
    "aggressive, PSK": ("aggressive", "psk", "aes128-sha1-modp1024", (7, 2, 2, 128),
                        "aes128-sha1", (12, 2, 128, None)),
    "aggressive, PSK, PFS": ("aggressive", "psk", "aes256-sha256-ecp256", (7, 4, 19, 256),
                             "aes256-sha256-ecp256", (12, 5, 256, 19)),
    "main, RSA signatures": ("main", "rsa", "aes128-sha256-modp2048", (7, 4, 14, 128),
                             "aes128-sha256", (12, 5, 128, None)),
    "aggressive, RSA signatures": ("aggressive", "rsa", "aes256-sha384-ecp384", (7, 5, 20, 256),
                                   "aes256-sha384-ecp384", (12, 6, 256, 20)),
    "main, ECDSA-256": ("main", "p256", "aes128-sha1-ecp256", (7, 2, 19, 128), "aes128-sha256", (12, 5, 128, None)),
    "main, ECDSA-384": ("main", "p384", "aes256-sha256-ecp384", (7, 4, 20, 256), "aes128-sha256", (12, 5, 128, None)),
}
METHOD = {"psk": 1, "rsa": 3, "p256": 9, "p384": 10}


def identities(method):
    """(the model's, strongSwan's)"""
    return (WAN, PEER) if method == "psk" else (f"{method}.model.test", f"{method}.swan.test")


class Pair:
    """The model and strongSwan, set up for one case after another."""

    def __init__(self, s):
        ours, peer = s.bench.namespace("model"), s.bench.namespace("peer")
        s.bench.link(ours, "m0", peer, "p0")
        ours.address("m0", f"{WAN}/24")
        with_address(peer, PEER_INNER)
        self.model, self.swan = Model(s.bench, ours), StrongSwan(s.bench, peer)
        s.show_on_failure("log of strongSwan", lambda: self.swan.log(80))
        self.authority = Authority(s.bench.directory / "pki")
        for folder in ("x509", "x509ca", "private"):
            (self.swan.dir / "swanctl" / folder).mkdir()
        shutil.copy(self.authority.ca, self.swan.dir / "swanctl/x509ca")
        self.files = {}
        for kind in ("rsa", "p256", "p384"):
            self.files[kind] = self.authority.issue(f"{kind}.model.test", kind)
            certificate, key = self.authority.issue(f"{kind}.swan.test", kind)
            shutil.copy(certificate, self.swan.dir / "swanctl/x509")
            shutil.copy(key, self.swan.dir / "swanctl/private")
        self.swan.psk(PSK, WAN, PEER)
        self.swan.start(extra=SWAN)

    def configure(self, case):
        exchange, method, ike, _, esp, _ = case
        near, far = identities(method)
        auth = {"auth": "psk"} if method == "psk" else {"auth": "pubkey"}
        certificate = {} if method == "psk" else {"certs": f"{method}.swan.test.pem"}
        self.swan.connections["lab"] = {
            "version": 1, "local_addrs": PEER, "remote_addrs": WAN, "proposals": ike, "rekey_time": "4h",
            "aggressive": "yes" if exchange == "aggressive" else "no", "send_cert": "always",
            "local": {**auth, "id": far, **certificate}, "remote": {**auth, "id": near},
            "children": {"c": child(NET, LAN_NET, esp, rekey_time="1h")}}
        self.swan.load()

    def words(self, case, role):
        exchange, method, _, ike, _, esp = case
        cipher, digest, group, bits = ike
        ident, auth, key_bits, pfs = esp
        near, far = identities(method)
        row = {"suites": [[{"ident": ident, "auth": auth, "key_bits": key_bits, "mode": 3, "group": pfs}]],
               "local": LAN_NET, "remote": NET}
        words = {"role": role, "local": WAN, "remote": PEER, "id": near, "peer_id": far, "exchange": exchange,
                 "transforms": [[cipher, digest, METHOD[method], group, bits]], "psk": PSK, "show_keys": True,
                 "ping": {"from": "10.1.0.2", "to": PEER_INNER}, "wait_s": 20}
        words |= {"initiate": [row]} if role == "initiator" else {"children": [row]}
        if method != "psk":
            certificate, key = self.files[method]
            words |= {"key": str(key), "certificates": [str(certificate)], "ca": str(self.authority.ca)}
        return words


def judge(faults, case, said, pings=1):
    if not faults.expect(said["established"], f"no ISAKMP SA: {said['errors']} {said['notifications']}"):
        return
    if faults.expect(said["children"], f"no child: {said['errors']} {said['notifications']}"):
        faults.expect(said["children"][0]["group"] == case[5][3], f"group {said['children'][0]['group']}")
        faults.expect(said.get("pings_answered") == pings, "strongSwan did not answer the echo in ESP")
    faults.expect(not said["errors"], f"errors: {said['errors']}")


def main():
    with Scenario("ikev1_model", needs=["charon-systemd", "swanctl"]) as s:
        with s.vital("strongSwan starts"):
            pair = Pair(s)
        for name, case in [(n, c) for n, c in CASES.items() if len(sys.argv) < 2 or sys.argv[1] in n]:
            pair.configure(case)
            with s.step(f"{name}, the model begins") as faults:
                words = pair.words(case, "initiator") | {"then": ["ping", "dpd", "delete_children", "delete"]}
                said = pair.model.start(words).result()
                judge(faults, case, said)
                faults.expect(said.get("dpd"), "no R-U-THERE-ACK")
                wait_for("strongSwan has let go", lambda: "lab" not in pair.swan.sas(), 5)
            with s.step(f"{name}, strongSwan begins") as faults:
                words = pair.words(case, "responder") | {"wait_children": 1, "then": ["ping"], "wait_deleted": True}
                pair.model.start(words)
                pair.swan.initiate("c", check=False)
                wait_for("the echo", lambda: echoed(pair) or pair.model.over(), 10)
                pair.swan.terminate("lab")
                said = pair.model.result()
                judge(faults, case, said)
                faults.expect(said["deleted"], "the model was not told of the deletion")


def echoed(pair):
    """Octets of the child that strongSwan has both received and sent."""
    found = re.findall(r"(?:in|out)\s+[0-9a-f]{8}.*?(\d+) bytes", pair.swan.sas())
    return len(found) >= 2 and all(int(n) for n in found)


main()
