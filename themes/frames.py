"""What a frame shows around a page: the typed half of the contract described in `themes/__init__.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from themes.registry import Theme


@dataclass(frozen=True, slots=True)
class Look:
    """The `storefront` of every frame: whose face the page wears.

    In BSS it is the distributor's, in `/manage` the storefront's, on the console the platform's.
    """

    name: str
    home_url: str
    theme: Theme
    skin_url: str | None = None
    """Versioned URL of the text made by `themes.tokens.skin_css`; None leaves the built-in colours."""
    logo_url: str | None = None
    """None shows the name as text (RS-15)."""
    favicon_url: str | None = None
    footer_text: str | None = None
    powered_by: str | None = None
    """Name of the distributor in the Free footer; None hides the line."""
    is_root: bool = False
    is_indexed: bool = False
    """False asks search engines to stay away (RS-14)."""
    skin: str = "cobalt"
    heading: str | None = None
    """Heading of the sign-in page, at most 80 characters; None takes a general one."""
    text: str | None = None
    """Text beside the sign-in form, at most 400 characters."""
    background_url: str | None = None
    """Picture beside the sign-in form."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link in a navigation. `icon` is a name in icons.svg, `badge` a short text such as a count."""

    label: str
    url: str
    icon: str | None = None
    is_current: bool = False
    badge: str | None = None
    children: Sequence["NavItem"] = ()


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Links under one heading; without a heading they stand first and plain."""

    items: Sequence[NavItem]
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page. `account_name` is the company, where it helps."""

    name: str
    initials: str
    email: str | None = None
    account_name: str | None = None


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way here; the last one, the page itself, has no URL."""

    label: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Somebody works in another's name: shown as a bar across the top until it ends."""

    name: str
    leave_url: str
    """Takes a POST."""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FrameLinks:
    """Where the frame's own controls lead; what is None is not shown."""

    search: str | None = None
    """GET with `q`."""
    basket: str | None = None
    login: str | None = None
    logout: str | None = None
    """Takes a POST."""
    register: str | None = None
    notifications: str | None = None
    history: str | None = None
    """What was changed of a record, and by whom; `target` is its id."""
    palette: str | None = None
    """GET with `q`, answers with an HTML list of links; opens on Ctrl-K."""
    view_storefront: str | None = None
