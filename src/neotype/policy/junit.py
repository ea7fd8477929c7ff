"""A ruling as JUnit XML, which every CI system shows as tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from neotype.policy.ruling import Outcome, Ruling

# What XML 1.0 cannot hold, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(ruling: Ruling, *, made: str = "") -> bytes:
    """One test case for each outcome: a refusal fails, what may be missing is skipped.

    `made` is when it was decided, in ISO 8601.
    """
    failed = sum(outcome.refuses for outcome in ruling.outcomes)
    skipped = sum(_skipped(outcome) for outcome in ruling.outcomes)
    counts = {
        "tests": str(len(ruling.outcomes)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(skipped),
    }
    root = ElementTree.Element("testsuites", {"name": "neotype", **counts, "time": "0"})
    title = _legal(f"neotype policy {ruling.policy}".strip())
    suite = ElementTree.SubElement(root, "testsuite", {"name": title, **counts, "time": "0"})
    if made:
        suite.set("timestamp", made.partition("+")[0])
    for outcome in ruling.outcomes:
        place = _legal(f"neotype.{ruling.policy or 'claims'}.{outcome.kind}")
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": place, "name": _legal(outcome.name), "time": "0"}
        )
        found = _legal(f"{outcome.words} Asked: {outcome.threshold or 'a number'}.")
        if outcome.refuses:
            kind = {"message": found, "type": outcome.status}
            ElementTree.SubElement(case, "failure", kind).text = _legal(outcome.because)
        elif _skipped(outcome):
            ElementTree.SubElement(case, "skipped", {"message": found})
        else:
            ElementTree.SubElement(case, "system-out").text = found
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _skipped(outcome: Outcome) -> bool:
    return outcome.status == "not measured" and not outcome.refuses


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
