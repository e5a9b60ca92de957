"""The flat table against a dict of sets, with few hashes so that cells collide and blocks move."""

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.geofences.table import CellTable
from tests.unit.geofences.fence_strategies import examples

CELLS = sorted(h3.grid_disk(h3.latlng_to_cell(52.5, 13.4, 9), 6)) + sorted(h3.grid_disk(h3.latlng_to_cell(0, 0, 5), 2))
# Cells of one shard, which have to make room for each other.
NEIGHBOURS = [
    (shard << 33) * pow(0x9E3779B97F4A7C15, -1, 1 << 64) % (1 << 64) for shard in range(2_048, 2_048 * 60, 2_048)
]


@examples(100)
@given(
    st.sampled_from([CELLS, NEIGHBOURS]),
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 56), max_size=20, unique=True), st.integers(0, 9))),
)
def test_it_is_a_dict_of_sets(pool: list[int], edits: list[tuple[bool, list[int], int]]) -> None:
    table, model = CellTable(), dict[int, set[int]]()
    for adding, places, posting in edits:
        cells = [pool[place] for place in places]
        if adding:
            table.add([cell for cell in cells if posting not in model.get(cell, ())], posting)
            for cell in cells:
                model.setdefault(cell, set()).add(posting)
        else:
            table.remove([cell for cell in cells if posting in model.get(cell, ())], posting)
            for cell in cells:
                model.get(cell, set()).discard(posting)
        for cell in pool[:57]:
            found = list(table.get(cell))
            assert len(found) == len(set(found))
            assert set(found) == model.get(cell, set())
        assert len(table) == sum(bool(postings) for postings in model.values())


def test_neighbours_share_a_shard() -> None:
    table = CellTable()
    table.add(NEIGHBOURS, 7)
    assert len({id(shard) for shard in table._shards}) == 2
    assert all(list(table.get(cell)) == [7] for cell in NEIGHBOURS)


def test_many_postings_in_one_cell() -> None:
    table = CellTable()
    for posting in range(1_000):
        table.add(CELLS[:3], posting)
    assert sorted(table.get(CELLS[0])) == list(range(1_000))
    for posting in range(0, 1_000, 2):
        table.remove(CELLS[:3], posting)
    assert sorted(table.get(CELLS[1])) == list(range(1, 1_000, 2))
    taken = len(table._pool)
    for posting in range(0, 1_000, 2):
        table.add(CELLS[:3], posting)
    assert len(table._pool) == taken, "blocks are used again"
    for posting in range(1_000):
        table.remove(CELLS[:3], posting)
    assert len(table) == 0
    assert not any(map(any, table._shards))


def test_what_is_not_there_cannot_be_taken_out() -> None:
    table = CellTable()
    with pytest.raises(KeyError):
        table.remove(CELLS[:1], 5)
    table.add(CELLS[:1], 4)
    with pytest.raises(KeyError):
        table.remove(CELLS[:1], 5)
    table.add(CELLS[:1], 6)
    with pytest.raises(KeyError):
        table.remove(CELLS[:1], 5)
    assert list(table.get(CELLS[0])) == [4, 6]
