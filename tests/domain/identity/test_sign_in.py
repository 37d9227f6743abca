from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event as db_event
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.identity.errors import PasswordRefused
from app.identity.models import Credential, UserStatus
from app.identity.realms import open_realm
from app.identity.services import deactivate_user, reset_access, unlock_user
from app.identity.sessions import ABSOLUTE, IDLE, end_session, find_session, touch_session
from tenants.context import alias_visitor_scope, scope
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.people import PASSWORD, give_password, mailed, try_sign_in
from tests.factories.world import MONDAY_NOON, World


def wrong(world: World, realm_id, email: str, times: int, *, at=MONDAY_NOON) -> None:
    for _ in range(times):
        assert try_sign_in(world, realm_id, email, "Wrong-Harbour-42", at=at) is None


def test_staff_enter_their_alias_with_the_password_of_the_root(world: World) -> None:
    """RS-F26, SF-F4: Reseller logs in at the alias with its existing password."""
    give_password(world, world.tech.admin, world.root.id)

    assert try_sign_in(world, world.root.id, world.tech.admin.email) is not None
    assert try_sign_in(world, world.tech.storefront.id, world.tech.admin.email) is not None


def test_staff_do_not_enter_another_resellers_alias(world: World) -> None:
    give_password(world, world.tech.admin, world.root.id)

    assert try_sign_in(world, world.cloudia.storefront.id, world.tech.admin.email) is None


def test_customers_enter_their_resellers_alias_alone(world: World) -> None:
    """RS-F68 (partly): not at the parent, not at another alias."""
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)

    assert try_sign_in(world, world.tech.storefront.id, buyer.email) is not None
    assert try_sign_in(world, world.root.id, buyer.email) is None
    assert try_sign_in(world, world.cloudia.storefront.id, buyer.email) is None
    assert try_sign_in(world, world.id, buyer.email) is None


def test_back_office_people_do_not_enter_the_storefront(world: World) -> None:
    give_password(world, world.bss_user, world.id)

    assert try_sign_in(world, world.id, world.bss_user.email) is not None
    assert try_sign_in(world, world.root.id, world.bss_user.email) is None


def test_address_is_compared_without_case_and_spaces(world: World) -> None:
    give_password(world, world.direct_buyer, world.root.id)

    assert try_sign_in(world, world.root.id, f"  {world.direct_buyer.email.upper()} ") is not None


def test_fourth_wrong_password_in_a_row_locks_for_half_an_hour(world: World) -> None:
    """RS-F71, SF-F22: More than three wrong passwords in a row lock the user; reset unlocks."""
    buyer = world.tech.buyers[0]
    realm_id = world.tech.storefront.id
    give_password(world, buyer, realm_id)

    wrong(world, realm_id, buyer.email, 3)
    assert mailed(world, "user_locked") == []
    wrong(world, realm_id, buyer.email, 1)

    assert try_sign_in(world, realm_id, buyer.email) is None
    assert try_sign_in(world, realm_id, buyer.email, at=MONDAY_NOON + timedelta(minutes=29)) is None
    (mail,) = mailed(world, "user_locked")
    assert (mail.to_email, mail.sender_reseller_id) == (buyer.email, world.tech.id)
    assert try_sign_in(world, realm_id, buyer.email, at=MONDAY_NOON + timedelta(minutes=31)) is not None


def test_three_wrong_passwords_and_a_right_one_start_the_count_anew(world: World) -> None:
    give_password(world, world.direct_buyer, world.root.id)

    wrong(world, world.root.id, world.direct_buyer.email, 3)
    assert try_sign_in(world, world.root.id, world.direct_buyer.email) is not None
    wrong(world, world.root.id, world.direct_buyer.email, 3)

    assert try_sign_in(world, world.root.id, world.direct_buyer.email) is not None


