#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What no public peer speaks: IKEv1 authentication by DSA signatures, by public-key encryption and by its revised
form, in Main and in Aggressive Mode, each end in both roles, against the Python reference model of
tests/reference/ikev1. An echo in ESP, sealed by the model and answered by a host behind us, proves the keys.

host --- penstockd --- model, behind which there is 10.2.0.1. The model speaks ESP in UDP alone, so it pretends
a NAT.
"""
import sys

from lab.ikev1_model import Authority, Model
from lab.scenario import HOST, LAN_NET, PEER, PEER_INNER, PEER_NET, WAN, Scenario, standard_gateway, two_ports
from lab.tunnel import our_child

# Kind of key, number of the method (RFC 2409 appendix A), our word for it.
METHODS = {"DSA": ("dsa", 2, "dsa"), "encryption": ("rsa", 4, "pubkey_enc"),
           "revised encryption": ("rsa", 5, "pubkey_enc_revised")}
# Name: exchange, method, phase 1 as we and as the model write it (cipher, hash, group, key bits).
CASES = {
    "main, DSA": ("main", "DSA", "aes128-sha256-modp2048", (7, 4, 14, 128)),
    "aggressive, DSA": ("aggressive", "DSA", "aes256-sha1-ecp256", (7, 2, 19, 256)),
    "main, encryption": ("main", "encryption", "aes128-sha256-modp2048", (7, 4, 14, 128)),
    "aggressive, encryption": ("aggressive", "encryption", "aes256-sha384-ecp256", (7, 5, 19, 256)),
    "main, revised encryption": ("main", "revised encryption", "aes128-sha256-modp2048", (7, 4, 14, 128)),
    "main, revised encryption, a key expanded": ("main", "revised encryption", "aes256-sha1-modp1536", (7, 2, 5, 256)),
    "aggressive, revised encryption": ("aggressive", "revised encryption", "aes128-sha1-ecp256", (7, 2, 19, 128)),
    "aggressive, revised encryption, 3DES": ("aggressive", "revised encryption", "3des-md5-modp2048",
                                             (5, 1, 14, None)),
}


class Pair:
    """Our gateway and the model, set up for one case after another."""

    def __init__(self, s):
        _, gw, peer = two_ports(s, "model")
        peer.address("p0", f"{PEER}/24")
        self.gateway, self.model = standard_gateway(s, gw), Model(s.bench, peer)
        self.authority = Authority(s.bench.directory / "pki")
        self.files = {(kind, end): self.authority.issue(f"{end}.{kind}.test", kind)
                      for kind in ("dsa", "rsa") for end in ("gw", "model")}

    def configure(self, case):
        exchange, method, ike, _ = case
        kind, _, word = METHODS[method]
        near, key = self.files[kind, "gw"]
        far, _ = self.files[kind, "model"]
        encrypts = word.startswith("pubkey_enc")
        remote = {"certs": [str(far)]} if encrypts else {"cacerts": [str(self.authority.ca)]}
        self.gateway.config["connections"] = {"lab": {
            "version": 1, "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [ike], "rekey_time": "0s",
            "aggressive": exchange == "aggressive", "send_cert": "always",
            "local": {"auth": word, "id": f"gw.{kind}.test", "certs": [str(near)]},
            "remote": {"auth": word, "id": f"model.{kind}.test", **remote},
            "children": {"net": our_child(LAN_NET, PEER_NET, "aes128-sha256")}}}
        self.gateway.config["secrets"] = {"private-gw": {"file": str(key)}}

    def words(self, case, role, **more):
        exchange, method, _, (cipher, digest, group, bits) = case
        kind, number, _ = METHODS[method]
        certificate, key = self.files[kind, "model"]
        row = {"suites": [[{"ident": 12, "auth": 5, "key_bits": 128, "mode": 3, "group": None}]],
               "local": PEER_NET, "remote": LAN_NET}
        words = {"role": role, "local": PEER, "remote": WAN, "id": f"model.{kind}.test", "peer_id": f"gw.{kind}.test",
                 "exchange": exchange, "transforms": [[cipher, digest, number, group, bits]], "key": str(key),
                 "certificates": [str(certificate)], "ca": str(self.authority.ca), "show_keys": True,
                 "peer_certificate": str(self.files[kind, "gw"][0]), "wait_s": 20, "force_encapsulation": True,
                 "ping": {"from": PEER_INNER, "to": HOST}, **more}
        return words | ({"initiate": [row]} if role == "initiator" else {"children": [row], "wait_children": 1})


def judge(faults, said):
    if not faults.expect(said["established"], f"no ISAKMP SA: {said['errors']} {said['notifications']}"):
        return
    faults.expect(said["children"], f"no child: {said['errors']} {said['notifications']}")
    faults.expect(said.get("pings_answered") == 1, "the host did not answer the echo in ESP")
    faults.expect(not said["errors"], f"errors: {said['errors']}")


def both_roles(s, pair, name, case):
    exchange = "AGGRESSIVE" if case[0] == "aggressive" else "MAIN_MODE"
    with s.step(f"{name}, the model begins") as faults:
        said = pair.model.start(pair.words(case, "initiator", then=["ping", "delete"])).result()
        judge(faults, said)
        faults.expect(f"established by {exchange}" in pair.gateway.log(20), "by another exchange")
    with s.step(f"{name}, we begin") as faults:
        pair.model.start(pair.words(case, "responder", then=["ping"]))
        done = pair.gateway.cli("up", "lab/net", "--timeout", "20", check=False)
        faults.expect(done.returncode == 0, done.text[-300:])
        said = pair.model.result()
        judge(faults, said)
        pair.gateway.cli("down", "lab", check=False)


def unnamed_certificate(s, pair, case):
    """HASH(1) is the initiator's choice: the model says it, or not."""
    for says in (False, True):
        with s.step(f"{case[1]}, {'with' if says else 'without'} HASH(1)") as faults:
            words = pair.words(case, "initiator", then=["ping", "delete"], hash_certificate=says)
            judge(faults, pair.model.start(words).result())


with Scenario("ikev1_methods") as s:
    with s.vital("certificates are made"):
        pair = Pair(s)
    for name, case in [(n, c) for n, c in CASES.items() if len(sys.argv) < 2 or sys.argv[1] in n]:
        pair.configure(case)
        if pair.gateway.process:
            pair.gateway.stop()
        with s.vital(f"{name}: penstockd starts"):
            pair.gateway.start()
        both_roles(s, pair, name, case)
        if case[0] == "main" and "expanded" not in name and case[1] != "DSA":
            unnamed_certificate(s, pair, case)
    with s.step("penstockd stops"):
        pair.gateway.stop()
