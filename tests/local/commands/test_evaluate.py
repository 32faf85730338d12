"""The command: failures, resuming, equal bytes, agreement with jiwer; on a part of the bundled corpus."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jiwer
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from librispeech_clf.atomic_write import output_lock
from librispeech_clf.configuration import MODEL_VARIABLE, PACKAGE_FOLDER, PROJECT_ROOT, load_configuration
from librispeech_clf.text.vocabulary import name_vocabulary_file
from tests.helpers.forked import Run

REAL_CORPUS = PROJECT_ROOT.parent / "shared" / "librispeech"
BUNDLED = PACKAGE_FOLDER / "corpus" / "bundled" / "test.parquet"
MODEL = Path(os.environ.get(MODEL_VARIABLE, load_configuration(environment={}).model.path))
CUT_OFF, FOREIGN = "damaged-0", "foreign-0"
SIMULATE = ["--simulate", "clipping", "--simulated-utterances", "5"]


@pytest.fixture(scope="module")
def model():
    if not MODEL.is_file():
        pytest.skip(f"{MODEL} is not there")
    return MODEL


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A folder with the subset `spoken`: a damaged recording, a foreign transcript, three that are fine."""
    folder = tmp_path_factory.mktemp("corpus")
    bundled = pyarrow.parquet.read_table(BUNDLED)
    rows = bundled.slice(0, 5).to_pylist()
    rows[0] |= {"id": CUT_OFF, "audio": {**rows[0]["audio"], "bytes": rows[0]["audio"]["bytes"][:3000]}}
    rows[1] |= {"id": FOREIGN, "text": "ROOM 12"}
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(rows, schema=bundled.schema), folder / "spoken.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def request_options(corpus, model) -> list:
    return ["--source", "files", "--root", corpus, "--split", "spoken", "--model", model]


