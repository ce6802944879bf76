#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""IKEv2 with certificates against strongSwan, both as initiator and as responder: chains of ECDSA and Ed25519
with an authority between root and end. An RSA chain does not fit one packet, and IKE messages go whole."""
import shutil

from lab.papers import KEYS, Papers
from lab.scenario import HOST, LAN_NET, PEER, WAN, Scenario
from lab.strongswan import child, connection
from lab.traffic import ping
from lab.tunnel import our_child, tunnel_lab

IKE = "aes128gcm16-prfsha256-x25519"
KINDS = [kind for kind in KEYS if kind != "rsa"]
INNER = {kind: f"10.2.{n}.1" for n, kind in enumerate(KINDS, 1)}
NETS = {kind: f"10.2.{n}.0/24" for n, kind in enumerate(KINDS, 1)}


def our_end(gateway, kind, papers):
    papers.end("gw", f"gw.{kind}.example")
    gateway.config.setdefault("authorities", {})[kind] = {"cacert": str(papers.path("root.pem"))}
    gateway.config["secrets"][f"private-{kind}"] = {"file": str(papers.path("gw.key"))}
    gateway.config["connections"][kind] = {
        "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [IKE], "rekey_time": "0s",
        "local": {"auth": "pubkey", "id": f"gw.{kind}.example", "certs": [str(papers.path("gw-chain.pem"))]},
        "remote": {"auth": "pubkey", "id": f"swan.{kind}.example", "cacerts": [str(papers.path("root.pem"))]},
        "children": {kind: our_child(LAN_NET, NETS[kind])}}


def their_end(swan, kind, papers):
    papers.end("swan", f"swan.{kind}.example")
    for folder, name in (("x509", "swan.pem"), ("x509ca", "root.pem"), ("x509ca", "middle.pem"),
                         ("private", "swan.key")):
        to = swan.dir / "swanctl" / folder
        to.mkdir(exist_ok=True)
        shutil.copy(papers.path(name), to / f"{kind}-{name}")
    conn = connection(PEER, WAN, {kind: child(NETS[kind], LAN_NET)}, ike=IKE)
    conn["local"] = {"auth": "pubkey", "id": f"swan.{kind}.example", "certs": f"{kind}-swan.pem"}
    conn["remote"] = {"auth": "pubkey", "id": f"gw.{kind}.example", "cacerts": f"{kind}-root.pem"}
    swan.connections[kind] = conn


with Scenario("certificates", needs=["swanctl", "openssl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s, *INNER.values())
    for kind in KINDS:
        papers = Papers(s.bench.directory / "papers" / kind, kind)
        our_end(gateway, kind, papers)
        their_end(swan, kind, papers)
    with s.vital("both start"):
        gateway.start()
        swan.start()
    for kind in KINDS:
        with s.step(f"{kind}, both roles") as faults:
            done = gateway.cli("up", f"{kind}/{kind}", "--timeout", "15", check=False)
            if faults.expect(done.returncode == 0, f"as initiator: {done.text}"):
                faults.expect(ping(host, INNER[kind], count=2) == 2, "no echo as initiator")
            gateway.cli("down", kind, check=False)
            done = swan.initiate(kind, check=False)
            if faults.expect("completed successfully" in done.text, f"as responder: {done.text[-600:]}"):
                faults.expect(ping(host, INNER[kind], count=2) == 2, "no echo as responder")
            swan.terminate(kind)
    with s.step("both stop"):
        gateway.stop()
        swan.stop()
