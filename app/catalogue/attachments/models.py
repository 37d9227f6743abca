"""What stands beside products: terms of use and pictures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Catalogue


class TermsDocument(Catalogue, Base):
    """A version of a product's or group's terms of use (SF-20). A new text is a new row with a higher version."""

    __tablename__ = "terms_documents"
    __table_args__ = (UniqueConstraint("distributor_id", "title", "version"),)

    title: Mapped[str] = mapped_column(String(200))
    version: Mapped[int] = mapped_column(default=1)
    body_html: Mapped[str] = mapped_column(Text)  # sanitised on the way in
    created_at: Mapped[datetime]


class StoredImage(Catalogue, Base):
    """A product picture, re-encoded on the way in. Read by every scope of the distributor."""

    __tablename__ = "product_images"

    content_type: Mapped[str] = mapped_column(String(40))
    content: Mapped[bytes]
    created_at: Mapped[datetime]
