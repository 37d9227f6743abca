"""Assigning what an order holds to subscriptions of its account that run already (CB-18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from app.access import permission_required, signed_in_viewer
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import OF_ITS_OWN
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.orders.back_office_assigning import assign, field_of, item_of
from app.orders.back_office_licences import choices_for, running_of
from app.orders.back_office_queries import BackOfficeItem, get_for_back_office, items_for_back_office
from app.orders.models import DeliveryStatus
from app.subscriptions.models import Subscription
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb


class AssignForm(Form):
    """What each item adds to. `asked` are its fields."""

    asked: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[UUID, UUID | None]:
        """What was chosen, by item; what was not sent stays. Raises Invalid `choice`."""
        found: dict[UUID, UUID | None] = {}
        for name in self.asked:
            field = self[name]
            if field.raw_data:
                if field.data not in {value for value, _label in field.choices}:
                    raise Invalid.field(name, "choice", "Choose one of the subscriptions")
                found[item_of(name)] = parse_id(field.data)
        return found


@bp.route("/<number>/assign", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def assign_items(number: str) -> ResponseReturnValue:
    """Let items add licences to subscriptions instead of making new ones."""
    order = get_for_back_office(number)
    items = items_for_back_office(order.id)
    running = running_of(order.account_id, product_ids={item.product_id for item in items})
    form = _form([item for item in items if _is_open(item)], running)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                assign(number, form.wanted, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/assign.html",
        title=f"Assign items of {number}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(number, url_for(".detail", number=number)),
            Crumb("Assign"),
        ],
        order=order,
        form=form,
    ), form.status


def _form(items: Iterable[BackOfficeItem], running: Sequence[Subscription]) -> AssignForm:
    """Return a form with a field for each item that has something to add to."""
    fields: dict[str, object] = {}
    for item in items:
        if found := choices_for(item, running):
            label = f"{item.quantity} × {item.friendly_name or item.product_name}"
            choices = [("", OF_ITS_OWN), *((str(each.id), each.name) for each in found)]
            current = str(item.subscription_id or "")
            fields[field_of(item.id)] = SelectField(label, choices=choices, default=current, validate_choice=False)
    made: AssignForm = type("AssignForm", (AssignForm,), {**fields, "asked": tuple(fields)})()
    return made


def _is_open(item: BackOfficeItem) -> bool:
    return item.delivery_status is DeliveryStatus.PENDING and item.plan_edition is None and item.parent_item_id is None
