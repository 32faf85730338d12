"""Keys are those declared, of their types; the table of keys and their uses holds every key, and nothing else."""

import re
from fnmatch import fnmatchcase

import pytest

from librispeech_clf import metadata
from librispeech_clf.corpus.schema import Speaker
from librispeech_clf.local.analysis.traits import LOW_AND_HIGH, RARE_WORDS
from librispeech_clf.metadata.readability import READABILITY_METADATA_TYPES, readability_metadata
from librispeech_clf.metadata.record import RECORD_METADATA_TYPES
from librispeech_clf.metadata.signal import SIGNAL_METADATA_TYPES
from librispeech_clf.metadata.text import TEXT_METADATA_TYPES, text_metadata
from tests.helpers.letters import VOCABULARY
from tests.metadata.test_readability import EASY, HARD
from tests.metadata.test_record import CHAPTER, SPEAKER, record

GROUPS = {
    "signal": SIGNAL_METADATA_TYPES,
    "text": TEXT_METADATA_TYPES,
    "readability": READABILITY_METADATA_TYPES,
    "record": RECORD_METADATA_TYPES,
}
KEYS = [f"{group}_{key}" for group, types in GROUPS.items() for key in types]
ROWS = [re.split(r"`:\s", row, maxsplit=1) for row in metadata.__doc__.split("\n- ")[1:]]
KINDS = {"float": float, "int": int, "string": str}


def assert_declared(values, types):
    assert list(values) == list(types)
    kinds = {key: type(value) for key, value in values.items() if value is not None}
    assert kinds == {key: KINDS[types[key]] for key in kinds}


@pytest.mark.parametrize("transcript", ["", "A", "'", "'TIS DON'T", "42", "É 1", EASY, HARD])
def test_keys_and_types_of_transcripts(transcript):
    assert_declared(text_metadata(transcript, VOCABULARY), TEXT_METADATA_TYPES)
    assert_declared(readability_metadata(transcript), READABILITY_METADATA_TYPES)


@pytest.mark.parametrize("speaker", [None, SPEAKER, Speaker(60, None, "", None, "")])
def test_keys_and_types_of_records(speaker):
    assert_declared(record(speaker=speaker, chapter=CHAPTER), RECORD_METADATA_TYPES)


def test_every_key_has_a_use_and_every_pattern_a_key():
    patterns = [pattern for keys, _ in ROWS for pattern in re.findall(r"`([^`]+)`", f"{keys}`")]
    assert [key for key in KEYS if not any(fnmatchcase(key, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(key, pattern) for key in KEYS)] == []
    assert all(use.strip() for _, use in ROWS)


def test_plain_names_are_of_keys_there_are():
    assert set(LOW_AND_HIGH) - {RARE_WORDS} <= set(KEYS)
