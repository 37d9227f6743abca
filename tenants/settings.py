"""Typed settings per tenant: a distributor's, and those of each storefront. Unknown keys are ignored, missing ones default.

What one installation is told from outside stands in `app.core.config`. Stored are only values that differ.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from tenants.changes import Kept
from tenants.context import current_scope
from tenants.models import Distributor, DistributorSettingsRow, StorefrontSettingsRow

CANCELLATION_REASONS = ("Too expensive", "Unused", "Moved", "Non-payment", "Duplicate", "Other")  # CB-29
PASSWORD_DAYS = (0, 30, 60, 90, 180)  # SF-13
# Terms with their billing cycles, as app.catalogue.units writes them: what CB-03 names, and what vendors sell.
UNITS = (
    "P1M.monthly", "P3M.quarterly", "P6M.half_yearly", "P1Y.monthly", "P1Y.quarterly", "P1Y.half_yearly", "P1Y.annual",
    "P3Y.monthly", "P3Y.annual", "P3Y.triennial",
)  # fmt: skip
ROUNDINGS = ("none", "up_0.05", "up_0.10", "up_0.50", "up_1.00", "up_99")  # RS-22


@dataclass(frozen=True, slots=True)
class DistributorSettings:
    """What a distributor decides for its whole business."""

    reseller_plans_active: bool = False  # the service manager "Reseller plans" (RS-04)
    show_retail_prices_to_resellers: bool = False  # RS-03
    require_customer_address: bool = False  # RS-03: a valid address of the end customer at checkout
    scheduled_orders_on_aliases: bool = False
    account_manager_email: str = ""  # copy of credit mails (SF-54 N9)
    languages: tuple[str, ...] = ("en",)
    cancellation_reasons: tuple[str, ...] = CANCELLATION_REASONS  # what staff choose from; up to 40 characters each
    offer_discount_ceiling: str = "15"  # percent; above it an offer needs an administrator (CB-17); decimal text
    tax_percent: str = "0"  # one rate until tax rules come; decimal text
    units: tuple[str, ...] = UNITS  # what prices can be given for, beside one-time prices (CB-03)
    base_unit: str = ""  # one of them, shown first; empty: a product's shortest cycle
    new_days: int = 30  # how long what was published is new; 0: only what is marked (SF-07)
    bss_second_factor: str = "optional"  # off, optional, required: an authenticator app (BC-02)
    bss_password_days: int = 0  # a password expires after so many days; 0: never
    bss_local_login: bool = True  # False: the back office is entered through an identity provider (BC-27)


@dataclass(frozen=True, slots=True)
class HomeSection:
    """One block of a storefront's home page (RS-15)."""

    kind: str  # banners, featured, new, categories, text, products, contact
    title: str = ""  # up to 80
    text: str = ""  # sanitised HTML
    image_id: str = ""
    product_ids: tuple[str, ...] = ()
    is_visible: bool = True


@dataclass(frozen=True, slots=True)
class Banner:
    """A picture with words at the top of the home page; dates are days of the storefront, both included."""

    image_id: str
    alt_text: str
    heading: str = ""
    text: str = ""
    link: str = ""  # a path of this storefront, or https
    valid_from: str = ""
    valid_to: str = ""


DEFAULT_SECTIONS = (
    HomeSection("banners"),
    HomeSection("featured", "Featured"),
    HomeSection("categories", "Categories"),
    HomeSection("new", "New"),
)


@dataclass(frozen=True, slots=True)
class StorefrontSettings:
    """How a storefront presents itself and behaves (RS-14, RS-15, RS-22)."""

    company_name: str = ""  # 1-100; the title of the browser tab
    language: str = "en"
    time_zone: str = "UTC"
    date_format: str = "medium"
    anonymous_access: bool = False
    anonymous_prices: bool = False
    self_registration: bool = False
    approve_registrations: bool = True
    reseller_registration: bool = False  # the distributor's own storefront: who registers may ask to resell (SF-04)
    new_customers_need_approval: bool = True
    landing_page: str = "home"  # home, catalogue, dashboard: customers after sign-in
    second_factor_by_mail: bool = False  # a code by e-mail after the password (SF-12)
    password_days: int = 0  # 0: never; one of PASSWORD_DAYS (SF-13)
    password_length: int = 10  # at least, of new ones: 8 to 64 (SF-13)
    local_login: bool = True  # False: people enter through an identity provider alone (SF-14)
    company_sign_in: bool = True  # companies may let their people in by providers of their own (GO-14)
    seo_title: str = ""
    seo_description: str = ""
    seo_keywords: str = ""
    is_indexed: bool = False
    analytics_id: str = ""
    theme: str = "base"
    skin: str = "cobalt"  # or custom, with the three colours below
    primary_color: str = ""
    accent_color: str = ""
    text_color: str = ""
    font: str = "system"
    logo_image_id: str = ""
    mail_logo_image_id: str = ""
    favicon_image_id: str = ""
    login_image_id: str = ""
    login_heading: str = ""
    login_text: str = ""
    footer_text: str = ""
    show_powered_by: bool = False  # Standard hides the footer credit by default; Free always shows it
    sections: tuple[HomeSection, ...] = DEFAULT_SECTIONS
    banners: tuple[Banner, ...] = ()
    rounding: str = "none"  # one of ROUNDINGS
    show_retail_prices: bool = False  # crossed out, only where retail > sell
    contact_email: str = ""
    contact_phone: str = ""
    contact_address: str = ""
    contact_intro: str = ""


