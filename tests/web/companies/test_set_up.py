"""A company's Admin sets its sign-in up by itself: domain, provider, test, switch, rules."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.companies.models import DomainState
from app.identity.models import UserKind, UserType
from app.identity.oidc.ports import OutsideFailed
from app.identity.providers.models import ProviderState
from app.identity.providers.queries import list_providers
from tenants.context import scope
from tests.domain.identity.people import give_password, mailed
from tests.domain.identity.saml.test_metadata import metadata
from tests.factories.world import make_user
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    decide,
    domains_of,
    prove,
    root_place,
    rules_of,
)
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import CLIENT, ISSUER, add_provider, sent, sessions_in, shop_settings

OK, FOUND, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
CLAIMS = {"email_claim": "email", "first_name_claim": "given_name", "last_name_claim": "family_name"}
DETAILS = {
    **CLAIMS,
    "name": "Acme ID",
    "issuer": ISSUER,
    "client_id": CLIENT,
    "client_secret": "a very secret word",
    "scopes": "openid email profile",
}


def providers_of(world, place):
    with scope(world.scope):
        return list_providers(place.realm_id, account_id=place.account.id)


def actions(world):
    with scope(world.scope):
        return db_session.scalars(select(AuditEvent.action).order_by(AuditEvent.at)).all()


@pytest.fixture
def place(world, client):
    """The first customer of Tech Solutions, whose Admin is signed in."""
    found = alias_place(world)
    signed_in_browser(client, world, found.admin)
    return found


@pytest.mark.parametrize("where", [alias_place, root_place])
def test_a_company_sets_everything_up_by_itself(client, world, forger, records, where):
    """GO-14: self-service with a test button; at the root and under an alias."""
    place = where(world)
    signed_in_browser(client, world, place.admin)
    give_password(world, place.admin, place.realm_id)
    assert client.post(f"{place.page}/domains", data={"domain": " People.Example. "}).status_code == FOUND
    (domain,) = domains_of(world, place)
    assert (domain.domain, domain.state) == (DOMAIN, DomainState.PENDING)
    shown = client.get(place.page).text
    assert f"_sign-in-verification.{DOMAIN}" in shown
    assert f"sign-in-verification={domain.token}" in shown

    client.post(f"{place.page}/domains/{domain.id}/check")
    assert "not there yet" in client.get(place.page).text
    records.publish(domain)
    client.post(f"{place.page}/domains/{domain.id}/check")
    assert f"{DOMAIN} is proven" in client.get(place.page).text
    assert [each.state for each in domains_of(world, place)] == [DomainState.PROVEN]

    assert client.post(f"{place.page}/providers/openid", data=DETAILS).status_code == FOUND
    (made,) = providers_of(world, place)
    assert (made.state, made.account_id, made.is_visible) == (ProviderState.DRAFT, place.account.id, False)
    edit = client.get(f"{place.page}/providers/{made.id}/openid").text
    assert (f"/sso/{made.id}/callback" in edit, "a very secret word" in edit) == (True, False)

    client.post(f"{place.page}/providers/{made.id}/enable")
    assert "Run a test sign-in first" in client.get(place.page).text
    left = sent(client.get(f"{place.page}/providers/{made.id}/test"))
    forger.claims = forger.good(left["nonce"], department="Sales")
    before = len(sessions_in(world, place.realm_id))
    tested = client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})
    assert (tested.status_code, "department" in tested.text) == (OK, True)
    assert len(sessions_in(world, place.realm_id)) == before
    client.post(f"{place.page}/providers/{made.id}/enable")
    assert [each.state for each in providers_of(world, place)] == [ProviderState.ENABLED]

    decided = {
        "creates_users": "y",
        "default_roles": ["buyer"],
        "is_required": "y",
        "break_glass_user_id": str(place.admin.id),
    }
    assert client.post(f"{place.page}/rules", data=decided).status_code == FOUND
    rules = rules_of(world, place)
    assert (rules.creates_users, rules.default_roles, rules.is_required) == (True, ["buyer"], True)
    assert rules.break_glass_user_id == place.admin.id

    told = [mail.fields["what_changed"] for mail in mailed(world, "company_sign_in")]
    assert ["switched on signing in with Acme ID" in told[0], "switched passwords off" in told[1]] == [True, True]
    assert {
        "company_domain.added",
        "company_domain.proven",
        "provider.added",
        "provider.tested",
        "provider.enabled",
        "company_sign_in.rules",
    } <= set(actions(world))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a domain"),
        ("company", "Enter a domain"),
        ("com pany.com", "Enter a domain"),
        ("-company.com", "Enter a domain"),
        ("192.0.2.1", "Enter a domain"),
        ("a" * 64 + ".com", "Enter a domain"),
        (".".join(["a" * 60] * 5), "Enter a domain"),
        ("<script>alert(1)</script>.com", "Enter a domain"),
        ("gmail.com", "of your own"),
        ("GMail.com", "of your own"),
        ("sub.gmail.com", "of your own"),
        ("somebody@outlook.com", "of your own"),
        ("known.example", "in your list already"),
    ],
)
def test_a_wrong_domain_stores_nothing(client, world, place, typed, words):
    prove(world, place, "known.example")
    answer = client.post(f"{place.page}/domains", data={"domain": typed})
    assert (answer.status_code, words in answer.text) == (UNPROCESSABLE, True)
    assert len(domains_of(world, place)) == 1


def test_a_domain_in_another_script_is_kept_as_dns_writes_it(client, world, place):
    client.post(f"{place.page}/domains", data={"domain": "Όλυμπος.example"})
    assert [each.domain for each in domains_of(world, place)] == ["xn--wxacjdlo1c.example"]


def test_a_domain_belongs_to_one_account_of_a_storefront(client, world, place, records):
    """GO-14: proven by one alone, while its record stands; in another storefront it is another matter."""
    other = alias_place(world, 1)
    theirs = prove(world, other)
    client.post(f"{place.page}/domains", data={"domain": DOMAIN})
    (ours,) = domains_of(world, place)
    records.publish(ours)
    records.publish(theirs)
    client.post(f"{place.page}/domains/{ours.id}/check")
    shown = client.get(place.page).text
    assert ("Another account here has proven" in shown, other.account.name in shown) == (True, False)
    assert [each.state for each in domains_of(world, place)] == [DomainState.PENDING]

    records.texts.clear()
    records.publish(ours)
    client.post(f"{place.page}/domains/{ours.id}/check")
    assert [each.state for each in domains_of(world, place)] == [DomainState.PROVEN]
    assert [each.state for each in domains_of(world, other)] == [DomainState.LOST]
    assert [mail.to_email for mail in mailed(world, "company_sign_in")] == [other.admin.email]

    direct = root_place(world)
    signed_in_browser(client, world, direct.admin)
    client.post(f"{direct.page}/domains", data={"domain": DOMAIN})
    (at_root,) = domains_of(world, direct)
    records.publish(at_root)
    client.post(f"{direct.page}/domains/{at_root.id}/check")
    assert [each.state for each in domains_of(world, direct)] == [DomainState.PROVEN]


def test_silent_name_servers_change_nothing(client, world, place, records):
    domain = prove(world, place)
    records.is_silent = True
    client.post(f"{place.page}/domains/{domain.id}/check")
    assert "gave no answer" in client.get(place.page).text
    (kept,) = domains_of(world, place)
    assert (kept.state, kept.missing_since, kept.checked_at) == (DomainState.PROVEN, None, None)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("issuer", "nowhere"),
        ("issuer", "javascript:alert(1)"),
        ("client_id", ""),
        ("client_secret", ""),
        ("scopes", "email"),
        ("email_claim", ""),
    ],
)
def test_a_wrong_field_of_a_provider_stores_nothing(client, world, place, field, typed):
    answer = client.post(f"{place.page}/providers/openid", data={**DETAILS, field: typed})
    assert (answer.status_code, "field__error" in answer.text) == (UNPROCESSABLE, True)
    assert providers_of(world, place) == []


def test_a_saml_provider_is_added_by_its_metadata(client, world, place):
    answer = client.post(f"{place.page}/providers/saml", data={"name": "Acme", "metadata": "<html>"})
    assert (answer.status_code, providers_of(world, place)) == (UNPROCESSABLE, [])
    saved = client.post(
        f"{place.page}/providers/saml",
        data={**CLAIMS, "name": "Acme", "metadata": metadata("provider"), "trusts_email": "y"},
    )
    (made,) = providers_of(world, place)
    assert (saved.status_code, made.trusts_email, made.is_visible) == (FOUND, True, False)
    edit = f"{place.page}/providers/{made.id}/saml"
    shown = client.get(edit).text
    assert (f"/sso/{made.id}/saml/acs" in shown, "MetaData" in shown) == (True, False)
    assert client.post(edit, data={}).status_code == FOUND
    assert [each.trusts_email for each in providers_of(world, place)] == [True]
    assert client.post(edit, data={**CLAIMS, "metadata": ""}).status_code == FOUND
    assert [each.trusts_email for each in providers_of(world, place)] == [False]


def test_metadata_is_read_at_its_address(client, world, place, app):
    """And what cannot be read comes back at its field."""

    class Outside:
        def get_text(self, url):
            if url.endswith("/gone"):
                raise OutsideFailed("idp.example answered 404")
            return metadata("provider")

    app.config["SSO_OUTSIDE"] = Outside()
    typed = {**CLAIMS, "name": "Acme"}
    for url, words in (("https://idp.example/gone", "answered 404"), ("https://idp.example/" + "x" * 500, "Enter an")):
        answer = client.post(f"{place.page}/providers/saml", data={**typed, "metadata_url": url})
        assert (answer.status_code, words in answer.text, providers_of(world, place)) == (UNPROCESSABLE, True, [])
    client.post(f"{place.page}/providers/saml", data={**typed, "metadata_url": "https://idp.example/metadata"})
    app.config.pop("SSO_OUTSIDE")
    assert [each.metadata_url for each in providers_of(world, place)] == ["https://idp.example/metadata"]


def test_a_known_service_fills_the_form_in(client, place):
    text = client.get(f"{place.page}/providers/openid?preset=entra").text
    assert "login.microsoftonline.com" in text


def test_two_companies_may_call_their_providers_alike(client, world, place):
    """Else a name in use would tell of the other."""
    add_company_provider(world, alias_place(world, 1), name="Acme ID")
    add_provider(world, place.realm_id, name="acme id")
    assert client.post(f"{place.page}/providers/openid", data=DETAILS).status_code == FOUND
    again = client.post(f"{place.page}/providers/openid", data=DETAILS)
    assert (again.status_code, "has this name" in again.text) == (UNPROCESSABLE, True)


def test_one_provider_is_in_use_at_a_time(client, world, place, forger):
    first = add_company_provider(world, place, name="Old")
    second = add_company_provider(world, place, name="New", state=ProviderState.TESTED)
    client.post(f"{place.page}/providers/{second.id}/enable")
    states = {each.id: each.state for each in providers_of(world, place)}
    assert states == {first.id: ProviderState.DISABLED, second.id: ProviderState.ENABLED}


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"creates_users": "y"}, "default_roles"),
        ({"creates_users": "y", "default_roles": ["admin"]}, "default_roles"),
        ({"default_roles": ["storefront_manager"]}, "default_roles"),
        ({"is_required": "y", "break_glass_user_id": "nobody"}, "break_glass_user_id"),
        ({"is_required": "y"}, "break_glass_user_id"),
    ],
)
def test_wrong_rules_store_nothing(client, world, place, forger, typed, field):
    prove(world, place)
    add_company_provider(world, place)
    answer = client.post(f"{place.page}/rules", data=typed)
    assert (answer.status_code, f'id="{field}-error"' in answer.text) == (UNPROCESSABLE, True)
    assert rules_of(world, place) is None


def test_passwords_go_off_only_where_the_provider_can_let_people_in(client, world, place, forger):
    """And the kept Admin is one of the company, with a password."""
    give_password(world, place.admin, place.realm_id)
    give_password(world, world.tech.buyers[1], place.realm_id)
    wanted = {"is_required": "y", "break_glass_user_id": str(place.admin.id)}
    refused = client.post(f"{place.page}/rules", data=wanted)
    assert (refused.status_code, "switch a provider on first" in refused.text) == (UNPROCESSABLE, True)
    prove(world, place)
    add_company_provider(world, place)
    theirs = {**wanted, "break_glass_user_id": str(world.tech.buyers[1].id)}
    assert client.post(f"{place.page}/rules", data=theirs).status_code == UNPROCESSABLE
    assert rules_of(world, place) is None
    assert client.post(f"{place.page}/rules", data=wanted).status_code == FOUND


def test_what_passwords_have_started_ends_when_they_go_off(app, client, world, place, forger):
    """But for who switches, and for other companies' people."""
    give_password(world, place.admin, place.realm_id)
    prove(world, place)
    add_company_provider(world, place)
    with scope(world.scope):
        colleague = make_user(
            db_session(), place.account, kind=UserKind.END_CUSTOMER, realms=(place.realm_id,), type=UserType.USER,
            roles=("buyer",),
        )  # fmt: skip
        db_session.commit()
    for user in (colleague, world.tech.buyers[1], world.tech.admin):
        signed_in_browser(app.test_client(), world, user)
    client.post(f"{place.page}/rules", data={"is_required": "y", "break_glass_user_id": str(place.admin.id)})
    left = {each.user_id for each in sessions_in(world, place.realm_id)}
    assert left == {place.admin.id, world.tech.buyers[1].id, world.tech.admin.id}


