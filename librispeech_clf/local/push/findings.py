"""One finding of the rehearsal of a push."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        what: What was checked.
        problem: None when it passed, else the reason.
        note: A remark on what passed.
    """

    what: str
    problem: str | None
    note: str = ""
