"""Which statements are announced, and when nothing may be kept."""

from __future__ import annotations

from uuid import UUID

import pytest

from tenants import changes
from tenants.changes import ChangeClock, Kept
from tenants.context import Reach, alias_visitor_scope, distributor_scope, end_customer_scope, scope

D, OTHER, R, S, C = (UUID(int=number) for number in range(1, 6))


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO markup_rules (id) VALUES (1)", "reseller"),
        ("UPDATE special_prices SET amount=1", "reseller"),
        ("DELETE FROM listings WHERE true", "reseller"),
        ("WITH x AS (SELECT 1) INSERT INTO price_list_entries SELECT * FROM x", "distributor"),
        ("WITH x AS (UPDATE markup_rules SET percent=1) UPDATE products SET name='x'", "distributor"),
        ('UPDATE "products" SET name=1', "distributor"),
        ("UPDATE accounts SET currency='USD'", "distributor"),
        ("UPDATE accounts SET credit_limit=1 WHERE id=2", None),
        ("INSERT INTO accounts (currency) VALUES ('EUR')", None),
        ("SELECT id FROM products FOR UPDATE", None),
        ("SELECT id FROM products FOR UPDATE OF products", None),
        ("INSERT INTO orders (id) VALUES (1) ON CONFLICT DO UPDATE SET id=2", None),
        ("INSERT INTO listing_runs (id) VALUES (1)", None),
    ],
)
def test_a_statement_that_writes_what_is_kept_is_announced(sql, kind) -> None:
    assert changes._written(sql) == kind


@pytest.fixture
def clock(monkeypatch) -> ChangeClock:
    made = ChangeClock()
    made.is_alone = True
    monkeypatch.setattr(changes, "clock", made)
    return made


def test_a_change_of_one_reseller_leaves_the_others_alone(clock) -> None:
    before = [clock.mark(D, R), clock.mark(D, S), clock.mark(D, Reach.NONE), clock.mark(OTHER, R)]
    clock.note(f"{D} {R}")
    after = [clock.mark(D, R), clock.mark(D, S), clock.mark(D, Reach.NONE), clock.mark(OTHER, R)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True, True]


def test_a_change_of_the_distributor_is_one_of_all_its_resellers(clock) -> None:
    before = [clock.mark(D, R), clock.mark(D, Reach.NONE), clock.mark(OTHER, R)]
    clock.note(str(D))
    after = [clock.mark(D, R), clock.mark(D, Reach.NONE), clock.mark(OTHER, R)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]


def test_a_change_without_a_scope_is_one_of_everybody(clock) -> None:
    before = clock.mark(OTHER, S)
    clock.note(changes.EVERYTHING)
    assert clock.mark(OTHER, S) != before


def test_what_is_kept_is_found_under_its_own_scope_only(clock) -> None:
    kept: Kept[str] = Kept(10)
    scopes = {
        "visitor": alias_visitor_scope(D, R),
        "other reseller": alias_visitor_scope(D, S),
        "other distributor": alias_visitor_scope(OTHER, R),
        "customer": end_customer_scope(D, R, C),
        "other lists": alias_visitor_scope(D, R).with_price_lists((C,)),
        "back office": distributor_scope(D),
    }
    for _ in range(2):
        for name, entered in scopes.items():
            with scope(entered):
                assert kept.of("page", lambda name=name: name) == name


def test_nothing_is_kept_by_a_process_that_does_not_hear(clock) -> None:
    clock.is_alone = False
    clock.is_wanted = True
    clock._listener = (0, None)  # as after a fork
    clock._is_told_where = True
    kept: Kept[int] = Kept(10)
    loaded: list[int] = []

    def load() -> int:
        loaded.append(1)
        return len(loaded)

    with pytest.MonkeyPatch.context() as patch, scope(alias_visitor_scope(D, R)):
        patch.setattr(clock, "_start", lambda _url: None)
        patch.setattr(changes, "settings", lambda: type("S", (), {"database_url_app": ""}))
        assert [kept.of("x", load), kept.of("x", load)] == [1, 2]


def test_the_least_used_makes_room(clock) -> None:
    kept: Kept[int] = Kept(2)
    with scope(alias_visitor_scope(D, R)):
        for key in ("a", "b", "a", "c"):
            kept.of(key, lambda: 1)
        assert kept.of("a", lambda: 2) == 1
        assert kept.of("b", lambda: 2) == 2
