"""Keep what TensorFlow says about its build off the terminal."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def suppress_stderr() -> Iterator[None]:
    """Keep what libraries write to file descriptor 2 off the terminal, unless an unexpected exception passes.

    TensorFlow reports its build there before it reads TF_CPP_MIN_LOG_LEVEL.
    """
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (OSError, ValueError):  # our own errors, which their message explains
            raise
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
