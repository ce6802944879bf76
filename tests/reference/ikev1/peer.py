#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A peer over UDP: reads a JSON object from the file named, runs exchanges against a real peer, prints
"ready" when it listens and then a JSON object with what came of it. README.md lists the words."""
import ipaddress
import json
import os
import pathlib
import select
import socket
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    __package__ = "ikev1"

from . import children, esp_packet, phase1, public_keys, randomness, transaction  # noqa: E402
from .proposals import Proposal  # noqa: E402
from .registry import VENDOR_DPD, VENDOR_XAUTH, Cfg, CfgAttribute, ExchangeType, NotifyType, Protocol  # noqa: E402
from .session import Policy, Session  # noqa: E402
from .wire import id_of  # noqa: E402

NON_ESP_MARKER = bytes(4)  # RFC 3948 §2.2
EXCHANGES = {"main": ExchangeType.IDENTITY_PROTECTION, "aggressive": ExchangeType.AGGRESSIVE,
             "base": ExchangeType.BASE, "authentication_only": ExchangeType.AUTHENTICATION_ONLY}
RESEND_S = 1.0
IP_HEADER = 20


def der(path):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    return x509.load_pem_x509_certificate(pathlib.Path(path).read_bytes()).public_bytes(Encoding.DER)


def child_policy(row):
    """{"suites": [[{"protocol": "esp", "ident": 12, ...}, ...], ...], "local": .., "remote": ..}; a suite
    of two is ESP and AH together."""
    proposals = []
    for number, suite in enumerate(row["suites"], 1):
        for words in suite:
            words = dict(words)
            protocol = Protocol[words.pop("protocol", "esp").upper()]
            make = children.esp if protocol == Protocol.ESP else children.ah
            proposals.append(Proposal(number, protocol, b"", [make(**words)]))
    clients = {side: id_of(row[side]) for side in ("local", "remote") if row.get(side)}
    return children.ChildPolicy([proposals] * row.get("times", 1), **clients)


def policy_of(config):
    policy = Policy(id_of(config["id"]), [phase1.transform(*row) for row in config["transforms"]],
                    config.get("psk", "").encode(), vendors=[VENDOR_DPD])
    policy.nat_t = config.get("nat_t", True)
    for name in ("force_encapsulation", "commit", "encrypt_aggressive", "hash_certificate"):
        setattr(policy, name, config.get(name, False))
    if config.get("peer_id"):
        policy.peer_identity = id_of(config["peer_id"])
    if config.get("key"):
        policy.key = public_keys.private_from_pem(pathlib.Path(config["key"]).read_bytes())
    if config.get("ca"):
        policy.ca = der(config["ca"])
    if config.get("peer_certificate"):
        policy.peer_certificate = der(config["peer_certificate"])
        policy.peer_key = public_keys.key_of_certificate(policy.peer_certificate)
    policy.certificates = [der(path) for path in config.get("certificates", [])]
    policy.children = [child_policy(row) for row in config.get("children", [])]
    policy.user, policy.users = tuple(config.get("user", ())), config.get("users", {})
    if config.get("pool"):
        packed = [ipaddress.ip_address(word).packed for word in config["pool"]]
        policy.addresses = dict(zip((CfgAttribute.IP4_ADDRESS, CfgAttribute.IP4_NETMASK, CfgAttribute.IP4_DNS), packed))
    if policy.user or policy.users:
        policy.vendors.append(VENDOR_XAUTH)
    return policy


class Peer:
    def __init__(self, config):
        self.config = config
        self.initiator = config["role"] == "initiator"
        self.local, self.remote = config["local"], config["remote"]
        self.sockets = {}
        for port in (500, 4500):
            self.sockets[port] = socket.socket(socket.AF_INET6 if ":" in self.local else socket.AF_INET,
                                               socket.SOCK_DGRAM)
            self.sockets[port].bind((self.local, port))
        self.raw = None
        if config.get("raw_esp"):
            self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
            self.raw.bind((self.local, 0))
        random = randomness.Seeded(config["seed"]) if "seed" in config else randomness.from_system
        self.session = Session(policy_of(config), self.initiator, random, (self.local, 500), (self.remote, 500))
        self.port, self.remote_port = 500, None  # None: the same as ours
        self.last_sent, self.resent_at = [], 0.0
        self.deadline = time.monotonic() + config.get("wait_s", 10)
        self.esp_in = []
        self.result = {}

    def send(self, datagrams):
        for data in datagrams:
            marked = NON_ESP_MARKER + data if self.port == 4500 else data
            self.sockets[self.port].sendto(marked, (self.remote, self.remote_port or self.port))
        if datagrams:
            self.last_sent, self.resent_at = datagrams, time.monotonic()

    def once(self):
        """Waits for something to come, a little; hands it to the session."""
        ready, _, _ = select.select([*self.sockets.values(), *([self.raw] if self.raw else [])], [], [], 0.1)
        for one in ready:
            data, source = one.recvfrom(65535)
            if one is self.raw:
                self.esp_in.append(data[IP_HEADER:])
                continue
            port = 4500 if one is self.sockets[4500] else 500
            if port == 4500:
                if data[:4] != NON_ESP_MARKER:
                    if len(data) > 1:
                        self.esp_in.append(data)
                    continue
                data = data[4:]
            if not self.initiator:
                self.port, self.remote_port = port, source[1]
            out = self.session.receive(data)
            if self.initiator and (self.session.nat_here or self.session.nat_there):
                self.port = 4500  # RFC 3947 §4; the responder follows
            self.send(out)
        if not ready and self.waiting and time.monotonic() - self.resent_at > RESEND_S:
            self.send(self.last_sent)

    def until(self, condition, waiting=True):
        self.waiting = waiting and self.initiator
        while not condition():
            if time.monotonic() > self.deadline or self.session.deleted:
                return False
            if any(name == "failed" for name, _ in self.session.events):
                return False
            self.once()
        return True

    def event(self, name):
        return [detail for found, detail in self.session.events if found == name]

    def run(self):
        s = self.session
        if self.initiator:
            self.send(s.initiate(EXCHANGES[self.config.get("exchange", "main")]))
        if not self.until(lambda: s.established):
            return
        for number, prime, generator in self.config.get("new_groups", []):
            self.send(s.new_group(number, int(prime, 16), generator))
            self.until(lambda: number in s.groups or self.event("notify"))
            if number not in s.groups:
                return
        for row in self.config.get("initiate", []):
            there = len(s.children)
            self.send(s.quick(child_policy(row)))
            self.until(lambda: len(s.children) > there and s.children[-1].connected)
        self.until(lambda: len(s.children) >= self.config.get("wait_children", 0), waiting=False)
        for word in self.config.get("then", []):
            getattr(self, "do_" + word)()
        self.until(lambda: s.deleted if self.config.get("wait_deleted") else True, waiting=False)

    def do_ping(self):
        """An echo through each child; the reply proves the keys of both directions."""
        row, answered = self.config["ping"], 0
        for child in self.session.children:
            sa = child.sas[0]
            self.esp_in.clear()
            for sequence in range(1, 4):
                iv = os.urandom(esp_packet.block_of(sa))
                packet = esp_packet.seal(sa, sequence, esp_packet.echo_request(row["from"], row["to"], sequence), iv)
                if self.raw:
                    self.raw.sendto(packet, (self.remote, 0))
                else:
                    self.sockets[4500].sendto(packet, (self.remote, self.remote_port or 4500))
                give_up = time.monotonic() + 1
                while time.monotonic() < give_up and not self._replied(sa, row):
                    self.once()
                if self._replied(sa, row):
                    answered += 1
                    break
        self.result["pings_answered"] = answered

    def _replied(self, sa, row):
        opened = [esp_packet.open_packet(sa, data) for data in self.esp_in]
        return any(p and esp_packet.is_echo_reply(p, row["to"], row["from"]) for p in opened)

    def do_dpd(self):
        self.send(self.session.dpd())
        self.result["dpd"] = self.until(lambda: bool(self.event("dpd_ack")))

    def do_xauth(self):
        """As server: asks the client for name and password, tells it the verdict."""
        self.send(self.session.transact(transaction.xauth_request()))
        if self.until(lambda: bool(self.event("reply"))):
            verdict = transaction.xauth_verdict(self.session, self.event("reply")[-1])
            self.send(self.session.transact(verdict))
            self.until(lambda: any(r.kind == Cfg.ACK for r in self.event("reply")))

    def do_delete_children(self):
        for child in list(self.session.children):
            self.send(self.session.delete_child(child))

    def do_delete(self):
        self.send(self.session.delete_isakmp())

    def do_await_child(self):
        self.until(lambda: bool(self.session.children), waiting=False)

    def do_pause(self):
        end = time.monotonic() + 0.5
        self.until(lambda: time.monotonic() > end, waiting=False)

    def report(self):
        s, show = self.session, self.config.get("show_keys", False)
        out = {"established": s.established, "deleted": s.deleted, "nat": s.nat_here or s.nat_there,
               "cookies": [c.hex() for c in s.cookies], "errors": s.errors,
               "peer": s.peer_identity.text() if s.peer_identity else None,
               "transform": {str(k): v if isinstance(v, int) else v.hex()
                             for k, v in (s.transform.attributes if s.transform else [])},
               "notifications": [NotifyType(n.kind).name if n.kind in set(NotifyType) else n.kind
                                 for n in self.event("notify")],
               "xauth": self.event("xauth"), "groups": sorted(s.groups), "children": [], **self.result}
        if show and s.skeyids:
            out["skeyids"] = {name: getattr(s.skeyids, name).hex() for name in ("skeyid", "d", "a", "e")}
        for child in [c for name, c in s.events if name == "child"]:
            for sa in child.sas:
                row = {"protocol": Protocol(sa.protocol).name.lower(), "ident": sa.transform.ident,
                       "spi_in": sa.spi_in.hex(), "spi_out": sa.spi_out.hex(), "group": child.group,
                       "connected": child.connected,
                       "attributes": {str(k): v if isinstance(v, int) else v.hex()
                                      for k, v in sa.transform.attributes}}
                if show:
                    row |= {"material_in": sa.material_in.hex(), "material_out": sa.material_out.hex()}
                out["children"].append(row)
        return out


def main():
    peer = Peer(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    print("ready", flush=True)
    peer.run()
    print(json.dumps(peer.report(), indent=1))


if __name__ == "__main__":
    main()
