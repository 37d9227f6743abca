"""What lists take and answer: paging, `$filter`, `$orderby`, and whose rows they hold."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select

from app.accounts.models import Account
from app.billing.models import Invoice, InvoiceLine
from app.core.db import engine
from app.core.ids import new_id
from app.identity.api_clients.models import ApiClientKind, ApiScope
from app.resellers.models import Listing
from tenants.context import scope
from tests.factories.world import MONDAY, MONDAY_NOON, make_entry, make_product
from tests.web.api.conftest import EVERYTHING, Caller, make_program, refused


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json["items"]]


@pytest.fixture
def papers(session, world) -> dict[str, str]:
    """An invoice each to Tech Solutions, Cloudia and the direct customer: number by payer."""
    found = {}
    with scope(world.scope):
        for name, account in (
            ("tech", world.tech.account),
            ("cloudia", world.cloudia.account),
            ("direct", world.direct),
        ):
            made = Invoice(
                id=new_id(), reseller_id=account.reseller_id, account_id=account.id, number=f"INV-2026-{name}",
                issued_on=MONDAY, due_on=MONDAY + timedelta(days=30), currency="EUR", net_total=Decimal("77.31"),
                tax_total=Decimal(0), total=Decimal("77.31"), seller_name=world.distributor.name,
                buyer_name=account.name, buyer_address="1 Main Street", created_at=MONDAY_NOON,
            )  # fmt: skip
            session.add(made)
            session.flush()
            session.add(
                InvoiceLine(
                    reseller_id=account.reseller_id, account_id=account.id, invoice_id=made.id, position=1,
                    description="Contoso Mail", quantity=3, unit_price=Decimal("25.77"), net_amount=Decimal("77.31"),
                )
            )  # fmt: skip
            found[name] = made.number
    session.commit()
    return found


def test_an_unknown_property_is_422_naming_it(client, office, program):
    """BC-F80: no token 401; an unknown `$filter` property 422 that names it."""
    assert client.get("/bss/api/v1/accounts").status_code == 401
    assert client.get("/techsolutions/api/v1/products").status_code == 401
    answer = office.get("/accounts", **{"$filter": "shoe_size eq 44"})
    refused(answer, 422, "$filter", "unknown_property")
    assert "shoe_size" in answer.json["errors"][0]["message"]
    sorted_by = office.get("/accounts", **{"$orderby": "shoe_size desc"})
    refused(sorted_by, 422, "$orderby", "unknown_property")
    assert "shoe_size" in sorted_by.json["errors"][0]["message"]


def test_newest_first_and_a_size_of_101(session, world, office):
    """BC-F81: `$orderby=created_at desc` returns the newest first; `size=101` answers 422."""
    with scope(world.scope):
        for age, account in enumerate(session.scalars(select(Account).order_by(Account.name))):
            account.created_at = MONDAY_NOON + timedelta(days=(age * 5) % 7)
        session.commit()
    found = office.get("/accounts", **{"$orderby": "created_at desc"}).json["items"]
    instants = [each["created_at"] for each in found]
    assert instants == sorted(instants, reverse=True)
    assert len(set(instants)) > 3
    refused(office.get("/accounts", size="101"), 422, "size", "out_of_range")


def test_products_come_in_pages_of_25(client, session, world, shop):
    """BC-F82: 25 items by default; a call without key or token is 401."""
    with scope(world.scope):
        made = [make_product(session, world.product_type, f"Service {number:02}") for number in range(30)]
        for each in made:
            make_entry(session, world.price_list, each, "10.00")
    with scope(world.tech.scope):
        session.add_all(Listing(reseller_id=world.tech.id, product_id=each.id, listed_at=MONDAY_NOON) for each in made)
    session.commit()
    first = shop.get("/products").json
    assert (len(first["items"]), first["size"], first["total"]) == (25, 25, 33)
    second = shop.get("/products", page="2").json
    assert len(second["items"]) == 8
    assert {each["id"] for each in first["items"]}.isdisjoint(each["id"] for each in second["items"])
    assert client.get("/techsolutions/api/v1/products").status_code == 401


def test_a_resellers_key_lists_its_own_customers(world, shop):
    """BC-F83: only their own customers, and 404 for any other customer's id."""
    assert names(shop.get("/customers")) == ["Tech Customer 1", "Tech Customer 2"]
    own = world.tech.customers[0]
    assert shop.get(f"/customers/{own.id}").json["name"] == own.name
    for other in (world.cloudia.customers[0].id, world.direct.id, world.cloudia.id, world.tech.id, new_id()):
        refused(shop.get(f"/customers/{other}"), 404)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("name eq 'Direct Trading'", ["Direct Trading"]),
        (
            "contains(name,'customer') and not name eq 'Tech Customer 1'",
            ["Basic Customer 1", "Cloudia Customer 1", "Tech Customer 2"],
        ),
        ("startswith(name,'tech c')", ["Tech Customer 1", "Tech Customer 2"]),
        ("is_reseller eq true and edition ne 'free'", ["Basic Resale", "Tech Solutions"]),
        ("(edition eq 'free' or edition eq 'basic') and is_reseller eq true", ["Basic Resale", "Cloudia Services"]),
        ("reseller_id eq null", ["Direct Trading"]),
        ("name gt 'Tech Customer 1' and name le 'Tech Solutions'", ["Tech Customer 2", "Tech Solutions"]),
        ("created_at ge 2026-03-02T12:00:00Z and country eq 'GR' and edition eq 'standard'", ["Tech Solutions"]),
        ("name eq 'O''Neill' or status eq 'suspended'", []),
        ("website eq null and credit_limit lt 1 and edition eq 'free'", ["Cloudia Services"]),
    ],
)
def test_filters(session, world, office, words, expected):
    """BC-32: eq, ne, gt, ge, lt, le, contains, startswith; and, or, not, brackets; texts regardless of case."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.cloudia.id)).credit_limit = Decimal(0)
        session.commit()
    assert names(office.get("/accounts", **{"$filter": words})) == expected


@pytest.mark.parametrize(
    "words",
    ["name", "name eq", "name like 'x'", "eq 'x'", "(name eq 'x'", "name eq 'x')", "name eq 'x", "contains(name)",
     "contains(name 'x')", "name eq 'x' and", "not", "and", "name eq 'x' name eq 'y'", "(" * 100, "not " * 100 + "name eq 'x'",
     "x" * 2001],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_400(office, words):
    """Decisions section 8: 400 only for what cannot be parsed."""
    refused(office.get("/accounts", **{"$filter": words}), 400)


@pytest.mark.parametrize(
    "words",
    ["created_at gt yesterday", "created_at gt 2026-03-02", "credit_limit lt cheap", "credit_limit lt NaN", "status eq 'odd'",
     "is_reseller eq 1", "id eq 'x'", "id gt '01a20333-6a14-7a79-98f4-2feee90c0af6'", "status gt 'active'",
     "contains(created_at,'2026')", "name gt null", " and ".join(["name eq 'x'"] * 21), "password eq 'x'",
     "distributor_id eq null", "credit_limit lt 1e400"],
)  # fmt: skip
def test_a_comparison_that_makes_no_sense_is_422(office, words):
    refused(office.get("/accounts", **{"$filter": words}), 422, "$filter")


@pytest.mark.parametrize("order", ["name sideways", "name desc desc", ",", "name,,code"])
def test_an_order_that_cannot_be_read_is_400(office, order):
    refused(office.get("/accounts", **{"$orderby": order}), 400)


def test_lists_are_sorted_by_several_properties(office):
    found = office.get("/accounts", **{"$orderby": "is_reseller desc,name"}).json["items"]
    assert [each["name"] for each in found] == [
        each["name"] for each in sorted(found, key=lambda each: (not each["is_reseller"], each["name"]))
    ]
    refused(office.get("/accounts", **{"$orderby": "name,code,email,phone"}), 422, "$orderby", "too_many")


def test_words_of_a_filter_never_become_sql(office):
    """An attack: quotes, comments and wildcards are looked for as they are written."""
    for words in ("contains(name,'%')", "contains(name,'_')", "name eq ''' OR 1=1 --'", "contains(name,'\\')"):
        assert names(office.get("/accounts", **{"$filter": words})) == []


def test_invoices_are_the_payers_and_need_their_own_scope(client, session, world, shop, papers):
    """RS-30, BC-33: a reseller's programs see what it pays on its invoices, with a right of its own."""
    found = shop.get("/invoices").json
    assert [each["number"] for each in found["items"]] == [papers["tech"]]
    one = shop.get(f"/invoices/{papers['tech']}").json
    assert (one["total"], one["lines"][0]["unit_price"]) == ("77.3100", "25.7700")
    assert world.distributor.name not in shop.get(f"/invoices/{papers['tech']}").text
    refused(shop.get(f"/invoices/{papers['cloudia']}"), 404)
    refused(shop.get(f"/invoices/{papers['direct']}"), 404)
    without = make_program(
        session, world, world.tech.storefront.id, shop.program.base, kind=ApiClientKind.API_KEY,
        scopes=EVERYTHING - {ApiScope.INVOICES_READ},
    )  # fmt: skip
    for path in ("/invoices", f"/invoices/{papers['tech']}"):
        refused(Caller(client, without).get(path), 403, "", "insufficient_scope")


