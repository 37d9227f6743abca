"""Pictures of a storefront on their way in: looked at, re-encoded, kept (RS-15).

What arrives is never stored as it came. Raster pictures are decoded and written anew, so that nothing but pixels
survives; SVG is rebuilt from a list of harmless elements. Served from the storefront's own address only.
"""

from __future__ import annotations

import enum
import io
import warnings
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from PIL import Image, ImageOps

from app.core.db import session
from app.core.errors import Invalid
from app.resellers.models import StorefrontImage
from app.resellers.svg import UnsafePicture, looks_like_svg, safe_svg

KILOBYTE, MEGABYTE = 1024, 1024 * 1024
MOST_PIXELS = 40_000_000  # decoded in memory: a small file may hold a very large picture
SMALLEST_FAVICON, LARGEST_FAVICON = 32, 192
RASTER = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


class ImagePurpose(enum.Enum):
    """What a picture is for; the rules differ."""

    LOGO = "logo"
    MAIL_LOGO = "mail_logo"
    FAVICON = "favicon"
    LOGIN = "login"
    BANNER = "banner"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What may come in: bytes, formats (Pillow's names and SVG), and the size it is reduced to."""

    at_most: int
    formats: tuple[str, ...]
    fits: tuple[int, int]
    words: str


_LOGO = _Rule(MEGABYTE, ("PNG", "JPEG", "WEBP", "SVG"), (1024, 512), "a PNG, JPG, SVG or WebP picture of at most 1 MB")
_LARGE = _Rule(2 * MEGABYTE, ("PNG", "JPEG", "WEBP"), (2432, 1600), "a PNG, JPG or WebP picture of at most 2 MB")
_FAVICON = _Rule(
    100 * KILOBYTE,
    ("PNG", "ICO"),
    (LARGEST_FAVICON, LARGEST_FAVICON),
    "a square PNG or ICO of 32 px or more, at most 100 KB",
)
RULES = {
    ImagePurpose.LOGO: _LOGO,
    ImagePurpose.MAIL_LOGO: _LOGO,
    ImagePurpose.FAVICON: _FAVICON,
    ImagePurpose.LOGIN: _LARGE,
    ImagePurpose.BANNER: _LARGE,
    ImagePurpose.SECTION: _LARGE,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is safe to keep and to serve."""

    content: bytes
    content_type: str
    width: int | None
    height: int | None


def store_image(
    purpose: ImagePurpose, content: bytes, *, field: str, reseller_id: UUID | None, at: datetime
) -> StorefrontImage:
    """Keep an uploaded picture in its owner's scope; raises Invalid at `field`.

    Codes: file_type, file_size, file_unsafe, square, too_small.
    """
    picture = safe_picture(purpose, content, field=field)
    stored = StorefrontImage(
        reseller_id=reseller_id,
        purpose=purpose.value,
        content_type=picture.content_type,
        content=picture.content,
        width=picture.width,
        height=picture.height,
        created_at=at,
    )
    session.add(stored)
    session.flush()
    return stored


def safe_picture(purpose: ImagePurpose, content: bytes, *, field: str) -> Picture:
    """Return an uploaded picture as it may be kept; raises Invalid at `field`."""
    rule = RULES[purpose]
    if len(content) > rule.at_most:
        raise Invalid.field(field, "file_size", f"This file is too large; choose {rule.words}")
    if looks_like_svg(content):
        if "SVG" not in rule.formats:
            raise _wrong_type(field, rule)
        try:
            return Picture(safe_svg(content), "image/svg+xml", None, None)
        except UnsafePicture as error:
            raise Invalid.field(field, "file_unsafe", str(error)) from error
    return _re_encoded(purpose, content, rule, field)


def _wrong_type(field: str, rule: _Rule) -> Invalid:
    return Invalid.field(field, "file_type", f"This file cannot be used; choose {rule.words}")


def _too_many_pixels(field: str) -> Invalid:
    return Invalid.field(field, "file_unsafe", "This picture has too many pixels; make it smaller first")


def _re_encoded(purpose: ImagePurpose, content: bytes, rule: _Rule, field: str) -> Picture:
    raster = [name for name in rule.formats if name != "SVG"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count the pixels ourselves
            opened = Image.open(io.BytesIO(content), formats=raster)
        width, height = opened.size
        if width * height > MOST_PIXELS:
            raise _too_many_pixels(field)
        kept_format = "PNG" if purpose is ImagePurpose.FAVICON else str(opened.format)
        picture = ImageOps.exif_transpose(opened)
        picture.load()
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(field) from error
    except (OSError, SyntaxError, ValueError) as error:  # unknown, cut off, or not what it says it is
        raise _wrong_type(field, rule) from error
    if purpose is ImagePurpose.FAVICON:
        _require_icon(picture, field)
    picture.thumbnail(rule.fits)
    written = io.BytesIO()
    if kept_format == "JPEG":
        picture.convert("RGB").save(written, "JPEG", quality=88, optimize=True)
    else:
        alpha = picture.convert("RGBA")
        alpha.save(written, kept_format, **({"optimize": True} if kept_format == "PNG" else {"quality": 88}))
    return Picture(written.getvalue(), RASTER[kept_format], picture.width, picture.height)


def _require_icon(picture: Image.Image, field: str) -> None:
    if picture.width != picture.height:
        raise Invalid.field(field, "square", "Choose a square picture")
    if picture.width < SMALLEST_FAVICON:
        raise Invalid.field(field, "too_small", "Choose a picture of at least 32 by 32 px")
