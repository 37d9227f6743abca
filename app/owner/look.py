"""Look of a storefront for its owner: draft, preview, publish, restore (RS-15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import FieldError, Invalid
from app.frames.looks import wear
from app.owner.look_forms import COLORS, UPLOADS, LookForm, uploaded
from app.owner.scopes import Owner, Rights, acting, frame_of, owner_of_request
from app.pricing.queries import default_price_list_ids
from app.resellers.images import ImagePurpose, store_image
from app.resellers.look_rules import LookSettings
from app.resellers.looks import (
    discard_draft,
    edited_look,
    list_versions,
    publish,
    restore,
    save_draft,
    wearing,
)
from app.web.pages import page
from app.web.surfaces import Surface
from tenants.context import current_scope, enter_scope
from tenants.settings import PublishedSettings, published_settings
from themes.chosen import font_of, skin_of
from themes.registry import CUSTOM_SKIN, FONTS, SKINS, themes
from themes.tokens import ColorFormatError, contrast_warnings, skin_css

TEXTS = ("theme", "skin", *COLORS, "font", "login_heading", "login_text", "footer_text")


def look_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the look pages to a blueprint of the owner's scope."""
    _editing(blueprint, surface, rights)
    _publishing(blueprint, rights)
    _previewing(blueprint, surface, rights)


def store(owner: Owner, look: LookSettings, *, at: datetime) -> None:
    """Keep a changed look as the owner's draft, inside the caller's unit of work."""
    save_draft(owner.storefront_id, look, reseller_id=owner.reseller_id, actor=acting(), at=at)