def test_the_back_office_lists_all_invoices(office, papers):
    found = office.get("/invoices", **{"$orderby": "number", "$filter": "issued_on eq 2026-03-02 and total gt 77"}).json
    assert [each["number"] for each in found["items"]] == sorted(papers.values())
    assert office.get(f"/invoices/{papers['direct']}").json["lines"][0]["quantity"] == 3
    refused(office.get("/invoices/INV-2026-nobody"), 404)


def test_products_have_the_prices_of_who_is_asked_about(client, session, world, shop):
    """BC-33: prices with the reseller's markup for its customers; never the cost."""
    (found,) = [each for each in shop.get("/products").json["items"] if each["name"] == "Contoso Mail"]
    assert [(each["term"], each["unit_price"]) for each in found["prices"]] == [("P1M", "10.0000")]
    own = shop.get(f"/products/{world.seats.id}", customer_id=str(world.tech.customers[0].id))
    assert own.json["id"] == str(world.seats.id)
    refused(shop.get("/products", customer_id=str(world.direct.id)), 404)
    refused(shop.get("/products", customer_id="nobody"), 422, "customer_id")
    refused(shop.get(f"/products/{new_id()}"), 404)
    with scope(world.tech.scope):
        for listing in session.scalars(select(Listing).where(Listing.product_id == world.seats.id)):
            session.delete(listing)
    session.commit()
    refused(shop.get(f"/products/{world.seats.id}"), 404)
    assert "Contoso Mail" not in names(shop.get("/products"))


