#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who includes whom: each #include against rooms.toml; the pure half stays pure."""
import re

from files import ROOT, Report, room_of, room_table, sources

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def allowed_rooms(room, table):
    names = set(table["room"][room]["rooms"])
    if "lib" in names:
        names |= {r for r in table["room"] if r.startswith("lib/")}
    return names | {room}


def faults_of(name, table):
    room = room_of(name, table["room"])
    if room is None:
        yield f"{name}: lies in no room of rooms.toml"
        return
    row = table["room"][room]
    may = allowed_rooms(room, table)
    libraries = set(row["libraries"]) | set(table["always"]["libraries"])
    for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        where, header = f"{name}:{number}", found[2]
        other = room_of(header, table["room"])
        if other is not None:
            if other not in may:
                yield f"{where}: {room} may not include {other} ({header})"
            if not (ROOT / header).exists():
                yield f"{where}: {header} does not exist"
            continue
        if found[1] == '"':
            yield f"{where}: \"{header}\" does not start at the root of the project"
            continue
        if header in row.get("headers", []):
            continue
        if row.get("pure") and re.match(table["pure"]["forbidden"], header):
            yield f"{where}: {room} is pure and may not include <{header}>"
        for library, pattern in table["libraries"].items():
            if re.match(pattern, header) and library not in libraries:
                yield f"{where}: {room} may not use {library} (<{header}>)"


def main():
    table = room_table()
    report = Report("style/rooms")
    tops = ("lib/", "control/", "dataplane/", "app/")
    files = sources(*tops)
    report.check("who includes whom", [f for name in files for f in faults_of(name, table)])
    report.exit()


main()
