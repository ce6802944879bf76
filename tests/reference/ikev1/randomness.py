# SPDX-License-Identifier: BSD-3-Clause
"""Where random numbers come from: the system, or a seed so that an exchange can be repeated."""
import hashlib
import os


def from_system(_label, octets):
    return os.urandom(octets)


class Seeded:
    """octets = SHA-256(seed | label | count | block) ...; count rises with each use of a label, so
    numbers do not depend on the order in which different labels are asked for."""

    def __init__(self, seed):
        self.seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self.used = {}

    def __call__(self, label, octets):
        count = self.used[label] = self.used.get(label, -1) + 1
        out, block = b"", 0
        while len(out) < octets:
            out += hashlib.sha256(self.seed + f"|{label}|{count}|{block}".encode()).digest()
            block += 1
        return out[:octets]


class Given:
    """Numbers from a known answer: {label: [octets, ...]}."""

    def __init__(self, numbers):
        self.numbers = {label: list(values) for label, values in numbers.items()}

    def __call__(self, label, octets):
        value = self.numbers[label].pop(0)
        assert len(value) == octets, f"{label}: {octets} octets wanted, {len(value)} given"
        return value
