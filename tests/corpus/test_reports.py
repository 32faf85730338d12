"""What people report to other projects, tried here: each case names its report."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.schema import read_fields
from librispeech_clf.local.evaluation.engine import Task, choose_references
from librispeech_clf.text.normalization import TO_LETTERS, drop_annotations
from librispeech_clf.text.vocabulary import pad_labels
from tests.helpers.letters import VOCABULARY
from tests.helpers.own_corpora import open_split, read_all, write_table
from tests.helpers.sounds import RATE
from tests.helpers.vocabularies import make_logits

SAMPLES = np.random.default_rng(0).normal(0, 0.1, (10 * RATE, 2)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """A folder with 10 s of two channels."""
    (tmp_path / "own").mkdir()
    soundfile.write(tmp_path / "own" / "audio_a.wav", SAMPLES, RATE)
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # facebookresearch/fairseq#3962: the part in the path
        ("file_name,text\naudio_a.wav:0:16000,HELLO\n", "audio_a.wav:0:16000.*neither it nor another"),
        # speechbrain/speechbrain#1225: the part in an object, in samples
        ('{"wave": {"file": "audio_a.wav", "start": 0, "stop": 32000}, "text": "A"}', "no column audio"),
        # absadiki/easymms#7: a path and a text with a pipe between, no header
        ("kss_wavs/1_0367.wav|busaneun\n", "single column.*not by '|'"),
        # cschlaffner/PROTzilla#450
        ("file_name;text\naudio_a.wav;HELLO\n", "separate columns by commas, not by ';'"),
    ],
)
def test_other_forms_are_refused_by_what_they_are(folder, content, reason):
    (folder / ("metadata.jsonl" if content[0] == "{" else "metadata.csv")).write_text(content)
    with pytest.raises((OSError, ValueError), match=reason):
        open_split(folder)


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
def test_labels_of_stm_are_no_words_and_words_no_labels(folder, text, labels, words):
    (folder / "own.stm").write_text(f"audio_a 1 s1 0 1 {text}")
    split = open_split(folder)
    fields = read_fields(split.utterance(split.ids[0]).fields, split.field_types)
    assert (split.texts, fields.get("labels")) == ([words], labels)


@pytest.mark.parametrize(
    ("name", "content", "more_texts"),
    [
        # jitsi/jiwer#37: equivalent spellings
        ("metadata.jsonl", '{"id": "u", "file": "audio_a.wav", "text": ["I AM A", "I AM B"]}', ("I AM B",)),
        # usnistgov/SCTK#47: "double reference text for id"
        ("text", "u I AM A\nu I AM B\n", ("I AM B",)),
        # chuyq/MESC#7: one row twice is no second reference
        ("metadata.csv", "id,file_name,text\nu,audio_a.wav,I AM A\nu,audio_a.wav,I AM A\n", ()),
    ],
)
def test_references_that_differ(folder, name, content, more_texts):
    (folder / name).write_text(content)
    if name == "text":
        (folder / "wav.scp").write_text("u audio_a.wav\n")
    split = open_split(folder)
    utterance = split.utterance("u")
    assert (split.ids, utterance.text, utterance.more_texts) == (["u"], "I AM A", more_texts)
    assert split.more_texts == ({"u": more_texts} if more_texts else {})


@pytest.mark.parametrize(
    ("table", "content", "recording"),
    [
        # label-sleuth/label-sleuth#315
        ("metadata.csv", "file_name, text\nclips/a.wav, HELLO\n", "own/clips/a.wav"),
        ("metadata.csv", "text,file_name\nHELLO, clips/a.wav \n", "own/clips/a.wav"),  # fastai/fastai#937
        ("../own.tsv", "path\tsentence\nclips/a.wav\tHELLO\n", "clips/a.wav"),  # mozilla/DeepSpeech#2646
        ("../own.tsv", "path\tsentence\na.wav\tHELLO\n", "clips/a.wav"),  # common-voice/common-voice#2075
        ("../own.csv", "file_name,text\na.wav,HELLO\n", "own/a.wav"),  # csikasote/BembaSpeech#2
    ],
)
def test_recordings_are_found_where_they_are(folder, table, content, recording):
    (folder / table).write_text(content)
    write_table(folder.parent / recording, "")
    soundfile.write(folder.parent / recording, SAMPLES[:RATE, 0], RATE)
    np.testing.assert_allclose(*read_all(folder).values(), SAMPLES[:RATE, 0], atol=1e-4)
    assert open_split(folder).texts == ["HELLO"]


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        ("own/audio_a.wav", "is no folder; give the one that holds the data"),
        # LearnedVector/A-Hackers-AI-Voice-Assistant#99: a table, then its clips
        ("test.tsv", "is no folder"),
        ("clips", "holds neither a folder LibriSpeech nor a table"),
    ],
)
def test_root_that_is_none_says_what_it_is(folder, root, reason):
    (folder.parent / "clips").mkdir()
    (folder.parent / "test.tsv").write_text("path\tsentence\na.wav\tHELLO\n")
    with pytest.raises((OSError, ValueError), match=reason):
        load_configuration(environment={}, root=folder.parent / root)
