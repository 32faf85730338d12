"""Utterances as a dataset in memory."""

from collections.abc import Iterable

import datasets
import pyarrow

from librispeech_clf.corpus.schema import Utterance, dataset_features


def dataset_from_utterances(utterances: Iterable[Utterance]) -> datasets.Dataset:
    """A dataset of these utterances, in memory."""
    rows = [
        {
            "id": utterance.id,
            "audio": {"bytes": utterance.audio_bytes, "path": utterance.audio_path},
            "text": utterance.text,
            "speaker_id": str(utterance.speaker_id),
            "chapter_id": str(utterance.chapter_id),
            "fields": utterance.fields,
            "problem": utterance.problem,
        }
        for utterance in utterances
    ]
    return datasets.Dataset(pyarrow.Table.from_pylist(rows, schema=dataset_features().arrow_schema))
