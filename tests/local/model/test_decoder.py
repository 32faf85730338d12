"""Beam search against an exhaustive one; language models and lexicons, and those that do not serve."""

import itertools
import math
import re
import sys

import numpy as np
import pytest

from librispeech_clf.local.model.decoder import Decoder, LanguageModel, read_language_model, spell_words
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.beam_search import beam_search
from tests.helpers.letters import VOCABULARY
from tests.helpers.vocabularies import make_vocabulary

ARPA = """\\data\\
ngram 1=7
ngram 2=5

\\1-grams:
-3\t<unk>\t0
-99\t<s>\t-0.3
-0.9\t</s>
-0.8\ta\t-0.2
-1.2\ttea\t-0.4
-1.0\tat\t-0.1
-1.5\teat\t-0.1

\\2-grams:
-0.4\t<s> a
-0.5\ta tea
-0.7\ttea </s>
-0.3\teat at
-0.9\t<s> eat

\\end\\
"""
BINARY = b"mmap lm http://kheafield.com/code format "
LETTERS, WORD_SEPARATOR = VOCABULARY.tokens, VOCABULARY.word_delimiter
WORDS = ("A", "TEA", "AT", "EAT")
HEARD = [BLANK, WORD_SEPARATOR, *(LETTERS.index(letter) for letter in "ETA")]


@pytest.fixture
def arpa(tmp_path):
    pytest.importorskip("flashlight.lib.text.decoder", reason="the extra lm is not installed")
    path = tmp_path / "lm.arpa"
    path.write_text(ARPA)
    return path


def make_logits(seed, *, frames=6):
    """Noise among the blank, the separator, and three letters; the rest is out of the question."""
    logits = np.full((frames, len(LETTERS)), -30.0, np.float32)
    logits[:, HEARD] = np.random.default_rng(seed).normal(0, 2, (frames, len(HEARD)))
    return logits


def score_words(words):
    """Natural logarithm of a sentence's probability by the bigrams of ARPA and their backoffs."""
    entries = [re.split(r"\t", line) for line in ARPA.splitlines() if line.count("\t")]
    scores = {fields[1]: float(fields[0]) for fields in entries}
    backoffs = {fields[1]: float(fields[2]) for fields in entries if len(fields) > 2}
    pairs = itertools.pairwise(["<s>", *words, "</s>"])
    return math.log(10) * sum(
        scores.get(f"{first} {second}", backoffs.get(first, 0.0) + scores[second]) for first, second in pairs
    )


def search_exhaustively(logits, word_score=0.0, weight=0.0):
    """Score every text of the lexicon's words: all its paths, the language model, the number of words."""
    end = np.full((1, len(LETTERS)), -30.0, np.float32)
    end[0, [BLANK, WORD_SEPARATOR]] = 30.0
    totals = {}
    for hypothesis in beam_search(np.concatenate([logits, end]), beam_width=300):
        words = VOCABULARY.spell(hypothesis.labels).split()
        labels = "".join(LETTERS[label] for label in hypothesis.labels)
        # A word ends with a separator; more of them, between blanks, say nothing.
        if set(WORDS).issuperset(words) and (labels.endswith("|") or not labels):
            score = totals.get(" ".join(words), -np.inf)
            totals[" ".join(words)] = np.logaddexp(score, hypothesis.log_probability)
    return {
        text: score + weight * score_words(text.lower().split()) + word_score * len(text.split())
        for text, score in totals.items()
    }


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_the_most_probable_words_of_a_lexicon_and_text_without(arpa, seed):
    logits, lexicon = make_logits(seed), arpa.with_name("lexicon.txt")
    lexicon.write_text("\n".join(WORDS))
    totals = search_exhaustively(logits, word_score=0.4)
    decoder = Decoder(VOCABULARY, lexicon=lexicon, beam=500, word_score=0.4)
    assert decoder.decode(logits) == max(totals, key=totals.__getitem__)
    freely = beam_search(logits, beam_width=300)[0].labels
    assert Decoder(VOCABULARY, beam=300).decode(logits) == VOCABULARY.spell(freely)


def test_with_a_language_model_it_finds_the_best_words(arpa):
    decoder = Decoder(VOCABULARY, read_language_model(arpa), beam=500, lm_weight=0.7, word_score=0.4)
    lost = []
    for seed in range(20):
        logits = make_logits(seed)
        totals = search_exhaustively(logits, weight=0.7, word_score=0.4)
        lost.append(max(totals.values()) - totals[decoder.decode(logits)])
    # Histories that the model does not distinguish are summed, so a close second may win.
    assert np.count_nonzero(lost) <= 3 and max(lost) < 1


def test_the_language_model_and_the_word_score_decide(arpa):
    model = read_language_model(arpa)
    logits = np.full((10, len(LETTERS)), -30.0, np.float32)
    logits[:, BLANK] = -2.0
    for frame, letter in enumerate("EAT|A"):
        logits[2 * frame, LETTERS.index(letter)] = 0.0
    logits[9, [BLANK, LETTERS.index("T")]] = 0.0, -1.0
    found = {
        settings: Decoder(VOCABULARY, model, lm_weight=settings[0], word_score=settings[1]).decode(logits)
        for settings in ((0.0, 3.0), (2.0, 3.0), (0.0, -60.0))
    }
    assert found == {(0.0, 3.0): "EAT A", (2.0, 3.0): "EAT AT", (0.0, -60.0): ""}


