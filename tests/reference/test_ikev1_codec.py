#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The model's codec: octets written by hand from the RFC's diagrams, round trips, and each processing
rule of RFC 2408 §5 broken in turn, with the notification it asks for."""
import struct

from harness import equal, expect, run, udp_of_capture, vectors
from ikev1 import children, phase1, proposals, wire
from ikev1.proposals import Attributes, Labels, Proposal, SaPayload, Transform
from ikev1.registry import (Cfg, CfgAttribute, ExchangeType, IdType, Ipsec, NotifyType, PayloadType, Protocol,
                            Situation)

octets = bytes.fromhex
# RFC 2407 §4.5.2: 24 hours or 100 MB, as the RFC prints it.
LIFE = octets("80010001 00020004 00015180 80010002 00020004 000186A0")


def refused(notify, function, *words):
    try:
        function(*words)
    except wire.Malformed as why:
        equal(why.notify, notify, str(why))
        return
    raise AssertionError(f"taken: {words}")


def message(payloads=((PayloadType.NONCE, bytes(16)),), **header):
    fields = {"initiator": b"I" * 8, "responder": b"R" * 8, "exchange": ExchangeType.IDENTITY_PROTECTION, **header}
    return wire.build_message(wire.Header(**fields), list(payloads))


def by_hand():
    """an SA payload and its message, octet by octet"""
    built = message([(PayloadType.SA, SaPayload([Proposal(1, Protocol.ISAKMP, b"", [
        phase1.transform(7, 4, 1, 14, 128, 28800)])]).build())], responder=bytes(8))
    equal(built, octets(
        "4949494949494949 0000000000000000 01 10 02 00 00000000 00000054"   # header
        "00 00 0038 00000001 00000001"                                       # SA: DOI, situation
        "00 00 002c 01 01 00 01"                                             # P: ISAKMP, no SPI, 1 transform
        "00 00 0024 01 01 0000"                                              # T: KEY_IKE
        "80010007 800e0080 80020004 8004000e 80030001 800b0001 800c7080"), "the message")


def attributes():
    """attributes in both encodings; the lifetimes of RFC 2407 §4.5.2"""
    found = proposals.parse_attributes(LIFE)
    equal(found, [(1, 1), (2, octets("00015180")), (1, 2), (2, octets("000186A0"))], "attributes")
    lives = Transform(1, 12, found).lives(Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
    equal(lives, {1: 86400, 2: 100000}, "lives")
    equal(proposals.build_attribute(2, 3600, variable=True), octets("00020004 00000e10"), "variable")
    equal(proposals.build_attribute(2, 3600), octets("80020e10"), "basic")
    equal(proposals.build_attribute(2, 86400), octets("00020004 00015180"), "does not fit")
    expect(proposals.same_attributes([(2, 3600)], [(2, octets("00000e10"))]), "encodings differ, values do not")
    refused(NotifyType.BAD_PROPOSAL_SYNTAX, proposals.parse_attributes, octets("00010002 0001"), {1})
    refused(NotifyType.BAD_PROPOSAL_SYNTAX, proposals.parse_attributes, octets("00020005 00000000"))
    for rows in ([(2, 1)], [(1, 1), (2, 1), (1, 1), (2, 2)]):
        refused(NotifyType.ATTRIBUTES_NOT_SUPPORTED, Transform(1, 12, rows).lives, 1, 2)


def round_trips():
    """SA with suites and labels, N, D, ID, NAT-OA, Attributes: built, parsed, built again"""
    suite = [Proposal(1, Protocol.ESP, b"spi1", [children.esp(12, 5, 128), children.esp(3, 2)]),
             Proposal(1, Protocol.AH, b"spi2", [children.ah(5, life_kb=100000)]),
             Proposal(2, Protocol.ESP, b"spi3", [children.esp(20, None, 256, esn=True)])]
    labels = Labels(7, (b"\3", 10, b"\xff\xc0"), (b"\1\2\3\4\5", 0, b""))
    for situation in (1, Situation.IDENTITY_ONLY | Situation.SECRECY, 7):
        sa = SaPayload(suite, situation, labels=labels)
        again = proposals.parse_sa(sa.build())
        equal(again.build(), sa.build(), f"situation {situation}")
        expect([len(s) for s in proposals.suites(again)] == [2, 1], "suites")
    equal(proposals.parse_sa(SaPayload(suite, 3, labels=labels).build()).labels.secrecy, labels.secrecy, "labels")
    for body, parse in ((wire.Notification(NotifyType.R_U_THERE, 1, bytes(16), b"\0\0\0\1").build(), wire.parse_notify),
                        (wire.Deletion(3, [b"spi1", b"spi2"]).build(), wire.parse_delete),
                        (wire.id_of("10.0.0.0/8").build(), lambda b: wire.parse_id(b, 2)),
                        (wire.id_of("2001:db8::1").build(), wire.parse_id),
                        (wire.id_of("u@example.org").build(), wire.parse_id),
                        (Attributes(Cfg.REQUEST, 9, [(CfgAttribute.IP4_ADDRESS, b""), (16520, 0)]).build(),
                         proposals.parse_attributes_payload)):
        equal(parse(body).build(), body, parse.__name__)
    for address in ("192.0.2.1", "2001:db8::1"):
        equal(wire.parse_nat_oa(wire.build_nat_oa(address)), address, "NAT-OA")
    equal(wire.id_of("10.0.0.0/8").text(), "10.0.0.0/8", "text")
    equal(wire.id_of("10.0.0.0/8").kind, IdType.IPV4_ADDR_SUBNET, "type")


def general_rules():
    """RFC 2408 §5.1 to §5.3: header and payload chain"""
    good, n = message(), NotifyType
    wire.parse_message(good)
    refused(n.UNEQUAL_PAYLOAD_LENGTHS, wire.parse_message, good[:27])
    refused(n.UNEQUAL_PAYLOAD_LENGTHS, wire.parse_message, good + b"\0")
    refused(n.UNEQUAL_PAYLOAD_LENGTHS, wire.parse_message, good[:-1])
    refused(n.INVALID_COOKIE, wire.parse_message, message(initiator=bytes(8)))
    refused(n.INVALID_MAJOR_VERSION, wire.parse_message, message(version=0x20))
    refused(n.INVALID_MINOR_VERSION, wire.parse_message, message(version=0x11))
    for exchange in (0, 7, 31, 34, 240):
        refused(n.INVALID_EXCHANGE_TYPE, wire.parse_message, message(exchange=exchange))
    refused(n.INVALID_FLAGS, wire.parse_message, message(flags=8))
    for kind in (PayloadType.PROPOSAL, PayloadType.TRANSFORM, 15, 127):
        refused(n.INVALID_PAYLOAD_TYPE, wire.parse_message, message([(kind, b"1234")]))
    wire.parse_message(message([(128, b"private use is let pass")]))
    body = bytearray(good)
    body[29] = 1  # RESERVED of the generic header
    refused(n.PAYLOAD_MALFORMED, wire.parse_message, bytes(body))
    for length in (0, 3, 21, 65535):
        refused(n.PAYLOAD_MALFORMED, wire.parse_message, good[:30] + struct.pack("!H", length) + good[32:])
    short = good[:30] + struct.pack("!H", 19) + good[32:]
    refused(n.UNEQUAL_PAYLOAD_LENGTHS, wire.parse_message, short)


def sa_rules():
    """RFC 2408 §5.4 to §5.6, RFC 2407 §4.6.1: SA, proposals, transforms"""
    sa, n = SaPayload([Proposal(1, Protocol.ESP, b"spi1", [children.esp(12, 5, 128)])]), NotifyType
    good, parse = sa.build(), proposals.parse_sa
    parse(good)
    for size in range(len(good)):
        refused(n.BAD_PROPOSAL_SYNTAX, parse, good[:size])
    refused(n.BAD_PROPOSAL_SYNTAX, parse, good + b"\0")

    def changed(at, value):
        return good[:at] + bytes([value]) + good[at + 1:]
    refused(n.DOI_NOT_SUPPORTED, parse, changed(3, 2))
    refused(n.SITUATION_NOT_SUPPORTED, parse, changed(7, 2))
    refused(n.SITUATION_NOT_SUPPORTED, parse, changed(7, 9))
    refused(n.BAD_PROPOSAL_SYNTAX, parse, changed(8, 3))    # a transform after a proposal
    refused(n.BAD_PROPOSAL_SYNTAX, parse, changed(9, 1))    # RESERVED
    refused(n.INVALID_PROTOCOL_ID, parse, changed(13, 9))
    refused(n.INVALID_SPI, parse, changed(14, 5))
    refused(n.BAD_PROPOSAL_SYNTAX, parse, changed(15, 2))   # two transforms announced
    refused(n.BAD_PROPOSAL_SYNTAX, parse, changed(20, 2))   # a proposal within transforms
    refused(n.BAD_PROPOSAL_SYNTAX, parse, changed(26, 1))   # RESERVED2
    sa.proposals = [Proposal(2, 3, b"spi1", [children.esp(3, 1)]), Proposal(1, 3, b"spi2", [children.esp(3, 1)])]
    refused(n.BAD_PROPOSAL_SYNTAX, parse, sa.build())
    odd = SaPayload([Proposal(1, Protocol.ISAKMP, b"", [Transform(1, 2, [])])])
    refused(n.INVALID_TRANSFORM_ID, parse, odd.build())
    for protocol, one in ((3, children.esp(11)), (2, Transform(1, 5, [(Ipsec.AUTHENTICATION, 2)]))):
        refused(n.ATTRIBUTES_NOT_SUPPORTED, children.check_transform, protocol, one)


def body_rules():
    """RFC 2408 §5.7 to §5.15: the other payloads"""
    n = NotifyType
    for body in (b"", b"\1\0\0\0", b"\1\0\0\0abc", b"\0\0\0\0a", b"\x0c\0\0\0a", b"\1\6\0\0abcd", b"\1\x11\1\xf5abcd"):
        refused(n.INVALID_ID_INFORMATION, wire.parse_id, body)
    wire.parse_id(b"\1\6\0\x50abcd", phase=2)
    for size in (0, 7, 257):
        refused(n.PAYLOAD_MALFORMED, wire.check_nonce, bytes(size))
    refused(n.INVALID_CERT_ENCODING, wire.parse_cert, b"")
    for body, notify in ((b"", n.PAYLOAD_MALFORMED), (octets("00000002 01000001"), n.DOI_NOT_SUPPORTED),
                         (octets("00000001 05000001"), n.INVALID_PROTOCOL_ID),
                         (octets("00000001 03040001 0000"), n.PAYLOAD_MALFORMED)):
        refused(notify, wire.parse_notify, body)
    for body, notify in ((octets("00000001 03040001"), n.PAYLOAD_MALFORMED),
                         (octets("00000001 03040000"), n.PAYLOAD_MALFORMED),
                         (octets("00000001 03040001 0102030405"), n.PAYLOAD_MALFORMED),
                         (octets("00000001 03080001 0102030405060708"), n.INVALID_SPI),
                         (octets("00000001 07040001 01020304"), n.INVALID_PROTOCOL_ID),
                         (octets("00000003 03040001 01020304"), n.DOI_NOT_SUPPORTED)):
        refused(notify, wire.parse_delete, body)
    for body in (b"", b"\1\0\0\0abc", b"\1\1\0\0abcd", b"\4\0\0\0abcdefgh"):
        refused(n.PAYLOAD_MALFORMED, wire.parse_nat_oa, body)
    refused(n.PAYLOAD_MALFORMED, proposals.parse_attributes_payload, octets("01000001 40880004 00"))


def answers():
    """an answer must be one suite of the offer, unmodified"""
    offer = SaPayload([Proposal(1, 3, b"spi1", [children.esp(12, 5, 256), children.esp(12, 5, 128)])])

    def answer(*transforms, protocol=3):
        return SaPayload([Proposal(1, protocol, b"spi2", list(transforms))])
    proposals.check_answer(offer, answer(children.esp(12, 5, 128)))
    for wrong in (answer(children.esp(12, 5, 192)), answer(children.esp(3, 5)), answer(children.esp(12, 5, 128, life_s=60)),
                  answer(children.esp(12, 5, 256), children.esp(12, 5, 128)), answer(children.ah(5), protocol=2)):
        refused(NotifyType.BAD_PROPOSAL_SYNTAX, proposals.check_answer, offer, wrong)


def captures():
    """messages of public captures parse, and build to the same octets"""
    names = ("ikev1-certs.pcap", "ipsec-ikev1-isakmp-main-mode.pcap", "ipsec-ikev1-isakmp-aggressive-mode.pcap")
    paths = [vectors("captures/" + name) for name in names]
    if not all(paths):
        return "the vectors are not there"
    clear = 0
    for path in paths:
        for data in udp_of_capture(path):
            header, payloads = wire.parse_message(data)
            if header.encrypted():
                continue
            clear += 1
            for kind, body in payloads:
                if kind == PayloadType.SA:
                    equal(proposals.parse_sa(body).build(), body, path.name)
            equal(wire.build_message(header, payloads), data, path.name)
    expect(clear == 10, f"{clear} messages in clear")


if __name__ == "__main__":
    run("ikev1_codec", [by_hand, attributes, round_trips, general_rules, sa_rules, body_rules, answers, captures])
