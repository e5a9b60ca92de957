"""Which geofences are in which H3 cell: a hash table in flat arrays, as a million geofences have millions of cells.

A dict of tuples takes three times the memory, and each lookup in it follows five pointers into it. Here a lookup reads
one slot and, where several geofences share the cell, one block.
"""

from array import array
from collections.abc import Iterable, Sequence

# So many small tables grow one by one; a large one would stop the world while it grows.
_SHARDS = 2_048
# Shared by all shards that hold nothing.
_EMPTY = array("Q", [0, 0])
_FIRST_SLOTS = 4
# Fibonacci hashing: 2^64 divided by the golden ratio spreads what differs in a few low digits only.
_SPREAD = 0x9E3779B97F4A7C15
_SHARD_SHIFT = 33
_SLOT_SHIFT = 44
# A slot's value is a posting, or where several share the cell, how many and where in the pool they begin.
_COUNT_SHIFT = 40
_OFFSET = (1 << _COUNT_SHIFT) - 1


class CellTable:
    """Cell to its postings: integers below 2³² that mean something to the caller."""

    def __init__(self) -> None:
        # Per shard a power of two of slots, each a cell (0: free) and its value; open addressing, linear probing.
        self._shards = [_EMPTY] * _SHARDS
        self._used = array("I", bytes(4 * _SHARDS))
        # Blocks of postings, as large as the power of two that holds them, and those that are free again, by size.
        self._pool = array("I")
        self._free: dict[int, list[int]] = {}

    def __len__(self) -> int:
        """How many cells hold anything."""
        return sum(self._used)

    def get(self, cell: int) -> Sequence[int]:
        """The postings of a cell, a copy that later edits do not touch; empty where there are none."""
        hashed = cell * _SPREAD
        slots = self._shards[hashed >> _SHARD_SHIFT & _SHARDS - 1]
        end = len(slots)
        i = hashed >> _SLOT_SHIFT & end - 2
        while True:
            found = slots[i]
            if found == cell:
                value = slots[i + 1]
                if value <= _OFFSET:
                    return (value,)
                offset = value & _OFFSET
                return self._pool[offset : offset + (value >> _COUNT_SHIFT)]
            if not found:
                return ()
            i += 2
            if i == end:
                i = 0

    def add(self, cells: Iterable[int], posting: int) -> None:
        """Puts a posting into some cells, where it is not yet."""
        for cell in cells:
            slots, i = self._slot(cell)
            if slots[i]:
                slots[i + 1] = self._joined(slots[i + 1], posting)
                continue
            shard = cell * _SPREAD >> _SHARD_SHIFT & _SHARDS - 1
            self._used[shard] += 1
            # At most two thirds full.
            if self._used[shard] * 3 > len(slots):
                self._grow(shard)
                slots, i = self._slot(cell)
            slots[i], slots[i + 1] = cell, posting

    def remove(self, cells: Iterable[int], posting: int) -> None:
        """Takes a posting out of the cells into which it was put. Raises KeyError where it is not."""
        for cell in cells:
            slots, i = self._slot(cell)
            value = slots[i + 1]
            if slots[i] and value > _OFFSET:
                slots[i + 1] = self._left(value, posting)
            elif slots[i] and value == posting:
                _vacate(slots, i)
                self._used[cell * _SPREAD >> _SHARD_SHIFT & _SHARDS - 1] -= 1
            else:
                raise KeyError(posting)

    def _slot(self, cell: int) -> tuple["array[int]", int]:
        """The shard of a cell, and where in it the cell is or would go."""
        hashed = cell * _SPREAD
        slots = self._shards[hashed >> _SHARD_SHIFT & _SHARDS - 1]
        i = hashed >> _SLOT_SHIFT & len(slots) - 2
        while slots[i] and slots[i] != cell:
            i = (i + 2) & (len(slots) - 1)
        return slots, i

    def _grow(self, shard: int) -> None:
        old = self._shards[shard]
        slots = array("Q", bytes(16 * max(_FIRST_SLOTS, len(old))))
        last = len(slots) - 1
        for k in range(0, len(old), 2):
            cell = old[k]
            if cell:
                i = cell * _SPREAD >> _SLOT_SHIFT & last - 1
                while slots[i]:
                    i = (i + 2) & last
                slots[i], slots[i + 1] = cell, old[k + 1]
        self._shards[shard] = slots

    def _joined(self, value: int, posting: int) -> int:
        """The value of a cell that gets one more posting."""
        if value <= _OFFSET:
            offset = self._block(2)
            self._pool[offset], self._pool[offset + 1] = value, posting
            return 2 << _COUNT_SHIFT | offset
        count, offset = value >> _COUNT_SHIFT, value & _OFFSET
        if count == _size(count):
            offset = self._moved(offset, count, 2 * count)
        self._pool[offset + count] = posting
        return count + 1 << _COUNT_SHIFT | offset

    def _left(self, value: int, posting: int) -> int:
        """The value of a cell that loses one of its several postings."""
        count, offset = value >> _COUNT_SHIFT, value & _OFFSET
        try:
            at = self._pool.index(posting, offset, offset + count)
        except ValueError:
            raise KeyError(posting) from None
        count -= 1
        self._pool[at] = self._pool[offset + count]
        if count == 1:
            self._free[2].append(offset)
            return self._pool[offset]
        if count == _size(count):
            offset = self._moved(offset, count, count, 2 * count)
        return count << _COUNT_SHIFT | offset

    def _moved(self, offset: int, count: int, size: int, old_size: int | None = None) -> int:
        """Copies a block into one of another size, and sets the old one free."""
        new = self._block(size)
        self._pool[new : new + count] = self._pool[offset : offset + count]
        self._free[old_size or count].append(offset)
        return new

    def _block(self, size: int) -> int:
        """Where a free block of this size begins."""
        free = self._free.setdefault(size, [])
        if free:
            return free.pop()
        offset = len(self._pool)
        self._pool.extend(bytes(size))
        return offset


def _size(count: int) -> int:
    """The block for so many postings: the next power of two."""
    return 1 << (count - 1).bit_length()


def _vacate(slots: "array[int]", i: int) -> None:
    """Empties a slot, and moves back those behind it that stand there only because it was taken."""
    last = len(slots) - 1
    j = i
    while True:
        j = (j + 2) & last
        if not slots[j]:
            break
        home = slots[j] * _SPREAD >> _SLOT_SHIFT & last - 1
        if (j - home) & last >= (j - i) & last:
            slots[i], slots[i + 1] = slots[j], slots[j + 1]
            i = j
    slots[i] = slots[i + 1] = 0
