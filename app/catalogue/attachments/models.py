"""What stands beside products: terms of use, pictures, questions with their answers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
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


class GalleryPicture(Catalogue, Base):
    """One of the pictures a product's page shows below its text, in their order (SF-21)."""

    __tablename__ = "gallery_pictures"
    __table_args__ = (
        Index(None, "distributor_id", "product_id"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["distributor_id", "image_id"], ["product_images.distributor_id", "product_images.id"]),
    )

    product_id: Mapped[UUID]
    image_id: Mapped[UUID]
    words: Mapped[str] = mapped_column(String(200))  # what is to be seen, for who cannot see it
    position: Mapped[int]


class ProductQuestion(Catalogue, Base):
    """A question people ask about a product, with its answer: plain text, in the order they are written (SF-21)."""

    __tablename__ = "product_questions"
    __table_args__ = (
        Index(None, "distributor_id", "product_id"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
    )

    product_id: Mapped[UUID]
    question: Mapped[str] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
