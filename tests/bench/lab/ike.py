# SPDX-License-Identifier: BSD-3-Clause
"""What a tunnel costs the control plane: bench_ike, a process for each method and number of tunnels, so
that none finds the memory of another."""
import json
import subprocess

from tests.bench.lab.measure import BenchError

PROGRAM = "tests/bench/ike/bench_ike"
METHODS = ("psk-x25519", "psk-ecp256", "v1-psk-ecp256", "psk-modp2048", "rsa2048-x25519", "ecdsa256-x25519",
           "ecdsa256-x25519-new")
TUNNELS = 2000
MANY = (("psk-x25519", 50_000, 64), ("psk-x25519", 50_000, 50_000), ("psk-x25519-secrets", 50_000, 64))
NOTE = ("Microseconds of CPU, octets of heap, a tunnel: IKE SA and child SA, each end by itself. "
        "bare: its asymmetric operations alone.")
COLUMNS = (("method", "authentication-group", "s"), ("tunnels", "tunnels", "d"), ("flight", "at once", "d"),
           ("cpu_us_initiator", "initiator", ".1f"), ("cpu_us_responder", "responder", ".1f"),
           ("bare_crypto_us", "bare", ".1f"), ("ratio_to_bare", "ratio", ".2f"),
           ("setups_per_second", "a second", ".0f"), ("milliseconds", "all ms", ".0f"),
           ("bytes_per_tunnel", "octets", ".0f"))


def measure(build, method, tunnels, flight):
    words = [str(build / PROGRAM), "--tunnels", str(tunnels), "--flight", str(flight), method]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def median(turns):
    """The turn that is the median by the responder's CPU time, and half the distance of the quartiles."""
    turns = sorted(turns, key=lambda row: row["cpu_us_responder"])
    middle = turns[len(turns) // 2]
    quarter = len(turns) // 4
    distance = turns[-1 - quarter]["cpu_us_responder"] - turns[quarter]["cpu_us_responder"]
    return {**middle, "repeats": len(turns),
            "spread": round(distance / 2 / middle["cpu_us_responder"], 4)}


def rows(options):
    points = [(method, TUNNELS, 64, options.repeats) for method in METHODS]
    points += [(*many, 1) for many in MANY]
    for method, tunnels, flight, repeats in points:
        try:
            row = median([measure(options.build, method, tunnels, flight) for _ in range(repeats)])
        except BenchError as error:
            yield error
            continue
        yield {"case": "ike", "program": "penstock", "build": options.flavour, **row,
               "ratio_to_bare": round(row["cpu_us_responder"] / row["bare_crypto_us"], 3)}
