"""Every bad checkpoint is refused in a line by `convert-model`, and every bad model file when it is opened."""

import re
import shutil

import pytest

from librispeech_clf.local.commands import convert_model
from librispeech_clf.local.model.load import load_model
from tests.helpers.bad_checkpoints import BAD_CHECKPOINTS, BAD_MODELS, CONVERTS, write_checkpoint
from tests.helpers.bad_recordings import encode, make_sound

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("intact") / "checkpoint")


@pytest.mark.parametrize("name", BAD_CHECKPOINTS)
def test_checkpoint_has_its_outcome(intact, tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(intact, tmp_path / "checkpoint")
    spoil, outcome = BAD_CHECKPOINTS[name]
    spoil(folder)
    code = convert_model.main(["--from", str(folder), "--to", str(tmp_path / "models" / "tiny.h5")])
    error = capsys.readouterr().err
    written = sorted((tmp_path / "models").iterdir()) if (tmp_path / "models").exists() else []
    if outcome == CONVERTS:
        assert (code, error, [path.name for path in written]) == (0, "", ["tiny.h5", "tiny.vocabulary.json"])
        load_model(written[0])
    else:
        assert code == 2 and written == []
        assert re.fullmatch(r"convert-model: .+\n", error) and re.search(outcome, error)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", BAD_MODELS)
def test_model_file_is_refused_by_name(tiny_model, tmp_path, name):
    path = shutil.copy(tiny_model, tmp_path / "spoilt.h5")
    spoil, outcome = BAD_MODELS[name]
    spoil(path)
    with pytest.raises(ValueError, match=outcome) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["h5-cut-0.5", "h5-nan", "h5-no-json"])
def test_evaluate_tells_a_bad_model_in_a_line(evaluate, tiny_model, tmp_path, name):
    path = shutil.copy(tiny_model, tmp_path / "spoilt.h5")
    BAD_MODELS[name][0](path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.wav").write_bytes(encode(make_sound(), "wav"))
    (tmp_path / "bad" / "metadata.csv").write_text("file_name,text\na.wav,A TONE\n")
    process = evaluate(tmp_path, "bad", tmp_path / "out", "--model", path)
    assert process.returncode == 2
    assert re.fullmatch(r"evaluate: .*spoilt\.h5: .+\n", process.stderr)
    assert not [path.name for path in (tmp_path / "out").glob("*") if path.name not in ("parts", ".lock")]