@pytest.fixture(scope="module")
def finished(request_options, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A run in a process of its own."""
    out = tmp_path_factory.mktemp("run")
    command = ["-m", "librispeech_clf.local.commands.evaluate", *request_options, *SIMULATE, "--out", out]
    process = subprocess.run(
        [sys.executable, *map(str, command)], cwd=PROJECT_ROOT, env={**os.environ, "COLUMNS": "100"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return out, process


@pytest.fixture(scope="module")
def again(request_options, finished, forked, tmp_path_factory) -> tuple[Path, Run]:
    """The same run elsewhere, decoded with a language model of the references' words, compared with the first."""
    pytest.importorskip("flashlight.lib.text.decoder", reason="the extra lm is not installed")
    folder = tmp_path_factory.mktemp("again")
    words = list_words(finished[0])
    unigrams = "".join(f"-1.5\t{word.lower()}\n" for word in ("<s>", "</s>", *words))
    pair = f"\\2-grams:\n-1\t<s> {words[0].lower()}\n"
    arpa = f"\\data\\\nngram 1={len(words) + 2}\nngram 2=1\n\n\\1-grams:\n{unigrams}\n{pair}\n\\end\\\n"
    (folder / "tiny.arpa").write_text(arpa)
    options = ["--lm", folder / "tiny.arpa", "--compare", finished[0], "--fail-if", "wer.change >= 0"]
    out = folder / "out"
    return out, forked.run("evaluate", *request_options, *SIMULATE, *options, "--out", out)


def list_words(out: Path) -> list[str]:
    words = pd.read_parquet(out / "results.parquet")["reference"].str.split().explode().dropna().unique()
    return [word for word in words if word.isalpha()]


def read_summary(out: Path) -> tuple[dict, dict]:
    """Read summary.json: what depends on the rows alone, and how fast the run was."""
    summary = json.loads((out / "summary.json").read_text())
    return summary, summary.pop("speed")


def test_terminal_holds_the_tables_failures_by_name_and_no_noise(finished):
    out, process = finished
    assert (process.returncode, process.stderr) == (1, "")
    tables = ("Error rates", "WER %", "Worst utterances", "Weak clusters", "Simulation clipping", "Report:")
    assert [text for text in (*tables, CUT_OFF, FOREIGN) if text not in process.stdout] == []
    summary, _ = read_summary(out)
    assert "cut off" in summary["failures"][CUT_OFF] or "decoded" in summary["failures"][CUT_OFF]
    assert FOREIGN in summary["failures"][FOREIGN]
    assert (summary["utterances"], summary["failed"]) == (5, 2)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert FOREIGN in page and "clipping" in page


def test_progress_that_is_piped_is_a_line_every_tenth(finished):
    lines = re.findall(r"^(\d+) of (\d+) utterances\. \d+\.\d x real time$", finished[1].stdout, re.MULTILINE)
    done, (total,) = [int(number) for number, _ in lines], {int(total) for _, total in lines}
    assert done == sorted(set(done)) and done[-1] == total
    assert len({number * 10 // total for number in done}) == len(done)


@pytest.mark.slow
@pytest.mark.usefixtures("model")
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_bundled_split_needs_less_than_one_and_a_half_gigabytes(tmp_path):
    command = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_maxrss * 1024 < 1.5e9


def test_a_hundred_utterances_refused_for_one_reason_are_one_line(forked, tiny_model, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(8000) / 10), 16000)
    rows = [{"file_name": "a.wav", "id": f"u{number}", "text": f"ROOM {number}"} for number in range(100)]
    pd.DataFrame(rows).to_csv(tmp_path / "all.csv", index=False)
    rows[7]["text"] = "ROOM"
    pd.DataFrame(rows).to_csv(tmp_path / "most.csv", index=False)
    request = ["--source", "files", "--root", tmp_path, "--out", tmp_path / "out"]
    (tmp_path / "m.h5").write_bytes(b"not opened")
    shutil.copy(name_vocabulary_file(tiny_model), tmp_path / "m.vocabulary.json")
    run = forked.run("evaluate", *request, "--split", "all", "--model", tmp_path / "m.h5")
    assert run.code == 2 and "none of 100 utterances can be evaluated. 100: u0: " in run.stderr
    assert run.stderr.count("Spell numbers out") == 1
    run = forked.run("evaluate", *request, "--split", "most", "--model", tiny_model)
    assert run.code == 1, run.stderr
    assert run.told.count("99 utterances, such as u0: ") == 1


def test_single_recording_is_evaluated_and_misfit_simulation_is_named(forked, tiny_model, tmp_path):
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(BUNDLED).slice(0, 1), tmp_path / "one.parquet")
    options = ["--source", "files", "--root", tmp_path, "--split", "one", "--out", tmp_path / "out"]
    simulate = ["--simulate", "additive_noise:babble", "--simulate", "clipping", "--model", tiny_model]
    run = forked.run("evaluate", *options, *simulate)
    assert run.code == 1, run.stderr  # a simulation was asked for and not made
    assert "babble needs other utterances" in run.told
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(results["simulation"].dropna()) == {"clipping"}
    assert results["error"].isna().all()


def test_run_elsewhere_writes_the_same_and_compares(finished, again):
    out, run = again
    summary, before = read_summary(out)[0], read_summary(finished[0])[0]
    same, changed, _ = summary["systems"]["pairs"]
    assert (same["second"], same["better"], same["worse"]) == (finished[0].name, 0, 0) and changed["better"]
    for name in ("systems", "run"):
        del summary[name], before[name]
    assert summary == before
    assert run.code == 3 and "Threshold wer.change >= 0: crossed, it is" in run.told


def test_decoded_text_is_a_system_beside_the_greedy_one(finished, again):
    out, run = again
    name = f"{MODEL.stem} + tiny"
    greedy, before, decoded = (
        pd.read_parquet(path).set_index("utterance_id")
        for path in (
            out / "results.parquet", finished[0] / "results.parquet", out / "systems" / f"{name}.parquet"
        )
    )  # fmt: skip
    assert "decoded" not in greedy.columns and greedy["hypothesis"].equals(before["hypothesis"])
    assert set(" ".join(decoded["hypothesis"].dropna()).split()) <= set(list_words(out))
    assert decoded["word_error_rate"].dropna().sum() < greedy["word_error_rate"].dropna().sum()
    assert name in run.told


@pytest.fixture(scope="module")
def rows(finished) -> pd.DataFrame:
    return pd.read_parquet(finished[0] / "results.parquet")


def test_numbers_agree_with_jiwer_to_the_last_digit(finished, rows):
    scored = rows[rows["error"].isna() & rows["simulation"].isna()]
    references, hypotheses = scored["reference"].tolist(), scored["hypothesis"].tolist()
    summary, _ = read_summary(finished[0])
    assert summary["word"]["all"]["rate"] == jiwer.wer(references, hypotheses)
    assert summary["character"]["all"]["rate"] == jiwer.cer(references, hypotheses)
    for row in scored.itertuples():
        words = jiwer.process_words(row.reference, row.hypothesis)
        assert row.word_error_rate == pytest.approx(words.wer, rel=1e-7)
        counts = (row.word_hits, row.word_substitutions, row.word_deletions, row.word_insertions)
        assert counts == (words.hits, words.substitutions, words.deletions, words.insertions)


def test_results_hold_every_column_and_come_in_order(rows):
    recordings = rows[rows["simulation"].isna()]
    assert recordings["utterance_id"].is_monotonic_increasing and list(recordings["split"]) == ["spoken"] * 5
    fine = recordings[recordings["error"].isna()].iloc[0]
    columns = ["ctc_loss", "confidence", "signal_duration_s", "text_word_count", "record_speaker_id"]
    assert fine[columns].notna().all()
    assert " ".join(word["text"] for word in fine["words"]) == fine["hypothesis"]
    assert len(fine["latent"]) > 8 and len(fine["acoustic_statistics"]) == 60
    failed = recordings[recordings["utterance_id"] == FOREIGN].iloc[0]
    assert failed["reference"] == "ROOM 12" and pd.isna(failed["word_hits"])


def test_simulations_come_as_rows_with_severities(finished, rows):
    severities = rows.loc[rows["simulation"] == "clipping", "severity"]
    assert sorted(severities) == pytest.approx(np.repeat([0.02, 0.115, 0.21, 0.305, 0.4], 5))
    points = read_summary(finished[0])[0]["robustness"][0]["points"]
    assert [point["word"]["utterances"] for point in points] == [3] * 5


def test_same_run_again_computes_nothing_and_writes_the_same(finished, request_options, forked):
    out, _ = finished
    before, rows = read_summary(out), (out / "results.parquet").read_bytes()
    run = forked.run("evaluate", *request_options, *SIMULATE, "--out", out)
    assert "30 of 30 utterances were already finished." in run.stdout
    (summary, speed), (summary_before, speed_before) = read_summary(out), before
    assert (summary, (out / "results.parquet").read_bytes()) == (summary_before, rows)
    assert speed["evaluation"] == speed_before["evaluation"]  # of the run that this one went on from
    assert speed["audio_s"] > 0 and {"analysis", "page"} < speed.keys()


def test_another_choice_takes_what_is_finished(finished, rows, request_options, forked, tmp_path):
    """Whether fewer utterances are asked for than before, or more."""
    shutil.copytree(finished[0] / "parts", tmp_path / "parts")
    whole = rows[rows["simulation"].isna()].set_index("utterance_id")
    for limit, known in ((3, 3), (3, 0), (len(whole), 3)):
        if not known:
            shutil.rmtree(tmp_path / "parts")
        run = forked.run("evaluate", *request_options, "--limit", limit, "--out", tmp_path)
        assert (f"{known} of {limit} utterances were already finished." in run.stdout) == (known > 0)
        chosen = pd.read_parquet(tmp_path / "results.parquet").set_index("utterance_id")["hypothesis"]
        assert len(chosen) == limit and chosen.equals(whole.loc[chosen.index, "hypothesis"])


def test_thresholds_end_with_3_and_figures_stand_in_findings_json(finished, request_options, forked):
    terms = finished[0].with_suffix(".txt")
    terms.write_text("one\nwater\n")
    options = [*request_options, *SIMULATE, "--out", finished[0]]
    run = forked.run(
        "evaluate", *options, "--terms", terms, "--fail-if", "wer < 9", "--fail-if", "failed > 7"
    )
    assert run.code == 3, run.stderr
    assert "Threshold wer < 9: crossed" in run.stdout
    assert "Threshold failed > 7: not crossed, it is 2." in run.stdout
    found, (summary, _) = json.loads((finished[0] / "findings.json").read_text()), read_summary(finished[0])
    assert [item["violated"] for item in found["thresholds"]] == [True, False]
    assert found["word"] == summary["word"]
    assert sum(kind["errors"] for kind in found["error_kinds"]) == summary["word"]["all"]["errors"]
    assert {item["term"] for item in found["terms"]} == {None, "ONE", "WATER"}
    assert found["findings"] == [] and "speakers are known" in found["note"]
    run = forked.run("evaluate", *options, "--fail-if", "wer of gender: X > 0.5")
    assert run.code == 2 and "no group of utterances has this name" in run.stderr


def test_hypotheses_are_evaluated_without_a_model(corpus, finished, forked, tmp_path):
    spoken = pyarrow.parquet.read_table(corpus / "spoken.parquet")
    texts = dict(zip(*(spoken[name].to_pylist() for name in ("id", "text")), strict=True))
    good, bad = tmp_path / "good.json", tmp_path / "bad.trn"
    good.write_text("".join(json.dumps({"id": id, "pred_text": text}) + "\n" for id, text in texts.items()))
    bad.write_text("".join(f"{text.lower()}, (clips/{id}.wav)\n" for id, text in [*texts.items()][1:]))
    out = tmp_path / "out"
    request = ["--source", "files", "--root", corpus, "--split", "spoken", "--out", out]
    request += ["--hypotheses", good, "--hypotheses", f"worse={bad}"]
    wrong = forked.run("evaluate", *request)
    assert wrong.code == 2
    assert "1 of 5 utterances have no hypothesis, such as damaged-0" in wrong.stderr
    assert not out.exists()
    options = ["--missing", "empty", "--normalize", "letters", "--compare", finished[0]]
    run = forked.run("evaluate", *request, *options)
    assert run.code == 1, run.stderr  # the recording that is cut off
    assert "worse: 1 utterances have no hypothesis and count as empty." in run.stdout
    results = pd.read_parquet(out / "results.parquet")
    assert list(results.columns) == list(pd.read_parquet(finished[0] / "results.parquet").columns)
    assert results["latent"].isna().all() and results["confidence"].isna().all()
    scored = results[results["error"].isna()]
    assert FOREIGN in set(scored["utterance_id"]) and (scored["word_error_rate"] == 0).all()
    worse = pd.read_parquet(out / "systems" / "worse.parquet").set_index("utterance_id")
    assert worse.loc[CUT_OFF, "word_deletions"] == worse["word_deletions"].sum() > 0
    assert worse["word_substitutions"].sum() == 0  # commas are normalized away
    names = [rate["name"] for rate in read_summary(out)[0]["systems"]["rates"]]
    assert names == ["good", "worse", finished[0].name]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_CORPUS.is_dir(), reason=f"{REAL_CORPUS} is not there")
