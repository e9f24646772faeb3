"""How many bytes everything takes that an object leads to: what it has kept of its peers shows there."""

import gc
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)


def footprint_bytes(root: object) -> int:
    """Return the bytes of ``root`` and of all that it refers to, directly or not, but code."""
    seen: set[int] = set()
    waiting = [root]
    total_bytes = 0
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, _SHARED):
            continue
        seen.add(id(found))
        total_bytes += sys.getsizeof(found)
        waiting += gc.get_referents(found)
    return total_bytes
