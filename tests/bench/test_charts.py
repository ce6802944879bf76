#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Charts and the page of results: well-formed, to scale, and true to the JSON."""
import pathlib
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/lib"))

# pylint: disable=wrong-import-position
from report import run_checks  # noqa: E402
from tests.bench.lab import charts, plot  # noqa: E402
from tests.bench.lab.cases import CASES  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
POINT = {"case": "scale", "program": "penstock", "algorithm": "aes128gcm16", "direction": "out", "packet_bytes": 64,
         "sas": 1, "cycles_per_packet": 190.0, "io_cycles": 40.0, "cipher_cycles": 60.0, "beyond": 90.0,
         "spread": 0.01, "mpps": 13.7, "inner_gbps": 7.0}
HEAD = {"machine": {"cpu": "a <CPU>", "cpus": 2, "kernel": "6", "hugepages_2m": 1}, "versions": {"penstock": "1"},
        "command": ["scripts/bench", "scale", "--json", "there.json", "--repeats", "9"]}


def texts(svg):
    return [element.text for element in xml.fromstring(svg).iter(f"{SVG}text")]


def axis():
    """an axis begins at 0, ends at or above the greatest value, and has round steps"""
    for most in (0.3, 1, 1.9, 7, 99, 100, 101, 2345, 1e6):
        found = plot.ticks(most)
        assert found[0] == 0 and found[-2] < most <= found[-1] and len(found) <= 7, (most, found)


def parts():
    """parts of a bar lie end to end and are as long as they are great"""
    svg = plot.bars("a & b", "cycles", ("one", "two"), [("x<y", [30, 10]), ("z", [20, 0])])
    rects = [{key: element.get(key) for key in element.keys()} for element in xml.fromstring(svg).iter(f"{SVG}rect")]
    bars = [r for r in rects if r["height"] == str(plot.BAR)]
    widths = [float(r["width"]) for r in bars]
    assert abs(widths[0] / widths[1] - 3) < 0.01 and abs(widths[0] / widths[2] - 1.5) < 0.01 and widths[3] == 0
    assert abs(float(bars[0]["x"]) + widths[0] - float(bars[1]["x"])) < 0.11
    assert "x<y" in texts(svg) and "40" in texts(svg), texts(svg)


def legends():
    """a legend that is too long goes on in another row"""
    places = plot.legend_places(["a stage of the path"] * 9)
    assert max(x for x, _ in places) < plot.WIDTH and places[-1][1] > 0, places


def logarithm():
    """equal factors are equal distances on the axis of a line"""
    svg = plot.lines("t", "u", "SAs", {"out": [(1, 10), (100, 30), (10, 20)]})
    points = next(element.get("points") for element in xml.fromstring(svg).iter(f"{SVG}polyline")
                  if element.get("stroke") == plot.COLOURS[0])
    x = [float(point.split(",")[0]) for point in points.split()]
    assert abs((x[1] - x[0]) - (x[2] - x[1])) < 0.11, points


def a_page():
    """a page has the table, the machine and the command, and a later file replaces an earlier one's case"""
    old = {**HEAD, "results": [{**POINT, "cycles_per_packet": 777.0}]}
    new = {**HEAD, "results": [POINT, {**POINT, "sas": 1000, "cycles_per_packet": 230.0}]}
    text, found = charts.page([old, new], CASES)
    assert "777" not in text and "| 190 |" in text and "| 230 |" in text, text
    assert "`scripts/bench scale --repeats 9`" in text and "![scale](scale.svg)" in text, text
    assert list(found) == ["scale"] and "1,000" in texts(found["scale"])


def stages():
    """the chart of instructions has a bar for each packet and none for a tunnel"""
    row = {"case": "instructions", "algorithm": "aes128gcm16", "direction": "out", "packet_bytes": 64}
    rows = [{**row, "stage": "all", "instructions": 100.0, "cipher_instructions": 400.0},
            {**row, "stage": "crypto_outbound", "instructions": 440.0}, {**row, "stage": "parse", "instructions": 35.0},
            {**row, "algorithm": "psk-x25519", "direction": "ike", "packet_bytes": None, "stage": "all",
             "instructions": 4e5, "cipher_instructions": 3e6}]
    svg = charts.of_instructions("instructions", rows)["instructions"]
    assert "100" in texts(svg) and {"crypto", "parse", "the rest"} <= set(texts(svg)), texts(svg)
    assert not any("psk" in text for text in texts(svg))


def every_case():
    """every case has a chart"""
    assert set(CASES) == set(charts.CHARTS), set(CASES) ^ set(charts.CHARTS)


run_checks("bench/charts", [axis, parts, legends, logarithm, a_page, stages, every_case])
