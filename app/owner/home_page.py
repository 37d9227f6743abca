"""Sections and banners of a storefront's home page, edited as part of the draft (RS-15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import FieldError, Invalid, NotFound
from app.owner.look import image_url, store
from app.owner.look_forms import KIND_WORDS, BannerForm, SectionForm, uploaded
from app.owner.scopes import Owner, Rights, frame_of, owner_of_request
from app.resellers.home_products import find_products, named_products
from app.resellers.images import ImagePurpose, store_image
from app.resellers.look_rules import (
    MOST_BANNERS,
    MOST_PRODUCTS,
    MOST_SECTIONS,
    SECTION_KINDS,
    LookSettings,
    banner_errors,
    section_errors,
)
from app.resellers.looks import edited_look
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface
from tenants.settings import Banner, HomeSection
from themes.frames import Crumb

Part = TypeVar("Part")


def home_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the pages of sections and banners to a blueprint of the owner's scope."""
    _overview(blueprint, surface, rights)
    _sections(blueprint, surface, rights)
    _products(blueprint, rights)
    _banners(blueprint, surface, rights)


def reordered(parts: Sequence[Part], order: Sequence[str], move: str) -> tuple[Part, ...]:
    """Return parts in the order their numbers were sent in, after a move such as `up:2`; nonsense changes nothing."""
    numbers = [int(text) for text in order if text.isdigit()]
    if sorted(numbers) != list(range(len(parts))):
        numbers = list(range(len(parts)))
    way, _, text = move.partition(":")
    if text.isdigit() and int(text) in numbers and way in ("up", "down"):
        at = numbers.index(int(text))
        to = at - 1 if way == "up" else at + 1
        if 0 <= to < len(numbers):
            numbers[at], numbers[to] = numbers[to], numbers[at]
    return tuple(parts[number] for number in numbers)


def _look() -> LookSettings:
    return edited_look(owner_of_request().storefront_id).look


def _at(parts: Sequence[Part], number: int) -> Part:
    if not 0 <= number < len(parts):
        raise NotFound("There is no such part of the home page")
    return parts[number]


def _change(change: Callable[[LookSettings], LookSettings]) -> None:
    """Store a change of the draft as one unit of work; raises Invalid."""
    with unit_of_work():
        owner = owner_of_request()
        store(owner, change(edited_look(owner.storefront_id).look), at=utc_now())


def _changed(change: Callable[[LookSettings], LookSettings], words: str) -> ResponseReturnValue:
    """Store a change that a button asked for; a refusal is said as a notice."""
    try:
        _change(change)
    except Invalid as refusal:
        flash(str(refusal), "warning")
    else:
        flash(words, "success")
    return redirect(url_for(".home"), code=303)


def _kept_image(form: Form, purpose: ImagePurpose, owner: Owner, before: str) -> str:
    """Return the id of the picture that was uploaded, or of the one that stays."""
    content = uploaded(form["image"])
    if content is None:
        return before
    return str(store_image(purpose, content, field="image", reseller_id=owner.reseller_id, at=utc_now()).id)


