#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Phase 1 of IKEv1 against strongSwan, each in both roles: Aggressive Mode by pre-shared key; signatures by RSA and
ECDSA (P-256, P-384, P-521) in Main and Aggressive Mode, with an authority between root and end: chains of RSA cross
the wire in fragments, both ways, in both roles; a certificate of somebody else's; ike-scan as a prober.
"""
import shutil

from lab.papers import Papers
from lab.scenario import LAN_NET, PEER, PEER_INNER, PEER_NET, PSK, WAN, Scenario
from lab.strongswan import child, connection
from lab.traffic import ping
from lab.tunnel import our_child, tunnel_lab
from lab.wire import Capture

# Name: exchange, kind of key, phase 1.
CASES = {"aggressive, PSK": ("aggressive", "psk", "aes128-sha1-modp1024"),
         "aggressive, PSK, AES-256, SHA2-256, P-256": ("aggressive", "psk", "aes256-sha256-ecp256"),
         "main, RSA": ("main", "rsa", "aes128-sha256-modp2048"),
         "aggressive, RSA": ("aggressive", "rsa", "aes256-sha384-ecp256"),
         "main, ECDSA P-256, SHA-1 as PRF": ("main", "ecdsa256", "aes128-sha1-ecp256"),
         "aggressive, ECDSA P-256": ("aggressive", "ecdsa256", "aes128-sha256-ecp256"),
         "main, ECDSA P-384": ("main", "ecdsa384", "aes256-sha384-ecp384"),
         "main, ECDSA P-521": ("main", "ecdsa521", "aes256-sha512-ecp521")}
KINDS = ["rsa", "ecdsa256", "ecdsa384", "ecdsa521"]
FRAG = 132
PACKET = 1280  # octets of an IP packet, the default of both


def papers_of(s, swan, kind):
    papers = Papers(s.bench.directory / "papers" / kind, kind)
    for end in ("gw", "swan"):
        papers.end(end, f"{end}.{kind}.example")
    for folder, name in (("x509", "swan.pem"), ("x509ca", "root.pem"), ("x509ca", "middle.pem"),
                         ("private", "swan.key")):
        to = swan.dir / "swanctl" / folder
        to.mkdir(exist_ok=True)
        shutil.copy(papers.path(name), to / f"{kind}-{name}")
    return papers


def set_up(gateway, swan, case, papers):
    exchange, kind, ike = case
    ours = {"version": 1, "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": [ike],
            "children": {"net": our_child(LAN_NET, PEER_NET)}}
    theirs = connection(PEER, WAN, {"net": child(PEER_NET, LAN_NET)}, ike=ike)
    theirs |= {"version": 1, "rekey_time": "4h", "aggressive": "yes" if exchange == "aggressive" else "no"}
    if exchange == "aggressive":
        ours |= {"aggressive": True}
    if kind == "psk":
        near, far = "gw.psk.example", "swan.psk.example"
        ours |= {"local": {"auth": "psk", "id": near}, "remote": {"auth": "psk", "id": far}, "aggressive_psk": True}
        theirs |= {"local": {"auth": "psk", "id": far}, "remote": {"auth": "psk", "id": near}}
        gateway.config["secrets"]["ike-lab"] = {"id": [far], "secret": PSK}
        swan.psk(PSK, far, near)
    else:
        near, far = f"gw.{kind}.example", f"swan.{kind}.example"
        root = [str(papers[kind].path("root.pem"))]
        ours |= {"local": {"auth": "pubkey", "id": near, "certs": [str(papers[kind].path("gw-chain.pem"))]},
                 "remote": {"auth": "pubkey", "id": far, "cacerts": root}}
        theirs |= {"local": {"auth": "pubkey", "id": far, "certs": f"{kind}-swan.pem"},
                   "remote": {"auth": "pubkey", "id": near, "cacerts": f"{kind}-root.pem"}}
        gateway.config["secrets"][f"private-{kind}"] = {"file": str(papers[kind].path("gw.key"))}
    gateway.config["connections"] = {"lab": ours}
    swan.connections["lab"] = theirs
    return exchange


def in_fragments(s, name, sent):
    """@param sent  (source, exchange, first payload, octets) of IKE packets"""
    with s.step(f"{name}: fragments from both ends, as initiator and as responder") as faults:
        for end in (WAN, PEER):
            cut = [m for m in sent if m[0] == end and m[2] == FRAG]
            # At least two of each message with certificates, and two of those.
            faults.expect(len(cut) >= 4, f"{end} sent {sent}")
        faults.expect(all(m[3] <= PACKET for m in sent), f"a packet is too long: {sent}")


def both_roles(s, gateway, swan, host, name, exchange):
    word = "AGGRESSIVE" if exchange == "aggressive" else "MAIN_MODE"
    with s.step(f"{name}, we begin") as faults:
        done = gateway.cli("up", "lab/net", "--timeout", "15", check=False)
        if faults.expect(done.returncode == 0, done.text[-300:]):
            faults.expect(ping(host, PEER_INNER, count=3, interval=0.2) == 3, "echoes lost")
        faults.expect(f"established by {word}" in gateway.log(20), "by another exchange")
        gateway.cli("down", "lab", check=False)
    with s.step(f"{name}, strongSwan begins") as faults:
        done = swan.initiate("net", check=False)
        if faults.expect("completed successfully" in done.text, done.text[-400:]):
            faults.expect(ping(host, PEER_INNER, count=3, interval=0.2) == 3, "echoes lost")
        swan.terminate("lab")


def wrong_certificate(s, gateway, swan):
    with s.step("a certificate that names somebody else is refused in both roles") as faults:
        gateway.stop()
        gateway.config["connections"]["lab"]["remote"]["id"] = "another.example"
        gateway.start()
        done = gateway.cli("up", "lab/net", "--timeout", "10", check=False)
        faults.expect(done.returncode == 1, f"exit status {done.returncode}: {done.text}")
        done = swan.initiate("net", check=False, timeout_s=5)
        faults.expect("completed successfully" not in done.text, done.text[-300:])
        faults.expect(not gateway.children(), "a child is there")
        swan.ctl("--terminate", "--ike", "lab", "--force", "--timeout", 2, check=False)


def probes(s, gateway, swan, peer, papers):
    """ike-scan sees the first answer and no more."""
    set_up(gateway, swan, CASES["aggressive, PSK"], papers)
    gateway.stop()
    gateway.start()
    scan = ["ike-scan", "--retry=1", "--sport=0"]
    with s.step("ike-scan: Main Mode is answered, and vendor ids are there") as faults:
        said = peer.run(*scan, "--trans=7/128,2,1,2", WAN, check=False).text
        faults.expect("Main Mode Handshake returned" in said and "Auth=PSK" in said, said)
        faults.expect("Dead Peer Detection" in said, said)
    with s.step("ike-scan: Aggressive Mode answers known and unknown identities alike") as faults:
        lengths = set()
        for name in ("swan.psk.example", "nobody.example00"):
            done = peer.run(*scan, "-A", f"--id={name}", "--idtype=2", "--trans=7/128,2,1,2", "--dhgroup=2", "-v", WAN,
                            check=False)
            faults.expect("Aggressive Mode Handshake returned" in done.text, done.text)
            lengths.add(tuple(row.split("returned")[1].split("CKY-R=")[0] for row in done.text.splitlines()
                              if "Handshake returned" in row))
        faults.expect(len(lengths) == 1, f"{lengths}")
    with s.step("ike-scan: what is not offered to it is refused") as faults:
        said = peer.run(*scan, "--trans=5,1,1,1", WAN, check=False).text
        faults.expect("NO-PROPOSAL-CHOSEN" in said, said)


with Scenario("ikev1_phase1", needs=["charon-systemd", "swanctl", "openssl", "ike-scan", "tcpdump"]) as s:
    host, peer, gateway, swan = tunnel_lab(s)
    papers = {kind: papers_of(s, swan, kind) for kind in KINDS}
    set_up(gateway, swan, CASES["aggressive, PSK"], papers)
    with s.vital("both start"):
        gateway.start()
        swan.start(extra="i_dont_care_about_security_and_use_aggressive_mode_psk = yes")
    for name, case in CASES.items():
        exchange = set_up(gateway, swan, case, papers)
        gateway.stop()
        gateway.start()
        swan.load()
        wire = Capture(peer, "p0", name="".join(filter(str.isalnum, name)), expression="udp")
        both_roles(s, gateway, swan, host, name, exchange)
        sent = wire.stop().ike()
        if case[1] == "rsa":
            in_fragments(s, name, list(sent))
    wrong_certificate(s, gateway, swan)
    probes(s, gateway, swan, peer, papers)
    with s.step("both stop"):
        gateway.stop()
        swan.stop()
