"""A small corpus in another language."""

import shutil

import pandas as pd
import pytest
import soundfile

from librispeech_clf.development.synthesis.speak_texts import main


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
@pytest.mark.parametrize(("language", "text"), [("de", "Äpfel"), ("fr", "l'été"), ("cmn", "你好世界")])
def test_texts_are_spoken_and_written_as_a_corpus(language, text, tmp_path):
    (tmp_path / "texts.txt").write_text(f"{text}\n\n{text}\n", encoding="utf-8")
    arguments = ["--language", language, "--texts", str(tmp_path / "texts.txt"), "--out", str(tmp_path)]
    assert main(arguments) == 0
    table = pd.read_csv(tmp_path / "test" / "metadata.csv")
    assert table["text"].tolist() == [text, text] and table["speaker_id"].nunique() == 2
    for name in table["file_name"]:
        samples, rate = soundfile.read(tmp_path / "test" / name)
        assert rate == 16_000 and len(samples) > 4_000 and abs(samples).max() > 0.05
