"""The form behind "Tell me more" (SF-18)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.storefront.shopping import buyer_of_request, buying_user, shopper_of_request, today
from app.support.enquiries.errors import NothingToAsk
from app.support.enquiries.services import NewEnquiry, ask, product_to_ask_about
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("enquiries", __name__, surface=Surface.STOREFRONT, path="/product")


class AskForm(Form):
    """What somebody wants to know, and how to call back."""

    message = TextAreaField("What do you want to know?", validators=[InputRequired("Enter what you want to know")])
    phone = StringField("Phone", validators=[Optional()], description="If you want to be called back.")


@bp.route("/<slug>/ask", methods=["GET", "POST"], endpoint="ask")
@permission_required(Permission.INTEREST_EXPRESS)
def tell_me_more(slug: str) -> ResponseReturnValue:
    """Ask about a product that takes questions; what this storefront does not show does not exist."""
    buyer = buyer_of_request()
    if signed_in_viewer().kind is UserKind.RESELLER and buyer.reseller_id is not None:
        raise NothingToAsk  # a preview of what the customers see
    product, form = product_to_ask_about(slug, buyer), AskForm()
    if form.validate_on_submit():
        shopper, user = shopper_of_request(), buying_user()
        account = session.get_one(Account, (current_scope().distributor_id, shopper.account_id))
        new = NewEnquiry(
            product_id=product.id,
            storefront_id=shopper.storefront_id,
            account_id=shopper.account_id,
            company_name=account.name,
            user_id=user.id,
            person_name=user.full_name,
            email=user.email,
            phone=form.phone.data or "",
            message=form.message.data or "",
            on=today(),
        )
        try:
            with unit_of_work():
                ask(new, product, reseller_id=shopper.reseller_id, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Your question is on its way. You get a copy by e-mail.", "success")
            return redirect(url_for("storefront_catalogue.product", slug=slug), code=303)
    crumbs = [
        Crumb("All products", url_for("storefront_catalogue.index")),
        Crumb(product.name, url_for("storefront_catalogue.product", slug=slug)),
        Crumb("Tell me more"),
    ]
    shown = page(
        "storefront/enquiries/ask.html",
        title=f"Ask about {product.name}",
        breadcrumbs=crumbs,
        product=product,
        form=form,
    )
    return shown, form.status
