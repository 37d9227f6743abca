"""`make facts`: which acceptance facts of the specification a test proves, and which none does yet.

A test names its facts in the first line of its docstring: `RS-F51: …`, several as `RS-F51, RS-F53: …`, and
`RS-F51 (partly): …` when only a part can be proven now. Ends with an error if a test names a fact that is not there.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
OPENING = re.compile(r"^((?:[A-Z]{2}-F\d+(?: \(partly\))?(?:, )?)+):")
NAMED = re.compile(r"([A-Z]{2}-F\d+)( \(partly\))?")
STATED = re.compile(r"^- \*\*([A-Z]{2}-F\d+)\*\* (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Proof:
    fact: str
    is_partly: bool
    test: str


def proofs(directory: Path) -> Iterator[Proof]:
    """Yield every fact that a test's docstring names."""
    for path in sorted(directory.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            opening = OPENING.match(ast.get_docstring(node) or "")
            for found in NAMED.finditer(opening[1] if opening else ""):
                yield Proof(found[1], bool(found[2]), f"{path.relative_to(directory)}::{node.name}")


def stated(specification: Path) -> dict[str, str]:
    """Return every fact with its words."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(specification.glob("*.md")))
    return {fact: words for text in texts for fact, words in STATED.findall(text)}


def order(fact: str) -> tuple[str, int]:
    area, _, number = fact.partition("-F")
    return area, int(number)


def report(specification: Path) -> int:
    """Print the state of every area; returns the exit code."""
    known: dict[str, list[Proof]] = defaultdict(list)
    for proof in proofs(TESTS):
        known[proof.fact].append(proof)
    wanted = stated(specification) if specification.is_dir() else {}
    whole = {fact for fact, found in known.items() if not all(proof.is_partly for proof in found)}
    if not wanted:
        print(f"{len(whole)} facts proven, {len(known.keys() - whole)} partly; no specification in {specification}")
        return 0
    for fact in sorted(wanted, key=order):
        mark = "proven" if fact in whole else "partly" if fact in known else "open"
        print(f"{mark:7} {fact:7} {wanted[fact]}")
        for proof in known.get(fact, ()):
            print(f"{'':16}{'partly: ' if proof.is_partly else ''}{proof.test}")
    print()
    for area in sorted({order(fact)[0] for fact in wanted}):
        facts = {fact for fact in wanted if order(fact)[0] == area}
        proven, partly = len(facts & whole), len(facts & known.keys()) - len(facts & whole)
        print(f"{area}: {proven} proven, {partly} partly, {len(facts) - proven - partly} open of {len(facts)}")
    unknown = sorted(known.keys() - wanted.keys(), key=order)
    for fact in unknown:
        print(f"There is no {fact}, named by {known[fact][0].test}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make facts", description=__doc__)
    parser.add_argument("--specification", type=Path, default=TESTS.parent / "docs" / "facts")
    sys.exit(report(parser.parse_args().specification))
