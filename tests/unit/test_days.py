"""How days are written: the storefront's owner chooses, and nobody takes the month for the day."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.days import DAY_STYLES, write_day, write_out

DAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("culture", "written"),
    [
        ("en", ["02/11/2026", "2 Nov 2026", "2 November 2026"]),
        ("en_US", ["11/2/2026", "Nov 2, 2026", "November 2, 2026"]),
        ("de", ["02.11.2026", "02.11.2026", "2. November 2026"]),
        ("el", ["2/11/2026", "2 Νοε 2026", "2 Νοεμβρίου 2026"]),
    ],
)
def test_each_style_is_written_the_readers_way_with_the_whole_year(culture: str, written: list[str]) -> None:
    assert [write_day(DAY, culture=culture, style=style) for style in DAY_STYLES] == written


def test_a_text_that_is_a_day_or_a_period_is_written_out_and_any_other_is_left() -> None:
    assert write_out("2026-11-02", style="long") == "2 November 2026"
    assert write_out("2026-11-01 – 2026-11-30") == "1 Nov 2026 – 30 Nov 2026"
    for other in ("Backup of 2026-11-02", "SO-2026-11-02", "2026-99-99", "-", ""):
        assert write_out(other) == other
