"""The world of the tests, grown to the size of a large distributor: set-based, as the owner, in a database of its own.

`python -m tests.bench.scale` is not needed: the measurements call `scale_database`, which reuses what an earlier run
on the same services has made. Sizes come from the environment: BENCH_ALIASES, BENCH_PRODUCTS, BENCH_RULES.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from app.access.cookies import cookie_name, signed
from app.core import db
from app.core.clock import utc_now
from app.identity.models import SignInName
from app.identity.realms import open_realm
from app.identity.sessions import start_session
from tenants.context import distributor_scope, scope
from tenants.directory import directory
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.conftest import template_name
from tests.factories.world import MONDAY_NOON, Shop, World, make_world

HOST = "bench.example"
ALIAS = "techsolutions"  # the storefront that is measured
CUSTOMER = 0  # its customer that is measured
LISTED_ELSEWHERE = 30  # products in the catalogue of each other storefront
URLS = ("DATABASE_URL", "DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM")


@dataclass(frozen=True)
class Scale:
    """How large. Rules are spread evenly over all resellers, the measured one among them."""

    aliases: int = 10_000
    products: int = 5_000
    rules: int = 1_000_000

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Scale:
        """The full scale, or what the environment says."""
        full = cls()
        return cls(
            int(environment.get("BENCH_ALIASES", full.aliases)),
            int(environment.get("BENCH_PRODUCTS", full.products)),
            int(environment.get("BENCH_RULES", full.rules)),
        )

    @property
    def rules_each(self) -> int:
        return max(1, self.rules // self.aliases)


@dataclass(frozen=True)
class ScaleDatabase:
    """A seeded database and what a browser needs to ask for its pages."""

    urls: Mapping[str, str]
    distributor_id: str
    cookie: str  # of a customer's buyer, signed in at the measured storefront
    seconds: float  # that seeding took; 0 when it was found


# Each statement makes one kind of row. %(…)s are the ids of the world; ids of made rows follow from their number, so
# that no statement reads back what another has written.
ROWS = (
    # products
    """INSERT INTO categories (distributor_id, id, parent_id, name, slug, icon, position, is_visible)
       SELECT %(d)s, md5('category' || n)::uuid, NULL, 'Category ' || n, 'category-' || n, 'box', n, true
       FROM generate_series(1, 12) n""",
    """INSERT INTO product_groups (distributor_id, id, slug, name, position)
       SELECT %(d)s, md5('group' || n)::uuid, 'group-' || n, 'Group ' || n, n FROM generate_series(1, 200) n""",
    """INSERT INTO products (distributor_id, id, code, code_key, name, slug, search_text, short_description,
         product_type_id, category_id, group_id, vendor, unit_of_measure, segment, tags, is_add_on, is_active, is_published,
         is_new, is_featured, audience, min_quantity, step_quantity, position, version, created_at, updated_at)
       SELECT %(d)s, md5('product' || n)::uuid, 'P-' || n, 'p-' || n, 'Business service ' || lpad(n::text, 6, '0'),
         'service-' || n, 'business service p-' || n, 'Mail, calendar and files for teams of every size, edition ' || n,
         %(type)s, md5('category' || n %% 12 + 1)::uuid, md5('group' || n %% 200 + 1)::uuid, 'Vendor ' || n %% 20, 'licence',
         'Commercial', '{}', false, true, true, n %% 50 = 0, n %% 100 = 0, 'everyone', 1, 1, n, 1, %(at)s, %(at)s
       FROM generate_series(1, %(products)s) n""",
    """INSERT INTO product_prices (distributor_id, id, product_id, term, cycle, currency, list_price, is_withdrawn, is_manual)
       SELECT %(d)s, gen_random_uuid(), md5('product' || n)::uuid, kind.term, kind.cycle, 'EUR',
         (n %% 90 + 12) * kind.months, false, false
       FROM generate_series(1, %(products)s) n, (VALUES ('P1M', 'monthly', 1), ('P1Y', 'annual', 12)) kind(term, cycle, months)""",
    """INSERT INTO price_list_entries (distributor_id, id, price_list_id, product_id, term, cycle, rule, value, price)
       SELECT %(d)s, gen_random_uuid(), %(list)s, md5('product' || n)::uuid, kind.term, kind.cycle, 'fixed', price, price
       FROM generate_series(1, %(products)s) n,
         (VALUES ('P1M', 'monthly', 1), ('P1Y', 'annual', 12)) kind(term, cycle, months),
         LATERAL (SELECT (n %% 90 + 10)::numeric * kind.months AS price) cost""",
    # resellers with their storefronts
    """INSERT INTO accounts (distributor_id, id, reseller_id, code, name, email, country, status, is_reseller,
         ordering_enabled, payment_method, payment_days, has_card_token, prorated_billing, currency,
         restrict_to_price_lists, approval_required, edition, reselling_since, storefront_since, created_at)
       SELECT %(d)s, md5('reseller' || n)::uuid, md5('reseller' || n)::uuid, 'AC-B' || n, 'Reseller ' || n,
         'office' || n || '@resellers.example', 'GR', 'active', true, true, 'cash', 30, false, false, 'EUR', true, false,
         'standard', %(at)s, %(at)s, %(at)s
       FROM generate_series(1, %(aliases)s) n""",
    """INSERT INTO storefronts (distributor_id, id, reseller_id, state, edition, created_at)
       SELECT %(d)s, md5('storefront' || n)::uuid, md5('reseller' || n)::uuid, 'live', 'standard', %(at)s
       FROM generate_series(1, %(aliases)s) n""",
    """INSERT INTO addresses (distributor_id, id, storefront_id, reseller_id, alias, state, is_primary, version)
       SELECT %(d)s, gen_random_uuid(), md5('storefront' || n)::uuid, md5('reseller' || n)::uuid, 'shop-' || n, 'live', false,
         nextval('directory_version')
       FROM generate_series(1, %(aliases)s) n""",
    """INSERT INTO storefront_settings (distributor_id, id, reseller_id, storefront_id, "values", version, updated_at)
       SELECT %(d)s, gen_random_uuid(), md5('reseller' || n)::uuid, md5('storefront' || n)::uuid,
         jsonb_build_object('company_name', 'Shop ' || n, 'anonymous_access', true, 'anonymous_prices', true), 1, %(at)s
       FROM generate_series(1, %(aliases)s) n""",
    """INSERT INTO price_list_assignments (distributor_id, id, payer_id, price_list_id, priority, assigned_at)
       SELECT %(d)s, gen_random_uuid(), md5('reseller' || n)::uuid, %(list)s, 1, %(at)s
       FROM generate_series(1, %(aliases)s) n""",
    """INSERT INTO listings (distributor_id, id, reseller_id, product_id, trial_enabled, is_featured, listed_at)
       SELECT %(d)s, gen_random_uuid(), md5('reseller' || n)::uuid, md5('product' || p)::uuid, true, false, %(at)s
       FROM generate_series(1, %(aliases)s) n, generate_series(1, least(%(listed)s, %(products)s)) p""",
    """INSERT INTO listings (distributor_id, id, reseller_id, product_id, trial_enabled, is_featured, listed_at)
       SELECT %(d)s, gen_random_uuid(), %(tech)s, md5('product' || n)::uuid, true, false, %(at)s
       FROM generate_series(1, %(products)s) n""",
    # rules: of ten, one for a category, one for a vendor, four for a product, four special prices
    """INSERT INTO markup_rules (distributor_id, id, reseller_id, level, product_id, category_id, vendor, percent, created_at)
       SELECT %(d)s, gen_random_uuid(), CASE n WHEN 0 THEN %(tech)s ELSE md5('reseller' || n)::uuid END,
         CASE WHEN k = 0 THEN 'default' WHEN k %% 10 = 0 THEN 'category' WHEN k %% 10 = 1 THEN 'vendor' ELSE 'product' END,
         CASE WHEN k %% 10 > 1 THEN md5('product' || p)::uuid END,
         CASE WHEN k > 0 AND k %% 10 = 0 THEN md5('category' || k / 10 %% 12 + 1)::uuid END,
         CASE WHEN k %% 10 = 1 THEN 'Vendor ' || k / 10 %% 20 END,
         10 + k %% 20, %(at)s
       FROM generate_series(0, %(aliases)s - 1) n, generate_series(0, %(each)s - 1) k,
         LATERAL (SELECT (k * 7 + n) %% %(products)s + 1 AS p) chosen
       WHERE k %% 10 < 6""",
    """INSERT INTO special_prices (distributor_id, id, reseller_id, product_id, term, cycle, currency, amount, created_at)
       SELECT %(d)s, gen_random_uuid(), CASE n WHEN 0 THEN %(tech)s ELSE md5('reseller' || n)::uuid END,
         md5('product' || (k * 7 + n) %% %(products)s + 1)::uuid, 'P1M', 'monthly', 'EUR', 110, %(at)s
       FROM generate_series(0, %(aliases)s - 1) n, generate_series(0, %(each)s - 1) k
       WHERE k %% 10 > 5""",
    # the measured customer has its own rules on what the first page shows
    """INSERT INTO special_prices
         (distributor_id, id, reseller_id, customer_id, product_id, term, cycle, currency, amount, created_at)
       SELECT %(d)s, gen_random_uuid(), %(tech)s, %(customer)s, md5('product' || n)::uuid, 'P1M', 'monthly', 'EUR', 120, %(at)s
       FROM generate_series(1, 30, 3) n""",
    """INSERT INTO markup_rules (distributor_id, id, reseller_id, level, customer_id, product_id, percent, created_at)
       SELECT %(d)s, gen_random_uuid(), %(tech)s, 'customer_product', %(customer)s, md5('product' || n)::uuid, 33, %(at)s
       FROM generate_series(2, 30, 3) n""",
)
GROWN = (
    "products", "product_prices", "price_list_entries", "accounts", "storefronts", "addresses", "storefront_settings",
    "price_list_assignments", "listings", "markup_rules", "special_prices",
)  # fmt: skip
# Checked row by row they cost more than the rows; what they promise follows from the numbers above.
SLOW_KEYS = ("listings", "special_prices", "price_list_entries", "price_list_assignments", "product_prices")


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _owner(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def scale_database(scale: Scale) -> ScaleDatabase:
    """Return the database of a scale, seeded now unless an earlier run on these services did."""
    name = f"bench_{_recipe()}_{scale.aliases}_{scale.products}_{scale.rules}"
    urls = {key: _with_database(os.environ[key], name) for key in URLS}
    began = utc_now()
    with _owner(os.environ["DATABASE_URL"]) as owner:
        found = owner.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            _forget_other_recipes(owner)
        if found is None or not found[0]:  # marked as a template only when it is complete
            owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            owner.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template_name()))
            )
            _fill(urls, scale)
            owner.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(name)))
    seconds = (utc_now() - began).total_seconds() if found is None or not found[0] else 0.0
    with bound_to(urls["DATABASE_URL_APP"]):
        distributor_id, cookie = _sign_in(urls["DATABASE_URL"])
    return ScaleDatabase(urls, distributor_id, cookie, seconds)


def _forget_other_recipes(owner: psycopg.Connection) -> None:
    rows = owner.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%%' AND NOT starts_with(datname, %s)",
        [f"bench_{_recipe()}_"],
    ).fetchall()
    for (name,) in rows:
        owner.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
        owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _recipe() -> str:
    """Tell databases of another schema or another recipe apart."""
    found = hashlib.sha256(template_name().encode())
    found.update(Path(__file__).read_bytes())
    return found.hexdigest()[:10]


class bound_to:  # noqa: N801 - reads as a verb
    """Let the thread's session work on another database, with real commits."""

    def __init__(self, url: str) -> None:
        self._engine = db.open_engine(url, pool_size=4)

    def __enter__(self) -> None:
        db.session.remove()
        db.BoundSession.bound_to = self._engine

    def __exit__(self, *_error: object) -> None:
        db.session.remove()
        db.BoundSession.bound_to = None
        directory.forget()
        self._engine.dispose()


