#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""IKEv2 with a pre-shared key against strongSwan, both as initiator and as responder; each ESP cipher
carries ping, and TCP and UDP of iperf3 both ways; then each key exchange, cipher and PRF of the IKE SA;
then ESP ciphers that are old or rare; at last strongSwan connects while strangers flood us with first requests.

One IKE SA has a child for each ESP cipher, each to a network of its own behind the peer, 10.2.N.0/24.
"""
import json
import pathlib
import time

from lab.bench import wait_for
from lab.scenario import HOST, LAN_NET, PEER, PSK, WAN, Scenario
from lab.strongswan import child
from lab.suites import SUITES
from lab.traffic import iperf, ping, ping_until
from lab.tunnel import configure, our_child, tunnel_lab
from lab.wire import Capture

WORDS = list(SUITES)
NARROW = ["10.2.200.0/24", "10.2.201.0/24"]  # the peer's part of what we ask for, 10.2.192.0/18
NAMES = {word: f"c{n}" for n, word in enumerate(WORDS, 1)}
NETS = {word: f"10.2.{n}.0/24" for n, word in enumerate(WORDS, 1)}
INNER = {word: f"10.2.{n}.1" for n, word in enumerate(WORDS, 1)}
STRANGERS = [f"192.0.2.{n}" for n in range(100, 130)]  # five half-open IKE SAs each without a cookie
FLOOD = pathlib.Path(__file__).resolve().parent / "lab/flood.py"
IKE = ["aes128gcm16-prfsha256-x25519", "aes256gcm16-prfsha512-ecp521", "aes128-sha256-ecp256",
       "aes256-sha384-ecp384", "aes256-sha512-modp4096", "aes128-sha1-modp2048",
       "chacha20poly1305-prfsha256-x448", "aes256-sha256-modp3072"]
# What is old or rare. kernel-libipsec has neither AES-GMAC nor SHA2-256 cut to 96 bits.
RARE = ["aes128ccm8", "aes192ccm12", "aes256ccm16", "aes128ctr-sha1", "aes256ctr-sha512", "aes128-aesxcbc",
        "aes192-aescmac", "3des-md5", "3des-sha256"]
RARE_NAMES = {word: f"r{n}" for n, word in enumerate(RARE, 101)}
RARE_NETS = {word: f"10.2.{n}.0/24" for n, word in enumerate(RARE, 101)}
RARE_INNER = {word: f"10.2.{n}.1" for n, word in enumerate(RARE, 101)}

OURS = {NAMES[word]: our_child(LAN_NET, NETS[word], word) for word in WORDS}
OURS["wide"] = our_child(LAN_NET, "10.2.192.0/18")
THEIRS = {NAMES[word]: child(NETS[word], LAN_NET, word) for word in WORDS}
THEIRS["wide"] = child(",".join(NARROW), "10.1.0.0/16")
for word in RARE:
    OURS[RARE_NAMES[word]] = our_child(LAN_NET, RARE_NETS[word], word)
    THEIRS[RARE_NAMES[word]] = child(RARE_NETS[word], LAN_NET, word)


def installed(gateway, name):
    return [c for _, c in gateway.children() if c["child"] == name]


def carries(s, gateway, host, peer, word, role, port):
    """Ping, TCP and UDP both ways through the child of this cipher; role: ours when it was negotiated."""
    with s.step(f"{word}, {role}: ping, TCP and UDP both ways") as faults:
        children = installed(gateway, NAMES[word])
        if not faults.expect(len(children) == 1, f"{len(children)} children are installed"):
            return
        # A key exchange is agreed for rekeying only: the words begin alike.
        faults.expect(children[0]["proposal"].startswith(word), f"agreed: {children[0]['proposal']}")
        faults.expect(ping(host, INNER[word], count=3, interval=0.05) == 3, "echoes lost from inside")
        faults.expect(ping(peer, HOST, INNER[word], count=3, interval=0.05) == 3, "echoes lost from outside")
        rates = []
        for udp in (None, 20):
            for reverse in (False, True):
                # What is under way when the sender is done is not counted as received.
                result = iperf(host, peer, INNER[word], HOST, octets=1_000_000, udp=udp, reverse=reverse, port=port)
                faults.expect(result["bytes"] > 100_000, f"udp={udp} reverse={reverse}: {result}")
                rates.append(result["mbps"])
        counted = installed(gateway, NAMES[word])[0]
        faults.expect(min(counted["packets_in"], counted["packets_out"]) > 200, f"SA counters: {counted}")
        faults.note(f"TCP {rates[0]:.0f} and {rates[1]:.0f} Mbit/s")


def rare(s, gateway, swan, host, peer, word, port):
    """One that need not be fast: negotiated by us, then by the peer; ping both times, and TCP once."""
    with s.step(f"{word}, both roles: ping and TCP") as faults:
        name, inner = f"lab/{RARE_NAMES[word]}", RARE_INNER[word]
        done = gateway.cli("up", name, check=False)
        if not faults.expect(done.returncode == 0, done.text[-300:]):
            return
        agreed = [c["proposal"] for c in installed(gateway, RARE_NAMES[word])]
        faults.expect(len(agreed) == 1 and agreed[0].startswith(word), f"agreed: {agreed}")
        faults.expect(ping(host, inner, count=3, interval=0.05) == 3, "echoes lost as initiator")
        result = iperf(host, peer, inner, HOST, octets=1_000_000, port=port)
        faults.expect(result["bytes"] > 100_000, f"{result}")
        gateway.cli("down", name)
        done = swan.initiate(RARE_NAMES[word], check=False)
        faults.expect("completed successfully" in done.text, done.text[-300:])
        faults.expect(ping(peer, HOST, inner, count=3, interval=0.05) == 3, "echoes lost as responder")


def narrowing(s, gateway, swan, host):
    """What we ask for is wider than what the peer has, and the other way round (RFC 7296 §2.9)."""
    with s.step("traffic selectors are narrowed, several of them, both roles") as faults:
        swan.terminate("lab")
        for begin in (lambda: gateway.cli("up", "lab/wide", check=False), lambda: swan.initiate("wide", check=False)):
            done = begin()
            faults.expect(done.returncode == 0, done.text[-300:])
            children = installed(gateway, "wide")
            if faults.expect(len(children) == 1, f"{len(children)} children"):
                agreed = sorted(children[0]["remote_ts"])
                faults.expect(agreed == sorted(NARROW), f"agreed: {agreed}")
                faults.expect(ping(host, "10.2.201.1", count=2) == 2, "no echo through the second selector")
                before = gateway.drops().get("no_policy", 0) + gateway.drops().get("policy_discard", 0)
                ping(host, "10.2.203.1", count=1)
                after = gateway.drops().get("no_policy", 0) + gateway.drops().get("policy_discard", 0)
                faults.expect(after > before, "what was narrowed away is not discarded")
            gateway.cli("down", "lab")


def refused_psk(s, gateway, swan):
    with s.step("a wrong key is refused, and said so") as faults:
        swan.terminate("lab")
        good, swan.secrets = swan.secrets, {}
        swan.psk("another secret", PEER, WAN)
        swan.load()
        done = gateway.cli("up", f"lab/{NAMES[WORDS[0]]}", "--timeout", "15", check=False)
        faults.expect(done.returncode == 1, f"exit status {done.returncode}: {done.text}")
        faults.expect("AUTH" in done.text.upper(), f"the reason is not told: {done.text}")
        done = swan.initiate(NAMES[WORDS[0]], check=False)
        faults.expect("AUTH_FAILED" in done.text, done.text[-300:])
        faults.expect(not gateway.children(), "a child is installed all the same")
        swan.secrets = good
        swan.load()


def for_anyone(gateway):
    """A connection that first requests from anywhere meet, with a suite of its own."""
    gateway.config["connections"]["anyone"] = {
        "local_addrs": [WAN], "remote_addrs": ["192.0.2.0/24"], "proposals": ["aes256gcm16-prfsha384-x25519"],
        "rekey_time": "0s", "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": "nobody.example"},
        "children": {"none": our_child(LAN_NET, "10.99.0.0/24")}}
    gateway.config["secrets"]["ike-anyone"] = {"id": ["nobody.example"], "secret": PSK}


def flooded(s, gateway, swan, host, peer):
    """RFC 7296 §2.6: above the threshold of half-open IKE SAs cookies are asked for, and who has one gets in."""
    for address in STRANGERS:
        peer.address("p0", f"{address}/24")
    swan.connections["lab"]["proposals"] = IKE[0]
    swan.load()
    swan.terminate("lab")
    with s.step("strongSwan connects by a cookie while strangers send first requests") as faults:
        flood = peer.start("/usr/bin/python3", FLOOD, WAN, *STRANGERS, 8, 60, log="flood.log")
        # The threshold is 100; an initiator that was refused a moment ago counts, and is not shown.
        wait_for("enough are half open", lambda: len(gateway.show("sas")["ike_sas"]) >= 95, 6)
        time.sleep(0.5)
        done = swan.initiate(NAMES["aes128gcm16"], check=False)
        faults.expect("completed successfully" in done.text, done.text[-300:])
        faults.expect("N(COOKIE)" in done.text, f"no cookie was asked for: {done.text[-900:]}")
        faults.expect(flood.poll() is None, "the flood was over before")
        faults.expect(ping(host, INNER["aes128gcm16"], count=2) == 2, "no echo")
        flood.wait(timeout=20)
        told = json.loads(flood.log.read_text())
        faults.expect(told["accepted"] >= 95 and told["cookie"] >= 50 and not told["other"], told)
        faults.expect(len(gateway.show("sas")["ike_sas"]) <= 110, "cookies do not bound what is kept")
        faults.note(f"answers: {told}")


def refused_proposal(s, gateway, swan):
    with s.step("no proposal in common is refused, and said so") as faults:
        swan.connections["lab"]["proposals"] = "aes192-sha256-modp6144"
        swan.load()
        done = gateway.cli("up", f"lab/{NAMES[WORDS[0]]}", "--timeout", "15", check=False)
        faults.expect(done.returncode == 1 and "PROPOSAL" in done.text.upper(), f"{done.returncode}: {done.text}")
        done = swan.initiate(NAMES[WORDS[0]], check=False)
        faults.expect("NO_PROPOSAL_CHOSEN" in done.text, done.text[-300:])
        # A refused request may be repeated, so a responder keeps it for a while: not established.
        left = [sa for sa in gateway.show("sas")["ike_sas"] if sa["state"] == "established"]
        faults.expect(not left, f"an IKE SA is left over: {left}")


with Scenario("strongswan", needs=["swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s, *INNER.values(), *RARE_INNER.values(), "10.2.200.1", "10.2.201.1")
    configure(gateway, swan, OURS, THEIRS, IKE)
    for_anyone(gateway)
    with s.vital("both start"):
        gateway.start()
        swan.start()
    capture = Capture(peer, "p0", "outside")

    with s.step("as initiator: a child for each cipher") as faults:
        for word in WORDS:
            done = gateway.cli("up", f"lab/{NAMES[word]}", check=False)
            faults.expect(done.returncode == 0, f"{word}: {done.text}")
        faults.expect(swan.installed() == len(WORDS), f"strongSwan has {swan.installed()} children installed")
        sas = gateway.show("sas")["ike_sas"]
        faults.expect(len(sas) == 1 and sas[0]["role"] == "initiator", f"{len(sas)} IKE SAs")
        ping_until(host, INNER[WORDS[0]])
    for n, word in enumerate(WORDS):
        carries(s, gateway, host, peer, word, "initiator", 5201 + n)

    with s.step("down deletes at both ends") as faults:
        gateway.cli("down", "lab")
        faults.expect(not gateway.children(), "children are left here")
        faults.expect(swan.installed() == 0, "children are left at strongSwan")

    with s.step("as responder: a child for each cipher") as faults:
        for word in WORDS:
            done = swan.initiate(NAMES[word], check=False)
            faults.expect("completed successfully" in done.text, f"{word}: {done.text[-300:]}")
        sas = gateway.show("sas")["ike_sas"]
        faults.expect(len(sas) == 1 and sas[0]["role"] == "responder", f"{len(sas)} IKE SAs")
        faults.expect(len(gateway.children()) == len(WORDS), f"{len(gateway.children())} children are installed")
    for n, word in enumerate(WORDS):
        carries(s, gateway, host, peer, word, "responder", 5231 + n)

    with s.step("nothing in clear on the outside") as faults:
        clear = capture.stop().in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
        faults.expect(sum(1 for _ in capture.esp()) > 1000, "hardly any ESP was seen")

    with s.step("healthy") as faults:
        s.healthy(faults, gateway)

    for ike in IKE:
        with s.step(f"IKE {ike}, both roles") as faults:
            swan.terminate("lab")
            swan.connections["lab"]["proposals"] = ike
            swan.load()
            name = NAMES["aes128gcm16"]
            done = gateway.cli("up", f"lab/{name}", "--timeout", "15", check=False)
            faults.expect(done.returncode == 0, f"as initiator: {done.text}")
            agreed = [sa["proposal"] for sa in gateway.show("sas")["ike_sas"]]
            faults.expect(len(agreed) == 1, f"IKE SAs: {agreed}")
            faults.expect(ping(host, INNER["aes128gcm16"], count=2) == 2, "no echo as initiator")
            faults.note(",".join(agreed))
            swan.terminate("lab", check=True)
            done = swan.initiate(name, check=False)
            faults.expect("completed successfully" in done.text, f"as responder: {done.text[-300:]}")
            faults.expect(ping(host, INNER["aes128gcm16"], count=2) == 2, "no echo as responder")

    swan.terminate("lab")
    for n, word in enumerate(RARE):
        rare(s, gateway, swan, host, peer, word, 5301 + n)
    narrowing(s, gateway, swan, host)
    refused_psk(s, gateway, swan)
    refused_proposal(s, gateway, swan)
    flooded(s, gateway, swan, host, peer)
    with s.step("both stop"):
        gateway.stop()
        swan.stop()
