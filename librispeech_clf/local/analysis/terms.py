"""Recall of terms that matter to the user: names, products, numbers.

In: a list of terms and the record of results. Out: how many of their occurrences the hypotheses have, in all and of
each term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from librispeech_clf.local.analysis.error_kinds import select_texts
from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.text.alignment import Edit, align_words


@dataclass(frozen=True)
class TermRecall:
    """How many occurrences of a term, or of all terms, are recognised.

    Attributes:
        term: None for all terms.
        occurrences: in the references.
        recognised: those with every word right and nothing between.
        added: places of the hypotheses that have the term where the reference does not.
        recall: recognised / occurrences, in [0, 1]; None where the references lack the term.
        low: lower bound of its 95 % interval, speakers as the unit; None where there is none.
        high: upper bound.
    """

    term: str | None
    occurrences: int
    recognised: int
    added: int
    recall: float | None
    low: float | None
    high: float | None


def read_terms(path: Path, normalize: Callable[[str], str]) -> tuple[str, ...]:
    """Read terms, one a line; empty lines and those after `#` are left out.

    Args:
        path: the file.
        normalize: spells a term as the transcripts are spelled.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text in UTF-8, or holds no term.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: not found; --terms needs a text file with one term a line."
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: terms are text in UTF-8; received other bytes ({error}). Save it as UTF-8."
        ) from error
    named = [normalize(line) for line in lines if not line.lstrip().startswith("#")]
    terms = tuple(dict.fromkeys(" ".join(name.split()) for name in named if name.split()))
    if not terms:
        raise ValueError(f"{path}: at least one term is needed, one a line; received none.")
    return terms


def measure_recall(record: Record, terms: Sequence[str]) -> tuple[TermRecall, ...]:
    """Measure the recall of terms.

    Args:
        record: the results; rows without reference or hypothesis are left out.
        terms: one or more words each, as `read_terms` gives them.

    Returns:
        All terms together, then each, the lowest recall first, those that do not occur last; none without terms.
    """
    if not terms:
        return ()
    rows, texts = select_texts(record)
    alignments = [align_words(*pair) for pair in texts]
    counts = np.array(
        [[count_term(edits, term.split()) for edits in alignments] for term in terms], np.float64
    )
    counts = counts.reshape(len(terms), len(texts), 3)
    each = [_measure(rows.blocks, term, own) for term, own in zip(terms, counts, strict=True)]
    each.sort(key=lambda item: (item.recall is None, item.recall or 0.0, -item.occurrences, item.term))
    return (_measure(rows.blocks, None, counts.sum(axis=0)), *each)


def count_term(edits: Sequence[Edit], words: Sequence[str]) -> tuple[int, int, int]:
    """Count a term in an alignment: in the reference, recognised, and in the hypothesis alone."""
    expected = [edit.reference for edit in edits if edit.reference is not None]
    received = [edit.hypothesis for edit in edits if edit.hypothesis is not None]
    right = [edit.reference if edit.operation == "equal" else None for edit in edits]
    occurrences, recognised, heard = (_count(of, words) for of in (expected, right, received))
    return occurrences, recognised, heard - recognised


def _count(sequence: Sequence[str | None], words: Sequence[str]) -> int:
    places = range(len(sequence) - len(words) + 1)
    return sum(list(sequence[start : start + len(words)]) == list(words) for start in places)


def _measure(blocks: np.ndarray, term: str | None, counts: np.ndarray) -> TermRecall:
    occurrences, recognised, added = (int(total) for total in counts.sum(axis=0))
    if occurrences == 0:
        return TermRecall(term, 0, 0, added, None, None, None)
    low, high = find_interval(sum_by(counts[:, [1, 0]], blocks), "share")
    return TermRecall(term, occurrences, recognised, added, recognised / occurrences, low, high)
