"""Codes of an app, of a mail and of a drawer; browsers that are trusted; sign-ins that are remembered."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, update

from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.core.db import session
from app.core.secrets import decrypt
from app.identity.challenges import answer_code, answer_new_password, find_step, send_again
from app.identity.devices import is_trusted
from app.identity.errors import ChallengeEnded, CodeRefused, TooSoon
from app.identity.models import Credential, RecoveryCode, SignInStep, UserSession
from app.identity.realms import open_realm
from app.identity.recovery import replace_expired_password
from app.identity.remembered import forget_all, resume
from app.identity.second_factor import begin_app, confirm_app, count_recovery_codes, has_app, new_recovery_codes
from app.identity.sign_in import Challenged, SignedIn
from tenants.context import alias_visitor_scope, direct_business_scope, root_visitor_scope, scope
from tenants.settings import (
    DistributorSettings,
    StorefrontSettings,
    save_distributor_settings,
    save_storefront_settings,
)
from tests.domain.identity.people import PASSWORD, give_password, mailed, try_sign_in, visit
from tests.factories.world import MONDAY_NOON

LATER = MONDAY_NOON + timedelta(minutes=5)


@pytest.fixture
def shop(world):
    """Tech Solutions' storefront asks its customers for a mailed code."""
    give_password(world, world.tech.buyers[0], world.tech.storefront.id)
    with scope(world.tech.scope):
        save_storefront_settings(
            world.tech.storefront.id,
            StorefrontSettings(second_factor_by_mail=True),
            reseller_id=world.tech.id,
            at=MONDAY_NOON,
        )
        session.commit()
    return world.tech.storefront.id


def as_customer(world):
    return scope(alias_visitor_scope(world.id, world.tech.id))


def mailed_code(world) -> str:
    return decrypt(mailed(world, "sign_in_code")[-1].fields["sign_in_code"])


def knock(world, realm_id, **more) -> SignedIn | Challenged | None:
    return try_sign_in(world, realm_id, world.tech.buyers[0].email, **more)


def answer(world, realm_id, token, code, at=MONDAY_NOON, *, trust=False, device=None):
    with as_customer(world):
        found = answer_code(realm_id, token, code, visit(at, device), trust=trust)
        session.commit()
        return found


def sessions_in(world, realm_id) -> int:
    with scope(world.scope), open_realm(realm_id):
        return len(session.scalars(select(UserSession)).all())


def test_a_right_password_asks_for_the_mailed_code(world, shop):
    """SF-F23 (partly): correct local credentials ask for a mailed code; no session before it."""
    found = knock(world, shop)
    assert isinstance(found, Challenged)
    assert found.step is SignInStep.MAIL_CODE
    assert sessions_in(world, shop) == 0
    assert isinstance(answer(world, shop, found.token, mailed_code(world)), SignedIn)
    assert sessions_in(world, shop) == 1


def test_a_wrong_password_mails_no_code(world, shop):
    assert knock(world, shop, password="Wrong-Harbour-42") is None
    assert mailed(world, "sign_in_code") == []


def test_five_wrong_codes_end_the_sign_in_and_count_as_a_wrong_password(world, shop):
    found = knock(world, shop)
    for _ in range(5):
        assert answer(world, shop, found.token, "000000" if mailed_code(world) != "000000" else "111111") is None
    with pytest.raises(ChallengeEnded):
        answer(world, shop, found.token, mailed_code(world))
    with scope(world.scope), open_realm(shop):
        assert session.scalars(select(Credential.failed_tries)).one() == 1
    assert sessions_in(world, shop) == 0


def test_a_code_is_valid_for_ten_minutes(world, shop):
    found = knock(world, shop)
    with pytest.raises(ChallengeEnded):
        answer(world, shop, found.token, mailed_code(world), MONDAY_NOON + timedelta(minutes=10))


def test_a_challenge_of_one_realm_opens_no_other(world, shop):
    found = knock(world, shop)
    with scope(root_visitor_scope(world.id)), pytest.raises(ChallengeEnded):
        find_step(world.root.id, found.token, at=MONDAY_NOON)