def test_real_utterances_of_librispeech(forked, model, tmp_path):
    request = ["--source", "openslr", "--root", REAL_CORPUS, "--split", "test-clean"]
    run = forked.run("evaluate", *request, "--model", model, "--out", tmp_path)
    assert run.code == 0, run.stderr
    results = pd.read_parquet(tmp_path / "results.parquet")
    columns = results[["record_speaker_id", "split", "subset"]].to_numpy().tolist()
    assert columns == [["1089", "test", "test-clean"]] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-if", "wer is high"], "a threshold is a figure, a comparison and a number"),
        (["--terms", "missing.txt"], "--terms needs a text file with one term a line"),
        (["--model", "none.h5"], "none.h5: no model file"),
        (["--source", "files", "--root", "/nowhere"], "the subset test does not exist"),
        (["--hypotheses", "/nowhere.tsv"], "no such file of hypotheses"),
        (["--hypotheses", "a/b=/nowhere.tsv"], "a system's name holds"),
        (["--hypotheses-columns", "text"], "id=NAME,text=NAME is expected"),
        (["--compare", "/nowhere"], "the folder of a finished evaluation"),
        (["--lm-weight", "1"], "give one with --lm"),
        (["--word-score", "1"], "give --lm or --lexicon"),
        (["--lm", "none.arpa"], "no such language model"),
        (["--beam", "5", "--hypotheses", "x.csv"], "give one with --model"),
    ],
)
def test_wrong_request_says_what_to_do(arguments, message, forked, tmp_path):
    model = tmp_path / "model.h5"
    model.write_bytes(b"not read")
    model_options = [] if "--beam" in arguments else ["--model", model]
    run = forked.run("evaluate", *model_options, *arguments, "--out", tmp_path / "out")
    assert run.code == 2 and message in run.stderr
    assert re.fullmatch(r"(usage: (.*\n)+)?evaluate: .*\n", run.stderr)
    assert not (tmp_path / "out").exists()


