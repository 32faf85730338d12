"""Build backend: poetry-core's for `pip install -e .`, and a refusal of wheels and source archives.

A push sends the files of the clone (`leap.yaml`, `leap_binder.py`, the model), and the commands read them there; a
wheel would hold the package without them.
"""

from poetry.core.masonry.api import (
    build_editable,
    get_requires_for_build_editable,
    prepare_metadata_for_build_editable,
)

__all__ = ["build_editable", "get_requires_for_build_editable", "prepare_metadata_for_build_editable"]
REFUSAL = (
    "librispeech-clf: used from its clone, no wheel and no source archive can be built. A push to Tensorleap sends the "
    "clone's files. Install it there: pip install -e ."
)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Refuse `pip install .`, `pip wheel .` and `poetry build`."""
    raise SystemExit(REFUSAL)


def build_sdist(sdist_directory, config_settings=None):
    """Refuse source archives."""
    raise SystemExit(REFUSAL)
