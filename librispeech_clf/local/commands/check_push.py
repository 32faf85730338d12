"""The command `check-push`: rehearse a push of the integration to Tensorleap, without a server.

In: leap.yaml and the files it names. Out: a table of what passed, and the commands that push; exit code 1 and
the missing file's name if the bundle would not work by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import rich.console
import rich.table
import rich.text

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.local.cli import make_parser, run
from librispeech_clf.local.push import rehearsal
from librispeech_clf.local.push.bundle import (
    Collection,
    Finding,
    Manifest,
    check_requirements,
    check_wheels,
    collect,
    read_manifest,
)
from librispeech_clf.local.push.engine import check_model_file, rehearse_engine
from librispeech_clf.text.plain_text import escape_unprintable, print_plain

LARGE_BUNDLE_BYTES = 200 * 1024 * 1024  # from here on the leap command line asks what to leave out
RESULT_PREFIX = "rehearsal: "
MODEL = "models/wav2vec.h5"
NOT_REHEARSED = Finding(
    "engine", None, "--engine imports the model as Tensorleap's engine does", skipped=True
)
PUSH_COMMANDS = """\
Push it with the current leap command line:
    leap push -n NAME -m models/wav2vec.h5 -e     code and model, then evaluate
    leap push -o NAME -u metadata                 code only; also -u metric, -u visualization
or with the older one:
    leap projects push models/wav2vec.h5          code and model
    leap code push                                code only
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 when a check fails."""
    parser = make_parser("check-push", "Rehearse a push to Tensorleap, without a server.")
    add = parser.add_argument
    add("--root", type=Path, default=PROJECT_ROOT, help="folder of leap.yaml")
    add("--files-only", action="store_true", help="check which files are pushed, run nothing")
    add(
        "--requirements", action="store_true",
        help="install requirements.txt into a new environment and use that; also look for aarch64 wheels",
    )  # fmt: skip
    add(
        "--engine",
        action="store_true",
        help="import the model as Tensorleap's engine does, and compare logits",
    )
    add(
        "--engine-python", type=Path, metavar="PATH", help="a Python 3.8 to 3.10 for --engine (default: found)"
    )  # fmt: skip
    add("--model", type=Path, help=f"the model file to push (default: {MODEL})")
    return run(parser, partial(check_push, parser), arguments)


def check_push(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check everything, print what was found and what to do next; return the exit code."""
    if options.files_only and options.engine:
        parser.error("--engine needs the wiring, which --files-only does not run.")
    findings = rehearse(options)
    table = rich.table.Table("check", "result", title="Rehearsal of a push", title_justify="left")
    table.add_column("remark", overflow="fold")
    for finding in findings:
        mark = "not run" if finding.skipped else "passed" if finding.problem is None else "FAILED"
        cells = finding.what, mark, finding.note if finding.problem is None else finding.problem
        table.add_row(*(rich.text.Text(escape_unprintable(cell, keep="\n")) for cell in cells))
    rich.console.Console().print(table)
    if all_passed(findings):
        print(PUSH_COMMANDS)
        return 0
    for finding in findings:
        if finding.problem is not None:
            print_plain(f"{finding.what}: {finding.problem}", file=sys.stderr)
    return 1


def rehearse(options: argparse.Namespace) -> list[Finding]:
    """Check the files of a push, then run them by themselves, then the model in the engine.

    Returns:
        What was found, in the order of the checks; a step that fails keeps the later ones from running.
    """
    root = options.root.resolve()
    manifest = read_manifest(root / "leap.yaml")
    collection = collect(root, manifest)
    model = options.model or root / MODEL
    findings = [*check_files(root, collection), *check_requirements(root, manifest.entry_file)]
    if options.model or options.engine or MODEL in collection.files:
        vocabulary = load_configuration(environment={}).read_vocabulary()
        findings += check_model_file(model, vocabulary=vocabulary)
    if options.files_only or not all_passed(findings):
        return findings
    with tempfile.TemporaryDirectory(prefix="check-push-") as folder:
        result = run_bundle(root, manifest, collection, Path(folder), install=options.requirements)
        if options.requirements:
            findings += check_wheels(root, Path(folder, "environment", "bin", "python"))
    findings += summarize(result)
    if not options.engine:
        return [*findings, NOT_REHEARSED]
    if not all_passed(findings):
        return [*findings, Finding("engine", None, "fix what failed before it", skipped=True)]
    return [*findings, *rehearse_engine(model.resolve(), result["wiring"], python=options.engine_python)]


