#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every exchange of the model between two of its sessions, in both roles; what goes wrong between them.

That both ends agree proves consistency alone; test_ikev1_keys.py and the scenario with strongSwan prove
the formulas."""
import functools

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from harness import Wire, equal, expect, run
from ikev1 import children, groups, keys, phase1, public_keys, randomness, transaction, wire
from ikev1.children import ChildPolicy
from ikev1.proposals import Proposal
from ikev1.registry import (Auth, Cfg, CfgAttribute, ExchangeType, NotifyType, PayloadType, Protocol)
from ikev1.session import Policy, Session

MAIN, AGGRESSIVE = ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE
ENDS = ("192.0.2.1", 500), ("192.0.2.9", 500)
NETS = wire.id_of("10.1.0.0/24"), wire.id_of("10.2.0.0/24")
ESP = children.esp(12, 5, 128)


@functools.lru_cache(maxsize=None)
def keys_of(kind):
    """Two private keys."""
    make = {"rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),
            "dsa": lambda: dsa.generate_private_key(1024), "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "p384": lambda: ec.generate_private_key(ec.SECP384R1()), "p521": lambda: ec.generate_private_key(ec.SECP521R1())}
    return [public_keys.from_library(make[kind]()) for _ in range(2)]


KEYS = {Auth.DSS: "dsa", Auth.ECDSA: "p384", Auth.ECDSA_256: "p256", Auth.ECDSA_384: "p384", Auth.ECDSA_521: "p521",
        Auth.HYBRID_INIT_DSS: "dsa", Auth.HYBRID_RESP_DSS: "dsa", Auth.XAUTH_INIT_DSS: "dsa", Auth.XAUTH_RESP_DSS: "dsa"}


def pair(auth=Auth.PSK, cipher=(7, 4, 31, 128), seeds="ab", mangle=None, **more):
    """A wire between two sessions that fit; more: settings of both policies."""
    digits = cipher[:2] + (auth,) + cipher[2:]
    sessions = []
    both = keys_of(KEYS.get(auth, "rsa")) if auth not in (Auth.PSK, Auth.XAUTH_INIT_PSK, Auth.XAUTH_RESP_PSK) else None
    for n in range(2):
        policy = Policy(wire.id_of(ENDS[n][0]), [phase1.transform(*digits)], b"a shared secret",
                        peer_identity=wire.id_of(ENDS[1 - n][0]))
        if both:
            policy.key, policy.peer_key = both[n], public_keys.public_half(both[1 - n])
        policy.children = [children.single(ESP, local=NETS[n], remote=NETS[1 - n])]
        for name, value in more.items():
            setattr(policy, name, value[n] if isinstance(value, tuple) and len(value) == 2 else value)
        sessions.append(Session(policy, n == 0, randomness.Seeded(seeds[n]), ENDS[n], ENDS[1 - n]))
    return Wire(*sessions, mangle)


def established(line, kind=MAIN):
    a, b = line.ends
    line.carry(a, a.initiate(kind))
    expect(a.established and b.established, f"{kind.name}: {a.errors} {b.errors}")
    equal(a.skeyids, b.skeyids, "SKEYIDs")
    equal(a.last_block, b.last_block, "the last block of phase 1")
    equal(a.peer_identity.text() + b.peer_identity.text(), ENDS[1][0] + ENDS[0][0], "identities")
    return a, b


def quick(line, begins, policy=None):
    """Runs a Quick Mode; the two children, the beginner's first."""
    other = line.ends[1] if begins is line.ends[0] else line.ends[0]
    n = line.ends.index(begins)
    line.carry(begins, begins.quick(policy or children.single(ESP, local=NETS[n], remote=NETS[1 - n])))
    expect(begins.children and other.children, f"no child: {begins.errors} {other.errors}")
    one, two = begins.children[-1], other.children[-1]
    for ours, theirs in zip(one.sas, two.sas, strict=True):
        equal((ours.spi_in, ours.material_in), (theirs.spi_out, theirs.material_out), "inward")
        equal((ours.spi_out, ours.material_out), (theirs.spi_in, theirs.material_in), "outward")
        expect(ours.material_in != ours.material_out, "one key for both directions")
    return one, two


