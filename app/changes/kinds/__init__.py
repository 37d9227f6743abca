"""The register of kinds: one module each says what it needs, asks of the vendor, and takes over."""

from __future__ import annotations

from collections.abc import Mapping

from app.changes.effects import Effect
from app.changes.kinds.price import Price
from app.changes.kinds.quantity import Quantity
from app.changes.kinds.trial_conversion import TrialConversion
from app.subscriptions.models import ChangeKind

EFFECTS: Mapping[ChangeKind, Effect] = {
    ChangeKind.QUANTITY: Quantity(),
    ChangeKind.PRICE: Price(),
    ChangeKind.TRIAL_CONVERSION: TrialConversion(),
}
