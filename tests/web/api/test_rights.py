"""What ends a program's rights besides its own end: its plan, its person; and whom its records are hidden from."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.api.callers import CALLS
from app.audit.services import SYSTEM, Actor
from app.catalogue.models import BillingCycle, Term
from app.core.clock import utc_now
from app.core.ids import new_id
from app.core.queue import redis_connection
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope
from app.identity.api_clients.notices import tell_of_ends
from app.identity.api_clients.services import NewApiClient, create_client, revoke_client, rotate_secret
from app.identity.models import UserKind, UserStatus, UserType
from app.identity.services import deactivate_user
from app.notifications.models import OutboundMail
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.web.surfaces import Surface
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, make_product, make_user
from tests.web.api.conftest import EVERYTHING, Caller, Program, ask_token, bearer, refused


@pytest.fixture
def plan(session, world) -> Subscription:
    """The plan behind Tech Solutions' storefront, Active."""
    with scope(world.scope):
        product = make_product(session, world.plan_type, "Standard storefront", plan_edition="standard")
        made = Subscription(
            id=new_id(), reseller_id=world.tech.id, account_id=world.tech.id, payer_id=world.tech.id, code="SUB-PLAN",
            product_id=product.id, friendly_name="Standard", quantity=1, term=Term.P1M, cycle=BillingCycle.MONTHLY,
            unit_price=0, currency="EUR", status=SubscriptionStatus.ACTIVE, plan_edition="standard", created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(made)
        session.commit()
    return made


def become(session, world, plan, status) -> None:
    with scope(world.scope):
        session.execute(update(Subscription).where(Subscription.id == plan.id).values(status=status))
        session.commit()


@pytest.mark.parametrize(
    "status", [SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED, SubscriptionStatus.SUSPENDED]
)
def test_a_dead_plan_answers_401_at_once(client, session, world, program, shop, plan, status):
    """RS-F35: a token issued before the plan ended answers 401 after it, also while the storefront still answers."""
    headers = bearer(client, program)
    assert client.get(f"{program.base}/me", headers=headers).status_code == 200
    become(session, world, plan, status)
    assert client.get("/techsolutions/").status_code in (200, 302, 303)
    assert client.get(f"{program.base}/me", headers=headers).status_code == 401
    refused(shop.get("/orders"), 401, "", "invalid_credentials")
    refused(shop.post("/orders", {"customer_id": str(world.tech.customers[0].id)}), 401)
    assert ask_token(client, program).json["error"] == "invalid_client"


def test_a_plan_that_runs_out_later_still_answers(session, world, shop, plan):
    become(session, world, plan, SubscriptionStatus.PENDING_CANCELLATION)
    assert shop.get("/me").status_code == 200


def test_a_new_plan_after_an_old_one_answers(session, world, shop, plan):
    with scope(world.scope):
        old = Subscription(
            id=new_id(), reseller_id=world.tech.id, account_id=world.tech.id, payer_id=world.tech.id, code="SUB-OLD",
            product_id=plan.product_id, friendly_name="Free", quantity=1, term=Term.P1M, cycle=BillingCycle.MONTHLY,
            unit_price=0, currency="EUR", status=SubscriptionStatus.CANCELED, plan_edition="free", created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(old)
        session.commit()
    assert shop.get("/me").status_code == 200


def acting_for(client, session, world, roles: tuple[str, ...]) -> tuple[Caller, object]:
    """Return a program of the back office that acts for somebody with these roles, and the person."""
    with scope(world.scope):
        person = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=roles, first_name="Sue"
        )
        actor = Actor(person.id, person.full_name)
        new = NewApiClient("Desk", ApiClientKind.API_KEY, EVERYTHING)
        made = create_client(world.id, new, actor=actor, at=utc_now())
        session.commit()
    return Caller(client, Program(made.client.id, made.client.public_id, made.secret, world.id, "/bss/api/v1")), person


READS = {
    ApiScope.ACCOUNTS_READ: "/accounts",
    ApiScope.INVOICES_READ: "/invoices",
    ApiScope.ORDERS_READ: "/orders",
    ApiScope.PRODUCTS_READ: "/products",
    ApiScope.SUBSCRIPTIONS_READ: "/subscriptions",
}


def test_without_the_right_to_invoices_there_are_none_by_api(client, session, world):
    """BC-F10 (partly): a person whose roles lack the view of invoices gets none by API, whatever its program's scopes say."""
    support, _ = acting_for(client, session, world, ("support",))
    refused(support.get("/invoices"), 403, "", "insufficient_scope")
    refused(support.get("/invoices/INV-1"), 403)
    assert support.get("/accounts").status_code == 200
    refused(support.post("/accounts", {"name": "X"}), 403)
    billing, _ = acting_for(client, session, world, ("billing",))
    assert billing.get("/invoices").status_code == 200


@pytest.mark.parametrize("role", ["product_manager", "sales", "billing", "operations", "support", "read_only"])
def test_a_program_does_no_more_than_its_person(client, session, world, role):
    """BC-32: roles of the API user apply: scopes by role, as the rights table says."""
    from app.identity.api_clients.checks import NEEDED_RIGHT  # noqa: PLC0415 - the table that is proven
    from app.identity.permissions import permissions_of  # noqa: PLC0415

    caller, _ = acting_for(client, session, world, (role,))
    rights = permissions_of(UserKind.BSS, UserType.USER, (role,))
    assert set(caller.get("/me").json["scopes"]) == {each.value for each in ApiScope if NEEDED_RIGHT[each] in rights}
    for needed, path in READS.items():
        assert caller.get(path).status_code == (200 if NEEDED_RIGHT[needed] in rights else 403)


def test_executing_takes_the_right_to_execute(client, session, world):
    from app.identity.permissions import Permission  # noqa: PLC0415 - beside the one test that needs it

    desk, person = acting_for(client, session, world, ("sales",))
    made = desk.post(
        "/orders",
        {
            "account_id": str(world.direct.id),
            "items": [{"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}],
        },
    )
    number = made.json["number"]
    assert desk.post(f"/orders/{number}/submit").status_code == 200
    from app.identity.models import SignInName  # noqa: PLC0415

    with scope(distributor_scope(world.id).in_realm(world.id)):
        rights = [Permission.BSS_ORDERS_VIEW.value, Permission.BSS_ORDERS_EDIT.value]
        session.execute(update(SignInName).where(SignInName.user_id == person.id).values(roles=[], rights=rights))
        session.commit()
    refused(desk.post(f"/orders/{number}/execute"), 403)
    assert desk.get(f"/orders/{number}").json["status"] == "submitted"


def test_a_start_in_the_past_takes_the_right_to_billing(client, session, world, monkeypatch):
    """CB-20: of the person a program acts for, as on the pages."""
    from app.identity.models import SignInName  # noqa: PLC0415 - as above
    from app.identity.permissions import Permission  # noqa: PLC0415

    middle = utc_now().replace(day=15, hour=12)
    monkeypatch.setattr("app.api.orders.bss.utc_now", lambda: middle)
    desk, person = acting_for(client, session, world, ("sales",))
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}
    number = desk.post("/orders", {"account_id": str(world.direct.id), "items": [item]}).json["number"]
    assert desk.post(f"/orders/{number}/submit").status_code == 200
    rights = [Permission.BSS_ORDERS_VIEW, Permission.BSS_ORDERS_EDIT, Permission.BSS_ORDERS_EXECUTE]
    yesterday = {"starts_on": (middle - timedelta(days=1)).date().isoformat()}
    for held, status, becomes in (
        (rights, 403, "submitted"),
        ([*rights, Permission.BSS_BILLING_EDIT], 200, "executing"),
    ):
        with scope(distributor_scope(world.id).in_realm(world.id)):
            values = {"roles": [], "rights": [each.value for each in held]}
            session.execute(update(SignInName).where(SignInName.user_id == person.id).values(**values))
            session.commit()
        assert desk.post(f"/orders/{number}/execute", yesterday).status_code == status
        assert desk.get(f"/orders/{number}").json["status"] == becomes


def test_a_program_ends_with_its_person(client, session, world):
    """BC-02: disabling a user ends its API access at once."""
    desk, person = acting_for(client, session, world, ("sales",))
    assert desk.get("/me").status_code == 200
    with scope(world.scope):
        deactivate_user(person.id, actor=SYSTEM, at=utc_now())
        session.commit()
        assert session.get_one(type(person), (world.id, person.id)).status is UserStatus.INACTIVE
    refused(desk.get("/me"), 401, "", "invalid_credentials")


def test_a_resellers_program_does_not_end_with_its_maker(session, world, shop):
    """A storefront's program acts for the storefront's owner (decisions section 3)."""
    with scope(distributor_scope(world.id).in_realm(world.tech.storefront.id)):
        session.execute(update(ApiClient).values(acts_for_id=new_id()))
        session.commit()
    assert shop.get("/me").status_code == 200


def told(session, world) -> list[OutboundMail]:
    with scope(world.scope):
        found = session.scalars(select(OutboundMail).where(OutboundMail.template == "api_credentials"))
        return sorted(found, key=lambda mail: mail.created_at)


def test_owners_are_told_of_new_renewed_and_revoked_credentials(session, world):
    """BC-32: administrators are told of a new key; a reseller's Admins of those of its storefront."""
    for realm_id, receiver, path in (
        (world.id, world.bss_user, f"http://{world.host}/bss/api-credentials"),
        (world.tech.storefront.id, world.tech.admin, f"http://{world.host}/techsolutions/manage/api-credentials"),
    ):
        with scope(world.scope):
            session.query(OutboundMail).delete()
            new = NewApiClient("ERP", ApiClientKind.OAUTH, frozenset({ApiScope.ORDERS_READ}))
            made = create_client(realm_id, new, actor=Actor(None, "Rhea Person"), at=MONDAY_NOON)
            rotate_secret(
                realm_id, made.client.id, actor=Actor(None, "Rhea Person"), at=MONDAY_NOON + timedelta(minutes=1)
            )
            for _ in range(2):  # the second one changes nothing
                revoke_client(
                    realm_id, made.client.id, actor=Actor(None, "Rhea Person"), at=MONDAY_NOON + timedelta(minutes=2)
                )
            session.commit()
        mails = told(session, world)
        assert [mail.to_email for mail in mails] == [receiver.email] * 3
        assert [mail.fields["client_event"].split()[3] for mail in mails] == ["created", "given", "revoked"]
        assert {mail.fields["settings_url"] for mail in mails} == {path}
        assert made.secret not in str([mail.fields for mail in mails])


def test_owners_are_told_once_that_credentials_end_in_14_days(session, world):
    """BC-32: 14 days before expiry, once; not of revoked ones, nor of those that end later."""
    scopes = frozenset({ApiScope.ORDERS_READ})
    with scope(world.scope):
        for realm_id in (world.id, world.tech.storefront.id):
            ends = MONDAY_NOON + timedelta(days=30)
            create_client(
                realm_id, NewApiClient("ERP", ApiClientKind.OAUTH, scopes, ends), actor=SYSTEM, at=MONDAY_NOON
            )
            gone = NewApiClient("Gone", ApiClientKind.OAUTH, scopes, ends)
            made = create_client(realm_id, gone, actor=SYSTEM, at=MONDAY_NOON)
            revoke_client(realm_id, made.client.id, actor=SYSTEM, at=MONDAY_NOON)
            create_client(realm_id, NewApiClient("Ever", ApiClientKind.OAUTH, scopes), actor=SYSTEM, at=MONDAY_NOON)
        session.query(OutboundMail).delete()
        session.commit()
        for days, expected in ((15, 0), (16, 2), (17, 0), (31, 0)):
            assert tell_of_ends(at=MONDAY_NOON + timedelta(days=days)) == expected
        session.commit()
    mails = told(session, world)
    assert {mail.to_email for mail in mails} == {world.bss_user.email, world.tech.admin.email}
    assert all("1 Apr 2026" in mail.fields["client_event"] for mail in mails)


@pytest.mark.parametrize("attack", ["none", "wrong", "query", "expired", "revoked", "other realm", "narrow", "spent"])
def test_every_call_refuses_whoever_is_not_let_in(app, client, session, world, program, shop, office, attack):
    """Each call of both APIs under each attack: 401, 403 or 429, and never an answer; nothing is changed."""
    before = counted(session, world)
    for caller, other, surface in ((shop, office, Surface.STOREFRONT), (office, shop, Surface.BSS)):
        secret, expected, headers, query = caller.program.secret, 401, {}, {}
        if attack == "wrong":
            headers = {"X-ApiKey": secret[:-1] + "!"}
        elif attack == "query":
            query = {"X-ApiKey": secret, "access_token": secret, "api_key": secret}
        elif attack == "other realm":
            headers = {"X-ApiKey": other.program.secret}
        elif attack in ("expired", "revoked", "narrow"):
            headers = {"X-ApiKey": secret}
            values = {
                "expired": {"expires_at": utc_now()},
                "revoked": {"revoked_at": utc_now()},
                "narrow": {"scopes": []},
            }[attack]
            expected = 403 if attack == "narrow" else 401
            with scope(distributor_scope(world.id).in_realm(caller.program.realm_id)):
                session.execute(update(ApiClient).where(ApiClient.id == caller.program.id).values(**values))
                session.commit()
        elif attack == "spent":
            headers, expected = {"X-ApiKey": secret}, 429
            redis_connection().set(f"limit:{CALLS[surface].name}:{caller.program.id}", CALLS[surface].tries, ex=60)
        calls = 0
        for rule in app.url_map.iter_rules():
            view = app.view_functions[rule.endpoint]
            if not rule.endpoint.startswith(f"{surface.value}_api.") or not getattr(view, "api_scopes", None):
                continue
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                path = (
                    "/techsolutions" * (surface is Surface.STOREFRONT)
                    + rule.build({name: new_id() for name in rule.arguments}, append_unknown=False)[1]
                )
                client.environ_base["REMOTE_ADDR"] = f"198.51.100.{calls}"  # guesses of one address are counted
                answer = client.open(path, method=method, headers=headers, query_string=query, json={})
                assert answer.status_code == expected, (method, path, answer.text)
                assert set(answer.json) == {"type", "title", "status", "errors"}
                calls += 1
        assert calls >= 15
    assert counted(session, world) == before


def counted(session, world) -> dict[str, int]:
    """Return how many rows there are of what programs could make."""
    from sqlalchemy import func  # noqa: PLC0415 - beside the one use

    from app.accounts.models import Account  # noqa: PLC0415
    from app.orders.models import IdempotencyKey, Order, OrderItem  # noqa: PLC0415

    with scope(world.scope):
        return {
            model.__name__: session.scalar(select(func.count()).select_from(model))
            for model in (Account, Order, OrderItem, IdempotencyKey)
        }
