"""The form of an upgrade or a downgrade in a storefront."""

from __future__ import annotations

from typing import ClassVar

from wtforms import RadioField
from wtforms.validators import InputRequired

from app.owner.change_forms import UpgradeForm


class StorefrontUpgradeForm(UpgradeForm):
    """What a customer's subscription is to become."""

    is_from_storefront: ClassVar[bool] = True
    target = RadioField("Choose a product", validators=[InputRequired("Choose a product")], validate_choice=False)