def every_method():
    """Main and Aggressive Mode by every authentication method, with a Quick Mode from either end"""
    for auth in Auth:
        for kind, clear in ((MAIN, False), (AGGRESSIVE, False), (AGGRESSIVE, True)):
            line = pair(auth, encrypt_aggressive=clear)
            a, b = established(line, kind)
            equal(len(line.seen), 6 if kind == MAIN else 3, "messages")
            quick(line, a)
            quick(line, b)


def base_and_authentication_only():
    """Base and Authentication Only by PSK and by signatures"""
    for auth in (Auth.PSK, Auth.RSA, Auth.DSS, Auth.ECDSA_256):
        line = pair(auth)
        a, b = established(line, ExchangeType.BASE)
        equal(len(line.seen), 4, "messages")
        quick(line, a)
        line = pair(auth)
        established(line, ExchangeType.AUTHENTICATION_ONLY)
        equal(len(line.seen), 3, "messages")


def ciphers():
    """every cipher and hash of phase 1, keys expanded where they are long"""
    for cipher in ((1, 1, 2), (5, 2, 5), (3, 2, 19, 128), (6, 1, 31, 128), (7, 1, 31, 256), (8, 6, 31, 192), (7, 5, 31, 128)):
        quick(line := pair(cipher=cipher), established(line)[0])
    for prf in (65001, 65002):
        quick(line := pair(cipher=(7, 2, 31, 128, 3600, prf)), established(line)[0])


def quick_modes():
    """Quick Mode: PFS, AH, ESP and AH together, several SAs in one, no clients"""
    esp, ah = Protocol.ESP, Protocol.AH
    suites = {"PFS": [[Proposal(1, esp, b"", [children.esp(12, 5, 128, group=20)])]],
              "AH": [[Proposal(1, ah, b"", [children.ah(5)])]],
              "ESP and AH": [[Proposal(1, esp, b"", [children.esp(12, None, 256)]), Proposal(1, ah, b"", [children.ah(2)])]],
              "two SAs": [[Proposal(1, esp, b"", [children.esp(20, None, 256, group=19)])],
                          [Proposal(1, esp, b"", [children.esp(11, 7, group=19)])]]}
    for name, offers in suites.items():
        for clients in ((None, None), NETS):
            line = pair()
            a, b = established(line)
            b.policy.children = [ChildPolicy(offers, *reversed(clients))]
            one, _ = quick(line, a, ChildPolicy(offers, *clients))
            equal(len(one.sas), sum(len(proposals) for proposals in offers), name)
            equal(one.group, {"PFS": 20, "two SAs": 19}.get(name), name)
    sizes = [sum(children.key_octets(esp, t)) for t in (children.esp(20, None, 256), children.esp(12, 5, 128))]
    equal(sizes, [36, 48], "octets of key")


def commit_bit():
    """the commit bit of either end: the other waits for CONNECTED"""
    for who in (0, 1):
        line = pair(commit=(who == 0, who == 1))
        a, _ = established(line)
        seen = len(line.seen)
        children_made = quick(line, a)
        equal(len(line.seen) - seen, 4, "messages")
        expect(all(c.connected for c in children_made), "CONNECTED did not arrive")
        last = wire.parse_header(line.seen[-1])
        equal((last.exchange, last.message_id), (ExchangeType.INFORMATIONAL, children_made[0].message_id), "CONNECTED")
        lost = pair(commit=(who == 0, who == 1))
        a, b = established(lost)
        lost.mangle = lambda _, d: [] if wire.parse_header(d).exchange == ExchangeType.INFORMATIONAL else [d]
        made = quick(lost, a)
        expect(not made[1 - who].connected and made[who].connected, "connected without CONNECTED")


def informational():
    """DPD, deletion of a child and of the ISAKMP SA, from either end"""
    for who in (0, 1):
        line = pair()
        ends = established(line)
        me, other = ends[who], ends[1 - who]
        for _ in range(2):
            line.carry(me, me.dpd())
        equal([n for n, _ in me.events].count("dpd_ack"), 2, "answers")
        child, _ = quick(line, me)
        line.carry(me, me.delete_child(child))
        expect(not me.children and not other.children, "the child lives on")
        line.carry(me, me.delete_isakmp())
        expect(other.deleted, "the ISAKMP SA lives on")


