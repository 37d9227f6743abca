"""The register of kinds: one module each says what it needs, asks of the vendor, and takes over."""

from __future__ import annotations

from collections.abc import Mapping

from app.changes.effects import Effect
from app.changes.kinds.add_on import AddOn
from app.changes.kinds.cancellation import Cancellation
from app.changes.kinds.characteristics import Characteristics
from app.changes.kinds.expiry import Expiry
from app.changes.kinds.price import Price
from app.changes.kinds.quantity import Quantity
from app.changes.kinds.renewal import Renewal
from app.changes.kinds.suspension import Activation, Suspension
from app.changes.kinds.trial_conversion import TrialConversion
from app.changes.kinds.upgrade import Downgrade, Upgrade
from app.subscriptions.models import ChangeKind

EFFECTS: Mapping[ChangeKind, Effect] = {
    ChangeKind.QUANTITY: Quantity(),
    ChangeKind.CANCELLATION: Cancellation(),
    ChangeKind.SUSPENSION: Suspension(),
    ChangeKind.ACTIVATION: Activation(),
    ChangeKind.CHARACTERISTICS: Characteristics(),
    ChangeKind.RENEWAL: Renewal(),
    ChangeKind.EXPIRY: Expiry(),
    ChangeKind.UPGRADE: Upgrade(),
    ChangeKind.DOWNGRADE: Downgrade(),
    ChangeKind.ADD_ON: AddOn(),
    ChangeKind.PRICE: Price(),
    ChangeKind.TRIAL_CONVERSION: TrialConversion(),
}
