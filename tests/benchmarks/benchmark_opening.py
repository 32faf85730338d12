"""Opening a corpus of LibriSpeech's size: seconds and resident memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SPEAKERS, CHAPTERS_PER_SPEAKER, UTTERANCES_PER_CHAPTER = 2_433, 2, 60
UTTERANCES = SPEAKERS * CHAPTERS_PER_SPEAKER * UTTERANCES_PER_CHAPTER
TEXT = "HE HOPED THERE WOULD BE STEW FOR DINNER TURNIPS AND CARROTS AND BRUISED POTATOES AND FAT MUTTON"

# Opens the split as a process of its own, so that memory is this work's alone. VmHWM, as getrusage's ru_maxrss also
# counts the parent's pages at the fork.
OPEN = """
import json, sys, time
begin = time.perf_counter()
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split
corpus = load_configuration(environment={}).with_corpus(
    source="openslr", root=sys.argv[1], subsets_by_state={"training": ["whole"]}).corpus
split = load_split(corpus, "training")
ids = split.ids
opened = time.perf_counter()
for utterance_id in ids[:: len(ids) // 200]:
    assert split.utterance(utterance_id).id == utterance_id
utterance_s = (time.perf_counter() - opened) / 200
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
memory = 1024 * int(status["VmHWM"].split()[0])
print(json.dumps({"ids": len(ids), "seconds": opened - begin, "utterance_s": utterance_s, "bytes": memory}))
"""


def make_tree(root: Path) -> None:
    """Write transcripts and empty recordings of 291,960 utterances."""
    for speaker in range(1, SPEAKERS + 1):
        for chapter in range(CHAPTERS_PER_SPEAKER):
            name = f"{speaker}-{10 * speaker + chapter}"
            folder = root / "LibriSpeech" / "whole" / str(speaker) / str(10 * speaker + chapter)
            folder.mkdir(parents=True)
            ids = [f"{name}-{number:04}" for number in range(UTTERANCES_PER_CHAPTER)]
            for utterance_id in ids:
                os.close(os.open(folder / f"{utterance_id}.flac", os.O_CREAT))
            lines = "".join(f"{utterance_id} {TEXT}\n" for utterance_id in ids)
            (folder / f"{name}.trans.txt").write_text(lines)


def measure(root: Path) -> dict[str, float]:
    """Open the corpus in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "HF_HOME": str(root / "cache")}
    command = [sys.executable, "-c", OPEN, str(root)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
