# SPDX-License-Identifier: BSD-3-Clause
"""The ESP ciphers, once: our proposal word, key sizes, and what Linux and scapy call them; and the
configuration of one manually keyed tunnel for each of the three."""
import hashlib
from dataclasses import dataclass

INTEGRITY = {  # word: (key octets, Linux name, ICV bits, scapy name)
    "sha1": (20, "hmac(sha1)", 96, "HMAC-SHA1-96"),
    "sha256": (32, "hmac(sha256)", 128, "SHA2-256-128"),
    "sha384": (48, "hmac(sha384)", 192, "SHA2-384-192"),
    "sha512": (64, "hmac(sha512)", 256, "SHA2-512-256"),
    "sha256_96": (32, "hmac(sha256)", 96, ""),
}
OF_SCAPY = [word for word, row in INTEGRITY.items() if row[3]]


@dataclass(frozen=True)
class Suite:
    word: str          # the proposal
    encryption: str    # Linux name
    key: int           # octets, salt with it
    scapy: str
    icv: int = 0       # octets, of an AEAD
    integrity: str = ""

    @property
    def auth_octets(self):
        return INTEGRITY[self.integrity][0] if self.integrity else 0


def _rows():
    for bits in (128, 256):
        for icv in (8, 12, 16):
            yield Suite(f"aes{bits}gcm{icv}", "rfc4106(gcm(aes))", bits // 8 + 4, "AES-GCM", icv)
    for bits in (128, 256):
        for integrity in OF_SCAPY:
            yield Suite(f"aes{bits}-{integrity}", "cbc(aes)", bits // 8, "AES-CBC", 0, integrity)
    yield Suite("chacha20poly1305", "rfc7539esp(chacha20,poly1305)", 36, "CHACHA20-POLY1305", 16)
    for integrity in OF_SCAPY:
        yield Suite(f"null-{integrity}", "ecb(cipher_null)", 0, "NULL", 0, integrity)


SUITES = {row.word: row for row in _rows()}
# What a kernel alone judges: scapy and strongSwan's own ESP have them not.
KERNEL_SUITES = {row.word: row for row in (
    Suite("aes128gmac", "rfc4543(gcm(aes))", 20, "", 16), Suite("aes256gmac", "rfc4543(gcm(aes))", 36, "", 16),
    Suite("aes128-sha256_96", "cbc(aes)", 16, "", 0, "sha256_96"),
    Suite("null-sha256_96", "ecb(cipher_null)", 0, "", 0, "sha256_96"))}


def key(suite, spi, what, octets):
    """Deterministic key material, so that both ends make the same."""
    out, block = b"", 0
    while len(out) < octets:
        out += hashlib.sha256(f"penstock|{suite.word}|{spi:08x}|{what}|{block}".encode()).digest()
        block += 1
    return out[:octets]


@dataclass(frozen=True)
class Tunnel:
    """A manually keyed tunnel seen from its left end."""
    suite: Suite
    left: str
    right: str
    left_net: str
    right_net: str
    esn: bool = False
    spi_right: int = 0x1001  # what the left end sends with
    spi_left: int = 0x1002

    def flipped(self):
        return Tunnel(self.suite, self.right, self.left, self.right_net, self.left_net, self.esn,
                      self.spi_left, self.spi_right)

    @property
    def word(self):
        return self.suite.word + ("-esn" if self.esn else "")

    @property
    def of_two_families(self):
        return (":" in self.left) != (":" in self.left_net)

    def enc_key(self, spi):
        return key(self.suite, spi, "encryption", self.suite.key)

    def auth_key(self, spi):
        return key(self.suite, spi, "integrity", self.suite.auth_octets)

    def manual_sas(self, window=64):
        """The two entries of `manual_sas` at the left end; a name in common makes them a pair."""
        low = min(self.spi_left, self.spi_right)
        return [{"name": f"lab{low:x}", "direction": direction, "protocol": "esp", "mode": "tunnel",
                 "spi": f"0x{spi:x}", "local": self.left, "remote": self.right, "proposal": self.word,
                 "enc_key": self.enc_key(spi).hex(), "auth_key": self.auth_key(spi).hex(),
                 "encap": False, "replay_window": window,
                 "local_ts": [self.left_net], "remote_ts": [self.right_net]}
                for direction, spi in (("out", self.spi_right), ("in", self.spi_left))]

    def ip_xfrm(self):
        """Shell text that keys the left end of the tunnel in a Linux kernel."""
        def algorithms(spi):
            if self.suite.icv:
                return f"aead '{self.suite.encryption}' 0x{self.enc_key(spi).hex()} {self.suite.icv * 8}"
            _, name, bits, _ = INTEGRITY[self.suite.integrity]
            enc = f"0x{self.enc_key(spi).hex()}" if self.suite.key else "''"
            return f"enc '{self.suite.encryption}' {enc} auth-trunc '{name}' 0x{self.auth_key(spi).hex()} {bits}"

        flags = (["esn"] if self.esn else []) + (["af-unspec"] if self.of_two_families else [])
        more = f"replay-window {128 if self.esn else 32}" + (f" flag {' flag '.join(flags)}" if flags else "")
        more += f" reqid {min(self.spi_left, self.spi_right)} mode tunnel"
        rows = []
        for source, target, spi in ((self.left, self.right, self.spi_right), (self.right, self.left, self.spi_left)):
            rows.append(f"ip xfrm state add src {source} dst {target} proto esp spi 0x{spi:x} {more} {algorithms(spi)}")
        for direction, here, there, a, b in (("out", self.left, self.right, self.left_net, self.right_net),
                                             ("in", self.right, self.left, self.right_net, self.left_net),
                                             ("fwd", self.right, self.left, self.right_net, self.left_net)):
            rows.append(f"ip xfrm policy add src {a} dst {b} dir {direction} tmpl src {here} dst {there} proto esp "
                        f"reqid {min(self.spi_left, self.spi_right)} mode tunnel")
        return " &&\n".join(rows)


def tunnels(left, right, left_net, words, right_nets="10.2.{n}.0/24"):
    """A tunnel a proposal word (…-esn with extended sequence numbers), each to a network of its own at the right."""
    return [Tunnel((SUITES | KERNEL_SUITES)[word.removesuffix("-esn")], left, right, left_net, right_nets.format(n=n),
                   word.endswith("-esn"), 0x1001 + 16 * n, 0x1002 + 16 * n)
            for n, word in enumerate(words, 1)]
