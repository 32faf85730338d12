"""Annotations in transcripts as people write them."""

import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus import columns
from librispeech_clf.corpus.load import load_split
from librispeech_clf.text.normalization import TO_LETTERS, drop_annotations
from tests.helpers.letters import VOCABULARY


def encode(text):
    return VOCABULARY.encode(text, utterance_id="u", normalization=TO_LETTERS)


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        ("well (laughter) yes", "LAUGHTER"),
        ("yes [background noise]", "BACKGROUND"),
        ("<unk> yes", "UNK"),
        ("{breath} yes", "BREATH"),
        ("%hesitation yes", "HESITATION"),
        ("yes &cough; no", "COUGH"),
        ("so ((guessed words)) yes", "GUESSED"),
        ("yes (noise [door]) no", "DOOR"),
    ],
)
def test_annotations_are_refused_by_name_or_dropped(text, annotation):
    with pytest.raises(ValueError, match="u: .*text.annotations: drop"):
        encode(text)
    dropped = VOCABULARY.decode(encode(drop_annotations(text)))
    assert annotation not in dropped and "YES" in dropped


@pytest.mark.parametrize("text", ["R&D; 50% off", "a < b", "one) two"])
def test_what_is_no_annotation_stays(text):
    assert drop_annotations(text) == text


def test_drop_is_a_setting_and_counted(tmp_path, capsys):
    columns.tell.cache_clear()
    (tmp_path / "own").mkdir()
    for name in "ab":
        (tmp_path / "own" / f"{name}.wav").write_bytes(b"")
    (tmp_path / "own" / "metadata.csv").write_text("file_name,text\na.wav,YES (laughter)\nb.wav,NO\n")
    environment = {"LIBRISPEECH_ROOT": str(tmp_path), "LIBRISPEECH_SUBSETS": "own"}
    for given, text in (("refuse", "YES (laughter)"), ("drop", "YES")):
        settings = load_configuration(environment={**environment, "LIBRISPEECH_ANNOTATIONS": given})
        split = load_split(settings.corpus, "test", annotations=settings.text.annotations)
        assert (split.texts[0].strip(), split.utterance("a").text.strip()) == (text, text)
    assert "1 of 2 transcripts of test had annotations, now removed" in capsys.readouterr().err
    with pytest.raises(ValueError, match="text.annotations: unknown keep"):
        load_configuration(environment={"LIBRISPEECH_ANNOTATIONS": "keep"})