def test_admins_reset_unlocks(world: World) -> None:
    """RS-F71, SF-F22: an Admin's reset unlocks."""
    buyer = world.tech.buyers[0]
    realm_id = world.tech.storefront.id
    give_password(world, buyer, realm_id)
    wrong(world, realm_id, buyer.email, 4)

    with scope(world.tech.scope):
        url = reset_access(buyer.id, realm_id=realm_id, actor=OPERATOR, at=MONDAY_NOON)

    assert f"/{world.tech.alias}/password/" in url
    assert [mail.to_email for mail in mailed(world, "password_reset")] == [buyer.email]
    assert try_sign_in(world, realm_id, buyer.email) is not None


def test_tries_while_locked_are_not_counted_and_send_no_more_mail(world: World) -> None:
    buyer = world.tech.buyers[0]
    realm_id = world.tech.storefront.id
    give_password(world, buyer, realm_id)

    wrong(world, realm_id, buyer.email, 12)

    with scope(world.scope), open_realm(realm_id):
        credential = db_session.scalars(select(Credential).where(Credential.user_id == buyer.id)).one()
    assert credential.failed_tries == 4
    assert len(mailed(world, "user_locked")) == 1


def test_lock_at_the_root_holds_at_the_alias(world: World) -> None:
    give_password(world, world.tech.admin, world.root.id)

    wrong(world, world.root.id, world.tech.admin.email, 2)
    wrong(world, world.tech.storefront.id, world.tech.admin.email, 2)

    assert try_sign_in(world, world.root.id, world.tech.admin.email) is None


def test_back_office_locks_after_five_and_longer_each_time(world: World) -> None:
    """BC-F7: After 5 wrong passwords the sixth attempt fails even with the right password; an administrator can unlock."""
    email = world.bss_user.email
    give_password(world, world.bss_user, world.id)

    wrong(world, world.id, email, 5)
    assert try_sign_in(world, world.id, email) is None
    later = MONDAY_NOON + timedelta(minutes=16)
    wrong(world, world.id, email, 5, at=later)
    assert try_sign_in(world, world.id, email, at=later + timedelta(minutes=16)) is None
    with scope(world.scope):
        unlock_user(world.bss_user.id, actor=OPERATOR, at=later)

    assert try_sign_in(world, world.id, email, at=later) is not None


