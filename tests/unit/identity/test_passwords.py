from __future__ import annotations

from datetime import timedelta

import pytest

from app.identity.errors import PasswordRefused
from app.identity.passwords import (
    BSS_LOCK,
    BSS_PASSWORDS,
    STOREFRONT_LOCK,
    STOREFRONT_PASSWORDS,
    PasswordPolicy,
    check_password,
    hash_password,
    is_outdated,
    is_password,
)


def unmet(password: str, policy: PasswordPolicy) -> tuple[str, ...]:
    try:
        check_password(password, policy, name="Carla Clerk", email="carla.c@customer.example")
    except PasswordRefused as refused:
        return refused.codes
    return ()


@pytest.mark.parametrize("password", ["abcdefgh", "Abcdefgh1", "abcdef1!"])
def test_weak_back_office_password_is_refused(password: str) -> None:
    """BC-F3: Password `abcdefgh`, `Abcdefgh1`, `abcdef1!` are each refused; `Abcdef1!` is accepted."""
    assert unmet(password, BSS_PASSWORDS) != ()
    assert unmet("Abcdef1!", BSS_PASSWORDS) == ()


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("Blue-Harbour-42", ()),
        ("Αθήνα-Λιμάνι-42", ()),
        ("Short-42", ("too_short",)),
        ("blue-harbour-42", ("no_upper",)),
        ("BLUE-HARBOUR-42", ("no_lower",)),
        ("Blue-Harbour-x", ("no_digit",)),
        ("BlueHarbour42", ("no_special",)),
        ("Blue-Carla-4242", ("contains_name",)),
        ("x-carla.c@customer.example-X1", ("contains_name",)),
        ("Password123!", ("too_common",)),
        ("P@ssw0rd2026!", ("too_common",)),
        ("Welcome-2026", ("too_common",)),
        ("abc", ("too_short", "no_upper", "no_digit", "no_special")),
        ("Aa1!" * 33, ("too_long",)),
    ],
)
def test_storefront_password_is_told_every_rule_it_breaks(password: str, codes: tuple[str, ...]) -> None:
    """SF-F24 (partly): A password violating the policy is refused with the unmet rules."""
    assert unmet(password, STOREFRONT_PASSWORDS) == codes


def test_hash_is_argon2id_and_opens_for_its_password_alone() -> None:
    stored = hash_password("Blue-Harbour-42")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password(stored, "Blue-Harbour-42")
    assert not is_password(stored, "Blue-Harbour-43")
    assert not is_outdated(stored)


def test_nobodys_password_is_never_right() -> None:
    assert not is_password(None, "nobody's password")


def test_broken_hash_opens_for_nothing() -> None:
    assert not is_password("plain text", "plain text")


def test_storefront_locks_at_every_fourth_try_for_half_an_hour() -> None:
    found = [STOREFRONT_LOCK.lock_after(tries) for tries in range(9)]

    assert [bool(lock) for lock in found] == [False, False, False, False, True, False, False, False, True]
    assert {lock for lock in found if lock} == {timedelta(minutes=30)}


def test_back_office_lock_doubles_up_to_a_day() -> None:
    """BC-02: 15 minutes, doubled each time up to 24 h."""
    found = [BSS_LOCK.lock_after(tries) for tries in (4, 5, 6, 10, 15, 500)]

    assert found == [
        None,
        timedelta(minutes=15),
        None,
        timedelta(minutes=30),
        timedelta(minutes=60),
        timedelta(hours=24),
    ]