def test_another_code_comes_after_a_minute_and_three_times(world, shop):
    found = knock(world, shop)
    at = MONDAY_NOON
    with as_customer(world):
        with pytest.raises(TooSoon):
            send_again(shop, found.token, at=at + timedelta(seconds=59))
        for _ in range(3):
            at += timedelta(seconds=60)
            send_again(shop, found.token, at=at)
        with pytest.raises(TooSoon):
            send_again(shop, found.token, at=at + timedelta(seconds=60))
        session.commit()
    first, *_, last = [decrypt(mail.fields["sign_in_code"]) for mail in mailed(world, "sign_in_code")]
    if first != last:
        assert answer(world, shop, found.token, first, at) is None
    assert isinstance(answer(world, shop, found.token, last, at), SignedIn)


def test_a_trusted_browser_is_not_asked_for_30_days(world, shop):
    signed_in = answer(world, shop, knock(world, shop).token, mailed_code(world), trust=True)
    within, after = MONDAY_NOON + timedelta(days=29), MONDAY_NOON + timedelta(days=30)
    assert isinstance(knock(world, shop, device=signed_in.device, at=within), SignedIn)
    assert isinstance(knock(world, shop, device=signed_in.device, at=after), Challenged)
    assert isinstance(knock(world, shop, device="somebody-else's", at=within), Challenged)
    with as_customer(world):
        assert not is_trusted(shop, world.tech.buyers[1].id, signed_in.device, at=within)


def test_a_browser_not_seen_before_is_told_by_mail_but_not_the_first(world):
    give_password(world, world.direct_buyer, world.root.id)
    first = try_sign_in(world, world.root.id, world.direct_buyer.email)
    assert mailed(world, "new_device") == []
    try_sign_in(world, world.root.id, world.direct_buyer.email, device=first.device)
    assert mailed(world, "new_device") == []
    try_sign_in(world, world.root.id, world.direct_buyer.email)
    (mail,) = mailed(world, "new_device")
    assert (mail.to_email, mail.fields["address"]) == (world.direct_buyer.email, "192.0.2.7")


@pytest.fixture
def app_secret(world):
    """A BSS user with an authenticator app."""
    give_password(world, world.bss_user, world.id)
    with scope(world.scope):
        secret = begin_app(world.id, world.bss_user.id, at=MONDAY_NOON)
        codes = confirm_app(
            world.id, world.bss_user.id, pyotp.TOTP(secret).at(MONDAY_NOON), actor=SYSTEM, at=MONDAY_NOON
        )
        session.commit()
    assert len(codes) == 10
    return secret


def to_bss(world, token, code, at=LATER):
    with scope(root_visitor_scope(world.id)):
        found = answer_code(world.id, token, code, visit(at), trust=False)
        session.commit()
        return found


def test_an_app_is_asked_for_its_code_which_opens_once(world, app_secret):
    code = pyotp.TOTP(app_secret).at(LATER)
    first = try_sign_in(world, world.id, world.bss_user.email, at=LATER)
    assert first.step is SignInStep.APP_CODE
    assert isinstance(to_bss(world, first.token, code), SignedIn)
    second = try_sign_in(world, world.id, world.bss_user.email, at=LATER)
    assert to_bss(world, second.token, code) is None


def test_the_code_of_the_set_up_does_not_open_the_door(world, app_secret):
    found = try_sign_in(world, world.id, world.bss_user.email, at=MONDAY_NOON)
    assert to_bss(world, found.token, pyotp.TOTP(app_secret).at(MONDAY_NOON), MONDAY_NOON) is None


def test_a_telephones_clock_may_be_half_a_minute_off_and_no_more(world, app_secret):
    found = try_sign_in(world, world.id, world.bss_user.email, at=LATER)
    totp = pyotp.TOTP(app_secret)
    for seconds in (-90, 90):
        assert to_bss(world, found.token, totp.at(LATER + timedelta(seconds=seconds))) is None
    assert isinstance(to_bss(world, found.token, totp.at(LATER - timedelta(seconds=30))), SignedIn)


