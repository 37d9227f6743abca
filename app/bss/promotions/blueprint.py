"""The blueprint that the modules of this package fill."""

from __future__ import annotations

from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("promotions", __name__, surface=Surface.BSS)
