"""Who may have which alias, and for how long it is held (RS-08)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.core.db import BoundSession
from app.core.errors import Invalid
from app.core.ids import new_id
from app.resellers.aliases import (
    HOLD,
    AliasReason,
    check_alias,
    hold_alias,
    release_alias,
    release_expired_holds,
    require_alias,
    reserve_segments,
    reserved_aliases,
)
from tenants.context import scope
from tenants.models import Address, AddressState
from tests.factories.world import MONDAY_NOON, World, make_world


def reason(text: str, reseller_id: UUID) -> AliasReason:
    return check_alias(text, reseller_id=reseller_id, at=MONDAY_NOON).reason


@pytest.mark.parametrize(
    "text", ["ab", "Te", "a_b", "tech_solutions", "-abc", "abc-", "a--b", "1abc", "a" * 41, "ab c"]
)
def test_a_malformed_alias_is_invalid(world: World, text: str) -> None:
    """RS-F18: "ab", "a_b", "-abc", "abc-", "a--b" and 41 characters are `invalid`."""
    with scope(world.basic.scope):
        assert reason(text, world.basic.id) is AliasReason.INVALID
        with pytest.raises(Invalid) as refusal:
            require_alias(text, reseller_id=world.basic.id, at=MONDAY_NOON)

    assert refusal.value.codes == ("invalid",)


@pytest.mark.parametrize("text", ["admin", "api", "login", "ADMIN", " bss ", "reseller-plans", "manage"])
def test_words_of_the_platform_are_reserved(world: World, text: str) -> None:
    """RS-F19: "admin", "api" and "login" are `reserved`."""
    with scope(world.basic.scope):
        assert reason(text, world.basic.id) is AliasReason.RESERVED


def test_a_segment_the_platform_routes_is_reserved_once_it_is_told() -> None:
    assert "zzz-new-page" not in reserved_aliases()
    reserve_segments(["zzz-new-page"])
    assert "zzz-new-page" in reserved_aliases()


@pytest.mark.parametrize("text", ["abc", "a" * 40, "tech-2-you", " Fresh "])
def test_a_well_formed_free_alias_is_ok(world: World, text: str) -> None:
    with scope(world.basic.scope):
        assert reason(text, world.basic.id) is AliasReason.OK


def test_an_alias_is_stored_trimmed_and_in_lower_case(world: World, session: BoundSession) -> None:
    """RS-F17: "TechSolutions" is stored as techsolutions."""
    with scope(world.scope):
        stored = hold_alias(new_id(), "  BasicResale ", reseller_id=world.basic.id, at=MONDAY_NOON)
        found = session.scalar(select(Address.alias).where(Address.reseller_id == world.basic.id))

    assert stored == found == "basicresale"


def test_an_alias_in_use_is_refused_without_naming_its_holder(world: World) -> None:
    """RS-F20, SF-F2 (partly): an alias in use is refused, another is asked for, and nobody learns who has it."""
    with scope(world.basic.scope):
        answer = check_alias("TechSolutions", reseller_id=world.basic.id, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            hold_alias(new_id(), "TechSolutions", reseller_id=world.basic.id, at=MONDAY_NOON)

    assert (answer.alias, answer.available, answer.reason) == ("techsolutions", False, AliasReason.TAKEN)
    assert "choose another" in answer.sentence
    assert "Tech Solutions" not in answer.sentence + str(refusal.value)


def test_an_alias_held_by_another_resellers_order_is_taken(world: World) -> None:
    """RS-F21: an alias on another reseller's unexecuted order is `taken`."""
    with scope(world.basic.scope):
        hold_alias(new_id(), "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
    with scope(world.cloudia.scope):
        assert reason("sunrise", world.cloudia.id) is AliasReason.TAKEN
    with scope(world.scope):
        assert reason("sunrise", world.cloudia.id) is AliasReason.TAKEN


def test_the_same_alias_may_exist_under_two_distributors(world: World, session: BoundSession) -> None:
    """RS-F23: aliases are unique per distributor only."""
    other = make_world(session, name="Ostwind", host="cloud.ostwind.example")
    with scope(other.scope):
        assert reason("sunrise", other.basic.id) is AliasReason.OK
        hold_alias(new_id(), "sunrise", reseller_id=other.basic.id, at=MONDAY_NOON)
    with scope(world.scope):
        hold_alias(new_id(), "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)

    holders = session.scalars(select(Address.distributor_id).where(Address.alias == "sunrise")).all()
    assert set(holders) == {world.id, other.id}


def test_a_hold_moves_with_the_resellers_later_order(world: World, session: BoundSession) -> None:
    first, second = new_id(), new_id()
    with scope(world.basic.scope):
        hold_alias(first, "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
        later = MONDAY_NOON + timedelta(days=1)
        hold_alias(second, "sunrise", reseller_id=world.basic.id, at=later)
        rows = session.scalars(select(Address).where(Address.alias == "sunrise")).all()

    assert [(row.held_for_item_id, row.held_until) for row in rows] == [(second, later + HOLD)]


def test_another_alias_for_the_same_item_lets_the_first_go(world: World, session: BoundSession) -> None:
    item = new_id()
    with scope(world.basic.scope):
        hold_alias(item, "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
        hold_alias(item, "sunset", reseller_id=world.basic.id, at=MONDAY_NOON)

    assert session.scalars(select(Address.alias).where(Address.held_for_item_id == item)).all() == ["sunset"]


def test_cancelling_lets_the_alias_go(world: World, session: BoundSession) -> None:
    item = new_id()
    with scope(world.basic.scope):
        hold_alias(item, "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
        release_alias(item)
    with scope(world.cloudia.scope):
        assert reason("sunrise", world.cloudia.id) is AliasReason.OK


def test_a_live_alias_is_never_released_by_its_item(world: World, session: BoundSession) -> None:
    item = new_id()
    with scope(world.scope):
        live = session.scalars(select(Address).where(Address.alias == "techsolutions")).one()
        live.held_for_item_id = item
        session.flush()
        release_alias(item)
        kept = session.scalar(select(func.count()).select_from(Address).where(Address.alias == "techsolutions"))

    assert kept == 1


def test_a_hold_that_ran_out_can_be_taken_over_by_the_distributors_work(world: World, session: BoundSession) -> None:
    mine = new_id()
    after = MONDAY_NOON + HOLD
    with scope(world.basic.scope):
        hold_alias(new_id(), "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
    with scope(world.scope):
        hold_alias(mine, "sunrise", reseller_id=world.cloudia.id, at=after)
    row = session.scalars(select(Address).where(Address.alias == "sunrise")).one()

    assert (row.reseller_id, row.held_for_item_id) == (world.cloudia.id, mine)


def test_holds_that_ran_out_are_swept_and_others_stay(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        hold_alias(new_id(), "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
        hold_alias(new_id(), "sunset", reseller_id=world.cloudia.id, at=MONDAY_NOON + timedelta(days=1))
        released = release_expired_holds(MONDAY_NOON + HOLD)
        held = session.scalars(
            select(Address.alias).where(Address.state == AddressState.HELD, Address.distributor_id == world.id)
        ).all()

    assert (released, held) == (1, ["sunset"])


def test_a_retained_alias_is_kept_for_its_former_holder(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        row = session.scalars(select(Address).where(Address.alias == "cloudia")).one()
        row.state = AddressState.RETAINED
        session.flush()
        assert reason("cloudia", world.basic.id) is AliasReason.TAKEN
        assert reason("cloudia", world.cloudia.id) is AliasReason.OK
