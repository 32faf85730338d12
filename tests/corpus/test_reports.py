"""What people report to other projects, tried here: each case names its report."""

from types import SimpleNamespace

import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.schema import read_fields
from librispeech_clf.local.evaluation.engine import Task, choose_references
from librispeech_clf.text.normalization import TO_LETTERS, drop_annotations
from librispeech_clf.text.vocabulary import pad_labels
from tests.helpers.letters import VOCABULARY
from tests.helpers.own_corpora import open_split, write_table
from tests.helpers.vocabularies import make_logits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("we walked [NOISE] ten km", "WE WALKED TEN KM"),  # kaldi-asr/kaldi#895
        ("<unk> because of engineers<unk>", "BECAUSE OF ENGINEERS"),  # k2-fsa/icefall#183
        ("an ex[ample]- of it", "AN EX OF IT"),  # lhotse-speech/lhotse#69: partial words
        ("yes (laughs)", "YES"),  # praat/praat.github.io#3296
    ],
)
def test_annotations(text, words):
    assert VOCABULARY.normalize(drop_annotations(text), TO_LETTERS) == words


def test_nearest_of_several_references_counts():
    # mbzuai-nlp/ArTST#16 (four annotators), fgnt/meeteval#17 (orthographic and normalized), as in qcri/multiRefWER
    texts = ("ONE WAY", "ONE DAY", "WON DAY")
    labels = [VOCABULARY.encode(text, utterance_id="u") for text in texts]
    logits = make_logits(labels[2:], len(VOCABULARY.tokens))
    sample = SimpleNamespace(gt={"transcript": pad_labels(labels[0], max_letters=640, utterance_id="u")})
    task = Task("u", "u", "test", "own")
    split = SimpleNamespace(more_texts={"u": texts[1:]})
    choose_references(split, [(task, sample)], logits)
    assert VOCABULARY.decode(sample.gt["transcript"]) == "WON DAY"


@pytest.mark.parametrize(
    ("text", "labels", "words"),
    [
        ("<o,f0> SO IT IS", "o,f0", "SO IT IS"),
        # qcri/ArabicASRChallenge2016#8: letters of Buckwalter's
        ("<rAdp Al>mp >yn", None, "<rAdp Al>mp >yn"),
        ("<word>s of it", None, "<word>s of it"),
    ],
)
def test_labels_of_stm_are_no_words_and_words_no_labels(tmp_path, text, labels, words):
    write_table(tmp_path / "own.stm", f"audio_a 1 s1 0 1 {text}", recordings=["audio_a.wav"])
    split = open_split(tmp_path / "own")
    fields = read_fields(split.utterance(split.ids[0]).fields, split.field_types)
    assert (split.texts, fields.get("labels")) == ([words], labels)


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        ("own/audio_a.wav", "is not a folder; give the one that holds the data"),
        # LearnedVector/A-Hackers-AI-Voice-Assistant#99: a table, then its clips
        ("test.tsv", "is not a folder"),
        ("clips", "holds neither a folder LibriSpeech nor a table"),
    ],
)
def test_root_that_is_none_says_what_it_is(tmp_path, root, reason):
    table = "path\tsentence\na.wav\tHELLO\n"
    write_table(tmp_path / "test.tsv", table, recordings=["own/audio_a.wav"])
    (tmp_path / "clips").mkdir()
    with pytest.raises((OSError, ValueError), match=reason):
        load_configuration(environment={}, root=tmp_path / root)
