"""Words and letters that were substituted, deleted and inserted, counted over a whole run.

In: texts and their alignments. Out: counts, for a page that holds only some of the utterances and cannot count itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz.distance import Levenshtein

from librispeech_clf.text.alignment import Edit

MOST_LISTED = 10_000
"""Of each count, the most frequent first; `totals` are of all."""


@dataclass
class Confusions:
    """Counts of one kind of token, words or letters.

    Attributes:
        seen: tokens of the references.
        wrong: those substituted or deleted.
        substituted: pairs of reference and hypothesis.
        deleted: tokens of the references.
        inserted: tokens of the hypotheses.
    """

    seen: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    substituted: Counter[tuple[str, str]] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    inserted: Counter[str] = field(default_factory=Counter)

    def add_words(self, edits: Iterable[Edit]) -> None:
        """Count an alignment of words."""
        for edit in edits:
            if edit.reference is not None:
                self.seen[edit.reference] += 1
            if edit.operation != "equal":
                self._add_error(edit.reference, edit.hypothesis)

    def add_letters(self, reference: str, hypothesis: str) -> None:
        """Align two texts letter by letter, as `align_characters` does but without its records, and count."""
        reference, hypothesis = reference.strip(), hypothesis.strip()
        self.seen.update(reference)
        for edit in Levenshtein.editops(reference, hypothesis):
            self._add_error(
                None if edit.tag == "insert" else reference[edit.src_pos],
                None if edit.tag == "delete" else hypothesis[edit.dest_pos],
            )

    def _add_error(self, reference: str | None, hypothesis: str | None) -> None:
        if reference is None:
            self.inserted[str(hypothesis)] += 1
            return
        self.wrong[reference] += 1
        if hypothesis is None:
            self.deleted[reference] += 1
        else:
            self.substituted[reference, hypothesis] += 1

    def report(self) -> dict[str, Any]:
        """Return each count as pairs, the most frequent first, and the `totals`; `seen` holds what is wrong, too."""
        counts = {name: count for name, count in vars(self).items() if name != "seen"}
        listed = {name: count.most_common(MOST_LISTED) for name, count in counts.items()}
        named = dict(self.seen.most_common(MOST_LISTED)) | {
            word: self.seen[word] for word, _ in listed["wrong"]
        }
        totals = {name: count.total() for name, count in counts.items()}
        return {**listed, "seen": list(named.items()), "totals": totals}
