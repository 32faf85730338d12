"""`tune_decoder`: what each pair of weights makes of the same logits."""

import numpy as np
import pytest

from librispeech_clf.development.training import tune_decoder
from librispeech_clf.development.training.material import list_speech
from librispeech_clf.local.model.load import load_model
from tests.helpers.letters import LETTERS
from tests.helpers.made_up_speech import WORDS, write_speech

UNIGRAMS = "\n".join(f"-1\t{word}\t0" for word in ("<unk>", "<s>", "</s>", *WORDS))
ARPA = (
    f"\\data\\\nngram 1={len(WORDS) + 3}\nngram 2=1\n\n\\1-grams:\n{UNIGRAMS}\n\n"
    "\\2-grams:\n-1\tAT SEA\n\n\\end\\\n"
)


def mishear(model, recordings):
    """Each letter and a blank; every B is a D, and almost a B."""
    for recording in recordings:
        logits = np.zeros((2 * len(recording.labels) + 2, len(LETTERS)), np.float32)
        logits[1::2, 0] = logits[-2, LETTERS.index("|")] = 20
        logits[np.arange(len(recording.labels)) * 2, recording.labels] = 20
        logits[logits[:, LETTERS.index("B")] > 0, LETTERS.index("D")] = 20.5
        yield recording, logits


def test_a_table_of_error_rates(tmp_path, monkeypatch, capsys):
    pytest.importorskip("flashlight.lib.text.decoder", reason="the extra lm is not installed")
    monkeypatch.setattr("librispeech_clf.local.model.load.load_model", lambda path: None)
    monkeypatch.setattr(tune_decoder, "find_logits", mishear)
    (tmp_path / "lm.arpa").write_text(ARPA)
    write_speech(tmp_path, "dev-clean", make_texts=lambda count: ["BEE AT SEA", "TEN"] * (count // 2))
    arguments = ["--lm", str(tmp_path / "lm.arpa"), "--speech", str(tmp_path), "--utterances", "4"]
    assert tune_decoder.main([*arguments, "--weights", "0.5", "--scores", "0", "-90"]) == 0
    printed = capsys.readouterr().out
    assert "4 utterances of dev-clean: greedy 0.3333" in printed
    rates = {line.split()[1]: line.split()[3] for line in printed.splitlines() if line.startswith("│")}
    assert rates["0.0"] == "0.0000" and float(rates["-90.0"]) > 0.3333


def test_logits_come_longest_first_without_what_cannot_be_read(tmp_path, tiny_model):
    def fail():
        raise ValueError("gone.")

    recordings = list_speech(write_speech(tmp_path, "dev-clean"), "dev-clean")
    lost = recordings[0]._replace(read=fail)
    with pytest.warns(UserWarning, match="gone"):
        found = list(tune_decoder.find_logits(load_model(tiny_model), [lost, *recordings[1:]]))
    lengths = [recording.samples for recording, _ in found]
    assert lengths == sorted(lengths, reverse=True) and len(found) == len(recordings) - 1
    assert all(logits.shape[1] == len(LETTERS) and np.isfinite(logits).all() for _, logits in found)