def test_the_back_office_lists_every_product_without_vendor_cost(session, world, office):
    with scope(world.scope):
        session.get_one(type(world.seats), (world.id, world.seats.id)).is_published = False
        session.commit()
    answer = office.get("/products", **{"$filter": "is_published eq false"})
    (found,) = answer.json["items"]
    assert (found["name"], found["prices"]) == (
        "Contoso Mail", [{"term": "P1M", "cycle": "monthly", "list_price": "12.0000", "currency": "EUR"}]
    )  # fmt: skip
    assert "8.00" not in answer.text
    assert office.get(f"/products/{world.seats.id}").json == found
    refused(office.get(f"/products/{new_id()}"), 404)


def test_customers_and_accounts_are_opened(session, world, shop, office):
    """RS-30: POST /customers of a Standard reseller; approval of its orders is on (RS-25)."""
    made = shop.post("/customers", {"name": "New Bakery", "email": "Office@Bakery.example", "country": "GR"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"].endswith(f"/customers/{made.json['id']}")
    assert (made.json["email"], made.json["approval_required"]) == ("office@bakery.example", True)
    assert shop.get(f"/customers/{made.json['id']}").json == made.json
    account = {"name": "New Trading", "email": "a@trading.example", "country": "GR", "currency": "EUR"}
    opened = office.post("/accounts", account)
    assert (opened.status_code, opened.json["kind"], opened.json["credit_limit"]) == (201, "direct", "0.0000")
    before = office.get("/accounts").json["total"]
    for caller, path, body, field in (
        (shop, "/customers", {"name": "X", "email": "nobody", "country": "GR"}, "email"),
        (shop, "/customers", {"name": "New", "email": "a@b.example", "country": "Atlantis"}, "country"),
        (office, "/accounts", {**account, "currency": "EURO"}, "currency"),
        (office, "/accounts", {**account, "credit_limit": "100"}, "credit_limit"),
        (office, "/accounts", {key: value for key, value in account.items() if key != "name"}, "name"),
    ):
        refused(caller.post(path, body), 422, field)
    assert office.get("/accounts").json["total"] == before


@pytest.mark.parametrize("path", ["/accounts", "/products", "/orders", "/invoices", "/subscriptions"])
def test_a_list_takes_as_many_statements_whatever_it_holds(session, world, office, path):
    """Lists cost the same for one row as for a page of them."""

    def statements() -> int:
        seen = []

        def note(_conn, _cursor, statement, *_rest):
            seen.append(statement)

        event.listen(engine(), "before_cursor_execute", note)
        try:
            assert office.get(path).status_code == 200
        finally:
            event.remove(engine(), "before_cursor_execute", note)
        return len([each for each in seen if each.lstrip().upper().startswith("SELECT")])

    office.get(path)
    few = statements()
    with scope(world.scope):
        for number in range(20):
            make_product(session, world.product_type, f"More {number}")
    session.commit()
    assert statements() == few
    assert few <= 6