def all_passed(findings: Sequence[Finding]) -> bool:
    """Tell whether no check failed."""
    return all(finding.problem is None for finding in findings)


def check_files(root: Path, collection: Collection) -> list[Finding]:
    """Check that the bundle is complete and not too large."""
    unmatched = "matches no file; create it or remove the pattern from include."
    missing = "is not in the bundle; add it to include in leap.yaml."
    findings = [Finding(f"pattern {pattern}", unmatched) for pattern in collection.unmatched]
    findings += [Finding(file, missing) for file in collection.missing]
    absent = [file for file in collection.files if not (root / file).is_file()]
    findings += [Finding(file, "does not exist.") for file in absent]
    present = [root / file for file in collection.files if file not in absent]
    size = sum(path.stat().st_size for path in present)
    note = f"{len(present)} files, {size / 1e6:.1f} MB"
    if size >= LARGE_BUNDLE_BYTES:
        note += "; WARNING: above 200 MB; put large files on the data volume, or push the model only with -m"
    return [*findings, Finding("bundle", None, note)]


def run_bundle(
    root: Path, manifest: Manifest, collection: Collection, folder: Path, *, install: bool
) -> dict:
    """Copy the bundle's files to an empty folder and check them there in a separate process; see `rehearsal.check`."""
    bundle = folder / "bundle"
    for file in collection.files:
        target = bundle / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, target)
    python = install_requirements(bundle, folder / "environment") if install else Path(sys.executable)
    return run_rehearsal(python, bundle, entry_file=manifest.entry_file, without=root)


def install_requirements(bundle: Path, folder: Path) -> Path:
    """Install the bundle's requirements.txt into a new environment; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    requirements = str(bundle / "requirements.txt")
    command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", requirements]
    if subprocess.run(command, check=False).returncode:
        raise ValueError(f"{requirements}: pip could not install it; see above.")
    return python


def run_rehearsal(python: Path, bundle: Path, *, entry_file: str, without: Path) -> dict:
    """Run a bundle's rehearsal.py in a fresh process, as on the platform, with the folder `without` off its path.

    Returns:
        What `rehearsal.check` returns; if the process failed before that, its last output as `error`.
    """
    names = [name for name in os.environ if name.startswith(("LIBRISPEECH_", "NUMBA_CACHE"))]
    environment = {name: value for name, value in os.environ.items() if name not in (*names, "PYTHONPATH")}
    environment |= {
        "TL_DISABLE_ANALYTICS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "IS_TENSORLEAP_PLATFORM": "true",
        # An image may be read-only and its user without a home directory: numba then finds no place for its cache.
        "HOME": os.path.join(os.devnull, "home"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    command = [str(python), "-I", rehearsal.__file__, str(bundle), "--entry-file", entry_file]
    command += ["--without", str(without)]
    done = subprocess.run(
        command,
        env=environment,
        cwd=bundle,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        return {"valid": False, "error": done.stderr[-2000:] or f"exit code {done.returncode}"}
    return read_result(done.stdout)


def read_result(printed: str) -> dict:
    """Read the result among what rehearsal.py printed; code-loader prints around it."""
    line = next(line for line in printed.splitlines() if line.startswith(RESULT_PREFIX))
    return json.loads(line.removeprefix(RESULT_PREFIX))


def summarize(result: dict) -> list[Finding]:
    """Turn the rehearsal's result into rows of the table.

    If a first sample cannot be read, code-loader only says that it lacks a shape; the sample's own reason is given
    instead.
    """
    samples = [Finding(f"sample of {state}", reason) for state, reason in result.get("samples", {}).items()]
    if result["error"]:
        unread = [finding for finding in samples if finding.problem]
        return unread or [Finding("dataset check", result["error"])]
    payloads = result["payloads"]
    failed = [Finding(name, reason) for name, reason in payloads.items() if reason]
    note = f"{len(payloads) - len(failed)} of {len(payloads)} parts passed"
    calls = result["functions"]
    functions = [Finding(name, reason) for name, reason in calls.items() if reason]
    if calls and not functions:
        functions = [Finding("functions", None, f"{len(calls)} calls of metrics, loss, visualizers")]
    foreign = [Finding(file, "was imported from outside the bundle.") for file in result["foreign"]]
    check = Finding("dataset check", None if result["valid"] else note, note)
    return [*failed, check, *samples, *functions, *foreign]


if __name__ == "__main__":
    sys.exit(main())
