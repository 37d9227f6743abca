"""Where the metadata of a SAML provider comes from: pasted, or read at an address (SF-14)."""

from __future__ import annotations

from app.access.sso.pages import outside
from app.core.db import session
from app.core.errors import Invalid
from app.identity.oidc.ports import OutsideFailed

LONGEST_URL = 500


def read_typed(pasted: str | None, url: str | None, *, read_before: str | None) -> str:
    """Return the metadata that was pasted, or what stands at a new address; raises Invalid. No transaction is open."""
    pasted, url = (pasted or "").strip(), (url or "").strip()
    if not url or (pasted and url == read_before):
        return pasted
    if pasted:
        raise Invalid.field("metadata", "one_of_both", "Paste the metadata or give its address, not both")
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable():
        raise Invalid.field("metadata_url", "url", "Enter an address, such as https://login.company.com/metadata")
    session.commit()  # nothing was changed
    try:
        return outside().get_text(url)
    except OutsideFailed as error:
        raise Invalid.field("metadata_url", "not_read", error.reason[:300]) from error