def _overview(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("/home", endpoint="home")
    @permission_required(rights.view)
    def home() -> ResponseReturnValue:
        """Show the sections and banners in their order."""
        edited = edited_look(owner_of_request().storefront_id)
        return page(
            "manage/look/home.html",
            title="Look and home page",
            frame=frame_of(surface),
            edited=edited,
            sections=[
                {
                    "id": number,
                    "label": each.title or KIND_WORDS[each.kind],
                    "note": KIND_WORDS[each.kind],
                    "is_visible": each.is_visible,
                }
                for number, each in enumerate(edited.look.sections)
            ],
            banners=[
                {"id": number, "label": each.heading or each.alt_text, "note": _days(each), "is_visible": True}
                for number, each in enumerate(edited.look.banners)
            ],
            kinds=[(kind, KIND_WORDS[kind]) for kind in SECTION_KINDS],
            may_add_section=len(edited.look.sections) < MOST_SECTIONS,
            may_add_banner=len(edited.look.banners) < MOST_BANNERS,
        )

    @blueprint.post("/home/order", endpoint="order_sections")
    @permission_required(rights.edit)
    def order_sections() -> ResponseReturnValue:
        """Put the sections in another order."""
        order, move = request.form.getlist("order"), request.form.get("move", "")
        return _changed(
            lambda look: replace(look, sections=reordered(look.sections, order, move)), "Order saved as draft."
        )

    @blueprint.post("/home/banners/order", endpoint="order_banners")
    @permission_required(rights.edit)
    def order_banners() -> ResponseReturnValue:
        """Put the banners in another order."""
        order, move = request.form.getlist("order"), request.form.get("move", "")
        return _changed(
            lambda look: replace(look, banners=reordered(look.banners, order, move)), "Order saved as draft."
        )


def _days(banner: Banner) -> str:
    if not banner.valid_from and not banner.valid_to:
        return "Always shown"
    return f"{banner.valid_from or '…'} – {banner.valid_to or '…'}"


def _sections(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.post("/home/sections", endpoint="add_section")
    @permission_required(rights.edit)
    def add_section() -> ResponseReturnValue:
        """Add a section at the end."""
        kind = request.form.get("kind", "")
        return _changed(
            lambda look: replace(look, sections=(*look.sections, HomeSection(kind))), "Section added to the draft."
        )

    @blueprint.post("/home/sections/<int:number>/remove", endpoint="remove_section")
    @permission_required(rights.edit)
    def remove_section(number: int) -> ResponseReturnValue:
        """Take a section away."""
        _at(_look().sections, number)
        return _changed(
            lambda look: replace(look, sections=(*look.sections[:number], *look.sections[number + 1 :])),
            "Section removed from the draft.",
        )

    @blueprint.get("/home/sections/<int:number>", endpoint="section")
    @permission_required(rights.view)
    def section(number: int) -> ResponseReturnValue:
        """Show one section."""
        found = _at(_look().sections, number)
        form = SectionForm(
            formdata=None, kind=found.kind, title=found.title, text=found.text, is_visible=found.is_visible
        )
        return _section_page(form, found, number, surface)

    @blueprint.post("/home/sections/<int:number>", endpoint="save_section")
    @permission_required(rights.edit)
    def save_section(number: int) -> ResponseReturnValue:
        """Change one section of the draft."""
        found, form, owner = _at(_look().sections, number), SectionForm(), owner_of_request()
        form.validate_on_submit()
        try:
            with unit_of_work():
                changed = form.to_section(found)
                _refuse(section_errors(changed))
                changed = replace(changed, image_id=_kept_image(form, ImagePurpose.SECTION, owner, changed.image_id))
                look = edited_look(owner.storefront_id).look
                store(owner, replace(look, sections=_with(look.sections, number, changed)), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
            return _section_page(form, found, number, surface)
        flash("Section saved as draft.", "success")
        return redirect(url_for(".home"), code=303)


def _with(parts: tuple[Part, ...], number: int, changed: Part) -> tuple[Part, ...]:
    return (*parts[:number], changed, *parts[number + 1 :])


def _section_page(form: SectionForm, found: HomeSection, number: int, surface: Surface) -> ResponseReturnValue:
    query = request.args.get("q", "")
    owner = owner_of_request()
    return page(
        "manage/look/section.html",
        title=found.title or KIND_WORDS[found.kind],
        breadcrumbs=_crumbs(found.title or KIND_WORDS[found.kind]),
        frame=frame_of(surface),
        form=form,
        section=found,
        number=number,
        kind_label=KIND_WORDS[found.kind],
        image=image_url(found.image_id),
        chosen=named_products(found.product_ids),
        query=query,
        matches=find_products(query, reseller_id=owner.reseller_id, without=found.product_ids),
        may_add=len(found.product_ids) < MOST_PRODUCTS,
        most_products=MOST_PRODUCTS,
    ), form.status


def _crumbs(label: str) -> list[Crumb]:
    return [Crumb("Look and home page", url_for(".index")), Crumb("Home page", url_for(".home")), Crumb(label)]


def _products(blueprint: Blueprint, rights: Rights) -> None:
    @blueprint.post("/home/sections/<int:number>/products", endpoint="add_product")
    @permission_required(rights.edit)
    def add_product(number: int) -> ResponseReturnValue:
        """Choose one more product for a section."""
        product_id = request.form.get("product_id", "")
        if product_id not in {str(each.id) for each in named_products((product_id,))}:
            raise NotFound("There is no such product")
        return _products_changed(number, lambda ids: ids if product_id in ids else (*ids, product_id))

    @blueprint.post("/home/sections/<int:number>/products/<uuid:product_id>/remove", endpoint="remove_product")
    @permission_required(rights.edit)
    def remove_product(number: int, product_id: UUID) -> ResponseReturnValue:
        """Take a product out of a section."""
        return _products_changed(number, lambda ids: tuple(each for each in ids if each != str(product_id)))

    @blueprint.post("/home/sections/<int:number>/products/order", endpoint="order_products")
    @permission_required(rights.edit)
    def order_products(number: int) -> ResponseReturnValue:
        """Put the products of a section in another order."""
        order, move = request.form.getlist("order"), request.form.get("move", "")
        return _products_changed(number, lambda ids: reordered(ids, order, move))


def _products_changed(number: int, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> ResponseReturnValue:
    found = _at(_look().sections, number)

    def with_products(look: LookSettings) -> LookSettings:
        changed = replace(found, product_ids=change(found.product_ids))
        return replace(look, sections=_with(look.sections, number, changed))

    _changed(with_products, "Products saved as draft.")
    return redirect(url_for(".section", number=number), code=303)


def _banners(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("/home/banners/new", endpoint="new_banner")
    @permission_required(rights.view)
    def new_banner() -> ResponseReturnValue:
        """Show the form of a new banner."""
        return _banner_page(BannerForm(formdata=None), None, surface)

    @blueprint.post("/home/banners/new", endpoint="add_banner")
    @permission_required(rights.edit)
    def add_banner() -> ResponseReturnValue:
        """Add a banner to the draft."""
        return _save_banner(None, surface)

    @blueprint.get("/home/banners/<int:number>", endpoint="banner")
    @permission_required(rights.view)
    def banner(number: int) -> ResponseReturnValue:
        """Show one banner."""
        found = _at(_look().banners, number)
        form = BannerForm(
            formdata=None,
            alt_text=found.alt_text,
            heading=found.heading,
            text=found.text,
            link=found.link,
            valid_from=date.fromisoformat(found.valid_from) if found.valid_from else None,
            valid_to=date.fromisoformat(found.valid_to) if found.valid_to else None,
        )
        return _banner_page(form, number, surface)

    @blueprint.post("/home/banners/<int:number>", endpoint="save_banner")
    @permission_required(rights.edit)
    def save_banner(number: int) -> ResponseReturnValue:
        """Change one banner of the draft."""
        _at(_look().banners, number)
        return _save_banner(number, surface)

    @blueprint.post("/home/banners/<int:number>/remove", endpoint="remove_banner")
    @permission_required(rights.edit)
    def remove_banner(number: int) -> ResponseReturnValue:
        """Take a banner away."""
        _at(_look().banners, number)
        return _changed(
            lambda look: replace(look, banners=(*look.banners[:number], *look.banners[number + 1 :])),
            "Banner removed from the draft.",
        )


def _save_banner(number: int | None, surface: Surface) -> ResponseReturnValue:
    form, owner = BannerForm(), owner_of_request()
    is_readable = form.validate_on_submit()
    try:
        with unit_of_work():
            look = edited_look(owner.storefront_id).look
            before = "" if number is None else look.banners[number].image_id
            is_kept = bool(before) or uploaded_name(form)
            _refuse(banner_errors(form.to_banner("kept" if is_kept else "")), is_readable=is_readable)
            made = form.to_banner(_kept_image(form, ImagePurpose.BANNER, owner, before))
            banners: tuple[Any, ...] = (*look.banners, made) if number is None else _with(look.banners, number, made)
            store(owner, replace(look, banners=banners), at=utc_now())
    except Invalid as refusal:
        form.take(refusal)
        return _banner_page(form, number, surface)
    flash("Banner saved as draft.", "success")
    return redirect(url_for(".home"), code=303)


def _refuse(errors: Iterator[FieldError], *, is_readable: bool = True) -> None:
    """Raise Invalid for what is wrong; what could not be read has its message at its field already."""
    found = tuple(errors)
    if found or not is_readable:
        raise Invalid(*found)


def uploaded_name(form: BannerForm) -> bool:
    """Return whether a picture was chosen, without reading it."""
    return bool(getattr(form.image.data, "filename", ""))


def _banner_page(form: BannerForm, number: int | None, surface: Surface) -> ResponseReturnValue:
    label = "Add a banner" if number is None else "Banner"
    return page(
        "manage/look/banner.html",
        title=label,
        breadcrumbs=_crumbs(label),
        frame=frame_of(surface),
        form=form,
        number=number,
        image=None if number is None else image_url(_look().banners[number].image_id),
    ), form.status