def _fill(urls: Mapping[str, str], scale: Scale) -> None:
    with bound_to(urls["DATABASE_URL_APP"]):
        world = make_world(db.session(), host=HOST)
        ids = _ids(world)
    with _owner(urls["DATABASE_URL"]) as owner:
        keys = _drop_slow_keys(owner)
        for statement in ROWS:
            owner.execute(
                statement,
                ids | asdict(scale) | {"each": scale.rules_each, "listed": LISTED_ELSEWHERE, "at": MONDAY_NOON},
            )
        for key in keys:
            owner.execute(key)
        for table in GROWN:
            owner.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


def _drop_slow_keys(owner: psycopg.Connection) -> list[str]:
    """Drop foreign keys of the large tables; return what makes them again, checked as a whole."""
    found = owner.execute(
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)""",
        [list(SLOW_KEYS)],
    ).fetchall()
    for table, name, _ in found:
        owner.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    return [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}' for table, name, definition in found]


def _ids(world: World) -> dict[str, object]:
    """Open the measured storefront to visitors and return the ids that rows refer to."""
    shop: Shop = world.tech
    assert shop.storefront is not None
    with scope(shop.scope):
        save_storefront_settings(
            shop.storefront.id,
            StorefrontSettings(company_name="Tech Solutions", anonymous_access=True, anonymous_prices=True),
            reseller_id=shop.id,
            at=MONDAY_NOON,
        )
        db.session.commit()
    return {
        "d": world.id,
        "type": world.product_type.id,
        "list": world.price_list.id,
        "tech": shop.id,
        "customer": shop.customers[CUSTOMER].id,
    }


def _sign_in(owner_url: str) -> tuple[str, str]:
    """Start a session of the measured customer's buyer and return the distributor's id and the cookie."""
    with _owner(owner_url) as owner:
        found = owner.execute(
            """SELECT s.distributor_id, s.id, n.id
               FROM addresses a
               JOIN storefronts s ON s.id = a.storefront_id
               JOIN sign_in_names n ON n.realm_id = s.id
               WHERE a.alias = %s AND n.kind = 'end_customer'
                 AND EXISTS (SELECT FROM special_prices p WHERE p.customer_id = n.account_id)""",
            [ALIAS],
        ).fetchone()
    assert found is not None
    distributor_id, realm_id, name_id = found
    with scope(distributor_scope(distributor_id)):
        with open_realm(realm_id):
            name = db.session.get_one(SignInName, (distributor_id, name_id))
        token, _ = start_session(name, at=utc_now(), address=None, browser="Bench")
        db.session.commit()
    return str(distributor_id), f"{cookie_name(realm_id)}={signed(realm_id, token)}"
