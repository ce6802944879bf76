#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Licence headers; words and paths that have no place in a finished file; sizes of lines and files."""
import re

from files import ROOT, Report, tracked

CODE = (".h", ".cpp", ".py", ".sh", ".toml", "meson.build")
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
# Spelt so that this file does not find itself.
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
PATHS = re.compile(r"(/ho" r"me/[a-z]|/wo" r"rk/|/fa" r"rm/|/tm" r"p/w/|/us" r"ers/)", re.IGNORECASE)
MAX_COLUMNS = 100
MAX_LINES = 600  # the aim is 500; a longer file wants a reason
LONG_WITH_REASON = {}


def is_script(name):
    path = ROOT / name
    return path.suffix == "" and path.read_bytes()[:2] == b"#!"


def main():
    report = Report("style/text")
    spdx, words, paths, long = [], [], [], []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" in data:
            continue
        lines = data.decode("utf-8", "replace").splitlines()
        code = name.endswith(CODE) or is_script(name)
        if code and not any(SPDX in line for line in lines[:3]):
            spdx.append(f"{name}: no \"{SPDX}\" in its first three lines")
        for number, line in enumerate(lines, 1):
            if WORDS.search(line):
                words.append(f"{name}:{number}: {line.strip()}")
            if PATHS.search(line):
                paths.append(f"{name}:{number}: {line.strip()}")
            if name.endswith((".h", ".cpp")) and len(line) > MAX_COLUMNS:
                long.append(f"{name}:{number}: {len(line)} columns")
        if name.endswith((".h", ".cpp")) and len(lines) > MAX_LINES and name not in LONG_WITH_REASON:
            long.append(f"{name}: {len(lines)} lines")
    report.check("licence headers", spdx)
    report.check("no work left in words", words)
    report.check("no paths of a developer's machine", paths)
    report.check("lines and files of a readable size", long)
    report.exit()


main()
