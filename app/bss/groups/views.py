"""Product groups in BSS: one storefront entry for the editions of a service, with its comparison (CB-08)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.categories.choices import category_choices
from app.bss.listing import asked_export, asked_text, export, with_args
from app.catalogue import groupings
from app.catalogue.groupings import Feature, GroupDetails
from app.catalogue.models import Product, ProductGroup
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.web.forms import VersionedForm
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("groups", __name__, surface=Surface.BSS)
EXPORT_HEADER = ("Name", "Vendor", "Position", "Products", "Published", "Page")
SPARE_ROWS, MOST_ROWS = 3, 110


class GroupForm(VersionedForm):
    """A product group."""

    name = StringField("Name", validators=[InputRequired("Enter a name")])
    vendor = StringField("Vendor", validators=[Optional()])
    description = TextAreaField("Description", validators=[Optional()], description="Shown on the group's page.")
    category_id = SelectField("Category", default="", filters=[lambda value: value or ""])  # not sent: none
    position = IntegerField("Position", default=0, validators=[Optional()], description="Small numbers stand first.")

    def to_details(self) -> GroupDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return GroupDetails(
            name=self.name.data or "",
            description=self.description.data or "",
            vendor=self.vendor.data or "",
            category_id=parse_id(self.category_id.data or ""),
            position=self.position.data or 0,
        )


class ComparisonForm(VersionedForm):
    """The comparison's token and messages; its cells are named by row and product."""


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def index() -> ResponseReturnValue:
    """List product groups, or export them."""
    search = asked_text()
    if kind := asked_export():
        rows = [
            (
                line.group.name,
                line.group.vendor,
                line.group.position,
                line.products,
                line.published,
                f"/catalogue/{line.group.slug}",
            )
            for line in groupings.list_group_lines(search)
        ]
        return export(kind, "product-groups", EXPORT_HEADER, rows)
    asked = requested_page()
    lines = groupings.list_group_lines(search, limit=asked.size, offset=asked.offset)
    return page(
        "bss/groups/index.html",
        title="Product groups",
        lines=Page(lines, groupings.count_groups(search), asked.number, asked.size),
        search=search,
        sizes=SIZES,
        with_args=with_args,
        may_edit=_may_edit(),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new() -> ResponseReturnValue:
    """Make a product group."""
    form = GroupForm()
    form.category_id.choices = category_choices(none="No category")
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = groupings.create_group(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New product group", None), form.status


@bp.route("/<uuid:group_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit(group_id: UUID) -> ResponseReturnValue:
    """Change a product group."""
    group = groupings.get_group(group_id)
    form = GroupForm(obj=group)
    form.category_id.choices = category_choices(none="No category")
    if not form.is_submitted():
        form.category_id.data = str(group.category_id or "")
    if form.validate_on_submit():
        try:
            with unit_of_work():
                groupings.update_group(
                    group_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The product group was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, group.name, group), form.status


@bp.post("/<uuid:group_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def delete(group_id: UUID) -> ResponseReturnValue:
    """Delete a group without products."""
    name = groupings.get_group(group_id).name
    with unit_of_work():
        groupings.delete_group(group_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.route("/<uuid:group_id>/comparison", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def comparison(group_id: UUID) -> ResponseReturnValue:
    """Show and change what a group's page compares: features in rows, editions in columns."""
    group, products = groupings.get_group(group_id), groupings.products_of_group(group_id)
    form = ComparisonForm(obj=group)
    features = list(groupings.comparison_of(group))
    if form.validate_on_submit():
        features = _typed(products)
        try:
            with unit_of_work():
                groupings.set_comparison(
                    group_id, features, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The comparison was saved.", "success")
            return redirect(url_for(".comparison", group_id=group_id), code=303)
    title = f"Comparison of {group.name}"
    crumbs = [
        Crumb("Product groups", url_for(".index")),
        Crumb(group.name, url_for(".edit", group_id=group.id)),
        Crumb("Comparison"),
    ]
    return page(
        "bss/groups/comparison.html",
        title=title,
        breadcrumbs=crumbs,
        group=group,
        products=products,
        features=[*features, *(Feature("", {}) for _ in range(SPARE_ROWS))],
        form=form,
    ), (HTTPStatus.UNPROCESSABLE_ENTITY if form.form_errors else form.status)


def _typed(products: Sequence[Product]) -> list[Feature]:
    found = []
    for number in range(MOST_ROWS):
        name = request.form.get(f"feature-{number}")
        if name is None:
            break
        values = {product.id: request.form.get(f"value-{number}-{product.id}", "") for product in products}
        if name.strip() or any(value.strip() for value in values.values()):
            found.append(Feature(name, values))
    return found


def _form(form: GroupForm, title: str, group: ProductGroup | None) -> str:
    crumbs = [Crumb("Product groups", url_for(".index")), Crumb(title)]
    return page("bss/groups/edit.html", title=title, breadcrumbs=crumbs, form=form, group=group)


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT)
