"""Word errors by kind, confusions, and the recall of terms that matter to the user: names, products, numbers.

In: the record of results. Out: an `ErrorKind` each for near misses, joined and split words, other substitutions,
deletions and insertions, which together count every word error once; counts of what was said and heard, which a page
with only some of the utterances shows for all; a `TermRecall` for all terms together and for each.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.text.alignment import Edit

KINDS = {
    "near miss": "another word, of which one letter differs",
    "joined words": "two or three words written as one, up to one letter",
    "split word": "one word written as two or three, up to one letter",
    "substitution": "another word",
    "deletion": "a word left out",
    "insertion": "a word too many",
}
MOST_JOINED = 3
FEWEST_LETTERS = 4
"""Fewest letters of a joined or split word; among shorter ones, too many differ by one letter."""
EXAMPLES = 5
MOST_CONFUSIONS = 10_000
"""Most entries listed of each count, the most frequent first; totals cover all."""
Confusions = Counter[tuple[str | None, str | None]]
"""How often a word or letter of a reference is aligned with one of a hypothesis, which may be the same; None where
either side has none."""


@dataclass(frozen=True)
class ErrorKind:
    """A kind of word errors, one of `KINDS`.

    Attributes:
        share: share of all word errors, in [0, 1]; None without errors.
        low: lower bound of its 95 % interval by speaker; None if there is none.
        examples: the most frequent ones: reference, hypothesis and count.
        utterance_ids: the utterances with such an error.
    """

    name: str
    meaning: str
    errors: int
    share: float | None
    low: float | None
    high: float | None
    examples: tuple[tuple[str, str, int], ...]
    utterance_ids: tuple[str, ...]


def find_error_kinds(record: Record, words: Confusions | None = None) -> tuple[ErrorKind, ...]:
    """Count the word errors of every kind; rows without reference or hypothesis are left out.

    The aligned words are added to `words`. Without texts there are no kinds.
    """
    aligned, rows = record.aligned, record.aligned.rows
    if len(rows) == 0:
        return ()
    numbers = {name: number for number, name in enumerate(KINDS)}
    counts = np.zeros((len(rows), len(KINDS)))
    pairs: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in KINDS}
    for row, edits in enumerate(aligned.list_edits()):
        if words is not None:
            words.update((edit.reference, edit.hypothesis) for edit in edits)
        for kind, count, expected, received in classify_errors(edits):
            counts[row, numbers[kind]] += count
            pairs[kind][expected, received] += 1
    sums, everything = sum_by(counts, rows.blocks), counts.sum()
    kinds = []
    for number, (name, meaning) in enumerate(KINDS.items()):
        errors = int(counts[:, number].sum())
        listed = sorted(pairs[name].items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
        low, high = find_interval(np.stack([sums[:, number], sums.sum(axis=1)], axis=1), "share")
        share = errors / float(everything) if everything else None
        examples = tuple((*pair, count) for pair, count in listed)
        ids = tuple(rows.ids[counts[:, number] > 0])
        kinds.append(ErrorKind(name, meaning, errors, share, low, high, examples, ids))
    return tuple(kinds)


def count_letters(texts: Iterable[tuple[str, str]]) -> Confusions:
    """Align pairs of texts letter by letter, like `align_characters` but without making records, and count."""
    counts: Confusions = Counter()
    for pair in texts:
        reference, hypothesis = map(str.strip, pair)
        counts.update(zip(reference, reference, strict=True))
        for edit in Levenshtein.editops(reference, hypothesis):
            expected = None if edit.tag == "insert" else reference[edit.src_pos]
            counts[expected, None if edit.tag == "delete" else hypothesis[edit.dest_pos]] += 1
            counts[expected, expected] -= 1  # it was counted as right
    return counts


def report_confusions(confusions: Confusions) -> dict[str, Any]:
    """Return counts as pairs, most frequent first: tokens `seen` in references, `wrong` ones, and what they became.

    `seen` holds everything listed as wrong; `totals` cover all.
    """
    seen: Counter[str] = Counter()
    counts: dict[str, Counter] = {name: Counter() for name in ("wrong", "substituted", "deleted", "inserted")}
    for (expected, received), count in confusions.items():
        if expected is None and received is not None:
            counts["inserted"][received] = count
        elif expected is not None:
            seen[expected] += count
            if expected != received:
                counts["wrong"][expected] += count
                became = (expected, received) if received is not None else expected
                counts["deleted" if received is None else "substituted"][became] = count
    listed = {name: count.most_common(MOST_CONFUSIONS) for name, count in counts.items()}
    named = dict(seen.most_common(MOST_CONFUSIONS)) | {word: seen[word] for word, _ in listed["wrong"]}
    totals = {name: count.total() for name, count in counts.items()}
    return {**listed, "seen": list(named.items()), "totals": totals}


def classify_errors(edits: Sequence[Edit]) -> Iterator[tuple[str, int, str, str]]:
    """Yield each error of aligned words: its kind, how many word errors it counts for, reference and hypothesis."""
    for is_equal, run in itertools.groupby(edits, lambda edit: edit.operation == "equal"):
        if not is_equal:
            yield from _classify_run(list(run))


def _classify_run(run: list[Edit]) -> Iterator[tuple[str, int, str, str]]:
    """Classify neighboring errors: joined and split words first, then one by one."""
    sizes = range(2, MOST_JOINED + 1)
    for start, end in ((start, start + size) for size in sizes for start in range(len(run) - size + 1)):
        stretch = run[start:end]
        expected = [edit.reference for edit in stretch if edit.reference is not None]
        received = [edit.hypothesis for edit in stretch if edit.hypothesis is not None]
        if 1 in (len(expected), len(received)) and _are_joined("".join(expected), "".join(received)):
            yield from _classify_run(run[:start])
            kind = "split word" if len(expected) == 1 else "joined words"
            yield kind, len(stretch), " ".join(expected), " ".join(received)
            yield from _classify_run(run[end:])
            return
    for edit in run:
        yield _classify(edit), 1, edit.reference or "", edit.hypothesis or ""


def _are_joined(expected: str, received: str) -> bool:
    shorter = min(len(expected), len(received))
    return shorter >= FEWEST_LETTERS and Levenshtein.distance(expected, received) <= 1


def _classify(edit: Edit) -> str:
    if edit.reference is None:
        return "insertion"
    if edit.hypothesis is None:
        return "deletion"
    return "near miss" if Levenshtein.distance(edit.reference, edit.hypothesis) == 1 else "substitution"


@dataclass(frozen=True)
class TermRecall:
    """How many occurrences of a term, or of all terms, are recognized.

    Attributes:
        term: None for all terms.
        recognized: occurrences in the references with every word right and nothing in between.
        added: occurrences in the hypotheses where the reference does not have the term.
        recall: recognized / occurrences, in [0, 1]; None if the references lack the term.
        low: lower bound of its 95 % interval by speaker; None if there is none.
    """

    term: str | None
    occurrences: int
    recognized: int
    added: int
    recall: float | None
    low: float | None
    high: float | None


def read_terms(path: Path, normalize: Callable[[str], str]) -> tuple[str, ...]:
    """Read terms, one per line, spelled by `normalize` like transcripts; empty lines and `#` comments are left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8 text, or holds no term.
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
        raise ValueError(f"{path}: at least one term is needed, one per line; received none.")
    return terms


