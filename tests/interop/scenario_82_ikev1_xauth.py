#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Python reference model of IKEv1 against vpnc: Aggressive Mode by a group secret or hybrid, NAT-T, XAUTH
with a right and a wrong password, mode-config, Quick Mode without PFS and with it. An echo in ESP, which vpnc
takes in and its kernel answers, proves address and keys.

model, the edge --- (m0, p0) vpnc, a road warrior who gets 10.3.0.1.
"""
from lab.bench import wait_for
from lab.ikev1_model import Authority, Model
from lab.scenario import LAN, LAN_NET, PEER, PSK, WAN, Scenario

ADDRESS = "10.3.0.1"
XAUTH_PSK, HYBRID_RSA = 65001, 64221
UP = f"""#!/bin/sh
[ "$reason" = connect ] || exit 0
ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV" && ip link set "$TUNDEV" up && ip route add {LAN_NET} dev "$TUNDEV"
"""
# Name: authentication, cipher, hash, group and key bits of phase 1, group of PFS, password.
CASES = {"a group secret": (XAUTH_PSK, (7, 2, 2, 128), None, "secret"),
         "a group secret, AES-192, PFS": (XAUTH_PSK, (7, 2, 5, 192), 14, "secret"),
         "hybrid": (HYBRID_RSA, (7, 2, 14, 256), None, "secret"),
         "a wrong password": (XAUTH_PSK, (7, 2, 2, 128), None, "wrong")}


def vpnc_conf(s, authority, case):
    auth, (_, _, group, _), pfs, password = case
    script = s.bench.directory / "up"
    script.write_text(UP)
    script.chmod(0o755)
    rows = [f"IPSec gateway {WAN}", "IPSec ID staff", f"IPSec secret {PSK}", "Xauth username joe",
            f"Xauth password {password}", "NAT Traversal Mode force-natt", f"IKE DH Group dh{group}",
            f"Perfect Forward Secrecy {f'dh{pfs}' if pfs else 'nopfs'}", f"Script {script}", "No Detach",
            "DPD idle timeout (our side) 0", f"Pidfile {s.bench.directory}/vpnc.pid"]
    if auth == HYBRID_RSA:
        rows += ["IKE Authmode hybrid", f"CA-File {authority.ca}"]
    path = s.bench.directory / "vpnc.conf"
    path.write_text("\n".join(rows) + "\n")
    return path


def words_of(case, certificate, key):
    auth, (cipher, digest, group, bits), pfs, _ = case
    row = {"suites": [[{"ident": 12, "auth": 2, "key_bits": 128, "mode": 3, "group": pfs}]],
           "local": "0.0.0.0/0", "remote": ADDRESS}
    words = {"role": "responder", "local": WAN, "remote": PEER, "id": WAN, "psk": PSK, "children": [row],
             "transforms": [[cipher, digest, auth, group, bits]], "users": {"joe": "secret"}, "wait_s": 20,
             "pool": [ADDRESS, "255.255.255.0", LAN], "then": ["xauth", "await_child", "ping", "delete"],
             "ping": {"from": LAN, "to": ADDRESS}}
    if auth == HYBRID_RSA:
        words |= {"key": str(key), "certificates": [str(certificate)]}
    return words


def main():
    with Scenario("ikev1_xauth", needs=["vpnc"]) as s:
        ours, peer = s.bench.namespace("model"), s.bench.namespace("peer")
        s.bench.link(ours, "m0", peer, "p0")
        ours.address("m0", f"{WAN}/24")
        peer.address("p0", f"{PEER}/24")
        model, authority = Model(s.bench, ours), Authority(s.bench.directory / "pki")
        certificate, key = authority.issue("edge.model.test", "rsa")
        for name, case in CASES.items():
            with s.step(name) as faults:
                model.start(words_of(case, certificate, key))
                conf = vpnc_conf(s, authority, case)
                vpnc = peer.start("vpnc", "--non-inter", conf, log="vpnc.log")
                right = case[3] == "secret"
                if not right:
                    wait_for("vpnc gives up", lambda: vpnc.poll() is not None, 15)
                    s.bench.stop(model.process)
                    faults.expect("authentication" in vpnc.log.read_text().lower(), vpnc.log.read_text())
                    continue
                said = model.result()
                s.bench.stop(vpnc)
                faults.expect(said["established"] and said["xauth"] == [right], f"XAUTH: {said}")
                faults.expect(said["children"] and said["children"][0]["group"] == case[2], f"children: {said}")
                faults.expect(said.get("pings_answered") == 1, f"no echo: {vpnc.log.read_text()}")


main()