@pytest.mark.parametrize("model", [True, False])
def test_silence_padding_and_broken_frames(arpa, model):
    decoder = Decoder(VOCABULARY, read_language_model(arpa) if model else None)
    logits = make_logits(3)
    padding = np.full((5, len(LETTERS)), -1e4, np.float32)
    padding[:, BLANK] = 1e4
    broken = np.full((1, len(LETTERS)), np.nan, np.float32)
    assert decoder.decode(logits[:0]) == decoder.decode(padding) == ""
    for same in (np.concatenate([logits, padding]), np.concatenate([broken, logits]), logits[None]):
        assert decoder.decode(same) == decoder.decode(logits)


def test_a_folder_of_a_checkpoint_brings_words_and_weights(arpa):
    arpa.with_name("unigrams.txt").write_text("tea\nat\n")
    arpa.with_name("attrs.json").write_text('{"alpha": 0.5, "beta": 1.5, "unk_score_offset": -10.0}')
    assert read_language_model(arpa.parent) == LanguageModel(arpa, ["tea", "at"], 0.5, 1.5)


def test_words_of_arpa_and_binary(arpa, tmp_path):
    assert read_language_model(arpa).words == ["a", "tea", "at", "eat"]
    binary = tmp_path / "lm.bin"
    binary.write_bytes(BINARY + b"version 5\n\0numbers<unk>\0<s>\0</s>\0tea\0at\0")
    assert read_language_model(binary).words == ["tea", "at"]


def test_words_are_spelled_in_the_case_of_the_vocabulary():
    words = ["tea", "AT", "don't", "na\u00efve", "10", "|"]
    spelled = {word: VOCABULARY.spell(rows) for word, rows in spell_words(words, VOCABULARY).items()}
    assert spelled == {"tea": "TEA", "AT": "AT", "don't": "DON'T", "na\u00efve": "NAIVE"}


def test_words_need_a_vocabulary_of_words(arpa):
    characters = make_vocabulary("\u4e16\u754c\u4e2d")
    with pytest.raises(ValueError, match="no word delimiter"):
        Decoder(characters, read_language_model(arpa))
    assert Decoder(characters).decode(np.eye(len(characters.tokens), dtype=np.float32)[[4, 0, 3]] * 9) != ""


NO_WORDS = b"\\data\\\nngram 1=2\n\n\\1-grams:\n-1\t<s>\n-1\t</s>\n\\end\\\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.arpa", None, "no such language model"),
        ("empty", None, "one language model"),
        ("lm.arpa", b"\x1f\x8b packed", "neither an ARPA file"),
        ("lm.arpa", NO_WORDS, "without unigrams"),
        ("lm.bin", BINARY + b"version 5\n\0numbers", "without unigrams"),
        ("lm.bin", BINARY + b"version 4\n\0<unk>\0A\0", "KenLM cannot open"),
        ("lm.arpa", ARPA.replace("ngram 1=7", "ngram 1=8").encode(), "KenLM cannot open"),
        ("lm.arpa", re.sub("(?<=[\t ])(tea|eat|at?)\\b", "\u0434", ARPA).encode(), "none of its"),
        ("attrs.json", b"{", "alpha and beta"),
        ("attrs.json", b'{"alpha": "much", "beta": 1}', "alpha and beta"),
        ("attrs.json", b'{"alpha": 1}', "alpha and beta"),
        ("attrs.json", b"[]", "alpha and beta"),
        ("lexicon.txt", None, "no such lexicon"),
        ("lexicon.txt", b"tea\n\xff", "UTF-8"),
        ("lexicon.txt", b"\n", "holds no words"),
        ("lexicon.txt", b"tea\nroom 4\n", "room 4"),
    ],
)
def test_a_language_model_or_lexicon_that_does_not_serve_is_refused(arpa, name, content, message):
    path = arpa.with_name(name)
    (arpa.parent / "empty").mkdir()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        if name == "lexicon.txt":
            Decoder(VOCABULARY, lexicon=path)
        else:
            Decoder(VOCABULARY, read_language_model(arpa if name == "attrs.json" else path))
    assert "\n" not in str(caught.value)


def test_a_lexicon_stands_in_for_the_words_that_a_binary_lacks(arpa, monkeypatch):
    from flashlight.lib.text.decoder import ZeroLM, kenlm

    binary, lexicon = arpa.with_name("lm.bin"), arpa.with_name("lexicon.txt")
    binary.write_bytes(BINARY + b"version 5\n\0numbers")
    lexicon.write_text("tea\nat\n")
    monkeypatch.setattr(kenlm, "KenLM", lambda path, words: ZeroLM())  # it writes no binaries
    decoder = Decoder(VOCABULARY, read_language_model(binary), lexicon=lexicon)
    assert decoder.decode(make_logits(3)) in ("", "TEA", "AT")


def test_the_package_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "flashlight.lib.text", None)
    with pytest.raises(ImportError, match="--extras lm"):
        Decoder(VOCABULARY)


def test_left_out_words_are_counted(arpa):
    arpa.write_text(ARPA.replace("tea", "t3a"))
    assert "1 of the language model's 4" in Decoder(VOCABULARY, read_language_model(arpa)).notes[0]


def test_words_of_a_lexicon_are_those_of_the_language_model_in_any_case(arpa):
    lexicon, model = arpa.with_name("lexicon.txt"), read_language_model(arpa)
    lexicon.write_text("A\nTEA\nAT\nEat\n")
    listed, own = (Decoder(VOCABULARY, model, lexicon=file, lm_weight=2.0) for file in (lexicon, None))
    assert [listed.decode(make_logits(seed)) for seed in range(20)] == [
        own.decode(make_logits(seed)) for seed in range(20)
    ]
    assert not listed.notes
    lexicon.write_text("TEA\nTATE\n")
    assert (
        "1 of the lexicon's 2 words, such as 'TATE'" in Decoder(VOCABULARY, model, lexicon=lexicon).notes[0]
    )
