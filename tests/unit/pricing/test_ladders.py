"""Tiers of a price list's line, as they are typed and as a file holds them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.charging import Tier
from app.catalogue.models import PriceScheme
from app.core.errors import Invalid
from app.pricing.price_lists.ladders import BY_PRODUCT, Ladder, ladder_from_text, ladder_of, ladder_text

ladders = st.one_of(
    st.just(BY_PRODUCT),
    st.just(Ladder(PriceScheme.PER_UNIT)),
    st.builds(
        lambda scheme, firsts, percents: Ladder(
            scheme, tuple(Tier(*pair) for pair in zip([1, *sorted(firsts)], percents, strict=False))
        ),
        st.sampled_from((PriceScheme.VOLUME, PriceScheme.TIERED)),
        st.sets(st.integers(min_value=2, max_value=1_000_000), max_size=19),
        st.lists(st.decimals(min_value=0, max_value=100, places=2), min_size=1, max_size=20),
    ),
)


@given(ladders)
def test_what_a_file_says_of_tiers_is_read_as_it_was_written(ladder: Ladder) -> None:
    """CB-F10 (partly): a list's tiers hold the same rules as a product's, and survive a file and the database."""
    ladder.require_valid()

    assert ladder_from_text(ladder_text(ladder)) == ladder
    assert ladder_of(ladder.scheme, ladder.as_json()) == ladder


@pytest.mark.parametrize(
    "written", ["volume: 1 = 10 %; 11 = 30 %", "VOLUME:1=10;11=30", " Volume : 1 = 10,00\n11=30 % "]
)
def test_tiers_may_be_typed_in_more_than_one_way(written: str) -> None:
    assert ladder_from_text(written) == Ladder(PriceScheme.VOLUME, (Tier(1, Decimal(10)), Tier(11, Decimal(30))))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("1 = 10 %", "tiers_unreadable"),
        ("bulk: 1 = 10 %", "tiers_unreadable"),
        ("volume: 1 - 10", "tiers_unreadable"),
        ("volume: 1 = ten", "tiers_unreadable"),
        ("volume:", "tiers_required"),
        ("volume: 2 = 10 %", "tiers_first"),
        ("volume: 1 = 10 %; 1 = 20 %", "tiers_order"),
        ("volume: 1 = 101 %", "percent_range"),
        ("tiered: 1 = 10.123 %", "percent_range"),
        ("tiered: " + "; ".join(f"{first} = 1 %" for first in range(1, 22)), "tiers_many"),
    ],
)
def test_tiers_that_make_no_sense_are_refused(written: str, code: str) -> None:
    """CB-F10 (partly): overlapping tiers and discounts beyond 100 % are refused in lists too."""
    with pytest.raises(Invalid) as refused:
        ladder_from_text(written)

    assert (refused.value.errors[0].field, refused.value.errors[0].code) == ("tiers", code)


def test_tiers_need_a_scheme() -> None:
    with pytest.raises(Invalid) as refused:
        Ladder(None, (Tier(1, Decimal(10)),)).require_valid()

    assert refused.value.errors[0].code == "tiers_not_wanted"
