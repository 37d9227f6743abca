"""API credentials of a realm, for whoever owns it: list, create, rotate, revoke. A secret is on one answer only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope
from app.identity.api_clients.services import (
    ApiClientNotFound,
    NewApiClient,
    ShownOnce,
    create_client,
    known_scopes,
    list_clients,
    offered_scopes,
    revoke_client,
    rotate_secret,
)
from app.owner.scopes import Rights, acting, frame_of
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface
from themes.frames import Crumb

KIND_WORDS = {
    ApiClientKind.OAUTH: "Client id and secret: tokens of an hour (OAuth 2.0)",
    ApiClientKind.API_KEY: "API key: from server to server",
}
SCOPE_WORDS = {
    ApiScope.PRODUCTS_READ: "Read products and prices",
    ApiScope.ACCOUNTS_READ: "Read customers",
    ApiScope.ACCOUNTS_WRITE: "Create customers",
    ApiScope.ORDERS_READ: "Read orders",
    ApiScope.ORDERS_WRITE: "Place orders",
    ApiScope.SUBSCRIPTIONS_READ: "Read subscriptions",
    ApiScope.SUBSCRIPTIONS_WRITE: "Change subscriptions",
    ApiScope.INVOICES_READ: "Read invoices",
}
LIVES = (("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("", "Never"))


@dataclass(frozen=True, slots=True)
class ApiRealm:
    """A realm whose API has clients: its name in addresses and on screen, its id, where API and description stand."""

    key: str
    label: str
    id: UUID
    url: str
    docs_url: str


class ApiClientForm(Form):
    """What a new program is called and may do."""

    realm = RadioField("API")
    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=80)])
    kind = RadioField(
        "Kind", choices=[(each.value, words) for each, words in KIND_WORDS.items()], default=ApiClientKind.OAUTH.value
    )
    scopes = SelectMultipleField("It may", option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False))
    expires = SelectField("Ends", choices=list(LIVES), default="365")

    def offer(self, realms: list[ApiRealm], scopes: list[ApiScope]) -> None:
        """Offer what there is; one realm is no choice."""
        self.scopes.choices = [(each.value, SCOPE_WORDS[each]) for each in scopes]
        if len(realms) == 1:
            del self.realm
        else:
            self.realm.choices = [(each.key, each.label) for each in realms]
            self.realm.data = self.realm.data or realms[0].key

    def to_new(self, at: datetime) -> NewApiClient:
        """Return what was chosen; call it after validate_on_submit()."""
        days = self.expires.data
        return NewApiClient(
            self.name.data or "",
            ApiClientKind(self.kind.data),
            known_scopes(self.scopes.data or ()),
            at + timedelta(days=int(days)) if days else None,
        )


def api_client_pages(
    blueprint: Blueprint, *, surface: Surface, rights: Rights, realms: Callable[[], list[ApiRealm]]
) -> None:
    """Add the pages of API credentials to a blueprint; `realms` names those of the request's owner."""

    @blueprint.get("", endpoint="index")
    @permission_required(rights.view)
    def index() -> ResponseReturnValue:
        """List credentials; never a secret."""
        at, found = utc_now(), realms()
        return page(
            "manage/api/index.html",
            title="API credentials",
            frame=frame_of(surface),
            groups=[(realm, [(each, _state(each, at)) for each in list_clients(realm.id)]) for realm in found],
            scope_words={each.value: words for each, words in SCOPE_WORDS.items()},
            may_edit=signed_in_viewer().can(rights.edit),
        )

    @blueprint.route("/new", methods=["GET", "POST"], endpoint="new")
    @permission_required(rights.edit)
    def new() -> ResponseReturnValue:
        """Create credentials, and show their secret this once."""
        form, at, found = ApiClientForm(), utc_now(), realms()
        form.offer(found, list(offered_scopes(found[0].id)))
        if form.validate_on_submit():
            realm = _realm(found, form.realm.data) if "realm" in form else found[0]
            try:
                with unit_of_work():
                    made = create_client(realm.id, form.to_new(at), actor=acting(), at=at)
            except Invalid as refusal:
                form.take(refusal)
            else:
                return _secret_page(surface, realm, made)
        crumbs = [Crumb("API credentials", url_for(".index")), Crumb("New")]
        return page(
            "manage/api/new.html", title="New API credentials", breadcrumbs=crumbs, frame=frame_of(surface), form=form
        ), form.status

    @blueprint.post("/<realm_key>/<uuid:client_id>/rotate", endpoint="rotate")
    @permission_required(rights.edit)
    def rotate(realm_key: str, client_id: UUID) -> ResponseReturnValue:
        """Give a program a new secret, shown this once."""
        realm = _realm(realms(), realm_key)
        with unit_of_work():
            made = rotate_secret(realm.id, client_id, actor=acting(), at=utc_now())
        return _secret_page(surface, realm, made)

    @blueprint.post("/<realm_key>/<uuid:client_id>/revoke", endpoint="revoke")
    @permission_required(rights.edit)
    def revoke(realm_key: str, client_id: UUID) -> ResponseReturnValue:
        """End credentials and their tokens."""
        realm = _realm(realms(), realm_key)
        with unit_of_work():
            revoke_client(realm.id, client_id, actor=acting(), at=utc_now())
        flash("The credentials were revoked.", "success")
        return redirect(url_for(".index"), code=303)


def _realm(realms: list[ApiRealm], key: str | None) -> ApiRealm:
    """Return the realm of a name; an unknown one is nobody's, so nothing is found in it."""
    found = next((each for each in realms if each.key == key), None)
    if found is None:
        raise ApiClientNotFound
    return found


def _state(client: ApiClient, at: datetime) -> str:
    if client.revoked_at is not None:
        return "Revoked"
    return "Expired" if client.expires_at is not None and client.expires_at <= at else "Active"


def _secret_page(surface: Surface, realm: ApiRealm, made: ShownOnce) -> Response:
    answer = make_response(
        page(
            "manage/api/secret.html",
            title=made.client.name,
            breadcrumbs=[Crumb("API credentials", url_for(".index")), Crumb(made.client.name)],
            frame=frame_of(surface),
            realm=realm,
            client=made.client,
            is_key=made.client.kind is ApiClientKind.API_KEY,
            secret=made.secret,
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
