"""A small world most tests start from: one distributor, two resellers with storefronts, customers, products, prices.

`make_world` inserts through the models, in the scopes the rows belong to, so it stands on nothing but the schema.
A second distributor is `make_world(session, name="…", host="…")`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

from app.accounts.models import Account
from app.catalogue.models import (
    Audience,
    BillingCycle,
    Category,
    Product,
    ProductGroup,
    ProductKind,
    ProductPrice,
    ProductType,
    Term,
    VendorCost,
)
from app.core.db import BoundSession
from app.core.ids import new_id
from app.identity.models import SignInName, User, UserKind, UserStatus, UserType
from app.pricing.models import PriceList, PriceListAssignment, PriceListEntry, PriceRule
from app.resellers.models import Listing
from tenants.context import Scope, distributor_scope, end_customer_scope, reseller_scope, root_visitor_scope, scope
from tenants.directory import directory
from tenants.models import Address, AddressState, Distributor, Storefront, StorefrontState
from tenants.settings import StorefrontSettings, save_storefront_settings

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MONDAY = date(2026, 3, 2)
_counter = count(1)


@dataclass
class Shop:
    """A reseller with its storefront."""

    account: Account
    storefront: Storefront | None
    admin: User
    alias: str | None
    customers: list[Account] = field(default_factory=list)
    buyers: list[User] = field(default_factory=list)  # an Admin of each customer, in the same order

    @property
    def id(self) -> UUID:
        """The reseller's account id."""
        return self.account.id

    @property
    def scope(self) -> Scope:
        """The scope of its staff."""
        return reseller_scope(self.account.distributor_id, self.account.id)

    def customer_scope(self, index: int = 0) -> Scope:
        """The scope of one of its customers' users; without price lists."""
        return end_customer_scope(self.account.distributor_id, self.account.id, self.customers[index].id)


@dataclass
class World:
    """Everything `make_world` made. Ids and plain columns stay readable after the session has moved on."""

    distributor: Distributor
    host: str
    root: Storefront
    bss_user: User
    direct: Account  # a direct customer
    direct_buyer: User
    tech: Shop  # standard, alias techsolutions
    cloudia: Shop  # free, alias cloudia
    basic: Shop  # basic, no storefront
    product_type: ProductType
    plan_type: ProductType
    category: Category
    group: ProductGroup
    seats: Product  # P1M monthly: vendor cost 8.00, list 12.00; in the list at 10.00
    suite: Product  # P1Y monthly: vendor cost 16.00, list 24.00; in the list at 20.00
    tool: Product  # one-off: vendor cost 40.00, list 60.00; in the list at 50.00
    price_list: PriceList  # assigned to tech, cloudia, basic and the direct customer

    @property
    def id(self) -> UUID:
        """The distributor's id."""
        return self.distributor.id

    @property
    def scope(self) -> Scope:
        """The scope of BSS and jobs."""
        return distributor_scope(self.distributor.id)

    @property
    def products(self) -> list[Product]:
        """The three products with prices."""
        return [self.seats, self.suite, self.tool]


def _account(session: BoundSession, name: str, *, reseller_id: UUID | None, edition: str = "none") -> Account:
    number = next(_counter)
    account_id = new_id()
    is_reseller = edition != "none"
    account = Account(
        id=account_id,
        reseller_id=account_id if is_reseller else reseller_id,
        code=f"AC-T{number:05}",
        name=name,
        email=f"office{number}@{name.split(maxsplit=1)[0].lower()}.example",
        city="Athens",
        street="1 Main Street",
        postcode="105 57",
        country="GR",
        currency="EUR",
        is_reseller=is_reseller,
        edition=edition,
        restrict_to_price_lists=is_reseller,
        approval_required=reseller_id is not None,
        storefront_since=MONDAY_NOON if edition in ("free", "standard") else None,
        reselling_since=MONDAY_NOON if is_reseller else None,
        created_at=MONDAY_NOON,
    )
    session.add(account)
    session.flush()
    return account


