"""What a service and its add-ons amount to, per attribute (CB-22: the manager computes the totals)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from app.local.demo_vendor.messages import Attribute, ServiceOrder

_SWITCHES = {"0": False, "1": True, "false": False, "true": True}


def totals_of(order: ServiceOrder) -> dict[str, str]:
    """Return the total of each attribute: numbers added, a feature on if any part says so, else the first text."""
    parts: dict[str, list[tuple[Attribute, int]]] = {}
    for attribute, quantity in _parts(order):
        parts.setdefault(attribute.id, []).append((attribute, quantity))
    return {name: _total(values) for name, values in parts.items()}


def _parts(order: ServiceOrder) -> Iterable[tuple[Attribute, int]]:
    for attribute in order.attributes:
        yield attribute, order.quantity
    for add_on in order.add_ons:
        if add_on.action_type != "Cancel":
            for attribute in add_on.attributes:
                yield attribute, add_on.quantity


def _total(values: list[tuple[Attribute, int]]) -> str:
    texts = [attribute.value for attribute, _ in values]
    if all(text.lower() in _SWITCHES for text in texts) and not any(a.is_quantity_linked for a, _ in values):
        return "on" if any(_SWITCHES[text.lower()] for text in texts) else "off"
    try:
        total = sum(
            (
                Decimal(attribute.value) * (quantity if attribute.is_quantity_linked else 1)
                for attribute, quantity in values
            ),
            Decimal(0),
        )
    except InvalidOperation:
        return texts[0]
    return f"{total:f}"
