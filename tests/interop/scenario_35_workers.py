#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two workers, each with a queue of each port, and strongSwan: SAs are spread over the workers, ESP that the other one
received is handed over, and numbered streams lose nothing; at the end every packet buffer is back.

net_af_packet spreads one heavy flow over its queues, so packets of an SA pass each other: the windows are wide.
"""
from lab.losses import Losses
from lab.scenario import HOST, LAN_NET, PEER, PSK, WAN, Scenario, standard_gateway, two_ports, with_address
from lab.strongswan import StrongSwan, child, connection
from lab.traffic import Stream, describe, iperf, ping
from lab.wire import Capture

CHILDREN = 4
INNER = [f"10.2.{n}.1" for n in range(CHILDREN)]
ESP = "aes128gcm16"
STREAM_S = 3
WINDOW = 2048


def configure(gateway, swan):
    gateway.config["dataplane"]["workers"] = [0, 1]
    for port in gateway.config["dataplane"]["ports"]:
        port.update({"device": port["device"] + ",qpairs=2", "queues": 2})
    ours = {f"c{n}": {"local_ts": [LAN_NET], "remote_ts": [f"10.2.{n}.0/24"], "esp_proposals": [ESP],
                      "replay_window": WINDOW, "rekey_time": "0s", "start_action": "none"} for n in range(CHILDREN)}
    gateway.config["connections"]["lab"] = {
        "local_addrs": [WAN], "remote_addrs": [PEER], "proposals": ["aes128gcm16-prfsha256-x25519"],
        "rekey_time": "0s", "local": {"auth": "psk", "id": WAN}, "remote": {"auth": "psk", "id": PEER},
        "children": ours}
    gateway.config["secrets"]["ike-lab"] = {"id": [PEER], "secret": PSK}
    swan.connections["lab"] = connection(PEER, WAN, {
        f"c{n}": child(f"10.2.{n}.0/24", LAN_NET, ESP, replay_window=WINDOW) for n in range(CHILDREN)})
    swan.psk(PSK, PEER, WAN)


with Scenario("workers", needs=["swanctl"]) as s:
    host, gw, peer = two_ports(s)
    with_address(peer, *INNER)
    gateway, swan = standard_gateway(s, gw), StrongSwan(s.bench, peer)
    s.show_on_failure("log of strongSwan", lambda: swan.log(30))
    configure(gateway, swan)
    with s.vital("two workers, each with a queue of each port"):
        gateway.start()
        queues = [row["queues"] for row in gateway.show("workers")["workers"]]
        assert queues == [["lan:0", "wan:0"], ["lan:1", "wan:1"]], queues
        wan = next(row for row in gateway.show("ports")["ports"] if row["name"] == "wan")
        # net_af_packet has no rte_flow: named, and hand-off takes its place
        assert (wan["spread"], wan["steering"]) == ("driver", []), wan
        swan.start()
    with s.step("children of both workers") as faults:
        for n in range(CHILDREN):
            gateway.cli("up", f"lab/c{n}")
        owners = [row["owner"] for _, row in gateway.children()]
        faults.expect(sorted(owners) == [1, 1, 2, 2], f"owners: {owners}")
    capture = Capture(peer, "p0", "workers")
    with s.step("ping and iperf3 through each") as faults:
        for n, inner in enumerate(INNER):
            faults.expect(ping(host, inner, count=3, interval=0.05) == 3, f"c{n}: echoes lost from inside")
            faults.expect(ping(peer, HOST, inner, count=3, interval=0.05) == 3, f"c{n}: echoes lost from outside")
            for reverse in (False, True):
                result = iperf(host, peer, inner, HOST, octets=3_000_000, reverse=reverse, port=5301 + n)
                faults.expect(result["bytes"] > 100_000, f"c{n} reverse={reverse}: {result}")
    with s.step("numbered streams through each, nothing lost but in the kernel's queues") as faults:
        sockets = peer.counters()["RcvbufErrors"]
        losses = Losses(gateway, [(host, "h0", "tx"), (host, "h0", "rx"), (gw, "in0", "ring"), (gw, "in0", "tx"),
                                  (gw, "out0", "ring"), (gw, "out0", "tx"), (peer, "p0", "rx"), (peer, "p0", "tx"),
                                  (peer, "ipsec0", "rx"), (peer, "ipsec0", "tx")])
        streams = [Stream(*ends, port=7100 + n, rate=500, seconds=STREAM_S)
                   for n, inner in enumerate(INNER) for ends in ((host, peer, inner, HOST), )]
        streams += [Stream(peer, host, HOST, inner, port=7200 + n, rate=500, seconds=STREAM_S)
                    for n, inner in enumerate(INNER)]
        for stream in streams:
            stream.sender.wait(STREAM_S + 20)
        results = [stream.finish() for stream in streams]
        lost = losses.lost()
        allowed = sum(lost.values()) + peer.counters()["RcvbufErrors"] - sockets
        missing = sum(result["missing"] - result["kernel_lost"] for result in results)
        faults.expect(missing <= allowed, f"{missing} missing; the kernel lost {lost}: "
                      + "; ".join(describe(result) for result in results))
        faults.expect(not any(result["double"] for result in results), "packets came twice")
        faults.note(f"{sum(result['sent'] for result in results)} packets, {missing} missing, kernel: {lost}")
    with s.step("workers handed over what was not theirs") as faults:
        rows = gateway.show("workers")["workers"]
        handed, taken = sum(row["handed_over"] for row in rows), sum(row["taken_over"] for row in rows)
        faults.expect(handed > 1000 and handed == taken, f"handed over {handed}, taken over {taken}")
        faults.expect(all(row["received"] > 1000 for row in rows), f"received: {[row['received'] for row in rows]}")
        faults.note(f"{handed} packets")
    with s.step("healthy, nothing in clear outside") as faults:
        s.healthy(faults, gateway)
        clear = capture.stop().in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    with s.step("both stop, and every buffer is back") as faults:
        gateway.stop()
        faults.expect("did not come back" not in gateway.log(), gateway.log(10))
        swan.stop()