def make_user(
    session: BoundSession,
    account: Account | None,
    *,
    kind: UserKind,
    realms: tuple[UUID, ...],
    first_name: str = "Ada",
    type: UserType = UserType.ADMIN,  # noqa: A002 - the model's word
    roles: tuple[str, ...] = (),
    status: UserStatus = UserStatus.ACTIVE,
) -> User:
    """Insert a user with a sign-in name in each realm (no password: `sign_in` of tests/web needs none).

    Call it in the distributor's scope.
    """
    number = next(_counter)
    distributor_id = _distributor_id()
    user = User(
        reseller_id=account.reseller_id if account else None,
        account_id=account.id if account else None,
        kind=kind,
        type=type,
        status=status,
        roles=list(roles),
        first_name=first_name,
        last_name=f"Person{number}",
        email=f"{first_name.lower()}{number}@people.example",
        is_primary_contact=True,
        created_at=MONDAY_NOON,
    )
    session.add(user)
    session.flush()
    for realm_id in realms:
        with scope(distributor_scope(distributor_id).in_realm(realm_id)):
            session.add(
                SignInName(
                    realm_id=realm_id,
                    email=user.email,
                    user_id=user.id,
                    credential_realm_id=realms[0],
                    kind=kind,
                    type=type,
                    status=status,
                    roles=list(roles),
                    reseller_id=user.reseller_id,
                    account_id=user.account_id,
                    full_name=user.full_name,
                )
            )
    return user


def _distributor_id() -> UUID:
    from tenants.context import current_scope  # noqa: PLC0415 - read where it is in force

    return current_scope().distributor_id


def _storefront(
    session: BoundSession, account: Account | None, *, alias: str | None, host: str | None, edition: str
) -> Storefront:
    storefront = Storefront(
        reseller_id=account.id if account else None, state=StorefrontState.LIVE, edition=edition, created_at=MONDAY_NOON
    )
    session.add(storefront)
    session.flush()
    session.add(
        Address(
            storefront_id=storefront.id,
            reseller_id=account.id if account else None,
            alias=alias,
            host=host,
            state=AddressState.LIVE,
            is_primary=host is not None,
        )
    )
    session.flush()
    owner = (
        reseller_scope(storefront.distributor_id, account.id)
        if account
        else root_visitor_scope(storefront.distributor_id)
    )
    name = account.name if account else "Nordwind Cloud"
    with scope(owner):
        save_storefront_settings(
            storefront.id,
            StorefrontSettings(company_name=name),
            reseller_id=account.id if account else None,
            at=MONDAY_NOON,
        )
    return storefront


def _shop(session: BoundSession, root: Storefront, name: str, alias: str | None, edition: str, customers: int) -> Shop:
    account = _account(session, name, reseller_id=None, edition=edition)
    storefront = _storefront(session, account, alias=alias, host=None, edition=edition) if alias else None
    realms = (root.id, storefront.id) if storefront else (root.id,)
    admin = make_user(session, account, kind=UserKind.RESELLER, realms=realms, first_name="Rhea")
    shop = Shop(account, storefront, admin, alias)
    for number in range(customers):
        customer = _account(session, f"{name.split(maxsplit=1)[0]} Customer {number + 1}", reseller_id=account.id)
        shop.customers.append(customer)
        if storefront:
            shop.buyers.append(
                make_user(session, customer, kind=UserKind.END_CUSTOMER, realms=(storefront.id,), first_name="Cleo")
            )
    return shop


