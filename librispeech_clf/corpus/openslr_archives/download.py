"""Downloads a file so that it survives cut connections: resumed by HTTP ranges, verified by MD5."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

OnProgress = Callable[[int, int | None], None]

TIMEOUT_S = 60.0
PAUSE_S = 1.0
FAILURES_IN_A_ROW = 6
CHUNK_BYTES = 1 << 18
NETWORK_ERRORS = (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException)


def download_verified(
    url: str, path: Path, *, md5: str, size: int | None = None, on_progress: OnProgress
) -> None:
    """Brings a file to `path`; continues what is there already.

    A resumed file with the wrong checksum is fetched once more from its start, since its first part may be of
    another download.

    Args:
        url: HTTP or HTTPS.
        path: Where to.
        md5: The checksum, hexadecimal.
        size: Bytes of the file, None where they are not known; what is longer is not read to its end, and what
            is shorter is cut off unless the server tells its length.
        on_progress: Told the bytes there are and the bytes there will be.

    Raises:
        ConnectionError: The server cannot be reached, or cuts the connection again and again.
        FileNotFoundError: The server does not have the file.
        ValueError: The checksum is wrong, or the server sends more than `size`; the file is removed.
    """
    resumed = path.exists()
    download(url, path, size=size, on_progress=on_progress)
    received = file_md5(path)
    if received != md5 and resumed:
        path.unlink()
        download(url, path, size=size, on_progress=on_progress)
        received = file_md5(path)
    if received != md5:
        path.unlink()
        raise ValueError(
            f"{url}: the MD5 checksum is {received}, expected {md5}; the file was removed. "
            "Run the command again, or choose another mirror with --base-url."
        )


def download(url: str, path: Path, *, size: int | None = None, on_progress: OnProgress) -> None:
    """Brings a file to `path`, resuming after each cut; arguments and errors as for `download_verified`."""
    failures, most = 0, _size(path)
    while True:
        try:
            if _fetch_rest(url, path, size=size, on_progress=on_progress):
                return
            error: Exception | None = None
        except NETWORK_ERRORS as network_error:
            _refuse_if_final(url, network_error, begun=_size(path) > 0)
            error = network_error
        failures = 0 if _size(path) > most else failures + 1
        most = max(most, _size(path))
        if failures >= FAILURES_IN_A_ROW:
            reason = " ".join(str(error or "the answer was cut off").split())
            raise ConnectionError(
                f"{url}: {failures} attempts brought nothing more ({reason}); "
                "run the command again later, it continues where it stopped."
            ) from error
        time.sleep(PAUSE_S * 2**failures)


def file_md5(path: Path) -> str:
    """The file's MD5 checksum, hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch_rest(url: str, path: Path, *, size: int | None, on_progress: OnProgress) -> bool:
    """Asks once for what is missing; tells whether the file is complete now, as far as the server tells."""
    start = _size(path)
    try:
        response = _ask(url, start)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        total = _total_of_range(error.headers.get("Content-Range"))
        return total is None or _complete_or_restart(path, start, total)
    with response:
        continues = response.status == http.HTTPStatus.PARTIAL_CONTENT
        content_range = response.headers.get("Content-Range")
        if continues and _start_of_range(content_range) != start:
            path.unlink(missing_ok=True)
            return False
        total = _total_of_range(content_range) if continues else None
        end = _end_of_range(content_range) if continues else None
        if not continues:
            total = _optional_int(response.headers.get("Content-Length"))
        with path.open("ab" if continues else "wb") as file:
            while chunk := response.read1(CHUNK_BYTES):
                file.write(chunk)
                on_progress(file.tell(), total)
                if size is not None and file.tell() > size:
                    break
    _refuse_longer(url, path, size)
    if total is None and end is not None:
        # More may follow what a server of unknown total sent: it is asked again, until nothing comes.
        return _size(path) == start >= end
    if total is None:
        return size is None or _size(path) == size
    return _complete_or_restart(path, _size(path), total)


def _ask(url: str, start: int) -> http.client.HTTPResponse:
    """Asks for the file from byte `start` on."""
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        )
    except ValueError as error:
        raise ValueError(
            f"{url}: it, or where it leads, is no address ({error}); check --base-url."
        ) from error
    return response


def _refuse_longer(url: str, path: Path, size: int | None) -> None:
    if size is not None and _size(path) > size:
        path.unlink()
        raise ValueError(
            f"{url}: the server sends more than the archive's {size} bytes; the file was removed. "
            "Choose another mirror with --base-url."
        )


def _complete_or_restart(path: Path, size: int, total: int) -> bool:
    """Whether the file has the server's size; a larger one is removed."""
    if size > total:
        path.unlink()
        return False
    return size == total


def _refuse_if_final(url: str, error: Exception, *, begun: bool) -> None:
    """Raises when trying again is of no use: no such file, or no such server before anything came from it."""
    if isinstance(getattr(error, "reason", None), socket.gaierror) and not begun:
        raise ConnectionError(f"{url}: {error}; check the network connection and --base-url.") from error
    if isinstance(error, urllib.error.HTTPError) and 300 <= error.code < 400:
        raise ConnectionError(
            f"{url}: the server redirects in circles or to nowhere ({error.code}); check --base-url."
        ) from error
    if isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500 and error.code not in (408, 429):
        raise FileNotFoundError(
            f"{url}: the server answers {error.code} {error.reason}; check --base-url."
        ) from error


def _start_of_range(header: str | None) -> int | None:
    match = re.match(r"bytes (\d{1,18})-", header or "")
    return int(match[1]) if match else None


def _end_of_range(header: str | None) -> int | None:
    """The number of bytes up to the range's end, which counts where the server tells no total."""
    match = re.match(r"bytes \d+-(\d{1,18})/", header or "")
    return int(match[1]) + 1 if match else None


def _total_of_range(header: str | None) -> int | None:
    match = re.search(r"/(\d{1,18})$", header or "")
    return int(match[1]) if match else None


def _optional_int(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,18}", text) else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
