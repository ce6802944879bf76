#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each room's README names each of its files, once, in the first column of its tables."""
import re
from collections import Counter

from files import ROOT, Report, room_of, room_table, sources


def named_in(readme):
    """File names in the first cells of the table rows; `a.{h,cpp}` is two names."""
    names = []
    for line in readme.read_text().splitlines():
        if not line.startswith("|"):
            continue
        for word in re.findall(r"`([^`]+)`", line.split("|")[1]):
            brace = re.match(r"(.*)\{(.*)\}(.*)$", word)
            names += [brace[1] + w + brace[3] for w in brace[2].split(",")] if brace else [word]
    return Counter(n for n in names if n.endswith((".h", ".cpp")))


def owner(name, room):
    """The nearest folder inside the room that has a README of its own, else the room."""
    folder = (ROOT / name).parent
    while folder != ROOT / room and not (folder / "README.md").exists():
        folder = folder.parent
    return folder


def main():
    report = Report("style/readmes")
    rooms = room_table()["room"]
    files = {}
    for name in sources("lib/", "control/", "dataplane/", "app/"):
        room = room_of(name, rooms)
        if room:
            folder = owner(name, room)
            files.setdefault(folder, set()).add(str((ROOT / name).relative_to(folder)))
    faults = []
    for folder, there in sorted(files.items()):
        where = folder.relative_to(ROOT)
        if not (folder / "README.md").exists():
            faults.append(f"{where}: no README.md")
            continue
        named = named_in(folder / "README.md")
        faults += [f"{where}/README.md: does not name {n}" for n in sorted(there - set(named))]
        faults += [f"{where}/README.md: names {n}, which is not there" for n in sorted(set(named) - there)]
        faults += [f"{where}/README.md: names {n} {c} times" for n, c in sorted(named.items()) if c > 1]
    report.check("rooms name their files", faults)
    report.exit()


main()
