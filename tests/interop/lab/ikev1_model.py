# SPDX-License-Identifier: BSD-3-Clause
"""The Python reference model of IKEv1 (tests/reference/ikev1) as a peer in a namespace."""
import json
import sys

from .bench import ROOT, LabError, wait_for

REFERENCE = ROOT / "tests/reference"
sys.path.insert(0, str(REFERENCE))
from certificates import Authority  # noqa: E402,F401  (for scenarios that need some)

PROGRAM = REFERENCE / "ikev1/peer.py"


class Model:
    """One run after another of peer.py; words are what its README lists."""

    def __init__(self, bench, space):
        self.bench, self.space, self.process = bench, space, None

    def start(self, words):
        path = self.bench.directory / "words.json"
        path.write_text(json.dumps(words))
        self.process = self.space.start("/usr/bin/python3", PROGRAM, path, log="model.log")
        wait_for("the model listens", lambda: self.over() or "ready" in self.process.log.read_text(), 15)
        return self

    def over(self):
        return self.process.poll() is not None

    def result(self, within_s=40):
        wait_for("the model is done", self.over, within_s)
        text = self.process.log.read_text()
        if "{" not in text:
            raise LabError("the model said nothing:\n" + text)
        return json.loads(text[text.index("{"):])
