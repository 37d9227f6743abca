"""Made-up content that is hard to lay out: long Greek names, twelve-digit amounts, every status."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from themes.frames import ActingAs, Crumb, FrameLinks, Look, NavGroup, NavItem, Viewer
from themes.registry import get_theme

LONG_NAME: Final = "Ανώνυμη Εταιρεία Πληροφορικής, Τηλεπικοινωνιών και Υπηρεσιών Νέφους Βορειοανατολικής Αττικής"
NOW: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LARGE: Final = Decimal("123456789012.34")


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the sample shop."""

    name: str
    vendor: str
    text: str
    price: Decimal | None
    unit: str
    badges: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the sample list."""

    number: str
    account: str
    status: str
    placed_at: datetime
    total: Decimal
    currency: str
    items: int


PRODUCTS: Final = (
    Product(
        "Business Suite Premium",
        "Northwind Software",
        "Mail, documents and meetings with device management for the whole company.",
        Decimal("20.60"),
        "per user and month, net",
        ("Monthly", "Yearly"),
    ),
    Product(
        "Backup for Servers and Workstations, Advanced Edition (Education)",
        "Kavos Data",
        "Image backups every 15 minutes, restored to any hardware.",
        Decimal("8.90"),
        "per device and month, net",
    ),
    Product(
        "Endpoint Protection",
        "Hellas Security",
        "Stops ransomware before it starts. One agent for laptops and servers.",
        Decimal("3.45"),
        "per device and month, net",
        ("New",),
    ),
    Product(
        "Virtual Server M",
        "Aegean Compute",
        "4 vCPU, 16 GB memory and 200 GB of fast storage in Athens.",
        Decimal("64.00"),
        "per month, net",
    ),
    Product(
        "Private Cloud, Dedicated Region",
        "Aegean Compute",
        "Your own hardware in two data centres, run for you.",
        LARGE,
        "per year, net",
    ),
    Product(
        "Phone System",
        "Telephonia",
        "Numbers in 40 countries, queues and recordings.",
        Decimal("11.20"),
        "per user and month, net",
        ("Trial",),
    ),
    Product("Signatures", "Northwind Software", "Sign contracts with qualified signatures.", None, ""),
    Product(
        "Analytics Workspace",
        "Kavos Data",
        "Reports that refresh themselves, shared with anybody.",
        Decimal("9.40"),
        "per user and month, net",
    ),
)

STATUSES: Final = (
    "Draft", "Submitted", "Pending Reseller Approval", "Scheduled", "In Progress", "Executing", "Partially Executed",
    "Executed", "Canceled", "Active", "Suspended", "Expired", "Trial", "Synchronised", "Unsynchronised", "Failed",
    "Pending", "Unpaid", "Partially paid", "Overdue", "Paid",
)  # fmt: skip

ORDERS: Final = tuple(
    Order(
        f"SO-2026-{number:06d}",
        (LONG_NAME, "Delta Logistics", "Olive & Thyme Trading", "Papadopoulos Bros Shipping")[number % 4],
        STATUSES[number % 9],
        NOW - timedelta(hours=number * 7),
        Decimal(number * 1317) / 10 if number % 4 else LARGE,
        ("EUR", "EUR", "USD")[number % 3],
        number % 5 + 1,
    )
    for number in range(1, 13)
)


def look(theme_name: str, *, name: str = "Techsolutions Cloud", skin: str = "cobalt") -> Look:
    """The face of the sample storefront."""
    return Look(
        name=name,
        home_url="storefront-home.html",
        theme=get_theme(theme_name),
        skin_url=f"/skins/{skin}.css",
        footer_text="Cloud services for companies in Greece and Cyprus, with people you can call.",
        powered_by="Galaxy Distribution",
        skin=skin,
        heading="Your cloud, in good hands",
        text="Order licences, see every subscription and get help from people who know your company.",
    )


LINKS: Final = FrameLinks(
    search="storefront-catalogue.html",
    basket="storefront-basket.html",
    login="auth.html",
    logout="#",
    register="#",
    notifications="#",
    palette="/palette.html",
    view_storefront="storefront-home.html",
)

CATEGORIES: Final = (
    NavGroup(
        (
            NavItem("All products", "#", is_current=True),
            NavItem("Collaboration", "#", children=(NavItem("Mail", "#"), NavItem("Meetings", "#"))),
            NavItem("Security", "#"),
            NavItem("Backup", "#"),
            NavItem("Infrastructure", "#"),
            NavItem("Telephony", "#"),
            NavItem("Support", "#"),
        )
    ),
)

BSS_NAV: Final = (
    NavGroup((NavItem("Home", "#", "home"), NavItem("My work", "#", "inbox", badge="14"))),
    NavGroup(
        (
            NavItem("Accounts", "#", "building"),
            NavItem("Resellers", "#", "storefront"),
            NavItem("Users", "#", "users"),
        ),
        "Customers",
    ),
    NavGroup(
        (
            NavItem("Orders", "#", "orders", is_current=True, badge="3"),
            NavItem("Offers", "#", "tag"),
            NavItem("Subscriptions", "#", "repeat"),
            NavItem("Provisioning", "#", "activity"),
        ),
        "Sales",
    ),
    NavGroup(
        (
            NavItem("Products", "#", "box"),
            NavItem("Categories", "#", "layers"),
            NavItem("Price lists", "#", "percent"),
            NavItem("Imports", "#", "upload"),
        ),
        "Catalogue",
    ),
    NavGroup(
        (NavItem("Invoices", "#", "invoice"), NavItem("Payments", "#", "card"), NavItem("Reports", "#", "chart")),
        "Billing",
    ),
    NavGroup(
        (
            NavItem("Settings", "#", "settings"),
            NavItem("Connectors", "#", "plug"),
            NavItem("Audit trail", "#", "history"),
        ),
        "Set-up",
    ),
)

BILLING_NAV: Final = (
    NavGroup(
        (
            NavItem("Orders", "#", "orders", is_current=True),
            NavItem("Subscriptions", "#", "repeat", badge="12"),
            NavItem("Invoices", "#", "invoice"),
            NavItem("Statement", "#", "chart"),
        ),
        "Billing",
    ),
)

FOOTER_NAV: Final = (
    NavGroup((NavItem("Contact", "#"), NavItem("Support", "#")), "Help"),
    NavGroup((NavItem("Terms of sale", "#"), NavItem("Privacy", "#"), NavItem("Cookies", "#")), "Legal"),
)

VIEWER: Final = Viewer("Eleni Papadopoulou-Konstantinidi", "EP", "eleni@techsolutions.example", LONG_NAME)
ACCOUNT_NAV: Final = (
    NavItem("Dashboard", "#", "home"),
    NavItem("Billing", "#", "invoice"),
    NavItem("Users", "#", "users"),
)
CRUMBS: Final = (Crumb("Sales", "#"), Crumb("Orders", "#"), Crumb("SO-2026-000142"))
ACTING: Final = ActingAs(LONG_NAME, "#", NOW + timedelta(minutes=42))
