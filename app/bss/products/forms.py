"""Forms of products: what staff type becomes what the services take."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Optional

from app.bss.categories.choices import category_choices
from app.catalogue.groupings import list_industries, list_price_groups
from app.catalogue.models import Audience, BillingCycle, Product, SaleMode, Term
from app.catalogue.queries import list_groups, list_product_types
from app.catalogue.services import NewProduct, PriceDetails, ProductDetails
from app.catalogue.units import sold_units
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.core.ids import new_id, parse_id
from app.pricing.currencies import usable_currencies
from app.web.forms import Form, VersionedForm

AUDIENCE_WORDS = {
    Audience.EVERYONE: "Everyone",
    Audience.DIRECT: "Direct customers",
    Audience.RESELLERS: "Resellers",
    Audience.NOBODY: "Nobody",
}

SALE_WORDS = {
    SaleMode.OPEN: "To everybody who sees it",
    SaleMode.MORE_LICENCES: "Only more licences of subscriptions there are",
    SaleMode.ENQUIRY: "On request: people ask, nobody orders",
}


def _or_none(value: str | None) -> str:
    """Let a choice that was not sent be the empty one."""
    return value or ""


def _written(value: SaleMode | str) -> str:
    """Write what a product holds, or a form has sent."""
    return value.value if isinstance(value, SaleMode) else value


def _sold(part: str, words: Mapping[Any, str]) -> list[tuple[str, str]]:
    """Return the terms or the cycles of the units that are sold, in their order."""
    sold = {getattr(unit, part) for unit in sold_units()}
    return [(each.value, text.capitalize()) for each, text in words.items() if each in sold]


class ProductForm(VersionedForm):
    """A product's own fields; prices and picture have forms of their own."""

    name = StringField("Name", validators=[InputRequired("Enter the product's name")])
    description = TextAreaField("Description", validators=[Optional()], description="Shown to customers.")
    product_type_id = SelectField(
        "Product type", validators=[InputRequired("Choose a product type")], description="Fixed after the first order."
    )
    vendor = StringField("Vendor", validators=[Optional()])
    slug = StringField(
        "Address",
        validators=[Optional()],
        description="What stands behind /product/ in storefronts. Links to the old one end; empty: as it is.",
    )
    category_id = SelectField("Category", default="")
    group_id = SelectField("Product group", default="", description="Editions of one service stand on one page.")
    industry_id = SelectField("Industry", default="", filters=[_or_none], description="A filter in storefronts.")
    price_group_id = SelectField(
        "Price group", default="", filters=[_or_none], description="Products that price lists treat alike."
    )
    unit_of_measure = StringField("Unit of measure", default="licence", validators=[Optional()])
    is_add_on = BooleanField("Add-on", description="Sold only together with a subscription.")
    is_active = BooleanField(
        "Active", default=True, description="An inactive product cannot be ordered; its subscriptions go on."
    )
    is_published = BooleanField(
        "Published", description="Shown in storefronts. Needs a price, unless it is sold on request."
    )
    audience = SelectField("Shown to", choices=[(each.value, words) for each, words in AUDIENCE_WORDS.items()])
    is_new = BooleanField("Mark as new")
    is_featured = BooleanField("Feature on home pages")
    is_popular = BooleanField(
        "Show as most popular", description="Products picked by hand stand before those that sell most."
    )
    visible_from = DateField("Shown from", validators=[Optional()], description="Empty: as soon as it is published.")
    visible_to = DateField("Shown until", validators=[Optional()], description="The last day, included. Empty: open.")
    sale = SelectField(
        "On sale", default=SaleMode.OPEN.value, coerce=_written,
        filters=[lambda value: value or SaleMode.OPEN.value], choices=[(each.value, words) for each, words in SALE_WORDS.items()],
        description="What people can do with it where it is shown.",
    )  # fmt: skip
    takes_enquiries = BooleanField("“Tell me more”", description="People may ask about it beside ordering it.")
    hides_price = BooleanField("Hide its price", description="Storefronts do not show it; the basket does.")
    min_quantity = IntegerField("Smallest quantity", default=1, validators=[InputRequired("Enter a whole number")])
    max_quantity = IntegerField("Largest quantity", validators=[Optional()])
    step_quantity = IntegerField("In steps of", default=1, validators=[InputRequired("Enter a whole number")])
    trial_days = IntegerField("Trial, days", validators=[Optional()], description="Empty: no trial.")
    trial_months = IntegerField("Trial, months", validators=[Optional()], description="Instead of days.")
    trial_max_quantity = IntegerField("Largest quantity of a trial", default=25, validators=[Optional()])
    is_taxable = BooleanField("Taxable", default=True)
    tax_code = StringField(
        "Tax code", validators=[Optional()], description="Stands on its invoice lines. Empty: its type's."
    )
    position = IntegerField("Position in its group", default=0, validators=[Optional()])

    def choose(self) -> None:
        """Offer types, categories and groups."""
        self.product_type_id.choices = [
            ("", "Choose a product type"),
            *((str(line.product_type.id), line.product_type.name) for line in list_product_types()),
        ]
        self.category_id.choices = category_choices(none="No category")
        self.group_id.choices = [("", "No group"), *((str(group.id), group.name) for group in list_groups())]
        self.industry_id.choices = [("", "No industry"), *((str(each.id), each.name) for each in list_industries())]
        self.price_group_id.choices = [
            ("", "No price group"),
            *((str(each.id), each.name) for each in list_price_groups()),
        ]

    def to_details(self) -> ProductDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return ProductDetails(
            name=self.name.data or "",
            product_type_id=parse_id(self.product_type_id.data or "") or new_id(),
            description=self.description.data or "",
            category_id=parse_id(self.category_id.data or ""),
            group_id=parse_id(self.group_id.data or ""),
            industry_id=parse_id(self.industry_id.data or ""),
            price_group_id=parse_id(self.price_group_id.data or ""),
            vendor=self.vendor.data or "",
            unit_of_measure=self.unit_of_measure.data or "",
            is_add_on=self.is_add_on.data,
            is_active=self.is_active.data,
            is_published=self.is_published.data,
            is_new=self.is_new.data,
            is_featured=self.is_featured.data,
            is_popular=self.is_popular.data,
            visible_from=self.visible_from.data,
            visible_to=self.visible_to.data,
            sale=SaleMode(self.sale.data),
            takes_enquiries=self.takes_enquiries.data,
            shows_price=not self.hides_price.data,
            slug=(self.slug.data or "").strip().lower(),
            audience=Audience(self.audience.data),
            min_quantity=self.min_quantity.data or 0,
            max_quantity=self.max_quantity.data,
            step_quantity=self.step_quantity.data or 0,
            trial_days=self.trial_days.data,
            trial_months=self.trial_months.data,
            trial_max_quantity=self.trial_max_quantity.data or 0,
            is_taxable=self.is_taxable.data,
            tax_code=self.tax_code.data or "",
            position=self.position.data or 0,
        )

    @classmethod
    def of(cls, product: Product) -> ProductForm:
        """Return the form of an existing product."""
        form = cls(obj=product)
        if not form.is_submitted():
            form.description.data, form.hides_price.data = product.short_description, not product.shows_price
            form.audience.data = product.audience.value
            form.sale.data = product.sale.value
            for name in ("product_type_id", "category_id", "group_id", "industry_id", "price_group_id"):
                form[name].data = str(getattr(product, name) or "")
        return form


