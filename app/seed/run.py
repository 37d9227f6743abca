"""The demo's play: each step is a unit of work, as a person would have done it on a page."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from sqlalchemy import select, update

from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import session, unit_of_work
from app.notifications.models import MailState, OutboundMail
from app.orders.offers.models import Offer
from app.seed.access import lay_down_access
from app.seed.cast import CASTS, OPERATOR, PASSWORD, Cast, Person, Reseller
from app.seed.catalogue import fill_catalogue
from app.seed.companies import open_accounts
from app.seed.distributors import create_distributor, create_operator
from app.seed.life import play_life
from app.seed.rates import keep_rates
from app.seed.sales import play_sales
from app.seed.shops import dress_storefronts
from app.seed.stage import Stage
from tenants.context import distributor_scope, scope
from tenants.models import Address

log = logging.getLogger(__name__)


class HalfSeeded(RuntimeError):
    """An earlier seed broke off; its steps cannot be taken up again."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The demo data of {host} is incomplete: `make reset` empties it")


def seed() -> None:
    """Fill the demo and write its sign-ins to Settings.demo_path; a distributor that is there is left as it is."""
    create_operator(OPERATOR)
    for cast in CASTS:
        if is_seeded(cast):
            continue
        stage = create_distributor(cast)
        keep_rates(stage)
        fill_catalogue(stage)
        open_accounts(stage)
        dress_storefronts(stage)
        lay_down_access(stage)
        play_sales(stage)
        play_life(stage)
        send_from_now(stage)
        log.info("demo_distributor_seeded", extra={"host": cast.host})
    if settings().demo_path:
        write_sign_ins(Path(settings().demo_path or ""))


def send_from_now(stage: Stage) -> None:
    """Let mails of half a year ago leave as of now: nobody is to read that they have stood still since then."""
    with scope(stage.scope), unit_of_work():
        session.execute(
            update(OutboundMail)
            .where(OutboundMail.distributor_id == stage.distributor_id, OutboundMail.state == MailState.PENDING)
            .values(next_attempt_at=utc_now())
        )


def is_seeded(cast: Cast) -> bool:
    """Whether the distributor is there; raises HalfSeeded if its play broke off before the last act."""
    distributor_id = session.scalar(select(Address.distributor_id).where(Address.host == cast.host))
    session.rollback()
    if distributor_id is None:
        return False
    with scope(distributor_scope(distributor_id)):
        was_played = session.scalar(select(Offer.id).where(Offer.distributor_id == distributor_id).limit(1))
        session.rollback()
    if was_played is None:
        raise HalfSeeded(cast.host)
    return True


def _user(person: Person, kind: str) -> dict[str, object]:
    return {
        "email": person.email,
        "password": PASSWORD,
        "kind": kind,
        "roles": list(person.roles) or ["admin"],
    }


def _storefront(reseller: Reseller) -> dict[str, object]:
    people = [_user(person, "reseller") for person in (reseller.admin, *reseller.staff)]
    people += [_user(customer.person, "end_customer") for customer in reseller.customers if reseller.alias]
    return {"alias": reseller.alias, "reseller": reseller.name, "edition": reseller.edition, "users": people}


def sign_ins() -> dict[str, object]:
    """Return the hosts part of var/demo.json."""
    return {
        "platform": settings().platform_host,
        "operator": {"email": OPERATOR.email, "password": PASSWORD},
        "distributors": [
            {
                "host": cast.host,
                "name": cast.name,
                "bss_users": [
                    {"email": person.email, "password": PASSWORD, "role": role} for person, role in cast.staff
                ],
                "storefronts": [
                    {
                        "alias": None,
                        "reseller": None,
                        "edition": "root",
                        "users": [
                            _user(cast.direct.person, "direct"),
                            *(_user(each.admin, "reseller") for each in cast.resellers),
                        ],
                    },
                    *(_storefront(each) for each in cast.resellers if each.alias),
                ],
            }
            for cast in CASTS
        ],
    }


def write_sign_ins(path: Path) -> None:
    """Write the demo's hosts, people and passwords as JSON; what runs it adds the other addresses."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known["hosts"] = sign_ins()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
