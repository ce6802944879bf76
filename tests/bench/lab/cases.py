# SPDX-License-Identifier: BSD-3-Clause
"""The cases of scripts/bench: which points each has. A case yields the arguments of point.measure."""
SIZES = (64, 128, 256, 512, 1024, 1420, "imix")
SUITES = ("aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha256", "aes256-sha256")


def dataplane():
    """One SA pair: every size both ways, and the other algorithms at three sizes."""
    for direction in ("out", "in", "both"):
        for size in SIZES:
            yield {"direction": direction, "size": size}
    for suite in SUITES[1:]:
        for direction in ("out", "in"):
            for size in (64, 512, 1420):
                yield {"suite": suite, "direction": direction, "size": size}


def quick():
    """The points that tell whether a change was worth it."""
    for direction in ("out", "in"):
        for size in (64, 512, 1420):
            yield {"direction": direction, "size": size}


def scale():
    """More SAs in random order, each with a policy of its own."""
    for count in (1, 1000, 10_000, 100_000):
        for direction in ("out", "in"):
            for size in (64, 1420):
                yield {"sas": count, "direction": direction, "size": size}


CASES = {"dataplane": dataplane, "scale": scale, "quick": quick}
