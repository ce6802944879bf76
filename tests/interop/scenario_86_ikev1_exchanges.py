#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What no peer speaks but the Python reference model of IKEv1 (tests/reference/ikev1), both roles each: the Base and the
Authentication Only Exchange by pre-shared key and by RSA signatures, New Group Mode with PFS in the group agreed, the
commit bit set by either end. An echo in ESP, sealed by the model and answered by a host behind us, proves the keys.

host --- gateway --- model, which has 10.2.0.1 behind it.
"""
import subprocess

from lab.bench import run, wait_for
from lab.ikev1_model import Authority, Model
from lab.scenario import HOST, LAN_NET, PEER, PEER_INNER, PEER_NET, PSK, WAN, Scenario, standard_gateway, two_ports
from lab.tunnel import our_child

PSK_METHOD, RSA_METHOD, GROUP, PRIVATE = 1, 3, 14, 40001
# Name: exchange, how both prove who they are, further settings of ours, of the model, ESP's group for PFS.
CASES = {"base, PSK": ("base", "psk", {"aggressive_psk": True}, {}, None),
         "base, RSA signatures": ("base", "rsa", {"send_cert": "always"}, {}, GROUP),
         "authentication only, PSK": ("authentication_only", "psk", {"aggressive_psk": True}, {}, None),
         "authentication only, RSA signatures": ("authentication_only", "rsa", {"send_cert": "always"}, {}, None),
         "new group": ("main", "psk", {"accept_private_groups": True}, {}, PRIVATE),
         "the commit bit is ours": ("main", "psk", {"commit_bit": True}, {}, None),
         "the commit bit is the model's": ("main", "psk", {}, {"commit": True}, None)}


def ids(method):
    """(ours, the model's)"""
    return (WAN, PEER) if method == "psk" else ("gw.lab.test", "model.lab.test")


class Lab:
    def __init__(self, s):
        self.host, gw, self.peer = two_ports(s)
        self.peer.address("p0", f"{PEER}/24")
        self.gateway, self.model = standard_gateway(s, gw), Model(s.bench, self.peer)
        s.show_on_failure("what the model says", lambda: self.model.process.log.read_text())
        self.authority = Authority(s.bench.directory / "pki")
        self.ours = self.authority.issue("gw.lab.test", "rsa")
        self.theirs = self.authority.issue("model.lab.test", "rsa")
        self.group = s.bench.directory / "group.pem"
        run("openssl", "dhparam", "-out", self.group, "2048")

    def prime(self):
        text = subprocess.run(["openssl", "dhparam", "-in", self.group, "-text", "-noout"], check=True,
                              capture_output=True, text=True).stdout
        return "".join(row.strip() for row in text.splitlines() if row.startswith(" " * 8)).replace(":", "")

    def configure(self, case, proposing=False):
        exchange, method, more, _, pfs = case
        near, far = ids(method)
        esp = "aes128-sha256" + {None: "", GROUP: "-modp2048", PRIVATE: f"-private{PRIVATE}"}[pfs]
        ours = {"version": 1, "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": ["aes128-sha256-modp2048"],
                "exchange": exchange, "rekey_time": "0s", "children": {"net": our_child(LAN_NET, PEER_NET, esp)},
                "local": {"auth": "psk" if method == "psk" else "rsa", "id": near},
                "remote": {"auth": "psk" if method == "psk" else "rsa", "id": far}, **more}
        secrets = {"ike-lab": {"id": [far], "secret": PSK}}
        if method == "rsa":
            ours["local"]["certs"], ours["remote"]["cacerts"] = [str(self.ours[0])], [str(self.authority.ca)]
            secrets["private-lab"] = {"file": str(self.ours[1])}
        if proposing:
            ours["private_groups"] = {"own": {"number": PRIVATE, "file": str(self.group)}}
        self.gateway.config["connections"], self.gateway.config["secrets"] = {"lab": ours}, secrets
        if self.gateway.process:
            self.gateway.stop()
        self.gateway.start()

    def words(self, case, role):
        exchange, method, _, more, pfs = case
        near, far = ids(method)
        row = {"suites": [[{"ident": 12, "auth": 5, "key_bits": 128, "mode": 1, "group": pfs}]],
               "local": PEER_NET, "remote": LAN_NET}
        words = {"role": role, "local": PEER, "remote": WAN, "id": far, "peer_id": near, "exchange": exchange,
                 "transforms": [[7, 4, PSK_METHOD if method == "psk" else RSA_METHOD, GROUP, 128]], "psk": PSK,
                 "nat_t": False, "raw_esp": True, "ping": {"from": PEER_INNER, "to": HOST}, "wait_s": 20, **more}
        if method == "rsa":
            certificate, key = self.theirs
            words |= {"key": str(key), "certificates": [str(certificate)], "ca": str(self.authority.ca)}
        if exchange == "authentication_only":
            return words | {"then": ["pause"]}
        if role == "responder":
            return words | {"children": [row], "wait_children": 1, "then": ["pause", "ping"]}
        if pfs == PRIVATE:
            words |= {"new_groups": [[PRIVATE, self.prime(), 2]]}
        return words | {"initiate": [row], "then": ["ping"]}


def judge(lab, faults, case, said):
    exchange, _, _, _, pfs = case
    if not faults.expect(said["established"] and not said["errors"],
                         f"no ISAKMP SA: {said['errors']} {said['notifications']}"):
        return
    log = lab.gateway.log(40)
    word = {"base": "BASE", "authentication_only": "AUTHENTICATION_ONLY", "main": "MAIN_MODE"}[exchange]
    faults.expect(f"established by {word}" in log, "by another exchange")
    if exchange == "authentication_only":
        faults.expect(not said["children"] and not lab.gateway.children(), "a child without keys")
        faults.expect("it protects nothing" in log, "the log does not say that there are no keys")
        return
    if not faults.expect(said["children"], f"no child: {said['notifications']}"):
        return
    faults.expect(said["children"][0]["group"] == pfs, f"group {said['children'][0]['group']}")
    faults.expect(said["children"][0]["connected"], "no CONNECTED came")
    faults.expect(said.get("pings_answered") == 1, "the host did not answer the echo in ESP")


def no_keys(lab, faults):
    """What `show sas` says of an ISAKMP SA that protects nothing."""
    said = lab.gateway.cli("show", "sas").text
    faults.expect("no keys" in said, said)


def both_roles(s, lab, name, case):
    with s.step(f"{name}, the model begins") as faults:
        lab.configure(case)
        said = lab.model.start(lab.words(case, "initiator")).result()
        judge(lab, faults, case, said)
        if case[0] == "authentication_only":
            no_keys(lab, faults)
        if case[2].get("commit_bit"):
            faults.expect("CONNECTED" in said["notifications"], f"only {said['notifications']}")
    with s.step(f"{name}, we begin") as faults:
        lab.configure(case, proposing=case[4] == PRIVATE)
        lab.model.start(lab.words(case, "responder"))
        done = lab.gateway.cli("up", "lab/net", "--timeout", "15", check=False)
        faults.expect(done.returncode == 0, done.text[-300:])
        judge(lab, faults, case, lab.model.result())
        if case[0] == "authentication_only":
            no_keys(lab, faults)


def refused(s, lab):
    with s.step("a private group is refused where none is taken") as faults:
        case = ("main", "psk", {}, {}, PRIVATE)
        lab.configure(case)
        said = lab.model.start(lab.words(case, "initiator")).result()
        faults.expect("ATTRIBUTES_NOT_SUPPORTED" in said["notifications"], f"{said['notifications']}")
        faults.expect(not lab.gateway.children(), "a child is there")


with Scenario("ikev1_exchanges", needs=["openssl"]) as s:
    with s.vital("the lab stands"):
        lab = Lab(s)
    for name, case in CASES.items():
        both_roles(s, lab, name, case)
    refused(s, lab)
    with s.step("we stop"):
        lab.gateway.stop()
