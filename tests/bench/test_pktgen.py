#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The scripts for Pktgen: they parse, call what Pktgen has, find a loss-free rate, and their frames are
those that configs/bench.conf is about."""
import ipaddress
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from report import run_checks  # noqa: E402

SCRIPTS = ROOT / "scripts/pktgen"
MOCK = ROOT / "tests/bench/pktgen_mock.lua"
CONFIG = (ROOT / "configs/bench.conf").read_text()
LOSS_FREE = 37.0  # percent of the line, of the mock
NO_LUA = None if shutil.which("lua5.4") and shutil.which("luac5.4") else "lua5.4 is not installed"


def run(script, **environment):
    done = subprocess.run(["lua5.4", str(MOCK), str(script)], cwd=ROOT, capture_output=True, text=True,
                          check=False, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def calls(output, name):
    return [re.split(r", ", found) for found in re.findall(rf"^# pktgen\.{re.escape(name)}\((.*)\)$", output, re.M)]


def settings(name):
    return re.findall(rf'\b{name} = \[?"([^"]*)"', CONFIG)


def packets(path):
    data, at = path.read_bytes(), 24
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def syntax():
    """every script parses"""
    for script in sorted(SCRIPTS.glob("*.lua")):
        done = subprocess.run(["luac5.4", "-p", str(script)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return NO_LUA


def strictness():
    """the mock refuses functions and arguments that Pktgen does not have"""
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory) / "wrong.lua"
        for line, said in (('pktgen.pktStats(0)', "pktStats is not a function"),
                           ('pktgen.portStats(0, "port")', "not what Pktgen takes"),
                           ('pktgen.set(0, "speed", 1)', "not what Pktgen takes"),
                           ('pktgen.range.dst_mac(0, "start", "0011:2233:4455")', "not what Pktgen takes"),
                           ('pktgen.delay(1.5)', "not what Pktgen takes")):
            script.write_text(line)
            status, _, error = run(script)
            assert status != 0 and said in error, (line, error)
        script.write_text('pktgen.latency(1, "rate", 1000) pktgen.latency(1, "enable")')
        assert run(script)[0] == 0


def throughput():
    """the loss-free rate is found by size, both ways"""
    status, output, error = run(SCRIPTS / "throughput.lua", PKTGEN_INBOUND="1", PKTGEN_SECONDS="2")
    assert status == 0, error
    rows = [line.split() for line in output.splitlines() if line.startswith(("out ", "in "))]
    assert [row[1] for row in rows] == ["64", "128", "256", "512", "1024", "1420", "file"], rows
    for row in rows:
        assert LOSS_FREE - 0.11 <= float(row[2]) <= LOSS_FREE, row
    assert calls(output, "pcap") == [["1", "on"]]


def hopeless():
    """a gateway that loses at every rate has no rate; a link that is down is told"""
    status, output, error = run(SCRIPTS / "throughput.lua", MOCK_LOSS_FREE="0")
    assert status == 0 and output.count("loses packets at every rate") == 6, error
    status, _, error = run(SCRIPTS / "throughput.lua", MOCK_LINK="<--Down-->")
    assert status != 0 and "has no link" in error


def latency():
    """latency is sampled at 80 % of the loss-free rate, with probes on"""
    status, output, error = run(SCRIPTS / "latency.lua", PKTGEN_SECONDS="2")
    assert status == 0, error
    rates = [float(words[2]) for words in calls(output, "set") if words[1] == "rate"]
    assert LOSS_FREE * 0.8 - 0.11 <= rates[-1] <= LOSS_FREE * 0.8, rates
    assert ["0", "enable"] in calls(output, "latency") and ["1", "on"] in calls(output, "latsampler")


def frames_of_the_configuration():
    """frames in clear are what the gateway of configs/bench.conf seals"""
    _, output, _ = run(SCRIPTS / "throughput.lua", PKTGEN_SECONDS="1")
    ours, theirs = (ipaddress.ip_network(settings(name)[0]) for name in ("local_ts", "remote_ts"))
    hosts = dict(re.findall(r'address = "([^"]+)"; mac = "([^"]+)"', CONFIG))
    for words in calls(output, "range.src_ip"):
        assert words[1] == "inc" or ipaddress.ip_address(words[2]) in ours, words
        assert words[1] == "inc" or words[2] in hosts, words
    for words in calls(output, "range.dst_ip"):
        assert words[1] == "inc" or ipaddress.ip_address(words[2]) in theirs, words
    for words in calls(output, "range.src_mac"):
        assert words[1] == "inc" or words[2] == hosts["10.1.0.9"], words
    assert {words[2] for words in calls(output, "range.pkt_size") if words[1] == "start"} == \
        {str(octets + 18) for octets in (64, 128, 256, 512, 1024, 1420)}


def captures():
    """the captures are what configs/bench.conf takes: inner packets, and ESP that its inbound key opens"""
    row = next(r for r in re.findall(r"\{[^{}]*\}", CONFIG) if 'direction = "in"' in r)
    key = bytes.fromhex(re.search(r'enc_key = "(\w+)"', row)[1])
    spi = int(re.search(r'spi = "(\w+)"', row)[1], 0)
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, str(SCRIPTS / "captures.py"), "--octets", "100", "--out0-mac",
                        "02:00:00:00:00:12", directory], check=True)
        clear = list(packets(pathlib.Path(directory) / "clear.pcap"))
        sealed = list(packets(pathlib.Path(directory) / "esp.pcap"))
    ours, theirs = (ipaddress.ip_network(settings(name)[0]) for name in ("local_ts", "remote_ts"))
    assert len(clear) == len(sealed) == 64
    for frame in clear:
        assert len(frame) == 114 and ipaddress.ip_address(frame[26:30]) in ours
        assert ipaddress.ip_address(frame[30:34]) in theirs
    for frame in sealed:
        assert frame[:6] == bytes.fromhex("020000000012") and frame[23] == 50
        esp = frame[34:]
        assert struct.unpack("!I", esp[:4])[0] == spi
        inner = AESGCM(key[:16]).decrypt(key[16:] + esp[8:16], esp[16:], esp[:8])
        assert ipaddress.ip_address(inner[12:16]) in theirs and ipaddress.ip_address(inner[16:20]) in ours


def with_lua(check):
    def wanted():
        return NO_LUA or check()
    wanted.__doc__ = check.__doc__
    return wanted


run_checks("bench/pktgen", [with_lua(check) for check in
                            (syntax, strictness, throughput, hopeless, latency, frames_of_the_configuration)] +
           [captures])
