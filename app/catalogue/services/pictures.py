"""Product pictures: whatever is uploaded is decoded and written anew, so that only pixels get in."""

from __future__ import annotations

import io
import warnings
from datetime import datetime
from uuid import UUID

from PIL import Image, UnidentifiedImageError

from app.audit.services import Actor, record
from app.catalogue.attachments.models import StoredImage
from app.catalogue.models import Product
from app.catalogue.queries import find_image
from app.catalogue.services.products import get_product_for_update
from app.core.db import session
from app.core.errors import Invalid

MAX_BYTES = 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 1200
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def set_picture(product_id: UUID, content: bytes, *, actor: Actor, at: datetime) -> StoredImage:
    """Give a product a picture: PNG, JPEG, WebP or GIF up to 1 MB; stored as WebP, at most 1200 pixels wide or high.

    Raises ProductNotFound, Invalid with `file_size` or `file_type`.
    """
    product = get_product_for_update(product_id)
    made = StoredImage(content_type="image/webp", content=reencoded(content), created_at=at)
    session.add(made)
    session.flush()
    _forget(product)
    product.image_id, product.updated_at = made.id, at
    record("catalogue.picture_set", actor=actor, at=at, target_kind="product", target_id=product_id)
    return made


def remove_picture(product_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take a product's picture away. Raises ProductNotFound."""
    product = get_product_for_update(product_id)
    _forget(product)
    product.image_id, product.updated_at = None, at
    record("catalogue.picture_removed", actor=actor, at=at, target_kind="product", target_id=product_id)


def reencoded(content: bytes) -> bytes:
    """Return a picture as WebP without anything but its pixels. Raises Invalid with `file_size` or `file_type`."""
    if len(content) > MAX_BYTES:
        raise Invalid.field("picture", "file_size", "The picture is larger than 1 MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Invalid.field("picture", "file_size", "The picture has too many pixels")
                opened.load()
                picture = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombWarning) as error:
        raise Invalid.field("picture", "file_type", "Choose a PNG, JPEG, WebP or GIF picture") from error
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=85, method=4)
    return out.getvalue()


def _forget(product: Product) -> None:
    old = find_image(product.image_id) if product.image_id is not None else None
    if old is not None:
        session.delete(old)