def test_the_administrator_who_keeps_a_password_stays_one(client, world, place):
    """GO-14: nobody takes the glass away while passwords are off."""
    with scope(world.scope):
        keeper = make_user(db_session(), place.account, kind=UserKind.END_CUSTOMER, realms=(place.realm_id,))
        db_session.commit()
    decide(world, place, is_required=True, break_glass_user_id=keeper.id)
    users = f"{place.below}/account/users/{keeper.id}"
    client.post(f"{users}/deactivate")
    demoted = {"first_name": "A", "last_name": "B", "email": keeper.email, "type": "user", "roles": ["buyer"]}
    answer = client.post(users, data=demoted)
    assert "Choose another one" in answer.text
    with scope(world.scope):
        kept = db_session.merge(keeper)
        db_session.refresh(kept)
        assert (kept.type, kept.status.value) == (UserType.ADMIN, "active")


def test_a_domain_is_removed_unless_people_have_no_other_way_in(client, world, place):
    """The last one that is proven stays while passwords are off; else those who never had a password were out."""
    first, second = prove(world, place), prove(world, place, "acme.example")
    decide(world, place, is_required=True)
    client.post(f"{place.page}/domains/{second.id}/remove")
    client.post(f"{place.page}/domains/{first.id}/remove")
    assert "Let them use passwords first" in client.get(place.page).text
    assert [each.domain for each in domains_of(world, place)] == [DOMAIN]
    assert "company_domain.removed" in actions(world)


