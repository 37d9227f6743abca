"""Categories as choices of a form: the tree, indented by its levels."""

from __future__ import annotations

from app.catalogue.queries import category_lines


def category_choices(*, none: str | None = None, deepest: int = 3) -> list[tuple[str, str]]:
    """Return (id, name) down to a level; `none` is the words of the empty choice."""
    lines = [line for line in category_lines() if line.depth <= deepest]
    found = [(str(line.category.id), "– " * (line.depth - 1) + line.category.name) for line in lines]
    return [("", none), *found] if none is not None else found
