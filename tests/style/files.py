# SPDX-License-Identifier: BSD-3-Clause
"""What the style checks look at: the files that git knows, or would take."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
from report import Report  # noqa: E402  (re-exported to the checks)

__all__ = ["ROOT", "Report", "tracked", "sources", "room_table", "room_of"]


def tracked():
    """Every file of the project as a path relative to its root."""
    out = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if out.returncode == 0:
        names = [n for n in out.stdout.split("\0") if n]
    else:  # an unpacked archive
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")
                 if p.is_file() and not str(p.relative_to(ROOT)).startswith(("build", ".git/"))]
    return sorted(n for n in names if (ROOT / n).is_file())


def sources(*tops):
    """C++ files, those under the folders given or all."""
    return [n for n in tracked() if n.endswith((".h", ".cpp")) and (not tops or n.startswith(tops))]


def room_table():
    import tomllib
    return tomllib.loads((ROOT / "tests/style/rooms.toml").read_text())


def room_of(name, rooms):
    """The room that a path lies in, or None."""
    inside = [r for r in rooms if name.startswith(r + "/")]
    return max(inside, key=len) if inside else None
