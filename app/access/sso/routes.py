"""The addresses of signing in through identity providers, at the doors of a realm (SF-14, SF-15, BC-27)."""

from __future__ import annotations

from flask import Blueprint

from app.access.doors import BOTH, SEEN, SENT, Door, Route, View, add_views
from app.access.guards import public, takes_foreign_posts
from app.access.sso.arrivals import callback, finish, resend_proof_code, show_confirm
from app.access.sso.departures import connect, start
from app.access.sso.options import disconnect_one, mail_password_link, show_break_glass, show_options
from app.access.sso.saml import show_metadata, take_in
from app.access.sso.sign_out import signed_out, take_logout, take_logout_token
from app.web.surfaces import Surface


def add_provider_views(blueprint: Blueprint, door: Door, own: View, *, below: str = "") -> None:
    """Add the views to a sign-in blueprint; `own` is the declaration of pages for people who are signed in."""
    add_views(blueprint, door, ON_THE_WAY, public)
    add_views(blueprint, door, FROM_ELSEWHERE, lambda view: takes_foreign_posts(public(view)))
    add_views(blueprint, door, OWN, own, below=below)
    if door.surface is Surface.BSS:
        add_views(blueprint, door, (("/login/administrator", "break_glass", BOTH, show_break_glass),), public)


ON_THE_WAY: tuple[Route, ...] = (
    ("/sso/<uuid:provider_id>", "sso_start", SEEN, start),
    ("/sso/<uuid:provider_id>/callback", "sso_callback", SEEN, callback),
    ("/sso/finish/<uuid:request_id>", "sso_finish", SEEN, finish),
    ("/sso/confirm/<uuid:request_id>", "sso_confirm", BOTH, show_confirm),
    ("/sso/confirm/<uuid:request_id>/resend", "sso_resend_code", SENT, resend_proof_code),
    ("/sso/<uuid:provider_id>/signed-out", "sso_signed_out", SEEN, signed_out),
    ("/sso/<uuid:provider_id>/saml/metadata", "saml_metadata", SEEN, show_metadata),
    ("/sso/<uuid:provider_id>/saml/slo", "saml_slo", SEEN, take_logout),
)
FROM_ELSEWHERE: tuple[Route, ...] = (
    ("/sso/<uuid:provider_id>/saml/acs", "saml_acs", SENT, take_in),
    ("/sso/<uuid:provider_id>/backchannel", "sso_backchannel", SENT, take_logout_token),
)
OWN: tuple[Route, ...] = (
    ("/login-options", "login_options", SEEN, show_options),
    ("/login-options/password", "mail_password_link", SENT, mail_password_link),
    ("/login-options/<uuid:provider_id>/connect", "sso_connect", SEEN, connect),
    ("/login-options/<uuid:provider_id>/disconnect", "sso_disconnect", SENT, disconnect_one),
)