def measure_recall(record: Record, terms: Sequence[str]) -> tuple[TermRecall, ...]:
    """Measure the recall of terms, as `read_terms` returns them; rows without reference or hypothesis are left out.

    Returns:
        All terms together, then each, lowest recall first and those that do not occur last; none without terms.
    """
    if not terms:
        return ()
    blocks, split = record.aligned.rows.blocks, [term.split() for term in terms]
    found = [[count_term(edits, words) for words in split] for edits in record.aligned.list_edits()]
    counts = np.array(found, np.float64).reshape(-1, len(terms), 3)
    counted = [(None, counts.sum(axis=1)), *zip(terms, counts.swapaxes(0, 1), strict=True)]
    overall, *each = (_measure_recall(blocks, term, own) for term, own in counted)
    each.sort(key=lambda item: (item.recall is None, item.recall or 0.0, -item.occurrences, item.term))
    return (overall, *each)


def count_term(edits: Sequence[Edit], words: Sequence[str]) -> tuple[int, int, int]:
    """Count a term in an alignment: in the reference, recognized, and only in the hypothesis."""
    expected = [edit.reference for edit in edits if edit.reference is not None]
    received = [edit.hypothesis for edit in edits if edit.hypothesis is not None]
    right = [edit.reference if edit.operation == "equal" else None for edit in edits]
    occurrences, recognized, heard = (_count_term(of, words) for of in (expected, right, received))
    return occurrences, recognized, heard - recognized


def _count_term(sequence: Sequence[str | None], words: Sequence[str]) -> int:
    places = range(len(sequence) - len(words) + 1)
    return sum(list(sequence[start : start + len(words)]) == list(words) for start in places)


def _measure_recall(blocks: np.ndarray, term: str | None, counts: np.ndarray) -> TermRecall:
    occurrences, recognized, added = (int(total) for total in counts.sum(axis=0))
    if occurrences == 0:
        return TermRecall(term, 0, 0, added, None, None, None)
    ends = find_interval(sum_by(counts[:, [1, 0]], blocks), "share")
    return TermRecall(term, occurrences, recognized, added, recognized / occurrences, *ends)