Settings = TypeVar("Settings", DistributorSettings, StorefrontSettings)


def _read(kind: Any, value: Any) -> Any:
    """Turn a JSON value into what a field of a settings class holds."""
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_values(kind, value)
    return value


_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Return the types of a class's fields; worked out once, it takes longer than reading them."""
    if kind not in _HINTS:
        hints = get_type_hints(kind)
        _HINTS[kind] = {name.name: hints[name.name] for name in dataclasses.fields(kind)}
    return _HINTS[kind]


def from_values(kind: type[Any], values: dict[str, Any]) -> Any:
    """Build a settings object from stored JSON."""
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], value) for name, value in values.items() if name in hints})


def to_values(value: Any) -> dict[str, Any]:
    """Return what differs from the defaults, as JSON."""
    default = type(value)()
    full = dataclasses.asdict(value)
    return {
        name.name: full[name.name]
        for name in dataclasses.fields(value)
        if getattr(value, name.name) != getattr(default, name.name)
    }


def distributor_settings() -> DistributorSettings:
    """Return the settings of the scope's distributor."""
    return _DISTRIBUTORS.of((), _read_distributor)


def _read_distributor() -> DistributorSettings:
    values = session.scalar(
        select(DistributorSettingsRow.values).where(
            DistributorSettingsRow.distributor_id == current_scope().distributor_id
        )
    )
    found: DistributorSettings = from_values(DistributorSettings, values or {})
    return found


def distributor_settings_for_change() -> DistributorSettings:
    """Return the settings of the scope's distributor as they stand; who changes them waits until the caller commits.

    The distributor's row is locked: its settings have none until they are saved first.
    """
    here = current_scope().distributor_id
    session.scalars(select(Distributor.id).where(Distributor.id == here).with_for_update(key_share=True)).all()
    values = session.scalar(select(DistributorSettingsRow.values).where(DistributorSettingsRow.distributor_id == here))
    found: DistributorSettings = from_values(DistributorSettings, values or {})
    return found


def save_distributor_settings(changed: DistributorSettings) -> None:
    """Store a distributor's settings; needs the distributor's scope."""
    row = session.scalar(
        select(DistributorSettingsRow).where(DistributorSettingsRow.distributor_id == current_scope().distributor_id)
    )
    if row is None:
        session.add(DistributorSettingsRow(values=to_values(changed)))
    else:
        row.values = to_values(changed)


@dataclass(frozen=True, slots=True)
class PublishedSettings:
    """A storefront's settings with the version that caches and ETags are keyed by."""

    settings: StorefrontSettings = field(default_factory=StorefrontSettings)
    version: int = 0


_DISTRIBUTORS: Kept[DistributorSettings] = Kept(10_000, by_account=False)
_STOREFRONTS: Kept[PublishedSettings] = Kept(20_000, by_account=False)


def published_settings(storefront_id: UUID) -> PublishedSettings:
    """Return a storefront's published settings; the scope must be of its reseller, or of direct business for the root."""
    return _STOREFRONTS.of(storefront_id, lambda: _read_published(storefront_id))


def back_office_settings() -> PublishedSettings:
    """Return how the back office presents itself: by the defaults, in the distributor's time zone."""
    return _STOREFRONTS.of(None, lambda: PublishedSettings(_unsaved()))


def _read_published(storefront_id: UUID) -> PublishedSettings:
    row = session.execute(
        select(StorefrontSettingsRow.values, StorefrontSettingsRow.version).where(
            StorefrontSettingsRow.distributor_id == current_scope().distributor_id,
            StorefrontSettingsRow.storefront_id == storefront_id,
        )
    ).one_or_none()
    if row is None:
        return PublishedSettings(_unsaved())
    return PublishedSettings(from_values(StorefrontSettings, row[0]), row[1])


def _unsaved() -> StorefrontSettings:
    """Return what holds until somebody saves: the defaults, in the distributor's time zone."""
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == current_scope().distributor_id))
    return StorefrontSettings(time_zone=zone or "UTC")


def storefront_settings(storefront_id: UUID) -> StorefrontSettings:
    """Return a storefront's published settings without their version."""
    return published_settings(storefront_id).settings


def settings_for_change(storefront_id: UUID) -> StorefrontSettings:
    """Return a storefront's published settings, locked until the caller commits, so that two savers do not undo each other."""
    values = session.scalar(
        select(StorefrontSettingsRow.values)
        .where(
            StorefrontSettingsRow.distributor_id == current_scope().distributor_id,
            StorefrontSettingsRow.storefront_id == storefront_id,
        )
        .with_for_update()
    )
    found: StorefrontSettings = _unsaved() if values is None else from_values(StorefrontSettings, values)
    return found


def save_storefront_settings(
    storefront_id: UUID, changed: StorefrontSettings, *, reseller_id: UUID | None, at: datetime
) -> int:
    """Publish a storefront's settings and return their new version; needs the scope of the storefront's owner."""
    row = session.scalar(
        select(StorefrontSettingsRow)
        .where(
            StorefrontSettingsRow.distributor_id == current_scope().distributor_id,
            StorefrontSettingsRow.storefront_id == storefront_id,
        )
        .with_for_update()
    )
    if row is None:
        row = StorefrontSettingsRow(
            storefront_id=storefront_id, reseller_id=reseller_id, values=to_values(changed), version=1, updated_at=at
        )
        session.add(row)
    else:
        row.values, row.version, row.updated_at = to_values(changed), row.version + 1, at
    return row.version
