"""Storefronts of the demo: each looks like a company of its own, lists its choice and sets its prices."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product
from app.core.clock import local_date, utc_now
from app.core.db import session, unit_of_work
from app.core.ids import new_id
from app.notifications.settings import save_mail_settings
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, alias_buyer, explain_products
from app.pricing.rules import MarkupTarget, set_markup, set_special_price
from app.resellers.listings import list_products
from app.resellers.models import StorefrontImage
from app.seed.cast import Reseller, Style
from app.seed.companies import actor_of
from app.seed.distributors import demo_mail_server
from app.seed.drawing import banner, icon, logo
from app.seed.stage import Stage
from tenants.context import direct_business_scope, reseller_scope, scope
from tenants.settings import (
    DEFAULT_SECTIONS,
    Banner,
    HomeSection,
    StorefrontSettings,
    save_storefront_settings,
    storefront_settings,
)

MOST_LISTED = 60
NOT_LISTED = 4  # stay unlisted, so that both tabs of the supplier catalogue show something


def dress_storefronts(stage: Stage) -> None:
    """Give the root and every reseller's storefront its look, its mail, its assortment and prices."""
    with scope(direct_business_scope(stage.distributor_id)):
        _dress(stage.root_id, stage.cast.name, stage.cast.style, reseller_id=None)
    for reseller in stage.cast.resellers:
        if reseller.alias and reseller.style:
            _open_shop(stage, reseller, reseller.style)


def _picture(purpose: str, content: bytes, size: tuple[int, int], reseller_id: UUID | None) -> UUID:
    image = StorefrontImage(
        id=new_id(),
        reseller_id=reseller_id,
        purpose=purpose,
        content_type="image/png",
        content=content,
        width=size[0],
        height=size[1],
        created_at=utc_now(),
    )
    session.add(image)
    return image.id


def _dress(storefront_id: UUID, name: str, style: Style, *, reseller_id: UUID | None, rounding: str = "none") -> None:
    with unit_of_work():
        logo_id = _picture("logo", logo(name, style.colors), (640, 160), reseller_id)
        icon_id = _picture("favicon", icon(style.colors), (64, 64), reseller_id)
        banner_id = _picture("banner", banner(style.colors), (1216, 400), reseller_id)
        before: StorefrontSettings = storefront_settings(storefront_id)
        sections = (
            *DEFAULT_SECTIONS,
            HomeSection("text", f"About {name}", text=f"<p>{style.text}</p>"),
            HomeSection("contact", "Talk to us"),
        )
        save_storefront_settings(
            storefront_id,
            dataclasses.replace(
                before,
                company_name=name,
                theme=style.theme,
                skin=style.skin,
                font=style.font,
                anonymous_access=style.anonymous,
                anonymous_prices=style.anonymous,
                logo_image_id=str(logo_id),
                favicon_image_id=str(icon_id),
                banners=(Banner(str(banner_id), "", style.heading, style.text, "/catalogue"),),
                sections=sections,
                login_heading=style.heading,
                login_text=style.text,
                seo_description=style.text,
                contact_email=f"hello@{name.split(maxsplit=1)[0].lower()}.example"
                if name.isascii()
                else "hello@example.com",
                contact_phone="+30 210 1234567",
                contact_intro=style.text,
                rounding=rounding,
            ),
            reseller_id=reseller_id,
            at=utc_now(),
        )


def _open_shop(stage: Stage, reseller: Reseller, style: Style) -> None:
    reseller_id, storefront_id = stage.accounts[reseller.name], stage.storefronts[reseller.name]
    inside = reseller_scope(stage.distributor_id, reseller_id)
    with scope(inside):
        lists = price_list_ids_of(reseller_id)
        session.rollback()
    with scope(inside.with_price_lists(lists)):
        _dress(storefront_id, reseller.name, style, reseller_id=reseller_id, rounding=reseller.rounding)
        actor = actor_of(stage, reseller.admin)
        session.rollback()
        today = local_date(utc_now(), stage.cast.time_zone)
        with unit_of_work():
            domain = reseller.admin.email.split("@")[1]
            if server := demo_mail_server(reseller.name, f"shop@{domain}"):
                save_mail_settings(server, reseller_id=reseller_id, actor=actor, at=utc_now())
        with unit_of_work():
            set_markup(MarkupTarget.default(), reseller.markup, reseller_id=reseller_id, actor=actor, at=utc_now())
            chosen = _choice(stage, reseller)
            list_products(chosen, reseller_id=reseller_id, on=today, actor=actor, at=utc_now())
        with unit_of_work():
            for customer in reseller.customers:
                if customer.markup is not None:
                    target = MarkupTarget.of_customer(stage.accounts[customer.name])
                    set_markup(target, customer.markup, reseller_id=reseller_id, actor=actor, at=utc_now())
            _give_special_price(stage, reseller, chosen[0], actor)


def _choice(stage: Stage, reseller: Reseller) -> list[UUID]:
    statement = select(Product.id).where(
        Product.distributor_id == stage.distributor_id,
        Product.is_published,
        Product.is_active,
        Product.plan_edition.is_(None),
    )
    if reseller.search:
        statement = statement.where(Product.name.contains(reseller.search))
    found = session.scalars(statement.order_by(Product.name).limit(MOST_LISTED)).all()
    return list(found[: max(1, len(found) - NOT_LISTED)])


def _give_special_price(stage: Stage, reseller: Reseller, product_id: UUID, actor: object) -> None:
    """Sell one product to the first customer at a price of its own: cost plus one."""
    reseller_id = stage.accounts[reseller.name]
    customer_id = stage.accounts[reseller.customers[0].name]
    today = local_date(utc_now(), stage.cast.time_zone)
    prices = explain_products([product_id], alias_buyer(reseller_id, customer_id, today))
    if not prices:
        return
    key: PriceKey = min(prices, key=lambda each: (each.term.months, each.cycle.months))
    set_special_price(
        key,
        (prices[key].cost + Decimal(1)).quantize(Decimal("0.01")),
        currency="USD",
        on=today,
        reseller_id=reseller_id,
        customer_id=customer_id,
        actor=actor,  # type: ignore[arg-type]
        at=utc_now(),
    )
