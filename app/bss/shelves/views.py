"""Special categories: how many products stand on each, and how long what is published counts as new (SF-07)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from app.access import permission_required, signed_in_viewer
from app.audit.services import record
from app.catalogue.product_lists import ProductFilter, ProductState, count_products
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.versions import digest_of, require_version
from app.identity.permissions import Permission
from app.web.forms import VersionedForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import distributor_settings, distributor_settings_for_change, save_distributor_settings

bp = surface_blueprint("shelves", __name__, surface=Surface.BSS)
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class ShelfLine:
    """A shelf with what staff has put there by hand, and what comes to it by itself."""

    name: str
    state: ProductState
    marked: int
    words: str


class ShelvesForm(VersionedForm):
    """For how long something is new."""

    new_days = IntegerField(
        "Days that what is published counts as new",
        validators=[
            InputRequired(f"Enter 0 to {MOST_DAYS}"),
            NumberRange(0, MOST_DAYS, message=f"Enter 0 to {MOST_DAYS}"),
        ],
        description="0: only what is marked as new.",
    )


@bp.route("", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def index() -> ResponseReturnValue:
    """Show the shelves, and save for how long something is new."""
    form = ShelvesForm()
    form.show_version(digest_of(distributor_settings().new_days))
    if form.validate_on_submit():
        assert form.new_days.data is not None
        with unit_of_work():
            before = distributor_settings_for_change()
            require_version(digest_of(before.new_days), form.seen_version, name="For how long something is new")
            save_distributor_settings(replace(before, new_days=form.new_days.data))
            record(
                "settings.shelves", actor=signed_in_viewer().actor, at=utc_now(), target_kind="distributor",
                before={"new_days": before.new_days}, after={"new_days": form.new_days.data},
            )  # fmt: skip
        flash("Saved.", "success")
        return redirect(url_for(".index"), code=303)
    if not form.is_submitted():
        form.new_days.data = distributor_settings().new_days
    return page("bss/shelves/index.html", title="Special categories", form=form, lines=_lines()), form.status


def _lines() -> list[ShelfLine]:
    days = distributor_settings().new_days
    published = f"And what was published in the last {days} days." if days else ""
    words = (
        ("Featured", ProductState.FEATURED, "By position, at most 24."),
        ("New", ProductState.NEW, published),
        (
            "Most popular",
            ProductState.POPULAR,
            "Then what each storefront has sold most of in 90 days, counted at night; 12 in all.",
        ),
    )
    return [ShelfLine(name, state, count_products(ProductFilter(state=state)), text) for name, state, text in words]
