"""Look up the locked packages' known vulnerabilities with pip-audit; packages without data are never called safe.

Usage: python audit.py PIP_AUDIT, in the folder of poetry.lock. Exit code 1: vulnerabilities are known.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def list_locked(lock: str) -> list[str]:
    """Return `name==version` of every package in a poetry.lock, sorted."""
    return sorted({f"{package['name']}=={package['version']}" for package in tomllib.loads(lock)["package"]})


def look_up(pip_audit: str, requirements: Sequence[str]) -> list[dict[str, Any]]:
    """Return what pip-audit finds: `vulns` or `skip_reason` for each package; nothing where it cannot be run."""
    with tempfile.TemporaryDirectory() as folder:
        listed, found = Path(folder, "locked.txt"), Path(folder, "found.json")
        listed.write_text("\n".join(requirements))
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        command = [pip_audit, "-r", str(listed), *options, "--output", str(found)]
        try:
            subprocess.run(command, capture_output=True, check=False)
            return json.loads(found.read_text())["dependencies"]
        except (OSError, ValueError):
            return []


def describe(requirements: Sequence[str], looked_up: Sequence[dict[str, Any]]) -> tuple[list[str], int]:
    """Return the lines to print and the exit code."""
    known = [package for package in looked_up if "vulns" in package]
    lines = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        + f", fixed in {', '.join(vulnerability.get('fix_versions') or ['no version'])}"
        for package in known
        for vulnerability in package["vulns"]
    ]
    unknown = len(requirements) - len(known)
    if not known:
        summary = f"NOT CHECKED, no data for any of {len(requirements)} locked packages; they may have some."
    else:
        summary = f"{len(lines)} known in {len(known)} locked packages"
        summary += f"; {unknown} NOT CHECKED, no data for them; they may have some." if unknown else "."
    return [*lines, f"Vulnerabilities: {summary}"], 1 if lines else 0


def main() -> int:
    """Look up, print, return the exit code."""
    requirements = list_locked(Path("poetry.lock").read_text())
    lines, code = describe(requirements, look_up(sys.argv[1], requirements))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
