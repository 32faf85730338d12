"""Peak memory of a whole evaluation, base configuration with random weights, for 50 and for 500 utterances.

Three of the utterances last 35 s, the others 1.2 s. Run: `python tests/benchmarks/benchmark_memory.py`.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PROJECT_ROOT = Path(__file__).resolve().parents[2]
SAMPLING_RATE = 16_000
LONG_S, SHORT_S = 35.0, 1.2
LONG_UTTERANCES = 3


def save_base_model(path: Path) -> None:
    """Write the base architecture with random weights."""
    from librispeech_clf.local.model.architecture import BASE
    from librispeech_clf.local.model.graph import build_wav2vec2

    build_wav2vec2(BASE).save(path)


def write_corpus(path: Path, *, utterances: int) -> None:
    """Write a parquet file of noise with transcripts."""
    from librispeech_clf.audio.decoding import encode_flac
    from librispeech_clf.corpus.schema import Utterance
    from tests.helpers.made_utterances import dataset_from_utterances

    generator = np.random.default_rng(0)
    rows = []
    for number in range(utterances):
        seconds = LONG_S if number < LONG_UTTERANCES else SHORT_S
        noise = generator.normal(0, 0.1, int(seconds * SAMPLING_RATE)).astype(np.float32)
        audio = encode_flac(noise, sampling_rate=SAMPLING_RATE)
        rows.append(Utterance(f"{number % 20}-1-{number:04}", "A FEW WORDS", number % 20, 1, audio, "a.flac"))
    dataset_from_utterances(rows).to_parquet(path)


def measure(folder: Path, model: Path, *, utterances: int) -> tuple[float, float]:
    """Evaluate in a process of its own.

    Returns:
        Peak resident memory in GB, CPU seconds.
    """
    root = folder / str(utterances)
    root.mkdir()
    write_corpus(root / "noise.parquet", utterances=utterances)
    command = [
        sys.executable,
        "-m",
        "librispeech_clf.local.commands.evaluate",
        "--source",
        "files",
        "--root",
        root,
    ]
    command += ["--split", "noise", "--model", model, "--out", root / "report"]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"evaluate ended with {os.waitstatus_to_exitcode(status)}")
    return 1024 * usage.ru_maxrss / 1e9, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print peak memory by number of utterances."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "base.h5"
        save_base_model(model)
        for utterances in map(int, sys.argv[1:] or (50, 500)):
            peak, cpu = measure(folder, model, utterances=utterances)
            print(f"{utterances} utterances: peak {peak:.2f} GB, CPU {cpu:.0f} s", flush=True)
        print(f"of this process: {1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9:.2f} GB")


if __name__ == "__main__":
    sys.path[:0] = [str(PROJECT_ROOT), str(PROJECT_ROOT / "tests" / "corpus")]
    main()
