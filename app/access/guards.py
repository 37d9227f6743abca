"""Who may open a view: declared on the view, enforced in one place before every request.

Each view carries exactly one declaration, directly below its route; a view without one is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

from app.identity.permissions import Permission

View = TypeVar("View", bound=Callable[..., Any])


class Access(enum.StrEnum):
    """Declarations that are not a right."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    CATALOGUE = "catalogue"  # public where the storefront allows anonymous access (RS-14), else signed in
    TOKEN = "token"  # noqa: S105 - the API: no session; the view's package proves the caller and opens the scope


def takes_foreign_posts(view: View) -> View:
    """Let forms of other sites end here: the view reads no cookie and believes only what is proven in the form."""
    view.takes_foreign_posts = True  # type: ignore[attr-defined]
    return view


def _declare(view: View, access: Access | Permission) -> View:
    if hasattr(view, "access"):
        raise TypeError(f"{view.__name__} declares its access twice")
    view.access = access  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Open to everybody."""
    return _declare(view, Access.PUBLIC)


def sign_in_required(view: View) -> View:
    """Open to everybody who is signed in at this address."""
    return _declare(view, Access.SIGNED_IN)


def catalogue_access(view: View) -> View:
    """Open to visitors where the storefront shows its catalogue without sign-in, else to who is signed in."""
    return _declare(view, Access.CATALOGUE)


def token_required(view: View) -> View:
    """Open to API clients; their package checks the token and opens the scope."""
    return _declare(view, Access.TOKEN)


def permission_required(permission: Permission) -> Callable[[View], View]:
    """Open to who has a right at this address: visitors go to sign-in, others get 403."""

    def declare(view: View) -> View:
        return _declare(view, permission)

    return declare
