"""What an account is opened or changed with, and what is wrong with it (RS-02, RS-24, BC-16, BC-18)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from app.accounts import rules
from app.accounts.models import AccountStatus, BillingDayRule, PartialCharges, PaymentMethod
from app.core.errors import FieldError


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """What the distributor knows and decides about an account. `credit_limit` None is unlimited, 0 may never owe."""

    name: str
    email: str
    country: str  # ISO 3166-1 alpha-2
    currency: str  # ISO 4217
    phone: str | None = None
    website: str | None = None
    tax_id: str | None = None
    street: str | None = None
    city: str | None = None
    postcode: str | None = None
    region: str | None = None
    ordering_enabled: bool = True
    is_reseller: bool = False
    credit_limit: Decimal | None = Decimal(0)
    payment_method: PaymentMethod = PaymentMethod.CASH
    payment_days: int = 30
    prorated_billing: bool = False
    billing_day_rule: BillingDayRule = BillingDayRule.FIRST_DAY
    billing_day: int | None = None  # 1..31, of a chosen day
    partial_charges: PartialCharges = PartialCharges.ORDER_DAY
    restrict_to_price_lists: bool | None = None  # None: on for resellers, off for others


@dataclass(frozen=True, slots=True)
class NewAccount(AccountDetails):
    """An account about to be opened by the distributor, or for a registration."""

    status: AccountStatus = AccountStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class NewEndCustomer:
    """A customer of a reseller, from `/manage`, from a reseller's checkout or from BSS."""

    name: str
    email: str
    country: str
    phone: str | None = None
    website: str | None = None
    tax_id: str | None = None
    customer_code: str | None = None  # the reseller's own, unique among its customers
    street: str | None = None
    city: str | None = None
    postcode: str | None = None
    region: str | None = None
    approval_required: bool = True
    needs_address: bool = False  # the distributor insists on a billing address (RS-03)


def ordering_required() -> FieldError:
    """The refusal of a reseller that may not order (RS-02)."""
    return FieldError("ordering_enabled", "ordering_required", "A reseller must be allowed to order")


def detail_errors(details: AccountDetails) -> Iterator[FieldError]:
    """Return all that is wrong with an account's details."""
    yield from rules.text_errors("name", "the account's name", details.name, at_least=2, at_most=200)
    yield from rules.email_errors("email", details.email)
    yield from _contact_errors(details)
    yield from rules.currency_errors(details.currency)
    if details.is_reseller and not details.ordering_enabled:
        yield ordering_required()
    # Kept, and so checked, where ordering is off too: it may be switched on.
    yield from rules.billing_errors(
        credit_limit=details.credit_limit,
        payment_days=details.payment_days,
        billing_day_rule=details.billing_day_rule,
        billing_day=details.billing_day,
    )


def customer_errors(details: NewEndCustomer) -> Iterator[FieldError]:
    """Return all that is wrong with what a reseller says of its customer."""
    yield from rules.text_errors("name", "the company's name", details.name, at_least=2, at_most=200)
    yield from rules.email_errors("email", details.email)
    yield from _contact_errors(details)
    needed = (details.street, details.city, details.postcode)
    if details.needs_address and not all(each and each.strip() for each in needed):
        yield FieldError("street", "billing_address_required", "Enter street, city and postcode")


def _contact_errors(details: AccountDetails | NewEndCustomer) -> Iterator[FieldError]:
    yield from rules.text_errors("phone", "a phone number", details.phone, at_most=30)
    yield from rules.website_errors(details.website)
    yield from rules.text_errors("website", "a website", details.website, at_most=200)
    yield from rules.text_errors("tax_id", "a tax id", details.tax_id, at_most=40)
    yield from rules.text_errors("street", "a street", details.street, at_most=200)
    yield from rules.text_errors("city", "a city", details.city, at_most=100)
    yield from rules.text_errors("postcode", "a postcode", details.postcode, at_most=12)
    yield from rules.text_errors("region", "a region", details.region, at_most=100)
    yield from rules.country_errors(details.country)
