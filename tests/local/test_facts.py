from __future__ import annotations

import pytest

from tests import facts

SPECIFICATION = (
    "- **RS-F1** An account sees it. (RS-07)\n- **RS-F2** Another does not. (RS-07)\n- **RS-F10** Nobody does.\n"
)
TESTED = '''
def test_one():
    """RS-F1: told."""

def test_two():
    """RS-F1, RS-F2 (partly): told."""

def test_three():
    """Told without RS-F10: no fact."""

def helper():
    """RS-F10: no test."""
'''


@pytest.fixture
def specification(tmp_path, monkeypatch):
    tests, spec = tmp_path / "tests", tmp_path / "spec"
    tests.mkdir()
    spec.mkdir()
    (tests / "test_rules.py").write_text(TESTED)
    (spec / "01.md").write_text(SPECIFICATION)
    monkeypatch.setattr(facts, "TESTS", tests)
    return spec


def test_each_fact_is_counted_once(specification, capsys):
    assert facts.report(specification) == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line.split()[:2] for line in lines if line.startswith(("proven", "partly", "open"))]
    assert told == [["proven", "RS-F1"], ["partly", "RS-F2"], ["open", "RS-F10"]]
    assert lines[-1] == "RS: 1 proven, 1 partly, 1 open of 3"


def test_a_fact_that_is_not_stated_is_an_error(specification, capsys):
    (specification / "01.md").write_text(SPECIFICATION.replace("RS-F2", "RS-F3"))
    assert facts.report(specification) == 1
    assert capsys.readouterr().err == "There is no RS-F2, named by test_rules.py::test_two\n"


def test_without_a_specification_the_proofs_are_counted(specification, tmp_path, capsys):
    assert facts.report(tmp_path / "nowhere") == 0
    assert capsys.readouterr().out.startswith("1 facts proven, 1 partly; ")
