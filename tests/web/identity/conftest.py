"""An application with small pages of every kind of access, which answer who asked and in which scope."""

from __future__ import annotations

import pytest
from flask import Flask, jsonify
from flask_login import current_user

from app.access import (
    catalogue_access,
    current_viewer,
    permission_required,
    public,
    sign_in_required,
)
from app.factory import create_app
from app.identity.permissions import Permission
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import Reach, current_scope
from tests.web.conftest import Browser


def answer():
    viewer, scope = current_viewer(), current_scope()
    return jsonify(
        user=str(viewer.user_id) if viewer else None,
        known_to_flask_login=current_user.get_id() if viewer else None,
        rights=sorted(permission.value for permission in viewer.permissions) if viewer else [],
        distributor=str(scope.distributor_id),
        reseller=getattr(scope.reseller, "value", str(scope.reseller)),
        account=getattr(scope.account, "value", str(scope.account)),
        price_lists="all" if isinstance(scope.price_lists, Reach) else [str(each) for each in scope.price_lists],
        realm=scope.realm_id,
    )


def page_with(access):
    def view():
        return answer()

    return access(view)


@pytest.fixture(scope="session")
def app(database: None) -> Flask:
    made = create_app()
    made.test_client_class = Browser
    made.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    shop = surface_blueprint("probe", __name__, surface=Surface.STOREFRONT, path="")
    shop.add_url_rule("/account/open", "open", page_with(public))
    shop.add_url_rule("/account/own", "own", page_with(sign_in_required), methods=["GET", "POST"])
    shop.add_url_rule("/account/goods", "goods", page_with(catalogue_access))
    shop.add_url_rule("/account/order", "order", page_with(permission_required(Permission.ORDER_PLACE)))
    shop.add_url_rule("/account/undeclared", "undeclared", lambda: "never")
    manage = surface_blueprint("probe", __name__, surface=Surface.MANAGE, path="")
    manage.add_url_rule("/probe", "area", page_with(permission_required(Permission.MANAGE_STOREFRONT)))
    bss = surface_blueprint("probe", __name__, surface=Surface.BSS, path="")
    bss.add_url_rule("/probe", "own", page_with(sign_in_required))
    bss.add_url_rule("/probe/setup", "setup", page_with(permission_required(Permission.BSS_SETUP_EDIT)))
    for blueprint in (shop, manage, bss):
        made.register_blueprint(blueprint)
    return made
