#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Twenty child rekeys and five IKE rekeys from each end, under numbered streams of 1,000 packets a second
both ways: nothing may be lost for an unknown SPI, a missing SA, replay, a wrong ICV or policy, and every
packet must be accounted for. What the kernel's own queues lost is counted by the kernel and subtracted.
"""
import time

from lab.bench import wait_for
from lab.losses import Losses
from lab.scenario import HOST, LAN_NET, PEER_INNER, PEER_NET, Scenario
from lab.strongswan import child
from lab.traffic import Stream, describe, ping_until
from lab.tunnel import configure, our_child, tunnel_lab
from lab.wire import Capture

CHILD_REKEYS, IKE_REKEYS = 20, 5
IKE = "aes256gcm16-prfsha384-x25519"
ESP = "aes128gcm16-x25519"  # with PFS: a key exchange in every rekey
PAUSE_S = 0.15


def current(gateway):
    """SPIs of the installed child, once there is exactly one."""
    def one():
        children = [c for _, c in gateway.children()]
        return children[0] if len(children) == 1 else None
    return wait_for("one installed child", one, 10)


def ike_spis(gateway):
    def one():
        sas = [sa for sa in gateway.show("sas")["ike_sas"] if sa["state"].lower() == "established"]
        return (sas[0]["spi_i"], sas[0]["spi_r"]) if len(sas) == 1 else None
    return wait_for("one established IKE SA", one, 10)


def rekey_children(gateway, act, faults):
    for n in range(CHILD_REKEYS):
        before = current(gateway)
        act()
        wait_for(f"child rekey {n + 1} changes the SPIs",
                 lambda: current(gateway)["spi_in"] != before["spi_in"]
                 and current(gateway)["spi_out"] != before["spi_out"], 10)
        time.sleep(PAUSE_S)
    faults.note(f"{CHILD_REKEYS} times")


def rekey_ike(gateway, act, faults):
    for n in range(IKE_REKEYS):
        before, spi = ike_spis(gateway), current(gateway)["spi_in"]
        act()
        wait_for(f"IKE rekey {n + 1} changes the SPIs", lambda: ike_spis(gateway) != before, 10)
        faults.expect(current(gateway)["spi_in"] == spi, "the child did not move to the new IKE SA as it was")
        time.sleep(PAUSE_S)
    faults.note(f"{IKE_REKEYS} times")


def judge_stream(faults, name, result, lost):
    told = f"{name}: {describe(result)}" + "".join(f", {count} lost at {place}" for place, count in lost.items())
    unexplained = result["missing"] - result["kernel_lost"] - sum(lost.values())
    faults.expect(result["refused"] == 0, f"{name}: the sender was refused {result['refused']} times")
    faults.expect(unexplained <= 0, f"{told}, missing e.g. {result['first_missing']}")
    faults.expect(result["double"] == 0, told)
    faults.note(told)


with Scenario("rekey", needs=["swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s)
    configure(gateway, swan, {"net": our_child(LAN_NET, PEER_NET, ESP)}, {"net": child(PEER_NET, LAN_NET, ESP)}, [IKE])
    with s.vital("the tunnel is up"):
        gateway.start()
        swan.start()
        gateway.cli("up", "lab/net")
        ping_until(host, PEER_INNER)
    capture = Capture(peer, "p0", "rekey", "esp or udp port 500 or udp port 4500 or net 10.0.0.0/8")
    before, sockets, gw = gateway.drops(), peer.counters(), gateway.space
    out_lost = Losses(gateway, [(host, "h0", "tx"), (gw, "in0", "ring"), (gw, "out0", "tx"), (peer, "p0", "rx"),
                                (peer, "ipsec0", "rx")])
    back_lost = Losses(gateway, [(peer, "ipsec0", "tx"), (peer, "p0", "tx"), (gw, "out0", "ring"), (gw, "in0", "tx"),
                                 (host, "h0", "rx")])
    out = Stream(host, peer, PEER_INNER, HOST, port=7001)
    back = Stream(peer, host, HOST, PEER_INNER, port=7002)

    with s.step("child rekeys by us") as faults:
        rekey_children(gateway, lambda: gateway.cli("rekey", "lab/net"), faults)
    with s.step("child rekeys by strongSwan") as faults:
        rekey_children(gateway, lambda: swan.rekey_child("net"), faults)
    with s.step("IKE rekeys by us") as faults:
        rekey_ike(gateway, lambda: gateway.cli("rekey", "lab", "--ike"), faults)
    with s.step("IKE rekeys by strongSwan") as faults:
        rekey_ike(gateway, lambda: swan.rekey_ike("lab"), faults)

    with s.step("the streams lost nothing but in the kernel's queues") as faults:
        outward, inward = out.finish(), back.finish()
        # strongSwan's own ESP sockets are the kernel's sockets too.
        swan_lost = peer.counters()["RcvbufErrors"] - sockets["RcvbufErrors"]
        outward["kernel_lost"] = max(outward["kernel_lost"], swan_lost)
        judge_stream(faults, "out", outward, out_lost.lost())
        judge_stream(faults, "back", inward, back_lost.lost())
    with s.step("no drop for SPI, SA, replay, ICV or policy; the counters balance") as faults:
        s.healthy(faults, gateway, before)
    with s.step("the wire shows every SA and nothing in clear") as faults:
        capture.stop()
        spis = {spi for _, _, spi, _, _ in capture.esp()}
        faults.expect(len(spis) >= 4 * CHILD_REKEYS, f"only {len(spis)} SPIs were seen")
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
        faults.note(f"{len(spis)} SPIs")
    with s.step("strongSwan has one IKE SA and one child") as faults:
        faults.expect(swan.installed() == 1, swan.sas())
    with s.step("both stop"):
        gateway.stop()
        swan.stop()