@pytest.mark.parametrize("email", ["nobody@nowhere.example", "x" * 300])
def test_unknown_address_costs_one_verification_too(world: World, monkeypatch, email: str) -> None:
    verified = []
    give_password(world, world.direct_buyer, world.root.id)
    real = PasswordHasher.verify

    def counting(self, stored, password):
        verified.append(stored)
        return real(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    assert try_sign_in(world, world.root.id, email) is None
    wrong(world, world.root.id, world.direct_buyer.email, 1)

    unknown, known = verified
    assert unknown.rsplit("$", 2)[0] == known.rsplit("$", 2)[0]  # same algorithm, memory, time, lanes


def test_session_ends_after_an_hour_idle_and_half_a_day_in_all(world: World) -> None:
    realm_id = world.tech.storefront.id
    buyer = world.tech.buyers[0]
    give_password(world, buyer, realm_id)
    signed_in = try_sign_in(world, realm_id, buyer.email)

    with scope(alias_visitor_scope(world.id, world.tech.id)):
        last = MONDAY_NOON + IDLE - timedelta(seconds=1)
        assert find_session(realm_id, signed_in.token, at=last) is not None
        assert find_session(realm_id, signed_in.token, at=MONDAY_NOON + IDLE) is None
        touch_session(realm_id, signed_in.session_id, at=MONDAY_NOON + ABSOLUTE - timedelta(minutes=2))
        assert find_session(realm_id, signed_in.token, at=MONDAY_NOON + ABSOLUTE - timedelta(seconds=1)) is not None
        assert find_session(realm_id, signed_in.token, at=MONDAY_NOON + ABSOLUTE) is None


def test_session_of_one_alias_means_nothing_at_another(world: World) -> None:
    """RS-F98 (partly): the row is found in its own realm only."""
    realm_id = world.tech.storefront.id
    give_password(world, world.tech.admin, world.root.id)
    signed_in = try_sign_in(world, realm_id, world.tech.admin.email)

    with scope(world.scope):
        assert find_session(realm_id, signed_in.token, at=MONDAY_NOON) is not None
        assert find_session(world.cloudia.storefront.id, signed_in.token, at=MONDAY_NOON) is None
        assert find_session(world.root.id, signed_in.token, at=MONDAY_NOON) is None


def test_signing_out_ends_the_session(world: World) -> None:
    give_password(world, world.direct_buyer, world.root.id)
    signed_in = try_sign_in(world, world.root.id, world.direct_buyer.email)

    with scope(world.scope):
        end_session(world.root.id, signed_in.session_id)

        assert find_session(world.root.id, signed_in.token, at=MONDAY_NOON) is None


def test_session_and_its_person_are_read_in_one_statement(world: World, connection) -> None:
    give_password(world, world.tech.admin, world.root.id)
    signed_in = try_sign_in(world, world.root.id, world.tech.admin.email)
    statements = []

    def note(_connection, _cursor, statement, *_more):
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            statements.append(statement)

    with scope(world.scope):
        db_event.listen(connection, "before_cursor_execute", note)
        facts = find_session(world.root.id, signed_in.token, at=MONDAY_NOON)
        db_event.remove(connection, "before_cursor_execute", note)

    assert len(statements) == 1
    assert (facts.user_id, facts.edition, facts.own_storefront_id) == (
        world.tech.admin.id,
        "standard",
        world.tech.storefront.id,
    )


def test_deactivation_ends_all_sessions_at_once(world: World) -> None:
    """BC-F8 (partly): the session of a disabled user is gone with the next request."""
    give_password(world, world.tech.admin, world.root.id)
    at_root = try_sign_in(world, world.root.id, world.tech.admin.email)
    at_alias = try_sign_in(world, world.tech.storefront.id, world.tech.admin.email)

    with scope(world.scope):
        user = deactivate_user(world.tech.admin.id, actor=OPERATOR, at=MONDAY_NOON)
        assert user.status is UserStatus.INACTIVE
        assert find_session(world.root.id, at_root.token, at=MONDAY_NOON) is None
        assert find_session(world.tech.storefront.id, at_alias.token, at=MONDAY_NOON) is None
    assert try_sign_in(world, world.root.id, world.tech.admin.email, PASSWORD) is None


def test_none_of_the_last_five_passwords_comes_back(world: World) -> None:
    """SF-F24: A password violating the policy is refused with the unmet rules; one of the last 5 is refused."""
    buyer = world.direct_buyer
    rotation = [f"Blue-Harbour-{number}x" for number in range(6)]
    for each in rotation:
        give_password(world, buyer, world.root.id, each)

    for each in rotation[1:]:
        with pytest.raises(PasswordRefused) as refused:
            give_password(world, buyer, world.root.id, each)
        assert refused.value.codes == ("used_before",)
    assert try_sign_in(world, world.root.id, buyer.email, rotation[5]) is not None
    give_password(world, buyer, world.root.id, rotation[0])
    assert try_sign_in(world, world.root.id, buyer.email, rotation[0]) is not None


def test_lock_is_told_in_the_audit_trail_with_the_address(world: World) -> None:
    give_password(world, world.direct_buyer, world.root.id)

    wrong(world, world.root.id, world.direct_buyer.email, 4)

    with scope(world.scope):
        found = db_session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert sorted(each.action for each in found) == ["sign_in.failed"] * 4 + ["user.locked"]
    (event,) = (each for each in found if each.action == "user.locked")
    assert (event.target_id, event.address) == (world.direct_buyer.id, "192.0.2.7")
