"""Builds the web application: settings, middleware, surfaces, error pages."""

from __future__ import annotations

from importlib import import_module

from flask import Flask, Response, abort, send_file
from flask.typing import ResponseReturnValue
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

from app.access import install_access
from app.catalogue.words import CYCLE_UNITS, CYCLE_WORDS, trial_words, unit_words
from app.cli import install_commands
from app.core.config import settings
from app.core.db import Base
from app.frames import install_page_frames
from app.health import install_health
from app.logs import configure_logs
from app.resellers.aliases import reserve_segments
from app.storefront.kept_answers import KeptAnswers
from app.storefront.kept_pages import install_cards
from app.web.error_pages import install_error_pages
from app.web.formats import install_formats
from app.web.security import install_security
from app.web.surfaces import first_segments
from tenants.changes import clock
from tenants.resolution import Resolution
from themes.rendering import install_themes, static_file

# Every page of the product, by surface. A line names a module and its blueprint.
BLUEPRINTS = (
    "app.storefront.sessions.views:bp",
    "app.bss.sessions.views:bp",
    "app.platform.sessions.views:bp",
    "app.platform.distributors.views:bp",
    "app.storefront.account.views:bp",
    "app.storefront.users.views:bp",
    "app.storefront.company_sign_in:bp",
    "app.storefront.registration.views:bp",
    "app.bss.users.views:bp",
    "app.bss.roles.views:bp",
    "app.bss.teams.views:bp",
    "app.bss.permission_rules.views:bp",
    "app.bss.records.views:bp",
    "app.storefront.looks.views:bp",
    "app.storefront.looks.crawlers:bp",
    "app.storefront.home.views:bp",
    "app.storefront.catalogue.views:bp",
    "app.storefront.basket.views:bp",
    "app.storefront.checkout.views:bp",
    "app.storefront.orders.views:bp",
    "app.storefront.notices.views:bp",
    "app.storefront.billing.views:bp",
    "app.storefront.subscription_changes.views:bp",
    "app.storefront.subscription_upgrades.views:bp",
    "app.storefront.subscription_add_ons.views:bp",
    "app.storefront.trials.views:bp",
    "app.storefront.enquiries.views:bp",
    "app.storefront.reseller_plans.views:bp",
    "app.bss.home.views:bp",
    "app.bss.imports.views:bp",
    "app.bss.product_files.views:bp",
    "app.bss.vendor_runs.views:bp",
    "app.bss.usage.views:bp",
    "app.bss.products:bp",
    "app.bss.product_types.views:bp",
    "app.bss.groups.views:bp",
    "app.bss.industries.views:bp",
    "app.bss.promotions:bp",
    "app.bss.currencies:bp",
    "app.bss.categories.views:bp",
    "app.bss.price_lists:bp",
    "app.bss.accounts:bp",
    "app.bss.audit.views:bp",
    "app.bss.search.views:bp",
    "app.bss.orders:bp",
    "app.bss.order_statuses.views:bp",
    "app.bss.offers:bp",
    "app.bss.offer_statuses.views:bp",
    "app.bss.offer_templates.views:bp",
    "app.bss.order_settings.views:bp",
    "app.bss.units.views:bp",
    "app.bss.shelves.views:bp",
    "app.bss.enquiries.views:bp",
    "app.storefront.offers.views:bp",
    "app.storefront.shared_orders.views:bp",
    "app.bss.plans.views:bp",
    "app.manage.listings.bulk:bp",
    "app.manage.prices.product:bp",
    "app.manage.prices.customer:bp",
    "app.manage.settings.views:bp",
    "app.manage.providers.views:bp",
    "app.manage.customers.views:bp",
    "app.manage.registrations.views:bp",
    "app.manage.enquiries.views:bp",
    "app.bss.registrations.views:bp",
    "app.manage.orders.views:bp",
    "app.bss.mail.views:bp",
    "app.bss.invoices.views:bp",
    "app.bss.provisioning:bp",
    "app.bss.reconciliation.views:bp",
    "app.bss.adoption.views:bp",
    "app.manage.mail.views:bp",
    "app.manage.history.views:bp",
    "app.bss.trials.views:bp",
    "app.bss.assets.views:bp",
    "app.bss.asset_fields.views:bp",
    "app.bss.subscription_prices.views:bp",
    "app.bss.subscriptions:bp",
    "app.bss.agenda.views:bp",
    "app.bss.subscription_upgrades.views:bp",
    "app.bss.subscription_add_ons.views:bp",
    "app.manage.home.views:bp",
    "app.bss.settings.views:look_bp",
    "app.bss.settings.views:bp",
    "app.bss.providers.views:bp",
    "app.bss.providers.views:storefront_bp",
    "app.bss.company_sign_ins.views:bp",
    "app.manage.company_sign_ins.views:bp",
    "app.bss.addresses.views:bp",
    "app.manage.look.views:bp",
    "app.manage.api.views:bp",
    "app.bss.api_clients.views:bp",
    "app.api.storefront:bp",
    "app.api.storefront:pages_bp",
    "app.api.bss:bp",
    "app.api.bss:pages_bp",
)


class _Metadata:
    """What Flask-Migrate wants to know of a database extension; sessions are ours (`app.core.db`)."""

    metadata = Base.metadata


def create_app() -> Flask:
    """Return the application of one process; raises SettingsIncomplete when it is told too little."""
    configure_logs()
    clock.is_wanted = True
    app = Flask("galleria", static_folder=None, template_folder=None)
    app.secret_key = settings().secret_key
    install_themes(app)
    install_formats(app)
    app.jinja_env.globals.update(
        unit_words=unit_words, cycle_words=CYCLE_WORDS, cycle_units=CYCLE_UNITS, trial_words=trial_words
    )
    install_cards(app)
    install_health(app)
    install_security(app)
    install_access(app)
    install_error_pages(app)
    install_page_frames(app)
    install_commands(app)
    Migrate(app, _Metadata(), directory="migrations")  # type: ignore[arg-type]  # it reads `metadata` alone
    _static.access = "public"  # type: ignore[attr-defined]
    app.add_url_rule("/static/<version>/<path:path>", endpoint="static", view_func=_static)
    for line in BLUEPRINTS:
        module, _, name = line.partition(":")
        app.register_blueprint(getattr(import_module(module), name))
    reserved = first_segments(app)
    app.extensions["galleria.reserved"] = reserved
    reserve_segments(reserved)
    app.wsgi_app = KeptAnswers(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Resolution(app.wsgi_app, reserved=lambda: reserved)  # type: ignore[method-assign]
    if hops := settings().trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _static(version: str, path: str) -> ResponseReturnValue:  # noqa: ARG001 - the version keeps caches apart
    """Serve a theme's file; the version in its path makes it cacheable for ever."""
    found = static_file(path)
    if found is None:
        abort(404)
    response: Response = send_file(found, conditional=True, max_age=31_536_000)
    response.cache_control.public = True
    response.cache_control.immutable = True
    return response