def test_output_folder_in_use_or_closed_is_told_before_the_first_window(request_options, forked, tmp_path):
    (tmp_path / "file").write_text("")
    with output_lock(tmp_path / "used", "evaluation"):
        for name, message in (("used", "another evaluation is writing there"), ("file", "cannot be written")):
            run = forked.run("evaluate", *request_options, "--out", tmp_path / name)
            assert run.code == 2
            assert message in run.stderr and len(run.stderr.splitlines()) == 1
        assert [path.name for path in (tmp_path / "used").iterdir()] == [".lock"]


KILLED = """
import os, signal, sys
from librispeech_clf.local.commands import evaluate
from librispeech_clf.local.evaluation import engine, plan

log, left, predict = open(sys.argv[1], "w"), int(sys.argv[2]), engine.predict_batch

def count(predict_one, waveforms, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    print(len(waveforms), file=log, flush=True)
    return predict(predict_one, waveforms, **options)

engine.predict_batch, plan.WINDOW = count, 4
sys.exit(evaluate.main(sys.argv[3:]))
"""


def test_killed_run_goes_on_without_computing_what_is_finished(forked, tiny_model, tmp_path):
    def run(batches, out):
        options = ["--model", tiny_model, "--limit", "16", "--out", tmp_path / out]
        done = forked.run("execute", KILLED, tmp_path / "log", batches, *options)
        said = re.search(r"(\d+) of 16 utterances were already finished", done.stdout)
        computed = sum(map(int, (tmp_path / "log").read_text().split()))
        return done.code, int(said[1]) if said else 0, computed

    assert run(99, "whole") == (0, 0, 16)
    for _ in range(2):
        code, _, computed = run(5, "broken")
        assert code == -signal.SIGKILL and computed < 16
    code, finished, computed = run(99, "broken")
    assert code == 0 and finished >= 4 and finished + computed == 16
    whole, broken = (tmp_path / name / "results.parquet" for name in ("whole", "broken"))
    assert broken.read_bytes() == whole.read_bytes()


