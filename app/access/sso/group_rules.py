"""The table of groups and roles of one provider, on the pages of its owner or of the company whose provider it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.models import UserType
from app.identity.providers.following import Verdict, foresee
from app.identity.providers.models import IdentityProvider, ProviderKind
from app.identity.providers.queries import get_own_provider
from app.identity.providers.role_rules import ADMIN, NewRule, list_rules, roles_to_give
from app.identity.realms import is_bss_realm
from app.identity.services import Role
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb

TITLE = "Groups and roles"
SAVED = "Saved. It counts from people's next sign-in."


class RuleForm(Form):
    """A group at the provider and what it gives here."""

    group_name = StringField("Group", description="As the provider sends it: a test sign-in shows it.")
    roles = SelectMultipleField(
        "Roles",
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        validate_choice=False,
    )

    def offer(self, roles: Iterable[Role], *, with_admin: bool) -> None:
        """Offer the roles of a realm."""
        listed = [(role.value, role.label) for role in roles]
        self.roles.choices = [(ADMIN, "Admin"), *listed] if with_admin else listed

    def to_rule(self) -> NewRule:
        """Return what was typed."""
        return NewRule(self.group_name.data or "", tuple(self.roles.data or ()))


@dataclass(frozen=True, slots=True)
class RulePage:
    """Where a table of rules stands. `account_id` is the company whose provider it is; None: the realm's owner's."""

    template: str
    frame: str
    above: Crumb
    edit_endpoints: dict[ProviderKind, str]
    delete_endpoint: str
    realm_id: UUID
    provider_id: UUID
    account_id: UUID | None = None

    def provider(self) -> IdentityProvider:
        """Return the provider; raises ProviderNotFound."""
        return get_own_provider(self.realm_id, self.provider_id, account_id=self.account_id)


def show_rules(where: RulePage, add: Callable[[NewRule], object]) -> ResponseReturnValue:
    """Show what groups give, and take in one more rule with `add`; an existing group's roles are replaced."""
    where.provider()
    roles, is_staff, form = roles_to_give(where.realm_id, where.account_id), is_bss_realm(where.realm_id), RuleForm()
    form.offer(roles, with_admin=not is_staff)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                add(form.to_rule())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(SAVED, "success")
            return redirect(url_for(request.endpoint or "", provider_id=where.provider_id), code=303)
    provider = where.provider()  # a refusal has forgotten it
    edit_url = url_for(where.edit_endpoints[provider.kind], provider_id=provider.id)
    rules = list_rules(where.realm_id, where.provider_id)
    return page(
        where.template,
        title=TITLE,
        breadcrumbs=[where.above, Crumb(provider.name, edit_url), Crumb(TITLE)],
        frame=where.frame,
        form=form,
        provider=provider,
        edit_url=edit_url,
        delete_endpoint=where.delete_endpoint,
        rules=[(rule, _words(rule.roles, roles, is_admin=rule.makes_admin and not is_staff)) for rule in rules],
    ), form.status


def _words(names: Sequence[str], roles: Iterable[Role], *, is_admin: bool) -> str:
    labels = {role.value: role.label for role in roles}
    return "Admin" if is_admin else ", ".join(labels.get(each, each) for each in names)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the page of a test sign-in says of the groups that arrived."""

    groups: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]  # group and what it gives, of those that count
    becomes: str  # "" for nothing: such people are refused
    has_rules: bool


def foreseen(provider: IdentityProvider, groups: Sequence[str]) -> Foreseen:
    """Return which rules would count for somebody with these groups, and what they would make of a stranger."""
    found: Verdict = foresee(provider, groups)
    known, is_staff = roles_to_give(provider.realm_id, provider.account_id), is_bss_realm(provider.realm_id)
    return Foreseen(
        groups=tuple(groups),
        rules=tuple(
            (each.group_name, _words(each.roles, known, is_admin=each.makes_admin and not is_staff))
            for each in found.rules
        ),
        becomes="Admin" if found.type is UserType.ADMIN else ", ".join(role.label for role in found.roles),
        has_rules=bool(list_rules(provider.realm_id, provider.id)),
    )
