# SPDX-License-Identifier: BSD-3-Clause
"""One end of one ISAKMP SA: datagrams in, datagrams out; no socket, no clock.

Each exchange is a generator: it yields Send, is given the Message that came back, and returns its
last Send or None. The session does what all exchanges share: cookies, flags, encryption and the
chain of initialization vectors (RFC 2409 appendix B), duplicates, notifications on bad input.
"""
from dataclasses import dataclass, field

from . import keys, phase1, phase2, randomness, transaction
from .registry import ExchangeType, Flag, NotifyType, PayloadType
from .wire import (COOKIE_BYTES, HEADER_BYTES, ZERO_COOKIE, Header, Malformed, build_chain,
                   build_message, chain_bytes, parse_chain, parse_header)


@dataclass
class Policy:
    """What one end wants and has. Only identity and transforms are needed by all."""
    identity: object                      # Identification
    transforms: list                      # of phase 1, in order of preference
    psk: bytes = b""
    key: object = None                    # our private key, a class of public_keys.py
    certificates: list = field(default_factory=list)  # ours, DER, our own first
    peer_key: object = None               # the peer's public key, when no certificate brings it
    peer_certificate: bytes = b""         # DER, whose hash is HASH(1) in the encryption modes
    ca: bytes = b""                       # DER, whose certificates are accepted
    peer_identity: object = None          # if set, the only one accepted
    children: list = field(default_factory=list)  # ChildPolicy, what a responder accepts
    vendors: list = field(default_factory=list)   # vendor ids to send
    nat_t: bool = False
    force_encapsulation: bool = False     # as if there were a NAT
    commit: bool = False                  # set the commit bit in Quick Mode
    encrypt_aggressive: bool = False      # the third message of Aggressive Mode (RFC 2409 §5)
    hash_certificate: bool = False        # HASH(1) in the encryption modes
    private_groups: bool = True           # whether New Group Mode is accepted
    users: dict = field(default_factory=dict)     # XAUTH server: name to password
    user: tuple = ()                      # XAUTH client: (name, password)
    addresses: dict = field(default_factory=dict)  # mode-config server: {CfgAttribute: octets}


@dataclass
class Send:
    payloads: list
    protected: bool = False
    flags: int = 0


@dataclass
class Message:
    header: Header
    payloads: list
    encrypted: bool

    def bodies(self, kind):
        return [body for found, body in self.payloads if found == kind]

    def one(self, kind):
        """The body of a payload that must be there once."""
        found = self.bodies(kind)
        if len(found) != 1:
            raise Malformed(NotifyType.PAYLOAD_MALFORMED, f"{len(found)} payloads {PayloadType(kind).name}")
        return found[0]


@dataclass
class Exchange:
    kind: int
    message_id: int
    steps: object                # the generator; None once it is over
    iv: bytes = b""
    last_in: bytes = b""
    last_out: list = field(default_factory=list)


