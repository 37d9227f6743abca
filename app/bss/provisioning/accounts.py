"""An account at vendors: how that stands, and the details they ask for beside its own; a tab of the account (CB-22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import Length

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.accounts.queries import get_account
from app.bss.accounts.tabs import head_of
from app.bss.provisioning.blueprint import bp
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.provisioning.account_links import (
    EXISTING,
    MAX_REFERENCE,
    MAX_VALUE,
    AccountAtVendor,
    Option,
    at_vendor,
    at_vendors,
    tell_options,
)
from app.subscriptions.models import SyncStatus
from app.web.forms import Form
from app.web.pages import page

SYNC_WORDS = {
    SyncStatus.NOT_REQUIRED: "Not required",
    SyncStatus.UNSYNCHRONISED: "Unsynchronised",
    SyncStatus.PENDING: "Pending",
    SyncStatus.SYNCHRONISED: "Synchronised",
    SyncStatus.FAILED: "Failed",
}
SYNC_TONES = {SyncStatus.PENDING: "progress", SyncStatus.SYNCHRONISED: "success", SyncStatus.FAILED: "danger"}


class OptionsForm(Form):
    """The details one vendor asks for; a field each, by its place."""

    def values(self, options: Sequence[Option]) -> Mapping[str, str]:
        """Return what was typed, by the option's id."""
        return {option.id: self._fields[_name(place)].data or "" for place, option in enumerate(options)}

    @property
    def existing_reference(self) -> str | None:
        """What the account is called at a vendor that has it already."""
        found = self._fields.get(EXISTING)
        return found.data or None if found is not None else None

    def take_options(self, refusal: Invalid, options: Sequence[Option]) -> None:
        """Show a refusal at its fields."""
        places = {option.id: _name(place) for place, option in enumerate(options)} | {EXISTING: EXISTING}
        for error in refusal.errors:
            field = self._fields[places[error.field]]
            field.errors = [*field.errors, error.message]


@bp.get("/accounts/<uuid:account_id>")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def account_vendors(account_id: UUID) -> ResponseReturnValue:
    """Show how an account stands at each vendor."""
    return _show(get_account(account_id), {})


@bp.post("/accounts/<uuid:account_id>/<uuid:manager_id>")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def account_options(account_id: UUID, manager_id: UUID) -> ResponseReturnValue:
    """Keep the details a vendor asks for; it gets them with the account's next task."""
    found, asked = get_account(account_id), at_vendor(manager_id, account_id)
    form = _form(asked)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                tell_options(
                    manager_id,
                    account_id,
                    form.values(asked.options),
                    existing=form.existing_reference,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take_options(refusal, asked.options)
        else:
            flash("Saved. The vendor is told with the next task; retry what has failed.", "success")
            return redirect(url_for(".account_vendors", account_id=account_id), code=303)
    return _show(found, {manager_id: form}), form.status


def _show(account: Account, tried: Mapping[UUID, OptionsForm]) -> str:
    vendors = at_vendors(account.id)
    return page(
        "bss/provisioning/account.html",
        title=account.name,
        head=head_of(account, "account_vendors"),
        vendors=[(each, tried.get(each.manager.id) or _form(each, is_blank=True)) for each in vendors],
        words=SYNC_WORDS,
        tones=SYNC_TONES,
        may_edit=signed_in_viewer().can(Permission.BSS_PROVISIONING_EDIT),
    )


def _form(asked: AccountAtVendor, *, is_blank: bool = False) -> OptionsForm:
    fields = {
        _name(place): StringField(
            f"{option.name} (required)" if option.is_required else option.name,
            default=option.value,
            validators=[Length(max=MAX_VALUE, message=f"Use at most {MAX_VALUE} characters")],
        )
        for place, option in enumerate(asked.options)
    }
    if asked.manager.accepts_existing_accounts:
        fields[EXISTING] = StringField(
            "Account it has there already",
            default=asked.existing_reference or "",
            validators=[Length(max=MAX_REFERENCE, message=f"Use at most {MAX_REFERENCE} characters")],
            description="Its id or domain at the vendor. Empty: a new account is made.",
        )
    made = type("VendorOptionsForm", (OptionsForm,), fields)
    return made(formdata=None) if is_blank else made()  # type: ignore[no-any-return]  # made a line above


def _name(place: int) -> str:
    return f"option_{place}"