def new_group():
    """New Group Mode, then Quick Mode in the new group; bad groups are refused by name"""
    line = pair()
    a, b = established(line)
    prime = groups.modp_prime(5)  # a safe prime; as a private group it has a number of its own
    line.carry(a, a.new_group(32769, prime, 4))
    equal(a.groups, b.groups, "groups")
    offers = [[Proposal(1, Protocol.ESP, b"", [children.esp(12, 5, 128, group=32769)])]]
    b.policy.children = [ChildPolicy(offers)]
    quick(line, a, ChildPolicy(offers))
    for number, bad in ((5, prime), (32770, prime + 2), (32771, groups.modp_prime(1))):
        line.carry(a, a.new_group(number, bad, 2))
        expect(number not in b.groups, f"group {number} was taken")
        notify = a.events[-1][1]
        equal(notify.kind, NotifyType.ATTRIBUTES_NOT_SUPPORTED, "notification")


def hybrid_xauth_config():
    """XAUTH with a right and a wrong password, mode-config by pull"""
    for password, right in (("secret", True), ("wrong", False)):
        line = pair(Auth.XAUTH_INIT_PSK)
        client, server = established(line, AGGRESSIVE)
        client.policy.user = "joe", password
        server.policy.users = {"joe": "secret"}
        server.policy.addresses = {CfgAttribute.IP4_ADDRESS: bytes([10, 3, 0, 1])}
        line.carry(server, server.transact(transaction.xauth_request()))
        reply = server.events[-1][1]
        line.carry(server, server.transact(transaction.xauth_verdict(server, reply)))
        equal([d for n, d in client.events if n == "xauth"], [right], "verdict")
        expect(server.events[-1][1].kind == Cfg.ACK, "no ACK")
    line.carry(client, client.transact(transaction.address_request()))
    equal(client.events[-1][1].get(CfgAttribute.IP4_ADDRESS), bytes([10, 3, 0, 1]), "address")


def nat():
    """NAT-D: none, at either end"""
    for ours, theirs, wanted in ((0, 0, (False, False)), (1, 0, (True, False)), (0, 1, (False, True))):
        line = pair(nat_t=True)
        a, b = line.ends
        # What the other end sees as our address is another than ours.
        b.remote = ("198.51.100.1", 1024) if ours else b.remote
        a.remote = ("198.51.100.2", 4500) if theirs else a.remote
        established(line)
        equal((a.nat_here, a.nat_there), wanted, "at the initiator")
        equal((b.nat_there, b.nat_here), wanted, "at the responder")


def refusals():
    """wrong secret, wrong identity, nothing fits, no such clients: refused, by name"""
    def line_fails(line, *names):
        line.carry(line.ends[0], line.ends[0].initiate(MAIN))
        found = {why.split(":")[0] for end in line.ends for why in end.errors}
        expect(found & set(names) and not line.ends[1].established, f"{found}")
    # A wrong secret makes another key: what is decrypted is no chain of payloads.
    line_fails(pair(psk=(b"one", b"other")), "PAYLOAD_MALFORMED", "INVALID_PAYLOAD_TYPE", "INVALID_HASH_INFORMATION")
    line_fails(pair(identity=wire.id_of("192.0.2.77")), "INVALID_ID_INFORMATION")
    line_fails(pair(transforms=([phase1.transform(5, 2, 1, 2)], [phase1.transform(5, 2, 1, 14)])), "NO_PROPOSAL_CHOSEN")
    for auth in (Auth.RSA, Auth.RSA_ENCRYPTION, Auth.RSA_REVISED):
        line = pair(auth)
        line.ends[1].policy.key = keys_of("rsa")[0] if auth != Auth.RSA else line.ends[1].policy.key
        line.ends[1].policy.peer_key = public_keys.public_half(keys_of("rsa")[1])
        line_fails(line, "INVALID_SIGNATURE", "AUTHENTICATION_FAILED", "PAYLOAD_MALFORMED", "INVALID_PAYLOAD_TYPE")
    line = pair()
    a, b = established(line)
    line.carry(a, a.quick(children.single(ESP, local=NETS[1], remote=NETS[0])))
    equal(a.events[-1][1].kind, NotifyType.INVALID_ID_INFORMATION, "clients")
    line.carry(a, a.quick(children.single(children.esp(3, 1), local=NETS[0], remote=NETS[1])))
    equal(a.events[-1][1].kind, NotifyType.NO_PROPOSAL_CHOSEN, "proposals")
    quick(line, a)


