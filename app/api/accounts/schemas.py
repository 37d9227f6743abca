"""Accounts as programs read and open them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.accounts.details import NewAccount, NewEndCustomer
from app.accounts.models import Account, AccountStatus, PaymentMethod
from app.accounts.queries import AccountKind, kind_of
from app.api.patches import Patch
from app.api.schemas import Amount, Schema

Text = Annotated[str, Field(max_length=300)]


class CustomerOut(Schema):
    """A customer of the storefront."""

    id: UUID
    code: str
    name: str
    email: str
    phone: str | None
    website: str | None
    tax_id: str | None
    customer_code: str | None
    street: str | None
    city: str | None
    postcode: str | None
    region: str | None
    country: str
    currency: str
    status: AccountStatus
    approval_required: bool
    created_at: datetime

    @classmethod
    def of(cls, it: Account) -> CustomerOut:
        """Return one as programs read it."""
        return cls(**{name: getattr(it, name) for name in cls.model_fields})


class AccountOut(Schema):
    """An account of the distributor, or of one of its resellers."""

    id: UUID
    code: str
    name: str
    kind: AccountKind
    reseller_id: UUID | None = Field(description="Whose customer it is; its own id for a reseller")
    email: str
    phone: str | None
    website: str | None
    tax_id: str | None
    street: str | None
    city: str | None
    postcode: str | None
    region: str | None
    country: str
    currency: str
    status: AccountStatus
    is_reseller: bool
    edition: str
    ordering_enabled: bool
    credit_limit: Amount | None = Field(description="None: unlimited")
    payment_method: PaymentMethod
    payment_days: int
    created_at: datetime

    @classmethod
    def of(cls, it: Account) -> AccountOut:
        """Return one as programs read it."""
        values = {name: getattr(it, name) for name in cls.model_fields if name != "kind"}
        return cls(kind=kind_of(it), **values)


class ContactPatch(Patch):
    """What is known of a company; what it may owe and order is decided by people."""

    name: Text = Field(default_factory=str)
    email: Text = Field(default_factory=str)
    country: Text = Field(default_factory=str, description="ISO 3166-1 alpha-2")
    phone: Text | None = None
    website: Text | None = None
    tax_id: Text | None = None
    street: Text | None = None
    city: Text | None = None
    postcode: Text | None = None
    region: Text | None = None


class AccountPatch(ContactPatch):
    """What is changed of an account."""

    ordering_enabled: bool = Field(default_factory=bool)


class CustomerPatch(ContactPatch):
    """What is changed of a storefront's customer. At the root it has no code of its owner's and waits for nobody."""

    customer_code: Text | None = None
    approval_required: bool = Field(default_factory=bool)


class NewCustomerIn(Schema):
    """A customer to be opened; approval of its own orders is on unless said otherwise."""

    name: Text
    email: Text
    country: Text = Field(description="ISO 3166-1 alpha-2")
    phone: Text | None = None
    website: Text | None = None
    tax_id: Text | None = None
    customer_code: Text | None = None
    street: Text | None = None
    city: Text | None = None
    postcode: Text | None = None
    region: Text | None = None
    approval_required: bool = True

    def to_customer(self) -> NewEndCustomer:
        """Return it as the domain takes it."""
        return NewEndCustomer(**self.model_dump())

    def to_account(self, currency: str) -> NewAccount:
        """Return it as a direct customer, who trades in a currency."""
        return NewAccount(currency=currency, **self.model_dump(exclude={"customer_code", "approval_required"}))


class NewAccountIn(Schema):
    """A direct customer to be opened. What it may owe is decided by people."""

    name: Text
    email: Text
    country: Text = Field(description="ISO 3166-1 alpha-2")
    currency: Text = Field(description="ISO 4217")
    phone: Text | None = None
    website: Text | None = None
    tax_id: Text | None = None
    street: Text | None = None
    city: Text | None = None
    postcode: Text | None = None
    region: Text | None = None

    def to_account(self) -> NewAccount:
        """Return it as the domain takes it."""
        return NewAccount(**self.model_dump())
