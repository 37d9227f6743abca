"""Whatever the audit trail tells of has a page or a name: a kind of record that is new is missed here (BC-30)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import app
import workers
from app.bss.records.names import PLACE_OF, SAME_AS, STOREFRONTS
from app.core.db import Base
from app.frames.records import PLACES, RECORD_PAGES
from app.identity.permission_rules.models import RuledKind

# Of a reseller alone: the back office sees neither the record nor its name, but whose it is.
RESELLERS_OWN = frozenset({"markup_rule", "special_price"})
# Kinds that are no literal where they are recorded.
COMPUTED = {"kind.value": {kind.value for kind in RuledKind}, "kind": {"industry", "price_group"}}


def recorded_kinds() -> Iterator[tuple[str, str]]:
    """Each kind the code records, and where; a kind that is computed is named by its expression."""
    for package in (app, workers):
        for path in Path(package.__path__[0]).rglob("*.py"):
            if path.parts[-2] == "audit":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                for keyword in node.keywords:
                    if keyword.arg == "target_kind" and "record" in ast.unparse(node.func):
                        value = keyword.value
                        literal = value.value if isinstance(value, ast.Constant) else ast.unparse(value)
                        yield str(literal), f"{path}:{node.lineno}"


def test_every_kind_that_is_recorded_has_a_history_tab_or_stands_on_a_page():
    """BC-F78 (partly): each record's History tab, and the audit log names each record."""
    known = set(PLACE_OF) | STOREFRONTS | set(SAME_AS) | RESELLERS_OWN
    found = dict(recorded_kinds())
    assert len(found) > 30
    homeless = {kind: where for kind, where in found.items() if not COMPUTED.get(kind, {kind}) <= known}
    assert homeless == {}


def test_what_names_a_record_is_a_column_of_its_table(client):
    assert client.application.blueprints  # it has loaded all models
    for place in (*RECORD_PAGES, *PLACES):
        columns = set(Base.metadata.tables[place.stored_in].c.keys())
        assert {*place.name, *place.keys} <= columns, place.kind