def disturbances():
    """duplicates, and a broken copy before each message: the honest exchange goes on"""
    doubled = set()

    def twice(_, data):
        copies = 1 if data in doubled else 2  # what answers a duplicate is not doubled again
        doubled.add(data)
        return [data] * copies

    def broken_first(_, data):
        # No initiator cookie, cut short, a flag and a version that do not exist, a length that does not fit.
        wrong = [bytes(8) + data[8:], data[:-1], data[:19] + b"\x10" + data[20:], data[:17] + b"\x20" + data[18:],
                 data[:30] + bytes([data[30] ^ 0xf0]) + data[31:]]
        return wrong + [data]
    for mangle in (twice, broken_first):
        for kind in (MAIN, AGGRESSIVE, ExchangeType.BASE):
            line = pair(mangle=mangle)
            a, b = established(line, kind)
            quick(line, a)
            expect(len(a.children) == len(b.children) == 1, f"{len(b.children)} children")


def forgeries():
    """phase 2 forged: in clear, under another hash, with another message id; nothing changes"""
    line = pair()
    a, b = established(line)
    child, _ = quick(line, a)
    delete = [(PayloadType.DELETE, wire.Deletion(3, [child.sas[0].spi_in]).build())]
    header = wire.Header(*a.cookies, ExchangeType.INFORMATIONAL, 0, 77)
    equal(b.receive(wire.build_message(header, delete)), [], "an answer to a deletion in clear")
    good = a.inform(delete, message_id=78)[0]
    for wrong in (good[:20] + b"\0\0\0\x4f" + good[24:], good[:28] + bytes([good[28] ^ 1]) + good[29:],
                  good[:-1] + bytes([good[-1] ^ 1])):
        equal(b.receive(wrong), [], "an answer to a forged deletion")
    # A whole message under the right key, whose hash is of something else.
    skeyids, a.skeyids = a.skeyids, keys.Skeyids(b"", b"", bytes(32), b"")
    equal(b.receive(a.inform(delete)[0]), [], "an answer to a wrong hash")
    out = b.receive(a.quick(children.single(ESP, local=NETS[0], remote=NETS[1]))[0])
    a.skeyids = skeyids
    for one in out:
        a.receive(one)
    equal(a.events[-1][1].kind, NotifyType.INVALID_HASH_INFORMATION, "Quick Mode under a wrong hash")
    equal((len(a.children), len(b.children)), (1, 1), "children")
    line.carry(a, [good])
    expect(not b.children, "the honest deletion is not heard")


def determinism():
    """the same numbers make the same octets; other numbers do not"""
    def transcript(seeds):
        line = pair(Auth.RSA_REVISED, seeds=seeds)
        a, _ = established(line)
        quick(line, a)
        return line.seen
    equal(transcript("ab"), transcript("ab"), "transcripts")
    expect(not set(transcript("ab")) & set(transcript("cd")), "a message in both")


def encrypted_bodies():
    """the encryption modes leave neither nonce nor identity in clear, and pad as RFC 2409 §5.3 says"""
    for auth in (Auth.RSA_ENCRYPTION, Auth.RSA_REVISED):
        line = pair(auth)
        a, _ = established(line)
        sent = b"".join(line.seen[2:4])
        for secret in (a.p1.ni, a.p1.nr, a.p1.idii_b, a.p1.idir_b):
            expect(secret not in sent, "in clear")
        payloads = wire.parse_message(line.seen[2])[1]
        expected = [PayloadType.KE, PayloadType.ID, PayloadType.NONCE] if auth == Auth.RSA_ENCRYPTION else \
            [PayloadType.NONCE, PayloadType.KE, PayloadType.ID]
        equal([kind for kind, _ in payloads], expected, "order")
        if auth == Auth.RSA_REVISED:
            equal([len(body) for _, body in payloads], [128, 48, 16], "one block of padding at least")


if __name__ == "__main__":
    run("ikev1_exchanges", [every_method, base_and_authentication_only, ciphers, quick_modes, commit_bit, informational,
                            new_group, hybrid_xauth_config, nat, refusals, disturbances, forgeries, determinism, encrypted_bodies])
