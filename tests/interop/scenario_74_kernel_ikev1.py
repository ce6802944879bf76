#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""AH, transport mode and ESP without UDP, agreed on by IKEv1 with strongSwan inside User Mode Linux; begun by either
end, rekeyed and deleted by us."""
from lab.bench import wait_for
from lab.kernel_peer import KernelPeer
from lab.scenario import PEER, PSK, WAN, Scenario, standard_gateway, two_ports
from lab.shapes import Shape, both_say, carries, each, tunnels
from lab.strongswan import StrongSwan
from lab.wire import Capture

SHAPES = [Shape(n, *rest, version=1) for n, rest in enumerate((
    ("ah", "sha256", "tunnel"), ("ah", "sha1", "transport"), ("esp", "aes128gcm16", "transport"),
    ("esp", "aes256-sha256-esn", "transport"), ("esp", "aes128-sha256-modp2048", "tunnel"),
    ("esp", "aes192-sha384", "tunnel")), 1)]

with Scenario("kernel_ikev1", needs=["linux.uml", "swanctl"]) as s:
    host, gw, peer = two_ports(s)
    gateway = standard_gateway(s, gw)
    gateway.config["connections"] = {f"lab{x.number}": x.our_connection() for x in SHAPES}
    gateway.config["secrets"]["ike-lab"] = {"id": [x.peer for x in SHAPES], "secret": PSK}
    with s.vital("penstockd and the guest start"):
        gateway.start()
        guest = KernelPeer(s.bench, peer, "p0", [f"{PEER}/24", *[f"{x.peer}/24" for x in SHAPES],
                                                 *[f"{x.inner}/32" for x in tunnels(SHAPES)]])
        swan = StrongSwan(s.bench, peer, "swan", guest)
        s.show_on_failure("log of strongSwan", lambda: swan.log(60))
        swan.connections = {f"lab{x.number}": x.their_connection() for x in SHAPES}
        swan.psk(PSK, WAN, *[x.peer for x in SHAPES])
        swan.start()
    capture = Capture(peer, "p0", "outside")
    with s.step("as initiator") as faults:
        each(faults, lambda x: gateway.cli("up", f"lab{x.number}/{x.name}", check=False), SHAPES)
        # The guest installs its half when HASH(3) comes, and takes its time.
        wait_for("strongSwan has installed all", lambda: swan.installed() == len(SHAPES), 10)
        carries(faults, guest, host, SHAPES)
    with s.step("both ends say what was agreed") as faults:
        both_say(faults, gateway, guest, SHAPES)
    with s.step("rekeys by us") as faults:
        each(faults, lambda x: gateway.cli("rekey", f"lab{x.number}/{x.name}", check=False), SHAPES)
        carries(faults, guest, host, SHAPES)
    with s.step("deleted, and as responder") as faults:
        for x in SHAPES:
            gateway.cli("down", f"lab{x.number}")
        each(faults, lambda x: swan.initiate(x.name, check=False), SHAPES)
        carries(faults, guest, host, SHAPES)
    with s.step("nothing crossed in clear") as faults:
        capture.stop()
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    with s.step("healthy") as faults:
        s.healthy(faults, gateway)
    guest.stop()
    with s.step("stops"):
        gateway.stop()
