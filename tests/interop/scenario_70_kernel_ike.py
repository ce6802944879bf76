#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""strongSwan inside User Mode Linux, where the guest's kernel does ESP: raw ESP (protocol 50), with and
without extended sequence numbers, keyed by IKE, begun by either end."""
from lab.kernel_peer import KernelPeer
from lab.scenario import HOST, LAN_NET, PEER, PEER_INNER, Scenario, standard_gateway, two_ports
from lab.strongswan import StrongSwan, child
from lab.traffic import ping, ping_until
from lab.tunnel import configure, our_child
from lab.wire import Capture

PROPOSALS = ["aes128gcm16", "aes128gcm16-esn", "aes256gcm16-esn", "aes256-sha256", "aes256-sha256-esn",
             "chacha20poly1305-esn"]
NETS = {word: f"10.2.{n}.0/24" for n, word in enumerate(PROPOSALS, 1)}
INNER = {word: f"10.2.{n}.1" for n, word in enumerate(PROPOSALS, 1)}
NAMES = {word: f"c{n}" for n, word in enumerate(PROPOSALS, 1)}
OURS = {NAMES[w]: our_child(LAN_NET, NETS[w], w) for w in PROPOSALS}
THEIRS = {NAMES[w]: child(NETS[w], LAN_NET, w) for w in PROPOSALS}


def carries(faults, guest, host):
    for word in PROPOSALS:
        faults.expect(ping(host, INNER[word], count=3, interval=0.05) == 3, f"{word}: echoes lost from inside")
        faults.expect(guest.ping(HOST, INNER[word], count=3) == 3, f"{word}: echoes lost from the guest")


with Scenario("kernel_ike", needs=["linux.uml", "swanctl"]) as s:
    host, gw, peer = two_ports(s)
    gateway = standard_gateway(s, gw)
    with s.vital("penstockd and the guest start"):
        guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{a}/32" for a in (PEER_INNER, *INNER.values())]])
        swan = StrongSwan(s.bench, peer, "swan", guest)
        s.show_on_failure("log of strongSwan", lambda: swan.log(40))
        configure(gateway, swan, OURS, THEIRS)
        gateway.start()
        swan.start()
    capture = Capture(peer, "p0", "outside")

    with s.step("as initiator, with and without ESN") as faults:
        for word in PROPOSALS:
            done = gateway.cli("up", f"lab/{NAMES[word]}", check=False)
            faults.expect(done.returncode == 0, f"{word}: {done.text}")
        ping_until(host, INNER[PROPOSALS[0]])
        carries(faults, guest, host)
    with s.step("the kernel has the SAs as agreed") as faults:
        state = guest.run("ip -s xfrm state").text
        esn = sum(1 for word in PROPOSALS if word.endswith("-esn"))
        faults.expect(state.count("esn") >= 2 * esn, f"ESN is on {state.count('esn')} SAs\n{state[:1500]}")
        faults.expect("encap" not in state, "an SA is UDP-encapsulated")
        agreed = {c["child"]: c["proposal"] for _, c in gateway.children()}
        for word in PROPOSALS:
            said = agreed.get(NAMES[word], "nothing")
            faults.expect(said.startswith(word.removesuffix("-esn")) and ("-esn" in said) == ("-esn" in word),
                          f"{word}: agreed {said}")
    with s.step("as responder, with and without ESN") as faults:
        gateway.cli("down", "lab")
        for word in PROPOSALS:
            done = swan.initiate(NAMES[word], check=False)
            faults.expect("completed successfully" in done.text, f"{word}: {done.text[-300:]}")
        carries(faults, guest, host)
    with s.step("rekeys of raw ESP by either end") as faults:
        for act in (lambda: gateway.cli("rekey", f"lab/{NAMES['aes128gcm16-esn']}"),
                    lambda: swan.rekey_child(NAMES["aes128gcm16-esn"])):
            act()
            faults.expect(ping(host, INNER["aes128gcm16-esn"], count=5) == 5, "echoes lost after a rekey")
    with s.step("only protocol 50 crossed, and nothing in clear") as faults:
        capture.stop()
        how = {kind for *_, kind in capture.esp()}
        faults.expect(how == {"esp"}, f"seen: {how}")
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
    gateway.stop()
