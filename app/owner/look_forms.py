"""Forms about the look of a storefront. What is wrong with them is the service's to say."""

from __future__ import annotations

from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, DateField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from app.resellers.look_rules import SECTION_KINDS
from app.web.forms import Form
from tenants.settings import Banner, HomeSection
from themes.registry import FONTS

KIND_WORDS = {
    "banners": "Banner carousel",
    "featured": "Featured products",
    "new": "New products",
    "popular": "Most popular products",
    "promoted": "Products with a promotion",
    "categories": "Categories",
    "text": "Text with picture",
    "products": "Products I choose",
    "contact": "Contact strip",
}
COLORS = ("primary_color", "accent_color", "text_color")
UPLOADS = ("logo", "mail_logo", "favicon", "login")
PICTURES = "image/png,image/jpeg,image/webp"


class LookForm(Form):
    """Theme, colours, typeface, pictures of the brand, sign-in page."""

    theme = StringField("Theme")
    skin = StringField("Skin")
    primary_color = StringField("Primary colour", description="As #RRGGBB. Buttons, links, header.")
    accent_color = StringField("Accent colour", description="As #RRGGBB. Highlights and badges.")
    text_color = StringField("Text colour", description="As #RRGGBB.")
    font = SelectField("Typeface", validate_choice=False, choices=[(font.name, font.label) for font in FONTS.values()])
    logo = FileField("Logo", description="PNG, JPG, SVG or WebP, at most 1 MB. Without one the company name is shown.")
    mail_logo = FileField(
        "Logo in mails", description="PNG or JPG is shown by every mail program. Empty: the logo above."
    )
    favicon = FileField("Favicon", description="Square PNG or ICO of 32 px or more, at most 100 KB.")
    login = FileField("Picture of the sign-in page", description="PNG, JPG or WebP, at most 2 MB.")
    remove_logo = BooleanField("Remove the logo")
    remove_mail_logo = BooleanField("Remove the mail logo")
    remove_favicon = BooleanField("Remove the favicon")
    remove_login = BooleanField("Remove the picture")
    login_heading = StringField("Heading of the sign-in page", description="Up to 80 characters.")
    login_text = TextAreaField("Text of the sign-in page", description="Up to 400 characters.")
    footer_text = TextAreaField("Footer", description="Up to 400 characters.")
    show_powered_by = BooleanField("Name the distributor in the footer")


class SectionForm(Form):
    """One section of the home page."""

    kind = SelectField("Shows", validate_choice=False, choices=[(kind, KIND_WORDS[kind]) for kind in SECTION_KINDS])
    title = StringField("Title", description="Up to 80 characters.")
    text = TextAreaField(
        "Text", description="HTML: headings, paragraphs, lists, links, bold. Anything else is removed."
    )
    image = FileField("Picture", description="PNG, JPG or WebP, at most 2 MB.")
    remove_image = BooleanField("Remove the picture")
    is_visible = BooleanField("Visible")

    def to_section(self, before: HomeSection) -> HomeSection:
        """Return what was typed; the kind, products and picture stay."""
        return HomeSection(
            before.kind,
            self.title.data or "",
            self.text.data or "",
            "" if self.remove_image.data else before.image_id,
            before.product_ids,
            bool(self.is_visible.data),
        )


class BannerForm(Form):
    """One banner of the carousel."""

    image = FileField("Picture", description="PNG, JPG or WebP, at most 2 MB. About 1216 by 400 px looks best.")
    alt_text = StringField("What the picture shows", description="Read aloud to people who do not see it.")
    heading = StringField("Heading", description="Up to 80 characters.")
    text = TextAreaField("Text")
    link = StringField("Link", description="A path of your storefront, such as /catalogue, or an https address.")
    valid_from = DateField("Shown from", validators=[Optional()])
    valid_to = DateField("Shown until", validators=[Optional()])

    def to_banner(self, image_id: str) -> Banner:
        """Return what was typed, with the picture that is kept."""
        return Banner(
            image_id,
            self.alt_text.data or "",
            self.heading.data or "",
            self.text.data or "",
            self.link.data or "",
            self.valid_from.data.isoformat() if self.valid_from.data else "",
            self.valid_to.data.isoformat() if self.valid_to.data else "",
        )


def uploaded(field: FileField) -> bytes | None:
    """Return the bytes of an uploaded file, or None where nothing was chosen."""
    found = field.data
    if not isinstance(found, FileStorage) or not found.filename:
        return None
    return bytes(found.read())
