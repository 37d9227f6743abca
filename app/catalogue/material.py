"""What a product's page explains it by, beside its text: pictures in a gallery, questions with answers (SF-21)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from app.audit.services import Actor, record
from app.catalogue.attachments.models import GalleryPicture, ProductQuestion, StoredImage
from app.catalogue.errors import PictureNotFound
from app.catalogue.models import Product
from app.catalogue.queries import find_image, get_product
from app.catalogue.services.pictures import reencoded
from app.catalogue.services.products import get_product_for_update
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

MOST_PICTURES, MOST_QUESTIONS = 12, 30
WORDS_LENGTH, QUESTION_LENGTH, ANSWER_LENGTH = 200, 200, 2000


class Direction(enum.Enum):
    """Which way a picture moves in its gallery."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer, both plain text."""

    question: str
    answer: str


def gallery_of(product_id: UUID) -> Sequence[GalleryPicture]:
    """Return a product's pictures in their order; one statement."""
    return session.scalars(
        select(GalleryPicture)
        .where(GalleryPicture.distributor_id == current_scope().distributor_id, GalleryPicture.product_id == product_id)
        .order_by(GalleryPicture.position, GalleryPicture.id)
    ).all()


def questions_of(product_id: UUID) -> Sequence[Question]:
    """Return a product's questions in their order; one statement."""
    rows = session.execute(
        select(ProductQuestion.question, ProductQuestion.answer)
        .where(
            ProductQuestion.distributor_id == current_scope().distributor_id, ProductQuestion.product_id == product_id
        )
        .order_by(ProductQuestion.position, ProductQuestion.id)
    )
    return [Question(row.question, row.answer) for row in rows]


def set_questions(product_id: UUID, questions: Sequence[Question], *, version: int, actor: Actor, at: datetime) -> None:
    """Write a product's questions in the place of those it had; `version` is the product's.

    Raises ProductNotFound, StaleVersion, Invalid at `questions`.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    if errors := [*_question_errors(questions)]:
        raise Invalid(*errors)
    before = len(questions_of(product_id))
    session.execute(
        delete(ProductQuestion)
        .where(ProductQuestion.distributor_id == product.distributor_id, ProductQuestion.product_id == product_id)
        .execution_options(synchronize_session="fetch")
    )
    for position, each in enumerate(questions):
        session.add(
            ProductQuestion(
                product_id=product_id, question=each.question.strip(), answer=each.answer.strip(), position=position
            )
        )
    product.version, product.updated_at = product.version + 1, at
    record("catalogue.questions_set", actor=actor, at=at, target_kind="product", target_id=product_id,
           before={"questions": before}, after={"questions": len(questions)})  # fmt: skip


def add_picture(product_id: UUID, content: bytes, words: str, *, actor: Actor, at: datetime) -> GalleryPicture:
    """Put a picture at the end of a product's gallery, re-encoded; `words` say what is to be seen.

    Raises ProductNotFound, Invalid with `file_size`, `file_type`, `words_length` or `too_many`.
    """
    product = get_product_for_update(product_id)
    wanted = words.strip()
    if not 0 < len(wanted) <= WORDS_LENGTH:
        raise Invalid.field("words", "words_length", f"Say in 1 to {WORDS_LENGTH} characters what is to be seen")
    if len(gallery_of(product_id)) >= MOST_PICTURES:
        raise Invalid.field("picture", "too_many", f"A gallery holds at most {MOST_PICTURES} pictures")
    image = StoredImage(content_type="image/webp", content=reencoded(content), created_at=at)
    session.add(image)
    session.flush()
    last = session.scalar(
        select(func.max(GalleryPicture.position)).where(
            GalleryPicture.distributor_id == product.distributor_id, GalleryPicture.product_id == product_id
        )
    )
    made = GalleryPicture(
        product_id=product_id, image_id=image.id, words=wanted, position=0 if last is None else last + 1
    )
    session.add(made)
    session.flush()
    _changed(product, "catalogue.gallery_picture_added", actor=actor, at=at)
    return made


def move_picture(product_id: UUID, picture_id: UUID, direction: Direction, *, actor: Actor, at: datetime) -> None:
    """Let a picture change places with the one before or after it. Raises ProductNotFound, PictureNotFound."""
    product = get_product_for_update(product_id)
    pictures = list(gallery_of(product_id))
    place = _place(pictures, picture_id)
    other = place + (1 if direction is Direction.DOWN else -1)
    if not 0 <= other < len(pictures):
        return
    pictures[place], pictures[other] = pictures[other], pictures[place]
    for position, each in enumerate(pictures):
        each.position = position
    _changed(product, "catalogue.gallery_moved", actor=actor, at=at)


def remove_picture(product_id: UUID, picture_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take a picture out of a gallery. Raises ProductNotFound, PictureNotFound."""
    product = get_product_for_update(product_id)
    pictures = gallery_of(product_id)
    found = pictures[_place(pictures, picture_id)]
    image = find_image(found.image_id)
    session.delete(found)
    session.flush()
    if image is not None:
        session.delete(image)
    _changed(product, "catalogue.gallery_picture_removed", actor=actor, at=at)


def _place(pictures: Sequence[GalleryPicture], picture_id: UUID) -> int:
    found = next((place for place, each in enumerate(pictures) if each.id == picture_id), None)
    if found is None:
        raise PictureNotFound(picture_id)
    return found


def _changed(product: Product, action: str, *, actor: Actor, at: datetime) -> None:
    product.updated_at = at
    record(action, actor=actor, at=at, target_kind="product", target_id=product.id)


def _question_errors(questions: Sequence[Question]) -> Iterator[FieldError]:
    if len(questions) > MOST_QUESTIONS:
        yield FieldError("questions", "too_many", f"Answer at most {MOST_QUESTIONS} questions")
    if any(not each.question.strip() or not each.answer.strip() for each in questions):
        yield FieldError("questions", "answer_missing", "Write a question and its answer, or leave both empty")
    if any(len(each.question.strip()) > QUESTION_LENGTH for each in questions):
        yield FieldError("questions", "question_length", f"A question has at most {QUESTION_LENGTH} characters")
    if any(len(each.answer.strip()) > ANSWER_LENGTH for each in questions):
        yield FieldError("questions", "answer_length", f"An answer has at most {ANSWER_LENGTH} characters")
