from __future__ import annotations

from itertools import pairwise

from app.core.ids import new_id


def test_ids_of_one_process_stand_in_the_order_they_were_made_in():
    ids = [new_id() for _ in range(2_000)]
    in_order = sum(one < following for one, following in pairwise(ids))
    assert in_order > 1_900  # two within a quarter of a microsecond may stand the other way
    assert len(set(ids)) == 2_000
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