@pytest.fixture
def own(tmp_path):
    """A folder of two recordings, and what a recognizer wrote, which is the references."""
    rows = pyarrow.parquet.read_table(BUNDLED).slice(0, 2).to_pylist()
    texts = ["Mr. Brown paid (laughter) twenty dollars.", "Won\u2019t you?"]
    table = "".join(f"{number}.flac,{text}\n" for number, text in enumerate(texts))
    (tmp_path / "test").mkdir()
    for number, row in enumerate(rows):
        (tmp_path / f"test/{number}.flac").write_bytes(row["audio"]["bytes"])
    (tmp_path / "test/metadata.csv").write_text(f"file_name,text\n{table}")
    (tmp_path / "heard.tsv").write_text("".join(f"{number}\t{text}\n" for number, text in enumerate(texts)))
    return tmp_path


@pytest.mark.parametrize("normalization", ["letters", "whisper"])
def test_references_hypotheses_and_terms_are_normalized_alike(own, forked, normalization):
    (own / "terms.txt").write_text("Mr. Brown\ntwenty dollars\nwon't\n")
    request = ["--source", "files", "--root", own, "--hypotheses", own / "heard.tsv", "--out", own / "out"]
    (own / "notes.csv").write_text("utterance_id,note\n0,told\ngone,lost\n")
    options = ["--normalize", normalization, "--terms", own / "terms.txt", "--notes", own / "notes.csv"]
    run = forked.run("evaluate", *request, *options, environment={"LIBRISPEECH_ANNOTATIONS": "drop"})
    assert run.code == 0, run.stderr
    assert "--notes: 1 of 2 are of no utterance evaluated, such as gone." in run.stdout
    found = json.loads((own / "out/findings.json").read_text())
    assert found["word"]["all"]["errors"] == 0
    kept = [(item["occurrences"], item["recognized"]) for item in found["terms"] if item["term"]]
    assert kept == [(1, 1)] * 3
