"""Memory that is freed goes back to the system: allocators keep it, 50 to 100 MB of test-clean after each stage."""

import ctypes
from contextlib import suppress

import pyarrow


def release_memory() -> None:
    """Return what is freed to the system."""
    pyarrow.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError, TypeError):  # a C library other than glibc
        ctypes.CDLL(None).malloc_trim(0)
