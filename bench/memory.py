"""What an object costs in memory, and what libraries hold."""

import ctypes
import gc
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

_NOT_DATA = (type, ModuleType, FunctionType, BuiltinFunctionType)


def bytes_held(thing: object, *, without: tuple[type, ...]) -> int:
    """Bytes of an object and all that it alone leads to, but for objects of the types in `without`, modules and code.

    Counts what `sys.getsizeof` tells, which is what was asked for; the allocator rounds up by a few bytes.
    """
    skipped = (*without, *_NOT_DATA)
    seen: set[int] = set()
    total, stack = 0, [thing]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, skipped):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        stack += gc.get_referents(item)
        # Views tell the collector nothing of the array they look into.
        if isinstance(item, np.ndarray) and item.base is not None:
            stack.append(item.base)
    return total


class _Mallinfo2(ctypes.Structure):
    """What glibc tells of its heap (mallinfo(3)); the two that count are in bytes."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    ]
    hblkhd: int  # in blocks of their own
    uordblks: int  # in use among the others


def bytes_from_malloc() -> int | None:
    """What libraries hold out of Python's sight; None where the C library does not tell (glibc 2.33 and newer do)."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    mallinfo2.restype = _Mallinfo2
    gc.collect()
    told = mallinfo2()
    return int(told.hblkhd) + int(told.uordblks)
