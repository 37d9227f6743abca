"""The two APIs: `…/api/v1/` of each storefront, `/bss/api/v1/` of the back office."""

from __future__ import annotations

from app.api.callers import api_blueprint
from app.web.surfaces import Surface

storefront_bp = api_blueprint(Surface.STOREFRONT)
bss_bp = api_blueprint(Surface.BSS)
