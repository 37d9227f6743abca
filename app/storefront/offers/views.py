"""The page of a shared offer: read, print, accept, decline; nothing else, and nobody has to sign in (CB-17)."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.access import public
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.orders.offers.errors import OfferNotFound
from app.orders.offers.links import accept_shared, read_shared, refuse_shared, shared_pdf
from app.storefront.shared_links import keep_behind_link
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("offers", __name__, surface=Surface.STOREFRONT, path="/offers")
keep_behind_link(bp, OfferNotFound)
ACCEPT, REFUSE = "accept", "refuse"


class DecisionForm(Form):
    """Who decides, and why not."""

    decision = HiddenField()
    seen = HiddenField()  # the version of the offer that stands above the form
    name = StringField(
        "Your name",
        validators=[InputRequired("Enter your name"), Length(max=200, message="Use at most 200 characters")],
    )
    reason = StringField("Reason", validators=[Optional(), Length(max=500, message="Use at most 500 characters")])


@bp.route("/<token>", methods=["GET", "POST"])
@public
def show(token: str) -> ResponseReturnValue:
    """Show an offer, and take its reader's decision; it is decided once."""
    form = DecisionForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                _decide(token, form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            is_accepted = form.decision.data == ACCEPT
            if not is_accepted:
                return page("storefront/offers/declined.html", title="The offer was declined")
            flash("Thank you. The offer is accepted; we will be in touch.", "success")
            return redirect(url_for(".show", token=token), code=303)
    offer = read_shared(token, at=utc_now())
    form.seen.data = offer.version
    return page("storefront/offers/show.html", title=f"Offer {offer.number}", offer=offer, form=form, token=token), (
        form.status
    )


def _decide(token: str, form: DecisionForm) -> None:
    name, address, at = form.name.data or "", request.remote_addr, utc_now()
    if form.decision.data == ACCEPT:
        accept_shared(token, name, seen=form.seen.data or "", address=address, at=at)
    elif form.decision.data == REFUSE:
        refuse_shared(token, name, form.reason.data or "", address=address, at=at)
    else:
        raise Invalid.field("name", "choice", "Choose to accept or to decline the offer")


@bp.get("/<token>/pdf")
@public
def pdf(token: str) -> ResponseReturnValue:
    """Return the offer as PDF."""
    number, paper = shared_pdf(token, at=utc_now())
    answer = Response(paper, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    return answer
