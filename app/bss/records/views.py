"""What every record has beside its own pages: its history (BC-30), and who sees it (BC-04)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from app.access import permission_required, signed_in_viewer
from app.bss.listing import chosen_ids
from app.bss.records.history import RULED, history_page, key_of, record_named
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.ids import parse_id
from app.frames.records import RecordPage, page_of
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.identity.permission_rules.queries import names_of_rules, pickable_rules
from app.identity.permission_rules.records import (
    FullAccessNeeded,
    access_to,
    find_record,
    possible_owners,
    set_owner,
    set_rule,
)
from app.identity.permissions import Permission
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("records", __name__, surface=Surface.BSS)

MOST_AT_ONCE = 100
NO_RULE = "No rule of its own"


class RuleForm(Form):
    """Which rule records have, and who looks after an account."""

    permission_rule_id = SelectField("Permission rule", filters=[lambda value: value or ""])
    owner_id = SelectField("Owner", filters=[lambda value: value or ""])


@bp.get("/<kind>/<key>/history")
@permission_required(Permission.BSS_AUDIT_VIEW)
def history(kind: str, key: str) -> ResponseReturnValue:
    """Show who changed which field of a record from what to what."""
    place = page_of(kind)
    _require(place.sees)
    record_id, name = record_named(place, key)
    return page(
        "bss/records/history.html",
        title=f"History of {name}",
        breadcrumbs=(Crumb(name, place.url(key)), Crumb("History")),
        **history_page(record_id, requested_page()),
    )


@bp.route("/<kind>/<key>/access", methods=["GET", "POST"])
@permission_required(Permission.BSS_OPEN)
def access(kind: str, key: str) -> ResponseReturnValue:
    """Show who sees a record; whoever may change such records and has full access to this one decides it."""
    place = page_of(kind)
    if place.decides is None:
        raise NotFound("Such records have no permission rule")
    _require(place.decides)
    what, named = RULED[kind], key_of(place, key)
    found = find_record(what, named)
    if access_to(what, named) is not RecordAccess.FULL:
        raise FullAccessNeeded
    form = RuleForm()
    rules = _offer(form, what, found.permission_rule_id)
    if what is RuledKind.ACCOUNT:
        form.owner_id.choices = [("", "Nobody"), *((str(each.id), each.full_name) for each in possible_owners())]
    else:
        del form.owner_id
    if not form.is_submitted():
        form.permission_rule_id.data = str(found.permission_rule_id or "")
        if what is RuledKind.ACCOUNT:
            form.owner_id.data = str(found.owner_id or "")
    if form.validate_on_submit():
        try:
            with unit_of_work():
                _save(form, what, found.id)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            is_seen = access_to(what, named) is not None
            return redirect(place.url(key) if is_seen else url_for(_list_of(place)), code=303)
    name = record_named(place, key)[1]
    return page(
        "bss/records/access.html",
        title=f"Access to {name}",
        breadcrumbs=(Crumb(what.label, url_for(_list_of(place))), Crumb(name, place.url(key)), Crumb("Access")),
        form=form,
        has_rules=bool(rules),
        follows_account=what is not RuledKind.ACCOUNT,
        cancel_url=place.url(key),
    ), form.status


def _save(form: RuleForm, kind: RuledKind, record_id: UUID) -> None:
    actor, at = signed_in_viewer().actor, utc_now()
    if kind is RuledKind.ACCOUNT:  # first: whoever gives a record away by its rule may not change it afterwards
        set_owner(record_id, parse_id(form.owner_id.data or ""), actor=actor, at=at)
    set_rule(kind, (record_id,), parse_id(form.permission_rule_id.data or ""), actor=actor, at=at)


@bp.route("/accounts", methods=["GET", "POST"])
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def accounts() -> ResponseReturnValue:
    """Give the accounts chosen on their list one rule: all of them, or none where one is refused."""
    chosen = sorted(chosen_ids() or ())[:MOST_AT_ONCE]
    if not chosen:
        flash("Choose accounts first.", "warning")
        return redirect(url_for("bss_accounts.index"), code=303)
    found = [find_record(RuledKind.ACCOUNT, each) for each in chosen]
    form = RuleForm()
    del form.owner_id
    rules = _offer(form, RuledKind.ACCOUNT, None)
    if request.form.get("apply") and form.validate_on_submit():
        rule_id, actor = parse_id(form.permission_rule_id.data or ""), signed_in_viewer().actor
        try:
            with unit_of_work():
                changed = set_rule(RuledKind.ACCOUNT, chosen, rule_id, actor=actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{changed} of {len(chosen)} accounts have another rule now.", "success")
            return redirect(url_for("bss_accounts.index"), code=303)
    return page(
        "bss/records/accounts.html",
        title="Permission rule of accounts",
        breadcrumbs=(Crumb("Accounts", url_for("bss_accounts.index")), Crumb("Permission rule")),
        form=form,
        accounts=found,
        has_rules=bool(rules),
    ), form.status


def _require(right: Permission) -> None:
    if not signed_in_viewer().holds(right):
        raise Forbidden("You do not have access to this area")


def _list_of(place: RecordPage) -> str:
    return f"{place.endpoint.partition('.')[0]}.index"


def _offer(form: RuleForm, kind: RuledKind, present: UUID | None) -> list[tuple[str, str]]:
    """Offer what the viewer may pick, and what the record has although it is inactive or not theirs."""
    rules = [(str(rule.id), rule.name) for rule in pickable_rules(kind, signed_in_viewer().actor)]
    if present is not None and str(present) not in dict(rules):
        rules.append((str(present), names_of_rules((present,)).get(present, "Another rule")))
    form.permission_rule_id.choices = [("", NO_RULE), *rules]
    return rules
