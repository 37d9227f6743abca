"""Exchange rates from Excel or CSV: upload, preview, result (BC-07)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired

from app.access import permission_required, signed_in_viewer
from app.bss.currencies.views import bp
from app.bss.price_lists.files import STATE_TONES, STATE_WORDS
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.exchange_rates.files import (
    confirm_rates,
    discard_rates,
    get_file,
    lines_of,
    list_files,
    upload_rates,
)
from app.pricing.price_list_files.models import ListFileState
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb


class RateFileForm(Form):
    """A file of rates."""

    file = FileField(
        "File",
        validators=[FileRequired("Choose a file")],
        description="Excel (.xlsx) or CSV in UTF-8, up to 5 MB and 5,000 rates. The first row names the columns.",
    )


@bp.route("/rates/upload", methods=["GET", "POST"])
@permission_required(Permission.BSS_RATES_EDIT)
def upload() -> ResponseReturnValue:
    """Take a file in and show what it would do."""
    form = RateFileForm()
    if form.validate_on_submit():
        name = form.file.data.filename or "rates.csv"
        try:
            with unit_of_work():
                made = upload_rates(form.file.data.stream, name, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".rate_file", file_id=made.id), code=303)
    shown = page(
        "bss/currencies/rate_upload.html",
        title="Upload exchange rates",
        breadcrumbs=_crumbs("Upload"),
        form=form,
        files=list_files(),
        state_words=STATE_WORDS,
        state_tones=STATE_TONES,
    )
    return shown, form.status


@bp.get("/rates/upload/<uuid:file_id>")
@permission_required(Permission.BSS_RATES_EDIT)
def rate_file(file_id: UUID) -> ResponseReturnValue:
    """Show what each row would do, wrong ones first."""
    file = get_file(file_id)
    lines = sorted(lines_of(file), key=lambda line: (not line.message, line.row_number))
    wrong, there = sum(bool(line.message) for line in lines), sum(line.is_there for line in lines)
    is_stuck = wrong > 0 and file.state is ListFileState.READY
    return page(
        "bss/currencies/rate_file.html",
        title=file.file_name,
        breadcrumbs=_crumbs(file.file_name),
        file=file,
        lines=lines,
        wrong=wrong,
        there=there,
        added=len(lines) - wrong - there,
        state="Has errors" if is_stuck else STATE_WORDS[file.state],
        tone="danger" if is_stuck else STATE_TONES[file.state],
    )


@bp.post("/rates/upload/<uuid:file_id>/confirm")
@permission_required(Permission.BSS_RATES_EDIT)
def confirm_file(file_id: UUID) -> ResponseReturnValue:
    """Agree to the preview: all its rates are in the history at once."""
    if Form().validate_on_submit():
        with unit_of_work():
            added = confirm_rates(file_id, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"{added:,} rates were added.", "success")
    return redirect(url_for(".rate_file", file_id=file_id), code=303)


@bp.post("/rates/upload/<uuid:file_id>/discard")
@permission_required(Permission.BSS_RATES_EDIT)
def discard_file(file_id: UUID) -> ResponseReturnValue:
    """Put the file aside."""
    if Form().validate_on_submit():
        with unit_of_work():
            file = discard_rates(file_id, at=utc_now())
        flash(f"{file.file_name} was discarded. The rates are as they were.", "success")
    return redirect(url_for(".upload"), code=303)


def _crumbs(last: str) -> list[Crumb]:
    return [Crumb("Currencies", url_for(".index")), Crumb("Exchange rates", url_for(".rates")), Crumb(last)]
