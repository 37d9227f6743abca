"""What pages behind a link have in common: the distributor's alone, and kept out of caches and search engines."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.core.errors import NotFound
from tenants.directory import AddressKind
from tenants.resolution import address_of


def keep_behind_link(blueprint: Blueprint, missing: type[NotFound]) -> None:
    """Answer `missing` under aliases: a reseller's storefront knows nothing of what the distributor shares."""

    @blueprint.before_request
    def refuse_under_aliases() -> None:
        address = address_of(request.environ)
        if address is None or address.kind is not AddressKind.ROOT:
            raise missing

    @blueprint.after_request
    def keep_to_themselves(answer: Response) -> Response:
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
        return answer
