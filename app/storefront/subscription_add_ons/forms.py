"""The form of one add-on in a storefront."""

from __future__ import annotations

from typing import ClassVar

from app.changes.offers import AddOnOffer
from app.owner.change_forms import NOW, AddOnForm


class StorefrontAddOnForm(AddOnForm):
    """The new total a customer wants of an add-on."""

    is_from_storefront: ClassVar[bool] = True

    def buys_more_than(self, offer: AddOnOffer) -> bool:
        """Whether there shall be more now: that is an order."""
        return self.timing.data == NOW.value and (self.quantity.data or 0) > offer.quantity