def make_product(
    session: BoundSession,
    product_type: ProductType,
    name: str,
    *,
    term: Term = Term.P1M,
    cycle: BillingCycle = BillingCycle.MONTHLY,
    vendor_cost: str = "8.00",
    list_price: str = "12.00",
    category: Category | None = None,
    group: ProductGroup | None = None,
    vendor: str = "Contoso",
    **columns: object,
) -> Product:
    """Insert a published product with one list price and vendor cost in EUR. Call it in the distributor's scope."""
    number = next(_counter)
    code = str(columns.pop("code", f"SKU-{number}"))
    product = Product(
        code=code,
        code_key=code.lower(),
        name=name,
        slug=f"{name.lower().replace(' ', '-')}-{number}",
        search_text=f"{name} {code} {vendor}".lower(),
        product_type_id=product_type.id,
        category_id=category.id if category else None,
        group_id=group.id if group else None,
        vendor=vendor,
        is_published=True,
        audience=Audience.EVERYONE,
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    for column, value in columns.items():
        setattr(product, column, value)
    session.add(product)
    session.flush()
    key = {"product_id": product.id, "term": term, "cycle": cycle, "currency": "EUR"}
    session.add(ProductPrice(**key, list_price=Decimal(list_price)))
    session.add(VendorCost(**key, vendor_cost=Decimal(vendor_cost)))
    session.flush()
    return product


def make_entry(
    session: BoundSession,
    price_list: PriceList,
    product: Product,
    price: str,
    *,
    term: Term = Term.P1M,
    cycle: BillingCycle = BillingCycle.MONTHLY,
) -> PriceListEntry:
    """Insert a fixed price into a price list. Call it in the distributor's scope."""
    entry = PriceListEntry(
        price_list_id=price_list.id,
        product_id=product.id,
        term=term,
        cycle=cycle,
        rule=PriceRule.FIXED,
        value=Decimal(price),
        price=Decimal(price),
    )
    session.add(entry)
    session.flush()
    return entry


def list_product(session: BoundSession, shop: Shop, product: Product) -> None:
    """Put a product into a reseller's own catalogue."""
    with scope(shop.scope):
        session.add(Listing(reseller_id=shop.id, product_id=product.id, listed_at=MONDAY_NOON))


def make_world(
    session: BoundSession, *, name: str = "Nordwind Distribution", host: str = "cloud.nordwind.example"
) -> World:
    """Insert the world and commit (in a test: into the savepoint that is rolled back)."""
    distributor_id = new_id()
    with scope(distributor_scope(distributor_id)):
        distributor = Distributor(
            id=distributor_id,
            name=name,
            currency="EUR",
            time_zone="Europe/Athens",
            culture="en",
            created_at=MONDAY_NOON,
        )
        session.add(distributor)
        session.flush()
        root = _storefront(session, None, alias=None, host=host, edition="root")
        bss_user = make_user(
            session, None, kind=UserKind.BSS, realms=(distributor_id,), first_name="Bo", roles=("administrator",)
        )
        direct = _account(session, "Direct Trading", reseller_id=None)
        direct_buyer = make_user(session, direct, kind=UserKind.DIRECT, realms=(root.id,), first_name="Dora")
        tech = _shop(session, root, "Tech Solutions", "techsolutions", "standard", customers=2)
        cloudia = _shop(session, root, "Cloudia Services", "cloudia", "free", customers=1)
        basic = _shop(session, root, "Basic Resale", None, "basic", customers=1)

        product_type = ProductType(name="Cloud service", kind=ProductKind.SUBSCRIPTION, created_at=MONDAY_NOON)
        one_off = ProductType(name="Perpetual software", kind=ProductKind.ONE_OFF, created_at=MONDAY_NOON)
        plan_type = ProductType(name="Reseller plan", kind=ProductKind.RESELLER_PLAN, created_at=MONDAY_NOON)
        category = Category(name="Productivity", slug="productivity", icon="grid")
        group = ProductGroup(name="Contoso Suite", slug="contoso-suite")
        session.add_all([product_type, one_off, plan_type, category, group])
        session.flush()
        seats = make_product(session, product_type, "Contoso Mail", category=category, group=group)
        suite = make_product(
            session,
            product_type,
            "Contoso Suite",
            term=Term.P1Y,
            vendor_cost="16.00",
            list_price="24.00",
            category=category,
            group=group,
        )
        tool = make_product(
            session, one_off, "Fabrikam Tool", term=Term.NONE, cycle=BillingCycle.ONE_TIME,
            vendor_cost="40.00", list_price="60.00", category=category, vendor="Fabrikam",
        )  # fmt: skip
        price_list = PriceList(name="Partners", currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
        session.add(price_list)
        session.flush()
        make_entry(session, price_list, seats, "10.00")
        make_entry(session, price_list, suite, "20.00", term=Term.P1Y)
        make_entry(session, price_list, tool, "50.00", term=Term.NONE, cycle=BillingCycle.ONE_TIME)
        for payer in (tech.account, cloudia.account, basic.account, direct):
            session.add(
                PriceListAssignment(payer_id=payer.id, price_list_id=price_list.id, priority=1, assigned_at=MONDAY_NOON)
            )
        for shop in (tech, cloudia):
            for product in (seats, suite, tool):
                list_product(session, shop, product)
    session.commit()
    directory.forget()
    return World(
        distributor, host, root, bss_user, direct, direct_buyer, tech, cloudia, basic,
        product_type, plan_type, category, group, seats, suite, tool, price_list,
    )  # fmt: skip
