"""A mail server's name may lead to no machine of ours, however its address is written."""

from __future__ import annotations

import pytest

from app.notifications.smtp import is_private


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "224.0.0.1"]
)
def test_an_address_that_hides_a_private_one_is_private(host: str) -> None:
    assert is_private(host)


def test_a_public_address_is_not_private() -> None:
    assert not is_private("93.184.216.34")


def test_a_name_that_cannot_be_one_leads_nowhere() -> None:
    assert not is_private("a" * 64 + ".example")
