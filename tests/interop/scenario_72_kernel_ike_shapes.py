#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""AH, transport mode and transport mode in UDP, agreed on by IKEv2 with strongSwan inside User Mode Linux, whose
kernel does both; begun and rekeyed by either end.

Transport mode is between the addresses of an IKE SA: each such child has a connection of its own, with an address
of its own at the peer. There the guest begins: the gateway itself only answers echoes.
"""
import json

from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import PEER, PSK, WAN, Scenario, standard_gateway, two_ports
from lab.shapes import Shape, both_say, carries, each, tunnels
from lab.strongswan import StrongSwan
from lab.wire import Capture

SHAPES = [Shape(n, *rest) for n, rest in enumerate((
    ("ah", "sha512-esn", "tunnel"), ("ah", "sha256", "transport"), ("ah", "sha1-esn", "transport"),
    ("esp", "aes128gcm16", "transport"), ("esp", "aes256-sha256-esn", "transport"),
    ("esp", "aes128gcm16", "transport", True), ("esp", "aes128gcm16-esn", "tunnel")), 1)]
TUNNELS = tunnels(SHAPES)


with Scenario("kernel_ike_shapes", needs=["linux.uml", "swanctl"]) as s:
    host, gw, peer = two_ports(s)
    gateway = standard_gateway(s, gw)
    gateway.config["connections"] = {f"lab{x.number}": x.our_connection() for x in SHAPES}
    gateway.config["secrets"]["ike-lab"] = {"id": [x.peer for x in SHAPES], "secret": PSK}
    with s.vital("penstockd and the guest start"):
        gateway.start()
        guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{x.peer}/24" for x in SHAPES],
                                                 *[f"{x.inner}/32" for x in TUNNELS]])
        swan = StrongSwan(s.bench, peer, "swan", guest)
        s.show_on_failure("log of strongSwan", lambda: swan.log(40))
        swan.connections = {f"lab{x.number}": x.their_connection() for x in SHAPES}
        swan.psk(PSK, WAN, *[x.peer for x in SHAPES])
        swan.start()
    capture = Capture(peer, "p0", "outside")

    with s.step("as initiator") as faults:
        each(faults, lambda x: gateway.cli("up", f"lab{x.number}/{x.name}", check=False), SHAPES)
        carries(faults, guest, host, SHAPES)
    with s.step("both ends say what was agreed") as faults:
        both_say(faults, gateway, guest, SHAPES)
    with s.step("TCP and UDP through AH and ESP tunnels") as faults:
        for x in TUNNELS:
            guest.run(f"iperf3 -s -D -B {x.inner}")
            for more in ([], ["-R"], ["-u", "-b", "1M", "-l", "1000"]):
                # The server is slow to begin, and between two clients.
                words = ["iperf3", "-c", x.inner, "-n", "50K", "--connect-timeout", "3000", *more]
                wait_for(f"{x.title}: {' '.join(words)}",
                         lambda: host.run(*words, check=False, timeout=30).returncode == 0, 20, pause_s=0.3)
    with s.step("rekeys by either end") as faults:
        each(faults, lambda x: gateway.cli("rekey", f"lab{x.number}/{x.name}", check=False), SHAPES)
        carries(faults, guest, host, SHAPES)
        each(faults, lambda x: swan.rekey_child(x.name), SHAPES[::2])
        carries(faults, guest, host, SHAPES)
        seen = {c["child"]: c for _, c in gateway.children() if c["state"] == "installed"}
        for x in SHAPES:
            c = seen.get(x.name, {})
            faults.expect((c.get("protocol"), c.get("mode")) == (x.protocol, x.mode), f"{x.title}: {json.dumps(c)}")
    with s.step("deleted, and as responder") as faults:
        for x in SHAPES:
            gateway.cli("down", f"lab{x.number}/{x.name}")
        # strongSwan keeps the inbound half of a rekeyed SA for some seconds.
        left = [row for row in guest.run("ip xfrm state").text.splitlines() if row.endswith(f" dst {WAN}")]
        faults.expect(not left, f"the kernel still has {left}")
        each(faults, lambda x: swan.initiate(x.name, check=False), SHAPES[:-1])
        gateway.cli("up", f"lab{SHAPES[-1].number}")
        carries(faults, guest, host, SHAPES)
    with s.step("only AH and ESP crossed, and nothing in clear") as faults:
        capture.stop()
        wanted = {x.peer: 17 if x.encap else {"ah": 51, "esp": 50}[x.protocol] for x in SHAPES}
        kinds = {}
        for source, destination, protocol, payload, _ in capture.ipv4():
            other = str(destination if str(source) == WAN else source)
            if protocol == 17 and other in wanted and {500, 4500} & {int.from_bytes(payload[i:i + 2], "big") for i in (0, 2)}:
                continue
            kinds.setdefault(other, set()).add(protocol)
        for x in SHAPES:
            faults.expect(kinds.get(x.peer, set()) <= {wanted[x.peer]}, f"{x.title}: protocols {kinds.get(x.peer)}")
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
    guest.stop()
    with s.step("stops") as faults:
        gateway.stop()
