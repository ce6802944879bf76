#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""IKEv2 with certificates against strongSwan, both as initiator and as responder: chains of RSA (PKCS #1 and
PSS by RFC 7427, PKCS #1 by the old method), ECDSA and Ed25519 with an authority between root and end. Chains of RSA
do not fit a packet: fragments (RFC 7383) cross the wire both ways, in both roles. Certificates that are revoked, or
over, or that no CRL clears where one must, are refused in both roles."""
import shutil

from lab.papers import Papers
from lab.scenario import LAN_NET, PEER, WAN, Scenario
from lab.strongswan import child, connection
from lab.traffic import ping
from lab.tunnel import our_child, tunnel_lab
from lab.wire import Capture

IKE = "aes128gcm16-prfsha256-x25519"
FRAGMENT = 1280  # octets of an IP packet, the default of both
IKE_AUTH, SK, SKF = 35, 46, 53
# Name: key, how we prove ourselves and want it proved, how strongSwan does.
KINDS = {"rsa-pss": ("rsa", "rsa/pss", "ike:rsa/pss-sha256"),
         "rsa-pkcs1": ("rsa3072", "rsa", "ike:rsa-sha256"),
         "ecdsa256": ("ecdsa256", "pubkey", "pubkey"),
         "ecdsa384": ("ecdsa384", "pubkey", "pubkey"),
         "ecdsa521": ("ecdsa521", "pubkey", "pubkey"),
         "ed25519": ("ed25519", "pubkey", "pubkey"),
         "rsa-old": ("rsa", "rsa-sha1", "pubkey")}
# Who is refused, and what our log says of it: a certificate that was revoked, one that nothing clears where that is
# asked for, one that is over. "cleared" is the counterexample.
JUDGED = {"cleared": ("strict", None),
          "revoked": ("strict", "CN=swan: certificate revoked"),
          "unclear": ("strict", "neither a CRL nor an OCSP response that is valid now clears it"),
          "expired": ("relaxed", "CN=swan: certificate has expired")}
INNER = {kind: f"10.2.{n}.1" for n, kind in enumerate([*KINDS, *JUDGED], 1)}
OVER = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")


def net_of(kind):
    return INNER[kind] + "/32"


def names_of(kind):
    """How we are called, and strongSwan."""
    if kind == "ecdsa384":  # by subjects
        return f"O=Lab {kind}, CN=gw", f"O=Lab {kind}, CN=swan"
    return f"gw.{kind}.example", f"swan.{kind}.example"


def our_end(gateway, kind, papers, auth, revocation="relaxed", crls=()):
    papers.end("gw", f"gw.{kind}.example")
    gateway.config.setdefault("authorities", {})[kind] = {
        "cacert": str(papers.path("root.pem")), "crls": [str(papers.path(c)) for c in crls]}
    gateway.config["secrets"][f"private-{kind}"] = {"file": str(papers.path("gw.key"))}
    ours, theirs = names_of(kind)
    gateway.config["connections"][kind] = {
        "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [IKE], "rekey_time": "0s",
        "local": {"auth": auth, "id": ours, "certs": [str(papers.path("gw-chain.pem"))]},
        "remote": {"auth": auth, "id": theirs, "revocation": revocation,
                   "cacerts": [str(papers.path("root.pem"))]},
        "children": {kind: our_child(LAN_NET, net_of(kind))}}


def their_end(swan, kind, papers, auth, dates=("-days", 30)):
    papers.end("swan", f"swan.{kind}.example", dates)
    for folder, name in (("x509", "swan.pem"), ("x509ca", "root.pem"), ("x509ca", "middle.pem"),
                         ("private", "swan.key")):
        to = swan.dir / "swanctl" / folder
        to.mkdir(exist_ok=True)
        shutil.copy(papers.path(name), to / f"{kind}-{name}")
    conn = connection(PEER, WAN, {kind: child(net_of(kind), LAN_NET)}, ike=IKE)
    ours, theirs = (f'"{name}"' for name in names_of(kind))
    conn["local"] = {"auth": auth, "id": theirs, "certs": f"{kind}-swan.pem"}
    conn["remote"] = {"auth": auth, "id": ours, "cacerts": f"{kind}-root.pem"}
    swan.connections[kind] = conn


def judged_ends(kind, papers):
    revocation, _ = JUDGED[kind]
    crls = ("root.crl", "middle.crl") if kind in ("cleared", "revoked") else ()
    their_end(swan, kind, papers, "pubkey", OVER if kind == "expired" else ("-days", 30))
    if crls:
        papers.revoke("root")
        papers.revoke("middle", *(["swan"] if kind == "revoked" else []))
    our_end(gateway, kind, papers, "pubkey", revocation, crls)


def judged(s, kind):
    _, reason = JUDGED[kind]
    what = f"is refused, as the log says: {reason}" if reason else "is taken"
    with s.step(f"a certificate that is {kind} {what}, in both roles") as faults:
        before = gateway.log(100000).count(reason or "established")
        ours = gateway.cli("up", f"{kind}/{kind}", "--timeout", "15", check=False)
        gateway.cli("down", kind, check=False)
        theirs = swan.initiate(kind, check=False)
        swan.terminate(kind)
        faults.expect((ours.returncode == 0) == (reason is None), f"as initiator: {ours.text}")
        faults.expect(("completed successfully" in theirs.text) == (reason is None),
                      f"as responder: {theirs.text[-600:]}")
        if reason:
            faults.expect("AUTHENTICATION_FAILED" in theirs.text, f"it was told: {theirs.text[-600:]}")
            said = gateway.log(100000).count(reason) - before
            faults.expect(said == 2, f"our log says it {said} times")


def both_roles(s, kind):
    """@return how each end sent IKE_AUTH: (first payload, octets) of its packets"""
    wire = Capture(peer, "p0", name=kind, expression="udp")
    with s.step(f"{kind}, both roles") as faults:
        done = gateway.cli("up", f"{kind}/{kind}", "--timeout", "15", check=False)
        if faults.expect(done.returncode == 0, f"as initiator: {done.text}"):
            faults.expect(ping(host, INNER[kind], count=2) == 2, "no echo as initiator")
        gateway.cli("down", kind, check=False)
        done = swan.initiate(kind, check=False)
        if faults.expect("completed successfully" in done.text, f"as responder: {done.text[-600:]}"):
            faults.expect(ping(host, INNER[kind], count=2) == 2, "no echo as responder")
        swan.terminate(kind)
    messages = [m for m in wire.stop().ike() if m[1] == IKE_AUTH]
    return {end: [m[2:] for m in messages if m[0] == end] for end in (WAN, PEER)}


def in_fragments(s, kind, sent):
    with s.step(f"{kind}: fragments from both ends, as initiator and as responder") as faults:
        for end, packets in sent.items():
            faults.expect(packets and all(p[0] == SKF for p in packets), f"{end} sent {packets}")
            # At least two of each message, and two messages.
            faults.expect(len(packets) >= 4, f"{end} sent {packets}")
            faults.expect(all(p[1] <= FRAGMENT for p in packets), f"{end} sent {packets}")


with Scenario("certificates", needs=["swanctl", "openssl", "tcpdump"]) as s:
    host, peer, gateway, swan = tunnel_lab(s, *INNER.values())
    for kind, (key, our_auth, their_auth) in KINDS.items():
        papers = Papers(s.bench.directory / "papers" / kind, key)
        our_end(gateway, kind, papers, our_auth)
        their_end(swan, kind, papers, their_auth)
    for kind in JUDGED:
        judged_ends(kind, Papers(s.bench.directory / "papers" / kind, "ecdsa256"))
    with s.vital("both start"):
        gateway.start()
        swan.start()
    for kind in [k for k in KINDS if k != "rsa-old"]:
        sent = both_roles(s, kind)
        if kind.startswith("rsa"):
            in_fragments(s, kind, sent)
    for kind in JUDGED:
        judged(s, kind)
    with s.vital("strongSwan starts again, without RFC 7427 and with smaller fragments"):
        swan.stop()
        swan.start(extra="signature_authentication = no\nfragment_size = 600")
    in_fragments(s, "rsa-old", both_roles(s, "rsa-old"))
    with s.step("rsa-old: it was the old method") as faults:
        faults.expect("by RSA-PKCS1-SHA1" in gateway.log(), "no such line in our log")
    with s.step("both stop"):
        gateway.stop()
        swan.stop()
