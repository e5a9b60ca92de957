"""Which geofences are in which H3 cell: the table behind the index."""

from collections.abc import Iterable


class CellTable:
    """Cell to its postings, integers that mean something to the caller.

    The postings of a cell are one tuple, replaced whole: what a reader holds stays as it was. Even in a crowded city a
    cell holds few geofences, so copying them costs less than a structure that avoids it.
    """

    def __init__(self) -> None:
        self._postings: dict[int, tuple[int, ...]] = {}
        # `get(cell, ())` is the lookup: the dict's own method, because a call in between would cost as much again.
        self.get = self._postings.get

    def __len__(self) -> int:
        """How many cells hold anything."""
        return len(self._postings)

    def add(self, cells: Iterable[int], posting: int) -> None:
        """Puts a posting into some cells."""
        # Cells that hold nothing else share this tuple.
        alone = (posting,)
        postings = self._postings
        for cell in cells:
            others = postings.get(cell)
            postings[cell] = alone if others is None else others + alone

    def remove(self, cells: Iterable[int], posting: int) -> None:
        """Takes a posting out of the cells into which it was put. Raises KeyError if one of them holds nothing."""
        postings = self._postings
        for cell in cells:
            left = tuple(other for other in postings[cell] if other != posting)
            if left:
                postings[cell] = left
            else:
                del postings[cell]
