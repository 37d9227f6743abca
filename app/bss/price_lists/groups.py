"""Standing lines of a price list: a rule for every product of a price group, a tab of the list (CB-05)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.price_lists.forms import RULE_WORDS, ChangeLineForm, GroupLineForm, tier_words
from app.bss.price_lists.views import bp, crumbs_of, may_edit_prices, tabs_of
from app.catalogue.groupings import list_price_groups
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.models import PriceList
from app.pricing.price_lists import group_lines, queries
from app.web.forms import Form
from app.web.pages import page


@bp.get("/price-lists/<uuid:price_list_id>/groups")
@permission_required(Permission.BSS_PRICES_VIEW)
def groups(price_list_id: UUID) -> ResponseReturnValue:
    """Show the standing lines of a list."""
    return _show(queries.get_price_list(price_list_id), _form(is_blank=True))


@bp.post("/price-lists/<uuid:price_list_id>/groups")
@permission_required(Permission.BSS_PRICES_EDIT)
def add_group(price_list_id: UUID) -> ResponseReturnValue:
    """Add a standing line; its prices are in the list at once."""
    price_list, form = queries.get_price_list(price_list_id), _form()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = group_lines.add_line(price_list_id, form.to_line(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The line was added. It makes {made:,} prices.", "success")
            return redirect(url_for(".groups", price_list_id=price_list_id), code=303)
    return _show(price_list, form), form.status


@bp.route("/price-lists/<uuid:price_list_id>/groups/<uuid:line_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def change_group(price_list_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """Give a standing line another rule."""
    price_list, found = queries.get_price_list(price_list_id), group_lines.get_line(price_list_id, line_id)
    form = ChangeLineForm()
    form.show_version(found.line.version)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = group_lines.change_line(
                    price_list_id,
                    line_id,
                    form.to_rule(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The line was changed. It makes {made:,} prices.", "success")
            return redirect(url_for(".groups", price_list_id=price_list_id), code=303)
    elif not form.is_submitted():
        form.show(found.line)
    shown = page(
        "bss/price_lists/group.html",
        title=found.group_name,
        breadcrumbs=crumbs_of(price_list, found.group_name),
        price_list=price_list,
        found=found,
        form=form,
    )
    return shown, form.status


@bp.post("/price-lists/<uuid:price_list_id>/groups/<uuid:line_id>/remove")
@permission_required(Permission.BSS_PRICES_EDIT)
def remove_group(price_list_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """Take a standing line out, with the prices it makes."""
    queries.get_price_list(price_list_id)
    if Form().validate_on_submit():
        with unit_of_work():
            gone = group_lines.remove_line(price_list_id, line_id, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"The line was removed, with {gone:,} prices.", "success")
    return redirect(url_for(".groups", price_list_id=price_list_id), code=303)


def _show(price_list: PriceList, form: GroupLineForm) -> str:
    return page(
        "bss/price_lists/groups.html",
        title=price_list.name,
        breadcrumbs=crumbs_of(price_list),
        price_list=price_list,
        lines=group_lines.list_lines(price_list.id),
        form=form,
        rules=RULE_WORDS,
        tier_words=tier_words,
        tabs=tabs_of(price_list, "groups"),
        may_edit=may_edit_prices(),
    )


def _form(*, is_blank: bool = False) -> GroupLineForm:
    form = GroupLineForm(formdata=None) if is_blank else GroupLineForm()
    form.price_group_id.choices = [("", "Choose"), *((str(each.id), each.name) for each in list_price_groups())]
    return form