def test_where_the_owner_has_switched_it_off_nothing_is_changed(client, world, place, forger, records):
    domain = prove(world, place, state=DomainState.PENDING)
    provider = add_company_provider(world, place, state=ProviderState.TESTED)
    shop_settings(world, company_sign_in=False)
    assert "has switched single sign-on of companies off" in " ".join(client.get(place.page).text.split())
    records.publish(domain)
    client.post(f"{place.page}/domains", data={"domain": "another.example"})
    client.post(f"{place.page}/domains/{domain.id}/check")
    client.post(f"{place.page}/providers/openid", data={**DETAILS, "name": "Another"})
    client.post(f"{place.page}/providers/{provider.id}/enable")
    client.post(f"{place.page}/rules", data={"creates_users": "y", "default_roles": ["buyer"]})
    assert [each.state for each in domains_of(world, place)] == [DomainState.PENDING]
    assert [each.state for each in providers_of(world, place)] == [ProviderState.TESTED]
    assert (rules_of(world, place), records.asked) == (None, [])


def test_what_is_others_does_not_exist(client, world, place, forger, records):
    """Another company's domain and provider, the owner's, another storefront's: 404, and nothing is touched."""
    other = alias_place(world, 1)
    domain = prove(world, other)
    theirs = add_company_provider(world, other)
    owners = add_provider(world, place.realm_id)
    for each in (domain.id, new_id()):
        for action in ("check", "remove"):
            assert client.post(f"{place.page}/domains/{each}/{action}").status_code == NOT_FOUND
    for each in (theirs.id, owners.id, new_id()):
        base = f"{place.page}/providers/{each}"
        for view in ("openid", "saml", "test"):
            assert client.get(f"{base}/{view}").status_code == NOT_FOUND
        for action in ("enable", "disable", "delete", "openid", "saml"):
            assert client.post(f"{base}/{action}", data=DETAILS).status_code == NOT_FOUND
    assert [each.state for each in providers_of(world, other)] == [ProviderState.ENABLED]
    assert len(domains_of(world, other)) == 1
    assert records.asked == []


def test_a_resellers_staff_and_simple_users_do_not_come_here(client, world, place):
    with scope(world.scope):
        buyer = make_user(
            db_session(), place.account, kind=UserKind.END_CUSTOMER, realms=(place.realm_id,), type=UserType.USER,
            roles=("buyer", "billing_agent"),
        )  # fmt: skip
        db_session.commit()
    for user, realm, page in (
        (buyer, None, place.page),
        (world.tech.admin, None, place.page),
        (world.tech.admin, world.root.id, "/account/single-sign-on"),
        (world.basic.admin, None, "/account/single-sign-on"),
    ):
        signed_in_browser(client, world, user, realm=realm)
        assert client.get(page).status_code == FORBIDDEN
        assert client.post(f"{page}/domains", data={"domain": "company.example"}).status_code == FORBIDDEN
    assert domains_of(world, place) == []
