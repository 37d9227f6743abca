"""Currencies a distributor does business in (BC-07, CB-07). What they are worth stands in `app.pricing.exchange_rates`.

A distributor that has set none up may use every known one. From the first one on only its home currency and active ones
can be chosen; setting up takes in what accounts, products and price lists already use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, select, union

from app.accounts.models import Account
from app.audit.changes import changes_of
from app.audit.services import Actor, record
from app.catalogue.imports.sheet import is_currency
from app.catalogue.models import ProductPrice
from app.core.db import session
from app.core.errors import Conflict, FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.pricing.models import Currency, PriceList
from tenants.changes import Kept
from tenants.context import current_scope
from tenants.models import Distributor

KNOWN = ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "RON", "JPY")
_CULTURES: Kept[Mapping[str, str]] = Kept(10_000, by_account=False)


class CurrencyNotFound(NotFound):
    """The distributor has no such currency."""

    def __init__(self, code: str) -> None:
        super().__init__("There is no such currency")
        self.currency = code


class CurrencyInUse(Conflict):
    """Accounts, prices or price lists use the currency, or it is the home currency."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code} {reason}; it cannot be deactivated")
        self.currency = code


@dataclass(frozen=True, slots=True)
class CurrencyDetails:
    """What a person says about a currency."""

    code: str
    culture: str = ""  # a CLDR locale, such as de-CH; empty: the page's
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class CurrencyLine:
    """A currency as its list shows it."""

    code: str
    culture: str
    is_active: bool
    is_home: bool


def home_currency() -> str:
    """Return the distributor's own currency."""
    found = session.scalar(select(Distributor.currency).where(Distributor.id == current_scope().distributor_id))
    if found is None:
        raise NotFound("There is no such distributor")
    return found


def list_currencies() -> Sequence[CurrencyLine]:
    """Return the distributor's currencies, the home currency first."""
    home, rows = home_currency(), _rows()
    lines = [CurrencyLine(row.code, row.culture, row.is_active, is_home=row.code == home) for row in rows]
    if not any(line.is_home for line in lines):
        lines.append(CurrencyLine(home, "", is_active=True, is_home=True))
    return sorted(lines, key=lambda line: (not line.is_home, line.code))


def usable_currencies() -> tuple[str, ...]:
    """Return the codes that may be chosen for accounts, prices and price lists, the home currency first."""
    home, rows = home_currency(), _rows()
    codes = [row.code for row in rows if row.is_active] if rows else list(KNOWN)
    return tuple(dict.fromkeys((home, *codes)))


def cultures_of_currencies() -> Mapping[str, str]:
    """Return in which culture amounts of a currency are written, where the distributor chose one. Kept."""
    return _CULTURES.of((), lambda: {row.code: row.culture for row in _rows() if row.culture})


def get_currency(code: str) -> CurrencyLine:
    """Return one of the distributor's currencies; raises CurrencyNotFound."""
    found = next((line for line in list_currencies() if line.code == code), None)
    if found is None:
        raise CurrencyNotFound(code)
    return found


def save_currency(details: CurrencyDetails, *, is_new: bool, actor: Actor, at: datetime) -> Currency:
    """Set a currency up, or change it. Needs the distributor's scope.

    Raises Invalid, CurrencyInUse for taking an active one away that is in use, CurrencyNotFound.
    """
    home = home_currency()
    rows = {row.code: row for row in _rows()}
    _require_valid(details, home, rows, is_new=is_new)
    if not rows:
        _take_in(home, at)
        rows = {row.code: row for row in _rows()}
    row = rows.get(details.code)
    if row is None:
        row = Currency(id=new_id(), code=details.code)
        session.add(row)
    elif row.is_active and not details.is_active:
        _require_unused(details.code, home)
    row.culture, row.is_active, row.updated_at = details.culture.strip(), details.is_active, at
    before, after = changes_of(row)
    session.flush()
    record("pricing.currency_saved", actor=actor, at=at, target_kind="currency", target_id=row.id,
           before=before, after=after)  # fmt: skip
    return row


def uses_of(code: str) -> tuple[int, int, int]:
    """Return how many accounts, prices on sale and active price lists are in a currency."""
    distributor_id = current_scope().distributor_id
    counts = (
        select(func.count()).select_from(Account).where(
            Account.distributor_id == distributor_id, Account.currency == code
        ),
        select(func.count()).select_from(ProductPrice).where(
            ProductPrice.distributor_id == distributor_id, ProductPrice.currency == code, ~ProductPrice.is_withdrawn
        ),
        select(func.count()).select_from(PriceList).where(
            PriceList.distributor_id == distributor_id, PriceList.currency == code, PriceList.is_active
        ),
    )  # fmt: skip
    accounts, prices, lists = (session.scalar(each) or 0 for each in counts)
    return accounts, prices, lists


def _require_valid(details: CurrencyDetails, home: str, rows: Mapping[str, Currency], *, is_new: bool) -> None:
    errors: list[FieldError] = []
    if not is_currency(details.code):
        errors.append(FieldError("code", "currency_unknown", "Enter an ISO 4217 code, such as EUR"))
    elif is_new and details.code in rows:
        errors.append(FieldError("code", "currency_taken", "This currency is there already"))
    elif not is_new and details.code not in rows and details.code != home:
        raise CurrencyNotFound(details.code)
    if details.culture.strip() and not _is_culture(details.culture.strip()):
        errors.append(FieldError("culture", "culture_unknown", "Enter a culture such as en-GB or de-CH"))
    if errors:
        raise Invalid(*errors)
    if details.code == home and not details.is_active:
        raise CurrencyInUse(details.code, "is the home currency")


def _require_unused(code: str, home: str) -> None:
    if code == home:
        raise CurrencyInUse(code, "is the home currency")
    accounts, prices, lists = uses_of(code)
    if accounts or prices or lists:
        raise CurrencyInUse(code, f"is used by {accounts} accounts, {prices} prices and {lists} price lists")


def _take_in(home: str, at: datetime) -> None:
    """Make rows of what is in use already."""
    distributor_id = current_scope().distributor_id
    used = session.scalars(
        union(
            select(Account.currency).where(Account.distributor_id == distributor_id),
            select(ProductPrice.currency).where(ProductPrice.distributor_id == distributor_id),
            select(PriceList.currency).where(PriceList.distributor_id == distributor_id),
        )
    ).all()
    for code in dict.fromkeys((home, *used)):
        session.add(Currency(id=new_id(), code=code, updated_at=at))
    session.flush()


def _is_culture(text: str) -> bool:
    try:
        Locale.parse(text.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return len(text) <= 10  # noqa: PLR2004 - the column's length


def _rows() -> Sequence[Currency]:
    return session.scalars(
        select(Currency).where(Currency.distributor_id == current_scope().distributor_id).order_by(Currency.code)
    ).all()
