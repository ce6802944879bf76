# SPDX-License-Identifier: BSD-3-Clause
"""The transaction exchange: mode-config and XAUTH (their drafts), as the one who asks and as the one
who answers. XAUTH's steps are three lines at each end, so they stand here."""
import hmac

from . import keys, session as sessions
from .proposals import Attributes, parse_attributes_payload
from .registry import Cfg, CfgAttribute, NotifyType, PayloadType
from .wire import Malformed, build_chain


def _sealed(session, message_id, attributes):
    payload = [(PayloadType.ATTRIBUTES, attributes.build())]
    digest = keys.hash_1(session.functions.prf, session.skeyids.a, message_id, build_chain(payload))
    return sessions.Send([(PayloadType.HASH, digest)] + payload, protected=True)


def _opened(session, message_id, message):
    if not message.payloads or message.payloads[0][0] != PayloadType.HASH:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, "HASH is not the first payload")
    rest = build_chain(message.payloads[1:])
    digest = keys.hash_1(session.functions.prf, session.skeyids.a, message_id, rest)
    if not hmac.compare_digest(digest, message.payloads[0][1]):
        raise Malformed(NotifyType.INVALID_HASH_INFORMATION, "HASH of a transaction")
    return parse_attributes_payload(message.one(PayloadType.ATTRIBUTES))


def ask(session, message_id, attributes):
    message = yield _sealed(session, message_id, attributes)
    reply = _opened(session, message_id, message)
    expected = {Cfg.REQUEST: Cfg.REPLY, Cfg.SET: Cfg.ACK}[attributes.kind]
    if reply.kind != expected or reply.identifier != attributes.identifier:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, f"a reply of type {reply.kind}")
    session.note("reply", reply)


def answer(session, message_id):
    message = yield
    asked = _opened(session, message_id, message)
    found = dict(asked.attributes)
    session.note("asked", asked)
    if asked.kind == Cfg.SET:
        if CfgAttribute.XAUTH_STATUS in found:
            session.note("xauth", bool(found[CfgAttribute.XAUTH_STATUS]))
            # The ACK repeats the attribute, without a value of its own.
            return _sealed(session, message_id, Attributes(Cfg.ACK, asked.identifier,
                                                           [(CfgAttribute.XAUTH_STATUS, b"")]))
        rows = [(kind, b"") for kind in found]
        return _sealed(session, message_id, Attributes(Cfg.ACK, asked.identifier, rows))
    if asked.kind != Cfg.REQUEST:
        raise Malformed(NotifyType.PAYLOAD_MALFORMED, f"a question of type {asked.kind}")
    if CfgAttribute.XAUTH_USER_NAME in found or CfgAttribute.XAUTH_USER_PASSWORD in found:
        name, password = session.policy.user
        rows = [(CfgAttribute.XAUTH_TYPE, 0)] if CfgAttribute.XAUTH_TYPE in found else []
        rows += [(CfgAttribute.XAUTH_USER_NAME, name.encode()),
                 (CfgAttribute.XAUTH_USER_PASSWORD, password.encode())]
    else:
        rows = [(kind, session.policy.addresses[kind]) for kind in found if kind in session.policy.addresses]
    return _sealed(session, message_id, Attributes(Cfg.REPLY, asked.identifier, rows))


def xauth_request(identifier=1):
    return Attributes(Cfg.REQUEST, identifier, [(CfgAttribute.XAUTH_TYPE, 0), (CfgAttribute.XAUTH_USER_NAME, b""),
                                                (CfgAttribute.XAUTH_USER_PASSWORD, b"")])


def xauth_verdict(session, reply, identifier=2):
    """The SET that follows a reply: whether name and password are right."""
    name = (reply.get(CfgAttribute.XAUTH_USER_NAME) or b"").decode("utf-8", "replace")
    password = (reply.get(CfgAttribute.XAUTH_USER_PASSWORD) or b"").decode("utf-8", "replace")
    right = name in session.policy.users and session.policy.users[name] == password
    session.note("xauth", right)
    return Attributes(Cfg.SET, identifier, [(CfgAttribute.XAUTH_STATUS, int(right))])


def address_request(identifier=3):
    return Attributes(Cfg.REQUEST, identifier, [(CfgAttribute.IP4_ADDRESS, b""), (CfgAttribute.IP4_NETMASK, b""),
                                                (CfgAttribute.IP4_DNS, b"")])
