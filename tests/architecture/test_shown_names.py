"""Histories that customers and resellers read name their own people, and never the distributor's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
OWN = ("orders/offers/",)  # the distributor's own history: who is sent an offer reads it, not its events


def names_written(tree: ast.AST) -> Iterator[ast.keyword]:
    """Every `actor_name=somebody.name` of a module."""
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if (
                keyword.arg == "actor_name"
                and isinstance(keyword.value, ast.Attribute)
                and keyword.value.attr == "name"
            ):
                yield keyword


def test_no_actor_is_named_in_a_shared_history_but_by_the_name_that_may_be_shown() -> None:
    found = [
        f"{path.relative_to(APP)}:{keyword.lineno}"
        for path in sorted(APP.rglob("*.py"))
        if not str(path.relative_to(APP)).startswith(OWN)
        for keyword in names_written(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "use app.audit.shown.shown_name: whoever acts may be one of the distributor's people"


def test_the_search_finds_what_it_looks_for() -> None:
    assert len(list(names_written(ast.parse("add_event(order, 'canceled', at=at, actor_name=actor.name)")))) == 1