def test_a_recovery_code_stands_in_once(world, app_secret):
    with scope(world.scope):
        code, *_ = new_recovery_codes(world.id, world.bss_user.id, at=MONDAY_NOON)
        session.commit()
    for expected in (True, False):
        found = try_sign_in(world, world.id, world.bss_user.email, at=LATER)
        assert isinstance(to_bss(world, found.token, code.upper()), SignedIn) is expected
    with scope(world.scope):
        assert count_recovery_codes(world.id, world.bss_user.id) == 9
        with open_realm(world.id):
            stored = session.scalars(select(RecoveryCode.code_digest)).all()
    assert code.replace("-", "") not in "".join(stored)


def test_an_app_is_confirmed_by_a_code_only(world):
    with scope(world.scope):
        begin_app(world.id, world.bss_user.id, at=MONDAY_NOON)
        for wrong in ("", "12345", "abcdef", "٠١٢٣٤٥", "000000"):
            with pytest.raises(CodeRefused):
                confirm_app(world.id, world.bss_user.id, wrong, actor=SYSTEM, at=MONDAY_NOON)
        assert not has_app(world.id, world.bss_user.id)


def test_a_realm_may_require_an_app_or_know_none(world, app_secret):
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(bss_second_factor="off"))
        session.commit()
    assert isinstance(try_sign_in(world, world.id, world.bss_user.email, at=LATER), SignedIn)
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(bss_second_factor="required"))
        session.commit()
    found = try_sign_in(world, world.id, world.bss_user.email, at=LATER)
    assert found.step is SignInStep.APP_CODE


def test_where_an_app_is_required_it_is_set_up_before_anything_opens(world):
    give_password(world, world.bss_user, world.id)
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(bss_second_factor="required"))
        session.commit()
    found = try_sign_in(world, world.id, world.bss_user.email)
    assert found.step is SignInStep.SET_UP_APP
    assert sessions_in(world, world.id) == 0


def test_an_expired_password_is_replaced_before_anything_opens(world):
    """SF-F25 (partly): correct credentials with an expired password lead to a new one, not to a session."""
    give_password(world, world.direct_buyer, world.root.id)
    with scope(direct_business_scope(world.id)):
        save_storefront_settings(world.root.id, StorefrontSettings(password_days=30), reseller_id=None, at=MONDAY_NOON)
        session.commit()
    late = MONDAY_NOON + timedelta(days=30)
    assert isinstance(
        try_sign_in(world, world.root.id, world.direct_buyer.email, at=late - timedelta(seconds=1)), SignedIn
    )
    found = try_sign_in(world, world.root.id, world.direct_buyer.email, at=late)
    assert found.step is SignInStep.NEW_PASSWORD
    with scope(root_visitor_scope(world.id)):
        replace_expired_password(world.root.id, world.direct_buyer.id, "Green-Harbour-43", at=late)
        assert isinstance(answer_new_password(world.root.id, found.token, visit(late)), SignedIn)
        session.commit()
    again = try_sign_in(world, world.root.id, world.direct_buyer.email, "Green-Harbour-43", at=late)
    assert isinstance(again, SignedIn)
    assert try_sign_in(world, world.root.id, world.direct_buyer.email, PASSWORD, at=late) is None


@pytest.fixture
def remembered(world):
    give_password(world, world.direct_buyer, world.root.id)
    return try_sign_in(world, world.root.id, world.direct_buyer.email, is_remembered=True).remember


def come_back(world, secret, at=LATER, device=None):
    with scope(root_visitor_scope(world.id)):
        found = resume(world.root.id, secret, device=device, at=at, address=None, browser=None)
        session.commit()
        return found


def test_a_remembered_browser_comes_back_with_a_new_secret_each_time(world, remembered):
    """BC-28: remember-me rotates."""
    first = come_back(world, remembered)
    second = come_back(world, first.remember, LATER + timedelta(hours=1))
    assert len({remembered, first.remember, second.remember}) == 3


