"""What became of the services somebody ordered in this session; opening the list resets the number at the bell."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.core.db import unit_of_work
from app.frames import bell_context, reader_of
from app.identity.permissions import Permission
from app.identity.sessions import note_notices_seen
from app.orders.notices import Notice, NoticeState, list_notices, read_until, shop_counts
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import FrameLinks

bp = surface_blueprint("notices", __name__, surface=Surface.STOREFRONT, path="/notices")


def _opened() -> Sequence[Notice]:
    """Return the list and note that it was read."""
    viewer = signed_in_viewer()
    reader = reader_of(viewer)
    notices = list_notices(reader)
    until = read_until(notices, reader)
    if until is not None:
        with unit_of_work():
            note_notices_seen(viewer.realm_id, viewer.session_id, until=until)
    return notices


def _poll_url(notices: Sequence[Notice]) -> str | None:
    is_moving = any(notice.state is NoticeState.IN_PROGRESS for notice in notices)
    return url_for(".entries") if is_moving else None


@bp.get("")
@permission_required(Permission.ORDERS_VIEW)
def index() -> ResponseReturnValue:
    """List the services that are or were set up in this session."""
    notices = _opened()
    return page(
        "storefront/notices/index.html",
        title="Notifications",
        notices=notices,
        poll_url=_poll_url(notices),
        is_notices_page=True,
    )


@bp.get("/entries")
@permission_required(Permission.ORDERS_VIEW)
def entries() -> ResponseReturnValue:
    """Return the list alone, for a page that looks again."""
    notices = _opened()
    return render_template("storefront/notices/_list.html", notices=notices, poll_url=_poll_url(notices))


@bp.get("/bell")
@permission_required(Permission.ORDERS_VIEW)
def bell() -> ResponseReturnValue:
    """Return the bell alone, for a header that looks again."""
    counts = shop_counts(reader_of(signed_in_viewer()))
    return render_template(
        "frames/_bell.html", links=FrameLinks(notifications=url_for(".index")), **bell_context(counts)
    )