def _editing(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("", endpoint="index")
    @permission_required(rights.view)
    def index() -> ResponseReturnValue:
        """Show the look being edited."""
        look = edited_look(owner_of_request().storefront_id).look
        values = {name: getattr(look, name) for name in TEXTS}
        return _index_page(LookForm(formdata=None, show_powered_by=look.show_powered_by, **values), surface)

    @blueprint.post("", endpoint="save")
    @permission_required(rights.edit)
    def save() -> ResponseReturnValue:
        """Keep the look as a draft."""
        form, owner = LookForm(), owner_of_request()
        form.validate_on_submit()
        try:
            with unit_of_work():
                _save(form, owner)
        except Invalid as refusal:
            form.take(refusal)
            return _index_page(form, surface)
        flash("Draft saved. Only you see it until you publish it.", "success")
        for warning in _warnings(edited_look(owner.storefront_id).look):
            flash(warning, "warning")
        return redirect(url_for(".index"), code=303)


def _save(form: LookForm, owner: Owner) -> None:
    at = utc_now()
    before = edited_look(owner.storefront_id).look
    changes: dict[str, Any] = {name: form[name].data or "" for name in TEXTS}
    changes["show_powered_by"] = bool(form.show_powered_by.data)
    refused: list[FieldError] = []
    for name in UPLOADS:
        if form[f"remove_{name}"].data:
            changes[f"{name}_image_id"] = ""
        content = uploaded(form[name])
        if content is None:
            continue
        try:
            image = store_image(ImagePurpose(name), content, field=name, reseller_id=owner.reseller_id, at=at)
        except Invalid as refusal:
            refused += refusal.errors
        else:
            changes[f"{name}_image_id"] = str(image.id)
    if refused:
        raise Invalid(*refused)
    store(owner, replace(before, **changes), at=at)


def _warnings(look: LookSettings) -> list[str]:
    """Return what is hard to read about custom colours; built-in skins are checked by a test."""
    if look.skin != CUSTOM_SKIN:
        return []
    try:
        return [warning.message for warning in contrast_warnings(skin_of(wearing(PublishedSettings().settings, look)))]
    except ColorFormatError:
        return []


def _publishing(blueprint: Blueprint, rights: Rights) -> None:
    @blueprint.post("/publish", endpoint="publish")
    @permission_required(rights.edit)
    def publish_draft() -> ResponseReturnValue:
        """Show the draft to everybody."""
        owner = owner_of_request()
        with unit_of_work():
            publish(owner.storefront_id, reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
        flash("Published. Visitors see it now; the look before can be restored below.", "success")
        return redirect(url_for(".index"), code=303)

    @blueprint.post("/discard", endpoint="discard")
    @permission_required(rights.edit)
    def discard() -> ResponseReturnValue:
        """Forget the draft."""
        with unit_of_work():
            discard_draft(owner_of_request().storefront_id)
        flash("Draft discarded.", "success")
        return redirect(url_for(".index"), code=303)

    @blueprint.post("/reset", endpoint="reset")
    @permission_required(rights.edit)
    def reset() -> ResponseReturnValue:
        """Make the default look the draft; nothing changes for visitors until it is published."""
        with unit_of_work():
            store(owner_of_request(), LookSettings(), at=utc_now())
        flash("The default look is your draft now. Publish it to show it.", "success")
        return redirect(url_for(".index"), code=303)

    @blueprint.post("/versions/<uuid:version_id>/restore", endpoint="restore")
    @permission_required(rights.edit)
    def restore_version(version_id: UUID) -> ResponseReturnValue:
        """Show an earlier look again."""
        owner = owner_of_request()
        with unit_of_work():
            restore(owner.storefront_id, version_id, reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
        flash("The earlier look is back. The one it replaced can be restored as well.", "success")
        return redirect(url_for(".index"), code=303)


def _previewing(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("/preview", endpoint="preview")
    @permission_required(rights.view)
    def preview() -> ResponseReturnValue:
        """Show the storefront's home page in the draft's look, to its editors only."""
        owner = owner_of_request()
        if surface is Surface.BSS:  # a visitor of the root is quoted by the default list
            enter_scope(current_scope().with_price_lists(default_price_list_ids()))
        published = published_settings(owner.storefront_id)
        drafted = wearing(published.settings, edited_look(owner.storefront_id).look)
        wear(PublishedSettings(drafted, published.version))
        g.preview_skin_url = url_for(".preview_skin", version=utc_now().timestamp())
        flash("This is a preview: only you see it. Links lead into the published storefront.", "info")
        response = current_app.make_response(_home_page())
        response.headers["Cache-Control"] = "private, no-store"
        return response

    @blueprint.get("/preview/skin.css", endpoint="preview_skin")
    @permission_required(rights.view)
    def preview_skin() -> ResponseReturnValue:
        """Return the draft's colours and typeface."""
        owner = owner_of_request()
        drafted = wearing(published_settings(owner.storefront_id).settings, edited_look(owner.storefront_id).look)
        response = Response(skin_css(skin_of(drafted), font_of(drafted)), mimetype="text/css")
        response.headers["Cache-Control"] = "private, no-store"
        return response


def _home_page() -> Any:
    """Return the storefront's own home page, found by name: surfaces do not import each other."""
    return current_app.view_functions["storefront_home.index"]()


def _index_page(form: LookForm, surface: Surface) -> ResponseReturnValue:
    owner = owner_of_request()
    edited = edited_look(owner.storefront_id)
    return page(
        "manage/look/index.html",
        title="Look and home page",
        frame=frame_of(surface),
        form=form,
        edited=edited,
        uploads=[
            (form[name], form[f"remove_{name}"], image_url(getattr(edited.look, f"{name}_image_id")))
            for name in UPLOADS
        ],
        warnings=_warnings(edited.look),
        versions=list_versions(owner.storefront_id),
        theme_options=[
            {"value": theme.name, "label": theme.label, "hint": theme.description, "preview": theme.preview}
            for theme in themes().values()
        ],
        skin_options=[
            *({"value": skin.name, "label": skin.label, "colors": skin.colors} for skin in SKINS.values()),
            {"value": CUSTOM_SKIN, "label": "Custom", "hint": "Your own three colours, below"},
        ],
        fonts=FONTS,
        theme_labels={theme.name: theme.label for theme in themes().values()},
        skin_labels={CUSTOM_SKIN: "Custom", **{skin.name: skin.label for skin in SKINS.values()}},
        is_root=surface is Surface.BSS,
    ), form.status


def image_url(image_id: str) -> str | None:
    """Return where a picture of this storefront is served."""
    return url_for("storefront_looks.image", image_id=image_id) if image_id else None