def test_coming_back_is_logged_like_a_sign_in(world, remembered):
    """BC-30: logged events are also each way in."""
    come_back(world, remembered)
    with scope(world.scope):
        told = session.scalars(select(AuditEvent).where(AuditEvent.action == "sign_in.resumed")).one()
    assert (told.at, told.actor_id, told.target_id) == (LATER, world.direct_buyer.id, world.direct_buyer.id)


def test_two_pages_asked_for_at_once_both_open(world, remembered):
    assert come_back(world, remembered).remember is not None
    found = come_back(world, remembered, LATER + timedelta(seconds=5))
    assert (found is not None, found.remember) == (True, None)


def test_a_copied_secret_ends_everything_that_was_remembered(world, remembered):
    """Somebody shows a secret that has been changed already: there are two of them."""
    following = come_back(world, remembered).remember
    assert come_back(world, remembered, LATER + timedelta(hours=1)) is None
    assert come_back(world, following, LATER + timedelta(hours=1)) is None
    assert sessions_in(world, world.root.id) == 0


def test_a_remembered_browser_signs_in_when_the_password_has_expired(world, remembered):
    """SF-F25, BC-28: staying signed in stands in for the password, not for what comes after it."""
    with scope(direct_business_scope(world.id)):
        save_storefront_settings(world.root.id, StorefrontSettings(password_days=30), reseller_id=None, at=MONDAY_NOON)
        session.commit()
    assert come_back(world, remembered, MONDAY_NOON + timedelta(days=29)) is not None
    again = try_sign_in(world, world.root.id, world.direct_buyer.email, is_remembered=True, at=MONDAY_NOON).remember
    with scope(world.scope), open_realm(world.root.id):
        session.execute(update(Credential).values(changed_at=MONDAY_NOON - timedelta(days=10)))
        session.commit()
    assert come_back(world, again, MONDAY_NOON + timedelta(days=21)) is None


def test_a_remembered_sign_in_ends_after_30_days_with_the_password_and_in_other_realms(world, remembered):
    assert come_back(world, remembered, MONDAY_NOON + timedelta(days=30)) is None
    with scope(alias_visitor_scope(world.id, world.tech.id)):
        found = resume(world.tech.storefront.id, remembered, device=None, at=LATER, address=None, browser=None)
    assert found is None
    with scope(root_visitor_scope(world.id)):
        forget_all(world.root.id, world.direct_buyer.id)
        session.commit()
    assert come_back(world, remembered) is None


def test_a_remembered_browser_is_no_second_factor(world, remembered):
    """BC-28: remember-me does not skip the code unless the device is trusted."""
    with scope(direct_business_scope(world.id)):
        save_storefront_settings(
            world.root.id, StorefrontSettings(second_factor_by_mail=True), reseller_id=None, at=MONDAY_NOON
        )
        session.commit()
    assert come_back(world, remembered) is None


def test_wrong_codes_count_on_when_somebody_starts_anew(world, shop):
    """SF-12: five wrong codes are a wrong password, in however many sign-ins: a known password opens no guessing."""
    for _ in range(3):
        found = knock(world, shop)
        assert isinstance(found, Challenged)
        for _ in range(2):
            if failed_tries(world, shop) == 0:
                answer(world, shop, found.token, wrong_code(world))
    assert failed_tries(world, shop) == 1


def test_a_day_later_wrong_codes_are_forgotten(world, shop):
    """SF-12: a slip of last week is not held against anybody."""
    first = knock(world, shop)
    for _ in range(4):
        answer(world, shop, first.token, wrong_code(world))

    later = MONDAY_NOON + timedelta(days=1, minutes=1)
    found = knock(world, shop, at=later)
    answer(world, shop, found.token, wrong_code(world), at=later)

    assert failed_tries(world, shop) == 0


def wrong_code(world) -> str:
    return "000000" if mailed_code(world) != "000000" else "111111"


def failed_tries(world, shop) -> int:
    with as_customer(world), open_realm(shop):
        return session.scalars(select(Credential.failed_tries).where(Credential.realm_id == shop)).one()
