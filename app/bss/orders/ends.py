"""What the first period of an ordered item ends with: itself, the month, or another subscription (CB-28)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.orders.blueprint import bp
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.back_office_queries import get_for_back_office
from app.orders.co_term_choices import CoTermChoice, choose_end, item_of
from app.orders.co_terms import code_of
from app.orders.models import CoTerm
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb

CHOICES = [
    (CoTerm.OWN.value, "Its own term"),
    (CoTerm.MONTH_END.value, "The end of the calendar month"),
    (CoTerm.SUBSCRIPTION.value, "The same end as another subscription"),
]


class EndForm(Form):
    """The end of an item's first period."""

    co_term = RadioField("The first period ends with", choices=CHOICES, validate_choice=False,
                         validators=[InputRequired("Choose an end")])  # fmt: skip
    subscription = StringField(
        "Subscription",
        validators=[Optional(), Length(max=20, message="Use at most 20 characters")],
        description="Its code, such as SUB-000142: billed to the same account, with a term that is not shorter.",
    )

    def to_choice(self) -> CoTermChoice:
        """Return what was chosen; raises Invalid where it is not one of the page's."""
        if self.co_term.data not in dict(CHOICES):
            raise Invalid.field("co_term", "choice", "Choose an end of the list")
        return CoTermChoice(CoTerm(self.co_term.data), self.subscription.data)


@bp.route("/<number>/items/<uuid:item_id>/end", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def end(number: str, item_id: UUID) -> ResponseReturnValue:
    """Let an item's first period end with something else."""
    order = get_for_back_office(number)
    found = item_of(order.id, item_id)
    form = EndForm()
    if request.method == "GET":
        form.co_term.data, form.subscription.data = found.co_term.value, code_of(found)
    elif form.validate_on_submit():
        try:
            with unit_of_work():
                choose_end(number, item_id, form.to_choice(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".item", number=number, item_id=item_id), code=303)
    return page(
        "bss/orders/end.html",
        title=f"First period of {found.product_name}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(order.number, url_for(".detail", number=number)),
            Crumb(found.product_name, url_for(".item", number=number, item_id=item_id)),
            Crumb("First period"),
        ],
        order=order,
        item=found,
        form=form,
    ), form.status