class NewProductForm(ProductForm):
    """A product made by hand."""

    code = StringField(
        "Code",
        validators=[InputRequired("Enter a code")],
        description="Letters, digits, dots, dashes and underscores; unique, ignoring case.",
    )

    def to_new_product(self) -> NewProduct:
        """Return the validated input."""
        return NewProduct(self.code.data or "", self.to_details())


class PriceForm(Form):
    """One price of a product: per billing cycle and unit."""

    term = SelectField("Term", choices=lambda: _sold("term", TERM_WORDS))
    cycle = SelectField("Billing plan", choices=lambda: _sold("cycle", CYCLE_WORDS))
    currency = SelectField("Currency", choices=lambda: [(code, code) for code in usable_currencies()])
    list_price = DecimalField(
        "List price",
        places=None,
        validators=[InputRequired("Enter a price")],
        description="Per billing cycle and unit.",
    )
    vendor_cost = DecimalField(
        "Vendor cost", places=None, validators=[Optional()], description="What you pay the vendor, per cycle and unit."
    )
    setup_fee = DecimalField(
        "Setup fee", places=None, validators=[Optional()], description="Once, with the first invoice. Empty: as it is."
    )
    protection_months = IntegerField(
        "Price protection, months", validators=[Optional()], description="How long a purchase keeps its price."
    )

    def to_price(self) -> PriceDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return PriceDetails(
            term=Term(self.term.data),
            cycle=BillingCycle(self.cycle.data),
            currency=self.currency.data,
            list_price=self.list_price.data or Decimal(0),
            vendor_cost=self.vendor_cost.data,
            setup_fee=self.setup_fee.data,
            protection_months=self.protection_months.data,
        )


class PictureForm(Form):
    """A product's picture."""

    picture = FileField(
        "Picture", validators=[FileRequired("Choose a picture")], description="PNG, JPEG, WebP or GIF, up to 1 MB."
    )
