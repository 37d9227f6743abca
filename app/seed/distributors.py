"""The demo's distributors, their staff and mail settings; the platform's operator."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import select

from app.audit.services import SYSTEM, Actor
from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import Role, session, unit_of_work, using_role
from app.identity.models import UserKind
from app.identity.operators import add_operator
from app.identity.permissions import BssRole
from app.identity.services import NewUser, create_user
from app.notifications.settings import save_mail_settings
from app.notifications.smtp import MailServer
from app.resellers.plans import PlanPrices, activate_reseller_plans, publish_plan
from app.seed.cast import PASSWORD, Cast, Person
from app.seed.people import let_in
from app.seed.stage import Stage
from tenants.context import direct_business_scope, scope
from tenants.directory import directory
from tenants.founding import NewDistributor, found_distributor
from tenants.models import Distributor, Operator, Storefront
from tenants.settings import DistributorSettings, save_distributor_settings


def create_operator(person: Person) -> None:
    """Add the platform's operator, once."""
    with using_role(Role.PLATFORM), unit_of_work():
        if session.scalar(select(Operator.id).where(Operator.email == person.email)) is None:
            add_operator(person.email, f"{person.first_name} {person.last_name}", PASSWORD, at=utc_now())


def create_distributor(cast: Cast) -> Stage:
    """Open a distributor with its host, its staff, plans on sale and mail that leaves."""
    at = utc_now()
    with using_role(Role.PLATFORM), unit_of_work():
        distributor_id = found_distributor(
            NewDistributor(cast.name, cast.host, currency="USD", time_zone=cast.time_zone), at=at
        ).id
        root_id = session.scalars(select(Storefront.id).where(Storefront.distributor_id == distributor_id)).one()
    directory.forget()
    stage = Stage(cast, distributor_id, root_id, SYSTEM)
    with scope(stage.scope):
        with unit_of_work():
            session.get_one(Distributor, distributor_id).has_alias_subdomains = True
            save_distributor_settings(
                DistributorSettings(
                    show_retail_prices_to_resellers=True,
                    account_manager_email=cast.staff[0][0].email,
                    tax_percent="0",
                )
            )
        for person, role in cast.staff:
            with unit_of_work():
                user = create_user(
                    NewUser(UserKind.BSS, person.first_name, person.last_name, person.email, roles=(BssRole(role),)),
                    realms=(distributor_id,),
                    invite_from=None,
                    actor=SYSTEM,
                    at=at,
                )
                let_in(user, distributor_id, at=at)
                stage.users[person.email] = user.id
        first = cast.staff[0][0]
        stage.manager = Actor(stage.users[first.email], f"{first.first_name} {first.last_name}")
        with unit_of_work():
            plans = activate_reseller_plans(PlanPrices(Decimal(49), Decimal(490)), actor=stage.manager, at=at)
            for plan in plans:
                publish_plan(plan.id, is_published=True, actor=stage.manager, at=at)
    with scope(direct_business_scope(distributor_id)), unit_of_work():
        if server := demo_mail_server(cast.name, f"shop@{cast.host.split('.')[1]}.example"):
            save_mail_settings(server, reseller_id=None, actor=stage.manager, at=at)
    return stage


def demo_mail_server(name: str, email: str) -> MailServer | None:
    """Return the demo's mail catcher as a mail server; None where there is none."""
    target = settings().demo_smtp
    if target is None:
        return None
    host, _, port = target.partition(":")
    return MailServer(host, int(port), "none", None, None, name, email)
