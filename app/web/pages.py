"""Rendering a page in the theme and frame of the address it was asked at.

What a frame shows (brand, navigation, viewer) is found by `app.frames`, which registers itself here: it knows the
business, this module does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, render_template

from themes.frames import Crumb
from themes.rendering import template_in_theme

EXTENSION = "galleria.frame"


@dataclass(frozen=True, slots=True)
class Frame:
    """Which theme the page wears, and what every template of its surface may show."""

    theme: str = "base"
    context: dict[str, Any] = field(default_factory=dict)


FrameBuilder = Callable[[], Frame]


def install_frames(app: Any, builder: FrameBuilder) -> None:
    """Tell the application who builds frames."""
    app.extensions[EXTENSION] = builder


def page(template: str, *, title: str, breadcrumbs: Sequence[Crumb] = (), **context: Any) -> str:
    """Render a template of the current surface; `title` is the page's heading and goes into the browser tab."""
    frame: Frame = current_app.extensions[EXTENSION]()
    return render_template(
        template_in_theme(frame.theme, template),
        **{**frame.context, "page_title": title, "breadcrumbs": breadcrumbs, **context},
    )
