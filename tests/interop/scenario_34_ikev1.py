#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""IKEv1 with a pre-shared key against strongSwan: Main Mode and Quick Mode with and without PFS in both roles,
a list of suites; NAT traversal, which kernel-libipsec asks for by spoilt NAT-D payloads; both phases rekeyed from
both ends under numbered streams; deletion from both ends; a peer that dies is found out.
"""
import time

from lab.bench import wait_for
from lab.losses import Losses
from lab.scenario import HOST, LAN_NET, PEER, PEER_INNER, PEER_NET, PSK, WAN, Scenario
from lab.strongswan import child
from lab.traffic import Stream, describe, iperf, ping, ping_until
from lab.tunnel import configure, our_child, tunnel_lab
from lab.wire import Capture

# Phase 1 and ESP, as both ends write them.
SUITES = [
    ("aes128-sha256-modp2048", "aes128-sha256"),
    ("aes256-sha384-ecp384", "aes256gcm16-ecp384"),
    ("aes192-sha512-modp3072", "aes256-sha512-modp2048"),
    ("3des-sha1-modp1536", "3des-sha1-modp1536"),
    ("aes128-sha1-x25519", "aes128ctr-sha1-x25519"),
    ("aes256-sha256-ecp256", "aes256ccm16-ecp256"),
]
CHILD_REKEYS, IKE_REKEYS = 8, 3
PAUSE_S = 0.2


def set_up(gateway, swan, ike, esp, ours=None, theirs=None, **more):
    configure(gateway, swan, {"net": our_child(LAN_NET, PEER_NET, esp, **(ours or {}))},
              {"net": child(PEER_NET, LAN_NET, esp)}, [ike], version=1, **more)
    swan.connections["lab"] |= {"version": 1, "rekey_time": "4h", **(theirs or {})}


def installed(gateway):
    return [c for _, c in gateway.children()]


def carries(s, gateway, host, peer, swan, esp, faults, port):
    children = installed(gateway)
    if not faults.expect(len(children) == 1, f"{len(children)} children are installed"):
        return
    faults.expect(children[0]["proposal"].startswith(esp), f"agreed: {children[0]['proposal']}")
    faults.expect(children[0]["encap"], "ESP is not in UDP")
    ike = gateway.show("sas")["ike_sas"][0]
    faults.expect(ike["version"] == 1 and ike["local"].endswith(":4500"), f"{ike}")
    ping_until(host, PEER_INNER)
    faults.expect(ping(host, PEER_INNER, count=3, interval=0.05) == 3, "echoes lost from inside")
    faults.expect(ping(peer, HOST, PEER_INNER, count=3, interval=0.05) == 3, "echoes lost from outside")
    for reverse in (False, True):
        result = iperf(host, peer, PEER_INNER, HOST, octets=1_000_000, reverse=reverse, port=port)
        faults.expect(result["bytes"] > 100_000, f"reverse={reverse}: {result}")


def suites(s, gateway, swan, host, peer):
    for n, (ike, esp) in enumerate(SUITES):
        if n:
            gateway.stop()
            set_up(gateway, swan, ike, esp)
            gateway.start()
            swan.load()
        with s.step(f"{ike}, {esp}, we begin: ping and TCP both ways") as faults:
            done = gateway.cli("up", "lab/net", check=False)
            if faults.expect(done.returncode == 0, done.text[-300:]):
                carries(s, gateway, host, peer, swan, esp, faults, 5200 + 2 * n)
        with s.step(f"{ike}, {esp}: our deletion is taken") as faults:
            gateway.cli("down", "lab")
            wait_for("strongSwan has let go", lambda: "lab" not in swan.sas(), 5)
        with s.step(f"{ike}, {esp}, strongSwan begins: ping and TCP both ways") as faults:
            done = swan.initiate("net", check=False)
            if faults.expect("completed successfully" in done.text, done.text[-300:]):
                carries(s, gateway, host, peer, swan, esp, faults, 5201 + 2 * n)
        with s.step(f"{ike}, {esp}: strongSwan's deletion is taken") as faults:
            swan.terminate("lab")
            wait_for("we have let go", lambda: not gateway.show("sas")["ike_sas"], 5)


def current(gateway):
    """The youngest installed child, once there is exactly one that has no successor."""
    def one():
        children = installed(gateway)
        return children[0] if len(children) == 1 else None
    return wait_for("one installed child", one, 10)


def cookies(gateway):
    return {(sa["spi_i"], sa["spi_r"]) for sa in gateway.show("sas")["ike_sas"] if sa["state"] == "established"}


def rekey_children(gateway, act, faults):
    for n in range(CHILD_REKEYS):
        before = current(gateway)
        act()
        wait_for(f"child rekey {n + 1} changes the SPIs",
                 lambda: current(gateway)["spi_in"] != before["spi_in"]
                 and current(gateway)["spi_out"] != before["spi_out"], 15)
        time.sleep(PAUSE_S)
    faults.note(f"{CHILD_REKEYS} times")


def rekey_ike(gateway, act, faults):
    for n in range(IKE_REKEYS):
        before, spi = cookies(gateway), current(gateway)["spi_in"]
        act()
        # IKEv1 has no rekeying of phase 1: another ISAKMP SA takes the children over.
        wait_for(f"phase 1 rekey {n + 1} makes another ISAKMP SA", lambda: cookies(gateway) - before, 10)
        wait_for("the old one goes", lambda: not cookies(gateway) & before, 25)
        faults.expect(current(gateway)["spi_in"] == spi, "the child did not live on as it was")
    faults.note(f"{IKE_REKEYS} times")


def judge_stream(faults, name, result, lost):
    told = f"{name}: {describe(result)}" + "".join(f", {count} lost at {place}" for place, count in lost.items())
    unexplained = result["missing"] - result["kernel_lost"] - sum(lost.values())
    faults.expect(unexplained <= 0, f"{told}, missing e.g. {result['first_missing']}")
    faults.expect(result["double"] == 0, told)
    faults.note(told)


def rekeys(s, gateway, swan, host, peer):
    gateway.stop()
    set_up(gateway, swan, "aes256-sha256-ecp256", "aes128gcm16-ecp256")
    gateway.start()
    swan.load()
    with s.vital("the tunnel to be rekeyed is up"):
        gateway.cli("up", "lab/net")
        ping_until(host, PEER_INNER)
    before, sockets, gw = gateway.drops(), peer.counters(), gateway.space
    out_lost = Losses(gateway, [(host, "h0", "tx"), (gw, "in0", "ring"), (gw, "out0", "tx"), (peer, "p0", "rx"),
                                (peer, "ipsec0", "rx")])
    back_lost = Losses(gateway, [(peer, "ipsec0", "tx"), (peer, "p0", "tx"), (gw, "out0", "ring"), (gw, "in0", "tx"),
                                 (host, "h0", "rx")])
    out = Stream(host, peer, PEER_INNER, HOST, port=7001)
    back = Stream(peer, host, HOST, PEER_INNER, port=7002)
    with s.step("children are rekeyed by us") as faults:
        rekey_children(gateway, lambda: gateway.cli("rekey", "lab/net"), faults)
    with s.step("children are rekeyed by strongSwan") as faults:
        rekey_children(gateway, lambda: swan.rekey_child("net"), faults)
    with s.step("phase 1 is rekeyed by us, the child lives on") as faults:
        rekey_ike(gateway, lambda: gateway.cli("rekey", "lab", "--ike"), faults)
    with s.step("phase 1 is rekeyed by strongSwan, the child lives on") as faults:
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
    with s.step("both ends have one ISAKMP SA and one child") as faults:
        faults.expect(swan.installed() == 1, swan.sas())
        faults.expect(len(cookies(gateway)) == 1 and len(installed(gateway)) == 1, str(gateway.show("sas")))


def liveness(s, gateway, swan, host):
    gateway.stop()
    set_up(gateway, swan, "aes128-sha256-ecp256", "aes128gcm16", dpd_delay="1s", theirs={"dpd_delay": "1s"})
    gateway.start()
    swan.load()
    with s.step("dead peer detection: both ends ask and answer, and a silent tunnel stays") as faults:
        gateway.cli("up", "lab/net")
        ping_until(host, PEER_INNER)
        time.sleep(4)
        log = swan.log(400)
        faults.expect("N(DPD)" in log and "N(DPD_ACK)" in log, "no R-U-THERE in strongSwan's log")
        faults.expect(len(installed(gateway)) == 1, "the tunnel is gone")
    with s.step("dead peer detection: a peer that died is found out") as faults:
        swan.kill()
        wait_for("we have let go", lambda: not gateway.show("sas")["ike_sas"], 120)


def wrong_key(s, gateway, swan):
    with s.step("a wrong key is refused in both roles") as faults:
        good, swan.secrets = swan.secrets, {}
        swan.psk("another secret", PEER, WAN)
        swan.load()
        done = gateway.cli("up", "lab/net", "--timeout", "15", check=False)
        faults.expect(done.returncode == 1, f"exit status {done.returncode}: {done.text}")
        done = swan.initiate("net", check=False, timeout_s=5)
        faults.expect("completed successfully" not in done.text, done.text[-300:])
        faults.expect(not installed(gateway), "a child is there")
        swan.secrets = good
        swan.ctl("--terminate", "--ike", "lab", "--force", "--timeout", 2, check=False)
        swan.load()


with Scenario("ikev1", needs=["charon-systemd", "swanctl"]) as s:
    host, peer, gateway, swan = tunnel_lab(s)
    set_up(gateway, swan, *SUITES[0])
    with s.vital("both ends start"):
        gateway.start()
        swan.start()
    capture = Capture(peer, "p0", "ikev1", "esp or udp port 500 or udp port 4500 or net 10.0.0.0/8")
    suites(s, gateway, swan, host, peer)
    wrong_key(s, gateway, swan)
    rekeys(s, gateway, swan, host, peer)
    with s.step("the wire shows nothing in clear") as faults:
        capture.stop()
        clear = capture.in_clear("10.0.0.0/8")
        faults.expect(not clear, f"{clear[:5]}")
    liveness(s, gateway, swan, host)
    with s.step("we stop"):
        gateway.stop()