class Session:
    """events is a list of (name, detail) in order; children are phase2.Child."""

    def __init__(self, policy, initiator, random=randomness.from_system, local=None, remote=None):
        """local, remote: (address, port), needed for NAT-D alone."""
        self.policy, self.initiator, self.random = policy, initiator, random
        self.local, self.remote = local, remote
        self.cookies = [ZERO_COOKIE, ZERO_COOKIE]  # initiator's, responder's
        self.phase1 = None
        self.exchanges = {}          # by message id
        self.functions = self.skeyids = None
        self.encryption_key = self.last_block = b""
        self.established = self.deleted = False
        self.peer_identity = self.transform = None
        self.nat_here = self.nat_there = False
        self.groups = {}             # of New Group Mode
        self.children, self.events, self.peer_vendors = [], [], []
        self.dpd_sequence = None     # ours, once begun
        self.errors = []
        self.after = []              # [(payloads, message id)]: Informationals due after this message

    def note(self, name, detail=None):
        self.events.append((name, detail))

    # --- what the owner may start --------------------------------------------------------------

    def initiate(self, kind=ExchangeType.IDENTITY_PROTECTION):
        """The first message of a phase 1 exchange."""
        self.cookies[0] = self.random("cookie", COOKIE_BYTES)
        self.phase1 = Exchange(kind, 0, phase1.start(self, kind, initiator=True))
        return self._advance(self.phase1, None)

    def quick(self, child):
        return self._begin(ExchangeType.QUICK, lambda m: phase2.quick_initiator(self, m, child))

    def new_group(self, number, prime, generator):
        return self._begin(ExchangeType.NEW_GROUP,
                           lambda m: phase2.new_group_initiator(self, m, number, prime, generator))

    def inform(self, payloads, message_id=None):
        """A one-way Informational Exchange with N or D payloads, protected where it can be."""
        mid = message_id or self.new_message_id()
        if not self.encryption_key or not self.established:
            header = Header(*self.cookies, ExchangeType.INFORMATIONAL, 0, mid)
            return [build_message(header, payloads)]
        exchange = Exchange(ExchangeType.INFORMATIONAL, mid, None, self._iv(mid))
        rest = build_chain(payloads)
        body = keys.hash_1(self.functions.prf, self.skeyids.a, mid, rest)
        return [self._build(exchange, Send([(PayloadType.HASH, body)] + payloads, True))]

    def dpd(self):
        """R-U-THERE; the answer is noted as the event "dpd_ack"."""
        return self.inform([phase2.r_u_there(self)])

    def transact(self, attributes):
        """A transaction exchange with an Attributes payload; the reply is noted as "reply"."""
        return self._begin(ExchangeType.TRANSACTION, lambda m: transaction.ask(self, m, attributes))

    def delete_isakmp(self):
        out = self.inform([phase2.delete_isakmp(self)])
        self.deleted = True
        return out

    def delete_child(self, child):
        out = self.inform([phase2.delete_child(sa) for sa in child.sas])
        self.children.remove(child)
        return out

    # --- what comes in -------------------------------------------------------------------------

    def receive(self, data):
        """Takes one datagram (without the non-ESP marker); returns those to be sent."""
        exchange = header = None
        try:
            header = parse_header(data)
            exchange = self._exchange_of(header)
            if exchange.last_in == data:
                return exchange.last_out  # a duplicate: RFC 2408 §5.1, the answer again
            if exchange.steps is None:
                raise Malformed(NotifyType.INVALID_MESSAGE_ID, "this exchange is over")
            message, iv = self._open(exchange, header, data)
        except Malformed as why:
            self.errors.append(str(why))
            return []  # the exchange goes on as if nothing had come
        exchange.iv, exchange.last_in = iv, data
        try:
            out = self._advance(exchange, message)
        except Malformed as why:
            return self._failed(exchange, why)
        exchange.last_out = out
        return out

    def _failed(self, exchange, why):
        self.errors.append(str(why))
        self.note("failed", (ExchangeType(exchange.kind).name, why.notify.name))
        exchange.steps = None
        if exchange.kind == ExchangeType.INFORMATIONAL:
            return []  # RFC 2408 §5.14: no notification about a notification
        spi = b"".join(self.cookies)
        return self.inform([(PayloadType.NOTIFY, phase2.Notification(why.notify, spi=spi).build())])

    def _exchange_of(self, header):
        mine, theirs = (0, 1) if self.initiator else (1, 0)
        phase_one = header.exchange in phase1.KINDS
        if phase_one and header.message_id:
            raise Malformed(NotifyType.INVALID_MESSAGE_ID, "phase 1 with a message id")
        cookies = [header.initiator, header.responder]
        if self.phase1 is None:
            if self.initiator or not phase_one or header.responder != ZERO_COOKIE:
                raise Malformed(NotifyType.INVALID_COOKIE, "no such ISAKMP SA")
            self.cookies = [header.initiator, self.random("cookie", COOKIE_BYTES)]
            self.phase1 = Exchange(header.exchange, 0, phase1.start(self, header.exchange, initiator=False))
            next(self.phase1.steps)
            return self.phase1
        first_again = cookies == [self.cookies[0], ZERO_COOKIE]
        if self.initiator and self.cookies[1] == ZERO_COOKIE and header.initiator == self.cookies[0]:
            if header.responder == ZERO_COOKIE and phase_one:
                raise Malformed(NotifyType.INVALID_COOKIE, "an answer without responder cookie")
            if phase_one:
                self.cookies[1] = header.responder
        elif cookies != self.cookies and not (first_again and phase_one and not self.initiator):
            raise Malformed(NotifyType.INVALID_COOKIE, "no such ISAKMP SA")
        if phase_one:
            if header.exchange != self.phase1.kind:
                raise Malformed(NotifyType.INVALID_EXCHANGE_TYPE, "the exchange changed its type")
            return self.phase1
        return self._phase2_exchange_of(header)

    def _phase2_exchange_of(self, header):
        if not header.message_id:
            raise Malformed(NotifyType.INVALID_MESSAGE_ID, "no message id")
        if header.exchange == ExchangeType.INFORMATIONAL:
            # Its own context always, also when it bears a Quick Mode's id (RFC 2408 §4.8).
            steps = phase2.informational_responder(self, header.message_id)
            next(steps)
            iv = self._iv(header.message_id) if self.encryption_key else b""
            return Exchange(header.exchange, header.message_id, steps, iv)
        if not self.established:
            raise Malformed(NotifyType.INVALID_EXCHANGE_TYPE, "phase 2 before phase 1 is over")
        exchange = self.exchanges.get(header.message_id)
        if exchange is None:
            responders = {ExchangeType.QUICK: phase2.quick_responder,
                          ExchangeType.NEW_GROUP: phase2.new_group_responder,
                          ExchangeType.TRANSACTION: transaction.answer}
            if header.exchange not in responders:
                raise Malformed(NotifyType.UNSUPPORTED_EXCHANGE_TYPE, f"exchange {header.exchange}")
            steps = responders[header.exchange](self, header.message_id)
            next(steps)
            exchange = Exchange(header.exchange, header.message_id, steps, self._iv(header.message_id))
            self.exchanges[header.message_id] = exchange
        elif exchange.kind != header.exchange:
            raise Malformed(NotifyType.INVALID_EXCHANGE_TYPE, "the exchange changed its type")
        return exchange

    def _open(self, exchange, header, data):
        """(Message, IV for the next one). Changes nothing, so that a forged message costs nothing."""
        rest = data[HEADER_BYTES:]
        if not header.encrypted():
            if exchange.kind not in phase1.KINDS and self.established:
                raise Malformed(NotifyType.INVALID_FLAGS, "phase 2 in clear")
            return Message(header, parse_chain(header.next_payload, rest), False), exchange.iv
        if not self.encryption_key:
            raise Malformed(NotifyType.INVALID_FLAGS, "encrypted before there is a key")
        cipher = self.functions.cipher
        if not rest or len(rest) % cipher.block:
            raise Malformed(NotifyType.PAYLOAD_MALFORMED, f"{len(rest)} octets of ciphertext")
        clear = cipher.decrypt(self.encryption_key, exchange.iv, rest)
        payloads = parse_chain(header.next_payload, clear, padded=True)
        return Message(header, payloads, True), rest[-cipher.block:]

    # --- what goes out -------------------------------------------------------------------------

    def new_message_id(self):
        while True:
            mid = int.from_bytes(self.random("message_id", 4), "big")
            if mid and mid not in self.exchanges:
                return mid

    def _begin(self, kind, steps_of):
        assert self.established, "phase 1 comes first"
        mid = self.new_message_id()
        exchange = self.exchanges[mid] = Exchange(kind, mid, steps_of(mid), self._iv(mid))
        return self._advance(exchange, None)

    def _advance(self, exchange, message):
        steps = exchange.steps
        try:
            send = next(steps) if message is None else steps.send(message)
        except StopIteration as end:
            exchange.steps, send = None, end.value
        out = [self._build(exchange, send)] if send else []
        if exchange is self.phase1 and exchange.steps is None and not self.established:
            self._phase1_over()
        # What an exchange asks to be sent after it, CONNECTED for one.
        for payloads, mid in self._afterwards():
            out += self.inform(payloads, mid)
        exchange.last_out = out
        return out

    def _afterwards(self):
        todo, self.after = self.after, []
        return todo

    def _phase1_over(self):
        self.established = True
        # The last CBC block; after an exchange in clear, the IV that phase 1 would have begun with.
        self.last_block = self.phase1.iv
        self.note("established", ExchangeType(self.phase1.kind).name)

    def _build(self, exchange, send):
        header = Header(*self.cookies, exchange.kind, send.flags, exchange.message_id)
        if exchange.kind in phase1.KINDS and self.initiator and self.cookies[1] == ZERO_COOKIE:
            header.responder = ZERO_COOKIE
        if not send.protected:
            return build_message(header, send.payloads)
        cipher = self.functions.cipher
        clear = build_chain(send.payloads)
        clear += bytes(-chain_bytes(send.payloads) % cipher.block)
        sealed = cipher.encrypt(self.encryption_key, exchange.iv, clear)
        exchange.iv = sealed[-cipher.block:]
        header.flags |= Flag.ENCRYPTION
        header.next_payload = send.payloads[0][0]
        header.length = HEADER_BYTES + len(sealed)
        return header.build() + sealed

    def _iv(self, message_id):
        return keys.phase2_iv(self.functions, self.last_block or self.phase1.iv, message_id)
