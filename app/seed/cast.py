"""Who plays in the demo. Names differ from host labels, so that a leaked name is seen at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

PASSWORD = "Harbour-Light-27"  # noqa: S105 - the demo's one password, printed by `make up`


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in. `roles` empty: an Admin."""

    first_name: str
    last_name: str
    email: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Customer:
    """A company that buys; `approval` False: its orders need no approval."""

    name: str
    city: str
    country: str
    person: Person
    approval: bool = True
    markup: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How a storefront looks."""

    theme: str
    skin: str
    font: str
    heading: str
    text: str
    colors: tuple[str, str]  # of the drawn logo and banner
    anonymous: bool = True


@dataclass(frozen=True, slots=True)
class Reseller:
    """A reseller with its staff and customers; `alias` None: Basic, without a storefront."""

    name: str
    city: str
    country: str
    edition: str
    alias: str | None
    admin: Person
    staff: tuple[Person, ...] = ()
    customers: tuple[Customer, ...] = ()
    style: Style | None = None
    markup: Decimal = Decimal(15)
    credit_limit: Decimal | None = Decimal(50_000)
    search: str = ""  # what it lists: words of product names; empty is everything
    rounding: str = "none"


@dataclass(frozen=True, slots=True)
class Cast:
    """One distributor with everybody around it."""

    name: str
    host: str
    time_zone: str
    style: Style
    staff: tuple[tuple[Person, str], ...]  # with the role of each
    resellers: tuple[Reseller, ...]
    direct: Customer
    list_name: str
    list_markup: Decimal  # percent on vendor cost, for resellers
    imports_sheet: bool = True


OPERATOR = Person("Olga", "Nordin", "operator@platform.example")

DISTI = Cast(
    name="Meridian Cloud Supply",
    host="cloud.disti.localhost",
    time_zone="Europe/Athens",
    style=Style(
        "base",
        "cobalt",
        "system",
        "Software and cloud services for your business",
        "Licences of the vendors you know, ordered in minutes and ready in the background.",
        ("#2353d6", "#0b7a75"),
    ),
    staff=(
        (Person("Mara", "Lind", "admin@meridian.example"), "administrator"),
        (Person("Petros", "Kallis", "products@meridian.example"), "product_manager"),
        (Person("Ines", "Duarte", "sales@meridian.example"), "sales"),
        (Person("Oskar", "Brandt", "operations@meridian.example"), "operations"),
        (Person("Rosa", "Vega", "readonly@meridian.example"), "read_only"),
    ),
    resellers=(
        Reseller(
            "Τεχνολογικές Λύσεις Αιγαίου",
            "Athens",
            "GR",
            "standard",
            "techsolutions",
            Person("Eleni", "Markou", "eleni@techsolutions.example"),
            staff=(
                Person("Nikos", "Petrou", "nikos@techsolutions.example", ("storefront_manager",)),
                Person("Anna", "Vasiliou", "anna@techsolutions.example", ("buyer",)),
            ),
            customers=(
                Customer(
                    "Blue Olive Hotels", "Heraklion", "GR", Person("Dimitra", "Sotiriou", "dimitra@blueolive.example")
                ),
                Customer(
                    "Kyklades Shipping",
                    "Piraeus",
                    "GR",
                    Person("Stavros", "Manos", "stavros@kyklades.example"),
                    approval=False,
                    markup=Decimal(12),
                ),
                Customer("Aster Dental Clinic", "Patras", "GR", Person("Maria", "Lekka", "maria@aster.example")),
            ),
            style=Style(
                "studio",
                "lagoon",
                "old-style",
                "Work from anywhere by the sea",
                "We choose the software, set it up and answer the telephone.",
                ("#0a7184", "#b8480f"),
            ),
            markup=Decimal(25),
            rounding="up_0.05",
        ),
        Reseller(
            "Hafen IT",
            "Hamburg",
            "DE",
            "standard",
            "hafen-it",
            Person("Jonas", "Petersen", "jonas@hafen-it.example"),
            customers=(
                Customer(
                    "Elbtal Logistik GmbH",
                    "Hamburg",
                    "DE",
                    Person("Britta", "Sommer", "britta@elbtal.example"),
                    approval=False,
                ),
                Customer("Praxis Dr. Winter", "Bremen", "DE", Person("Karl", "Winter", "karl@praxis-winter.example")),
            ),
            style=Style(
                "harbor",
                "graphite",
                "industrial",
                "IT that runs on time",
                "For workshops, forwarders and practices in the north.",
                ("#2b3440", "#1f5fd0"),
                anonymous=False,
            ),
            markup=Decimal(18),
            rounding="up_99",
        ),
        Reseller(
            "Cloudia Services",
            "Porto",
            "PT",
            "free",
            "cloudia",
            Person("Clara", "Moreira", "clara@cloudia.example"),
            customers=(Customer("Quinta do Vale", "Lamego", "PT", Person("Rui", "Vale", "rui@quintadovale.example")),),
            style=Style(
                "base",
                "cherry",
                "geometric",
                "Small teams, big tools",
                "The essentials at a fair price, without paperwork.",
                ("#b3213d", "#1d4e89"),
            ),
            markup=Decimal(10),
            search="365",
        ),
        Reseller(
            "Basic Resale",
            "Lyon",
            "FR",
            "basic",
            None,
            Person("Louis", "Garnier", "louis@basic-resale.example"),
            customers=(Customer("Atelier Soleil", "Lyon", "FR", Person("Jeanne", "Petit", "jeanne@soleil.example")),),
            credit_limit=Decimal(500),
        ),
    ),
    direct=Customer("Agora Retail Group", "Thessaloniki", "GR", Person("Sofia", "Raptis", "sofia@agora.example")),
    list_name="Partner prices",
    list_markup=Decimal(8),
)

NORTHWIND = Cast(
    name="Borealis Distribution",
    host="cloud.northwind.localhost",
    time_zone="Europe/Stockholm",
    style=Style(
        "harbor",
        "forest",
        "humanist",
        "The northern marketplace for cloud services",
        "Everything your customers run on, from one supplier.",
        ("#1c6b45", "#a8541a"),
    ),
    staff=(
        (Person("Astrid", "Holm", "admin@borealis.example"), "administrator"),
        (Person("Lars", "Ek", "operations@borealis.example"), "operations"),
    ),
    resellers=(
        Reseller(
            "Fjord Systems",
            "Bergen",
            "NO",
            "standard",
            "techsolutions",
            Person("Ingrid", "Dahl", "ingrid@fjord.example"),
            customers=(
                Customer("Polar Fisk", "Tromsø", "NO", Person("Tor", "Berg", "tor@polarfisk.example"), approval=False),
            ),
            style=Style(
                "base",
                "plum",
                "book",
                "Calm IT for the far north",
                "One invoice, one number to call.",
                ("#74308f", "#0f766e"),
            ),
            markup=Decimal(30),
        ),
        Reseller("Skog Data", "Umeå", "SE", "basic", None, Person("Maja", "Skog", "maja@skogdata.example")),
    ),
    direct=Customer("Lindqvist Bygg", "Uppsala", "SE", Person("Emil", "Lindqvist", "emil@lindqvist.example")),
    list_name="Återförsäljare",
    list_markup=Decimal(12),
)

CASTS = (DISTI, NORTHWIND)
# Which words of a product's name lead to which category: the demo's saved rules of the import wizard.
CATEGORIES: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("Productivity", "grid", (("title", "365"), ("title", "office"), ("title", "teams"), ("title", "exchange"))),
    ("Security", "shield", (("title", "defender"), ("title", "entra"), ("title", "intune"), ("title", "purview"))),
    ("Business applications", "activity", (("title", "dynamics"), ("title", "power"), ("title", "project"), ("title", "visio"))),
    ("Servers and cloud", "cloud", (("title", "windows"), ("title", "azure"), ("title", "sql"))),
    ("More software", "box", (("publisher", "microsoft"),)),
)  # fmt: skip
