"""The demo's companies and their people; resellers are upgraded to their plans by the back office's shortcut."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import select

from app.accounts.services import NewAccount, NewEndCustomer, create_account, create_end_customer, set_approval
from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Product, Term
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.models import UserKind, UserType
from app.identity.permissions import StorefrontRole
from app.identity.queries import get_user
from app.identity.services import NewUser, create_user, set_roles
from app.orders.plan_upgrades import PlanUpgrade, upgrade_reseller
from app.pricing.price_lists.services import assign_price_list
from app.seed.cast import Customer, Person, Reseller
from app.seed.people import let_in
from app.seed.stage import OPEN_FOR, Stage
from app.seed.work import run_due_work
from tenants.context import scope
from tenants.directory import directory
from tenants.models import Storefront


def open_accounts(stage: Stage) -> None:
    """Open all accounts, give them the price list, upgrade resellers and let their people in."""
    _open_direct(stage, stage.cast.direct)
    for reseller in stage.cast.resellers:
        _open_reseller(stage, reseller)


def _open_direct(stage: Stage, customer: Customer) -> None:
    with scope(stage.scope), unit_of_work():
        account = create_account(
            NewAccount(
                name=customer.name,
                email=f"office@{customer.person.email.split('@')[1]}",
                country=customer.country,
                currency="USD",
                street="12 Market Street",
                city=customer.city,
                postcode="54 621" if customer.country == "GR" else "753 20",
                credit_limit=Decimal(20_000),
            ),
            actor=stage.manager,
            at=utc_now() - OPEN_FOR,
        )
        assert stage.price_list_id is not None
        assign_price_list(account.id, stage.price_list_id, actor=stage.manager, at=utc_now())
        stage.accounts[customer.name] = account.id
        user = create_user(
            _new(customer.person, UserKind.DIRECT, account.id, None),
            realms=(stage.root_id,),
            invite_from=None,
            actor=stage.manager,
            at=utc_now(),
        )
        let_in(user, stage.root_id, at=utc_now())
        stage.users[customer.person.email] = user.id


def _new(person: Person, kind: UserKind, account_id: object, reseller_id: object) -> NewUser:
    roles = tuple(StorefrontRole(role) for role in person.roles if role != "storefront_manager")
    return NewUser(
        kind,
        person.first_name,
        person.last_name,
        person.email,
        account_id=account_id,  # type: ignore[arg-type]
        reseller_id=reseller_id,  # type: ignore[arg-type]
        type=UserType.USER if person.roles else UserType.ADMIN,
        roles=roles or ((StorefrontRole.BUYER,) if person.roles else ()),
        is_primary_contact=not person.roles,
    )


def _open_reseller(stage: Stage, reseller: Reseller) -> None:
    with scope(stage.scope):
        with unit_of_work():
            account = create_account(
                NewAccount(
                    name=reseller.name,
                    email=f"office@{reseller.admin.email.split('@')[1]}",
                    country=reseller.country,
                    currency="USD",
                    street="1 Harbour Road",
                    city=reseller.city,
                    postcode="10 557",
                    is_reseller=True,
                    credit_limit=reseller.credit_limit,
                ),
                actor=stage.manager,
                at=utc_now() - OPEN_FOR,
            )
            assert stage.price_list_id is not None
            assign_price_list(account.id, stage.price_list_id, actor=stage.manager, at=utc_now())
            stage.accounts[reseller.name] = account.id
        for person in (reseller.admin, *reseller.staff):
            with unit_of_work():
                user = create_user(
                    _new(person, UserKind.RESELLER, account.id, account.id),
                    realms=(stage.root_id,),
                    invite_from=None,
                    actor=stage.manager,
                    at=utc_now(),
                )
                let_in(user, stage.root_id, at=utc_now())
                stage.users[person.email] = user.id
        if reseller.alias:
            _upgrade(stage, reseller)
        for customer in reseller.customers:
            _open_customer(stage, reseller, customer)


def _upgrade(stage: Stage, reseller: Reseller) -> None:
    account_id = stage.accounts[reseller.name]
    with unit_of_work():
        plan = session.scalars(
            select(Product).where(
                Product.distributor_id == stage.distributor_id, Product.plan_edition == reseller.edition
            )
        ).one()
        upgrade_reseller(
            account_id,
            PlanUpgrade(plan.id, Term.P1M, BillingCycle.MONTHLY, alias=reseller.alias),
            actor=stage.manager,
            at=utc_now(),
        )
    run_due_work(stage.distributor_id)
    directory.forget()
    stage.storefronts[reseller.name] = session.scalars(
        select(Storefront.id).where(
            Storefront.distributor_id == stage.distributor_id, Storefront.reseller_id == account_id
        )
    ).one()
    session.rollback()

    for person in reseller.staff:
        if "storefront_manager" in person.roles:
            with unit_of_work():
                set_roles(
                    stage.users[person.email],
                    type_=UserType.USER,
                    roles=(StorefrontRole.STOREFRONT_MANAGER,),
                    actor=stage.manager,
                    at=utc_now(),
                )


def _open_customer(stage: Stage, reseller: Reseller, customer: Customer) -> None:
    reseller_id = stage.accounts[reseller.name]
    with unit_of_work():
        account = create_end_customer(
            reseller_id,
            NewEndCustomer(
                name=customer.name,
                email=f"office@{customer.person.email.split('@')[1]}",
                country=customer.country,
                phone="+30 210 0000000" if customer.country == "GR" else None,
                street="5 Garden Lane",
                city=customer.city,
                postcode="11 111",
            ),
            actor=stage.manager,
            at=utc_now() - OPEN_FOR,
        )
        stage.accounts[customer.name] = account.id
    if not customer.approval:
        with unit_of_work():
            set_approval(account.id, reseller_id=reseller_id, required=False, actor=stage.manager, at=utc_now())
    if reseller.alias:
        storefront_id = stage.storefronts[reseller.name]
        with unit_of_work():
            user = create_user(
                _new(customer.person, UserKind.END_CUSTOMER, account.id, reseller_id),
                realms=(storefront_id,),
                invite_from=None,
                actor=stage.manager,
                at=utc_now(),
            )
            let_in(user, storefront_id, at=utc_now())
            stage.users[customer.person.email] = user.id


def actor_of(stage: Stage, person: Person) -> Actor:
    """Return a person as the audit trail names them; needs a scope that sees them."""
    user = get_user(stage.users[person.email])
    return Actor(user.id, user.full_name, reseller_id=user.reseller_id)
