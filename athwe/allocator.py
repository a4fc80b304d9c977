"""How the C library's allocator treats what is freed: a process that computes wants its memory back soon."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of glibc's `mallopt`."""
_LARGEST_FROM_HEAP_BYTES = 32 << 20
"""Most that glibc lets the heap serve."""
_KEPT_BYTES = 2_000_000_000


def keep_freed_memory() -> None:
    """Keep freed memory for the next allocation instead of giving it back, in one arena for all threads.

    glibc gives large blocks back at once, so that every chunk of scores faults its pages in anew, and lets each thread
    hold freed memory of its own. `release_memory` gives it back when a trial is over.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_FROM_HEAP_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def release_memory() -> None:
    """Give freed memory back to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; elsewhere memory is left to what is there."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None
