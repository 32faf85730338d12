"""Data inside the page's script elements."""

import json
from typing import Any


def escape_json(value: Any) -> str:
    r"""Write JSON which is safe inside a `<script>` element.

    `<`, `>` and `&` become `\u003c`, `\u003e` and `\u0026`, so that no text can close the element (HTML
    standard, section "Restrictions for contents of script elements").

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
