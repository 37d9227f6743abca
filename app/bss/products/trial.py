"""What trials of a configurable product begin with: a section beside the product's overview (CB-12)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField

from app.access import permission_required, signed_in_viewer
from app.bss.item_answers import typed_answers
from app.bss.products.blueprint import bp, crumbs, tabs
from app.catalogue.characteristics import asked_of
from app.catalogue.queries import get_product, get_product_type
from app.catalogue.services import set_trial_resources
from app.catalogue.trial_resources import initial_resources
from app.catalogue.words import trial_words
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.forms import VersionedForm
from app.web.pages import page


class TrialForm(VersionedForm):
    """Whether customers may alter what a trial begins with; the values are named by characteristic."""

    trial_alters = BooleanField(
        "Customers may choose other values", description="Otherwise they are asked for what has no value here."
    )


@bp.route("/<uuid:product_id>/trial", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def trial(product_id: UUID) -> ResponseReturnValue:
    """Show and keep the initial values."""
    product = get_product(product_id)
    product_type, form = get_product_type(product.product_type_id), TrialForm(obj=product)
    refused: dict[str, str] = {}
    if form.validate_on_submit():
        try:
            with unit_of_work():
                set_trial_resources(
                    product_id,
                    typed_answers(),
                    alters=form.trial_alters.data,
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash("The trial was saved.", "success")
            return redirect(url_for(".trial", product_id=product_id), code=303)
    return page(
        "bss/products/trial.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Trial"),
        tabs=tabs(product, "trial"),
        product=product,
        form=form,
        asked=asked_of(product_type),
        typed=typed_answers() if form.is_submitted() else initial_resources(product, product_type),
        refused=refused,
        length=trial_words(product.trial_days, product.trial_months),
    ), form.status
