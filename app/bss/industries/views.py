"""Industries and price groups in BSS: two flat lists that products belong to (CB-08)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_export, asked_text, export, with_args
from app.catalogue import groupings
from app.catalogue.models import Industry, PriceGroup, Product
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.exports import Cell
from app.web.forms import VersionedForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("industries", __name__, surface=Surface.BSS)
EXPORT_HEADER = ("Kind", "Name", "Products")


class IndustryForm(VersionedForm):
    """An industry."""

    name = StringField("Industry", validators=[InputRequired("Enter a name")])
    position = IntegerField("Position", default=0, validators=[Optional()])


class PriceGroupForm(VersionedForm):
    """A price group."""

    name = StringField("Price group", validators=[InputRequired("Enter a name")])


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def index() -> ResponseReturnValue:
    """List both, or export them."""
    if kind := asked_export():
        industries, price_groups = _found()
        rows: list[tuple[Cell, ...]] = [("Industry", each.name, products) for each, products in industries]
        rows += [("Price group", group.name, products) for group, products in price_groups]
        return export(kind, "industries", EXPORT_HEADER, rows)
    return _index(IndustryForm(formdata=None), PriceGroupForm(formdata=None))


@bp.post("")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def save() -> ResponseReturnValue:
    """Add an industry."""
    form = IndustryForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                groupings.add_industry(
                    form.name.data or "", form.position.data or 0, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The industry was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _index(form, PriceGroupForm(formdata=None)), form.status


@bp.route("/<uuid:industry_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit(industry_id: UUID) -> ResponseReturnValue:
    """Rename an industry, or give it another place."""
    industry = groupings.get_industry(industry_id)
    form = IndustryForm(obj=industry)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                groupings.change_industry(
                    industry_id,
                    form.name.data or "",
                    form.position.data or 0,
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The industry was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _edit(form, industry.name), form.status


@bp.post("/<uuid:industry_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def delete(industry_id: UUID) -> ResponseReturnValue:
    """Delete an industry no product has."""
    with unit_of_work():
        groupings.delete_industry(industry_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The industry was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/price-groups")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def save_price_group() -> ResponseReturnValue:
    """Add a price group."""
    form = PriceGroupForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                groupings.add_price_group(form.name.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price group was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _index(IndustryForm(formdata=None), form), form.status


@bp.route("/price-groups/<uuid:price_group_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit_price_group(price_group_id: UUID) -> ResponseReturnValue:
    """Rename a price group."""
    price_group = groupings.get_price_group(price_group_id)
    form = PriceGroupForm(obj=price_group)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                groupings.change_price_group(
                    price_group_id,
                    form.name.data or "",
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price group was saved.", "success")
            return redirect(url_for(".index", _anchor="price-groups"), code=303)
    return _edit(form, price_group.name), form.status


@bp.post("/price-groups/<uuid:price_group_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def delete_price_group(price_group_id: UUID) -> ResponseReturnValue:
    """Delete a price group no product has."""
    with unit_of_work():
        groupings.delete_price_group(price_group_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The price group was deleted.", "success")
    return redirect(url_for(".index"), code=303)


def _found() -> tuple[list[tuple[Industry, int]], list[tuple[PriceGroup, int]]]:
    words = asked_text().strip().lower()
    of_industry = groupings.products_by_grouping(Product.industry_id)
    of_group = groupings.products_by_grouping(Product.price_group_id)
    return (
        [(each, of_industry.get(each.id, 0)) for each in groupings.list_industries() if words in each.name.lower()],
        [(each, of_group.get(each.id, 0)) for each in groupings.list_price_groups() if words in each.name.lower()],
    )


def _edit(form: IndustryForm | PriceGroupForm, title: str) -> str:
    crumbs = [Crumb("Industries and price groups", url_for(".index")), Crumb(title)]
    return page("bss/industries/edit.html", title=title, breadcrumbs=crumbs, form=form)


def _index(form: IndustryForm, price_group_form: PriceGroupForm) -> str:
    industries, price_groups = _found()
    return page(
        "bss/industries/index.html",
        title="Industries and price groups",
        industries=industries,
        price_groups=price_groups,
        search=asked_text(),
        form=form,
        price_group_form=price_group_form,
        may_edit=signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT),
        with_args=with_args,
    )
