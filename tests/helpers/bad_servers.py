"""Servers that misbehave: each answers its first requests in its own way, and later ones as it should."""

import contextlib
import gzip
import hashlib
import io
import re
import socket
import socketserver
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

SUBSET = "test-clean"
WHOLE = "whole"
"""Outcome: the subset is in its place, whole, at the end of the first run."""
NO_ARCHIVE = "the MD5 checksum is [0-9a-f]{32}, expected"
NOTHING_MORE = "attempts brought nothing more"
REFUSED = "the server answers"
TOO_LONG = "more than the archive's"


def make_members() -> dict[str, bytes]:
    """The files of a small subset by their path in the archive."""
    random = np.random.default_rng(7).bytes
    folder = f"LibriSpeech/{SUBSET}/1/2/1-2"
    recordings = {f"{folder}-{number:04}.flac": random(4000) for number in range(8)}
    lines = "".join(f"1-2-{number:04} SOME WORDS\n" for number in range(8))
    return {"LibriSpeech/SPEAKERS.TXT": b";\n", f"{folder}.trans.txt": lines.encode(), **recordings}


def pack(members: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """Pack files as OpenSLR does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in more:
            tar.addfile(member)
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Asked(NamedTuple):
    """A request: its number, the start of the range asked for, and what the server has."""

    number: int
    start: int | None
    content: bytes

    @property
    def rest(self) -> bytes:
        return self.content[self.start or 0 :]


Answer = Callable[[Asked], bytes | Iterator[bytes]]
"""Bytes that go over the wire, headers included; `RESET` within an iterator breaks the connection."""
RESET = b"\0reset"


def head(status: str, **fields: object) -> bytes:
    """A status line and header fields; `_` stands for "-"."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def answer_well(asked: Asked) -> bytes:
    """As a good server."""
    total = len(asked.content)
    if asked.start is None:
        return head("200 OK", Content_Length=total) + asked.content
    if asked.start >= total:
        return head("416 Range Not Satisfiable", Content_Range=f"bytes */{total}")
    told = f"bytes {asked.start}-{total - 1}/{total}"
    return head("206 Partial Content", Content_Range=told, Content_Length=len(asked.rest)) + asked.rest


def fixed(answer: bytes) -> Answer:
    return lambda asked: answer


def whole(**fields: object) -> Answer:
    """All of the content under a header of one's own."""
    return lambda asked: head("200 OK", **fields) + asked.content


def cut(share: float, *, reset: bool = False) -> Answer:
    """A good answer that breaks off."""

    def answer(asked: Asked) -> Iterator[bytes]:
        answered = answer_well(asked)
        yield answered[: int(len(answered) * share)]
        if reset:
            yield RESET

    return answer


def ranged(told: str, *, shift: int = 0) -> Answer:
    """An answer to a range request with a range of one's own: {start}, {end}, {total}."""

    def answer(asked: Asked) -> bytes:
        if asked.start is None:
            return answer_well(asked)[:8000]
        start, total = asked.start + shift, len(asked.content)
        content_range = told.format(start=start, end=total - 1, total=total)
        return head("206 Partial Content", Content_Range=content_range) + asked.content[max(0, start) :]

    return answer


def chunked(asked: Asked) -> bytes:
    pieces = [asked.rest[start : start + 5000] for start in range(0, len(asked.rest), 5000)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head("200 OK", Transfer_Encoding="chunked") + body + b"0\r\n\r\n"


def endless(asked: Asked) -> Iterator[bytes]:
    """Without an end, to 64 MB."""
    yield head("200 OK")
    for _ in range(64):
        yield bytes(1 << 20)


def drip(asked: Asked) -> Iterator[bytes]:
    """A byte at a time at first."""
    answered = answer_well(asked)
    yield from (answered[place : place + 1] for place in range(200))
    yield answered[200:]


def hang(asked: Asked) -> Iterator[bytes]:
    """Nothing more after half of it, with the connection open."""
    answered = answer_well(asked)
    yield answered[: len(answered) // 2]
    time.sleep(0.5)


def compress(asked: Asked) -> bytes:
    """Compressed, though it was not asked for."""
    body = gzip.compress(asked.content)
    return head("200 OK", Content_Encoding="gzip", Content_Length=len(body)) + body


class BadServer(NamedTuple):
    """A server and what must come of it: `WHOLE`, or a pattern of the refusal."""

    name: str
    answers: list[Answer]
    """To the first requests; good ones follow, or with `for_ever` the last one again and again."""
    outcome: str = WHOLE
    for_ever: bool = False
    content: bytes = b""
    """What it has, where it is not the intact archive."""
    begun: int = 0
    """Bytes that an earlier run has left."""


def list_short_answers() -> list[BadServer]:
    """Connections that break, and lengths that are not so."""
    small, large = whole(Content_Length=5000), whole(Content_Length=10**7)
    return [
        BadServer("good", []),
        BadServer("good-continued", [], begun=7000),
        BadServer("begun-whole", [], begun=10**9),
        *(BadServer(f"cut-{share}", [cut(share)] * 3) for share in (0.0, 0.001, 0.5, 0.999)),
        *(BadServer(f"reset-{share}", [cut(share, reset=True)] * 3) for share in (0.0, 0.3, 0.9)),
        BadServer("closes-always", [cut(0)], NOTHING_MORE, for_ever=True),
        BadServer("resets-always", [cut(0, reset=True)], NOTHING_MORE, for_ever=True),
        BadServer("hangs-once", [hang]),
        BadServer("drips", [drip]),
        BadServer("endless", [endless], TOO_LONG, for_ever=True),
        BadServer("length-too-small", [small], for_ever=True, outcome=NO_ARCHIVE),
        BadServer("length-too-large", [large], for_ever=True),
        BadServer("length-too-large-once", [large]),
        BadServer("length-garbage", [whole(Content_Length="many")]),
        BadServer("length-negative", [whole(Content_Length=-5)]),
        BadServer("length-absent", [whole()]),
        BadServer("empty-body", [fixed(head("200 OK", Content_Length=0))], NO_ARCHIVE, for_ever=True),
        BadServer("chunked", [chunked]),
        BadServer("bad-chunks", [fixed(head("200 OK", Transfer_Encoding="chunked") + b"zz\r\n" + bytes(99))]),
        BadServer("compressed", [compress], NO_ARCHIVE + "|" + TOO_LONG, for_ever=True),
    ]


def list_broken_protocols() -> list[BadServer]:
    """Answers that are no HTTP, and statuses."""
    many = head("200 OK", **{f"X_{number}": number for number in range(300)})
    broken = {
        "garbage": b"\x00\xff" * 300, "no-status": b"<html>hello</html>", "status-text": b"HTTP/1.1 abc\r\n\r\n",
        "status-9999": b"HTTP/1.1 9999 X\r\n\r\n", "line-of-megabytes": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3_000_000,
        "300-fields": many, "smtp": b"220 mail ready\r\n", "http-2": b"HTTP/2 200\r\n\r\n" + b"x" * 40,
    }  # fmt: skip
    again = [500, 502, 503, 504, 408, 429]
    final = [400, 401, 403, 404, 410, 418, 451]
    return [
        *(BadServer(f"{name}-once", [fixed(answer)]) for name, answer in broken.items()),
        *(BadServer(f"{name}-always", [fixed(broken[name])], NOTHING_MORE, for_ever=True)
          for name in ("garbage", "status-text", "300-fields")),
        *(BadServer(f"status-{code}-twice", [fixed(head(f"{code} No"))] * 2) for code in again),
        *(BadServer(f"status-{code}", [fixed(head(f"{code} No"))], REFUSED, for_ever=True) for code in final),
        BadServer("status-503-always", [fixed(head("503 No"))], NOTHING_MORE, for_ever=True),
        BadServer("status-204", [fixed(head("204 No Content"))], NOTHING_MORE, for_ever=True),
        BadServer("status-100-first", [lambda asked: b"HTTP/1.1 100 Continue\r\n\r\n" + answer_well(asked)]),
        *(BadServer(f"redirect-{name}", [fixed(head("302 Found", Location=place))],
                    "redirects in circles or to nowhere|attempts brought|is not an address", for_ever=True)
          for name, place in {
              "circle": "/x", "file": "file:///etc/passwd", "nowhere": "http://127.0.0.1:9/", "odd": "x://y",
              "ftp": "ftp://127.0.0.1:9/x", "unbalanced": "http://[::1/x", "escape": "/a\x1b[2Jb",
          }.items()),
        BadServer("redirect-empty", [fixed(head("302 Found"))], "redirects in circles or to nowhere", for_ever=True),
        BadServer("redirect-once", [fixed(head("307 Temporary", Location="/other"))]),
    ]  # fmt: skip


def list_ranges() -> list[BadServer]:
    """Answers to a continued download that do not continue it."""
    begun = 7000
    return [
        BadServer("range-ignored", [lambda asked: head("200 OK") + asked.content], begun=begun),
        BadServer("range-shifted", [ranged("bytes {start}-{end}/{total}", shift=3)], begun=begun),
        BadServer("range-before", [ranged("bytes {start}-{end}/{total}", shift=-9)], begun=begun),
        BadServer("range-untold", [lambda asked: head("206 Partial Content") + asked.rest], begun=begun),
        BadServer("range-garbage", [ranged("bytes x-y/z")], begun=begun),
        BadServer("range-no-total", [ranged("bytes {start}-{end}/*")], begun=begun),
        BadServer("range-other-total", [ranged("bytes {start}-{end}/99999")], begun=begun),
        BadServer("range-huge", [ranged("bytes {start}-{end}/" + "9" * 5000)], begun=begun),
        BadServer("range-unsatisfiable-once", [fixed(head("416 No", Content_Range="bytes */7000"))], begun=begun),
        BadServer("range-unsatisfiable", [fixed(head("416 No"))], f"{REFUSED} 416", for_ever=True, begun=begun),
        BadServer("partial-unasked", [lambda asked: head("206 Partial Content") + asked.content]),
    ]  # fmt: skip


def list_archives() -> list[BadServer]:
    """Contents that are no archive, or a hostile one under the right checksum."""
    members = make_members()
    intact = pack(members)
    file = f"LibriSpeech/{SUBSET}/1/2/x"

    def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        made.type, made.linkname = kind, target
        return made

    flipped = intact[:9000] + bytes([intact[9000] ^ 1]) + intact[9001:]
    pages = {
        "page": b"<html>Please log in</html>" * 400,
        "other-bytes": bytes(len(intact)),
        "one-flipped": flipped,
    }
    hostile = {
        "symlink": pack(members, member(file, tarfile.SYMTYPE, "/etc/passwd")),
        "hard-link": pack(members, member(file, tarfile.LNKTYPE, "LibriSpeech/SPEAKERS.TXT")),
        "device": pack(members, member(file, tarfile.CHRTYPE)),
        "pipe": pack(members, member(file, tarfile.FIFOTYPE)),
        "climbing": pack(members | {f"LibriSpeech/{SUBSET}/../../../x": b"x"}),
        "absolute": pack(members | {"/tmp/fault-x": b"x"}),
        "elsewhere": pack(members | {"Other/x": b"x"}),
        "without-subset": pack({"LibriSpeech/SPEAKERS.TXT": b";\n"}),
        "subset-is-a-file": pack({f"LibriSpeech/{SUBSET}": b"x"}),
        "file-is-a-folder": pack(members | {f"LibriSpeech/{SUBSET}/1": b"x"}),
        "half": intact[: len(intact) // 2], "empty": b"", "no-gzip": b"x" * 9000,
        "gzip-of-text": gzip.compress(b"x" * 9000), "long-name": pack(members | {f"LibriSpeech/{'x' * 300}": b"x"}),
    }  # fmt: skip
    return [
        *(BadServer(f"content-{name}", [fixed(head("200 OK", Content_Length=len(page)) + page)], NO_ARCHIVE, True)
          for name, page in pages.items()),
        *(BadServer(f"archive-{name}", [], "archive|mirror", content=content) for name, content in hostile.items()),
    ]  # fmt: skip


def list_bad_servers() -> list[BadServer]:
    """All of them."""
    return [*list_short_answers(), *list_broken_protocols(), *list_ranges(), *list_archives()]


class Handler(socketserver.BaseRequestHandler):
    """Sends one answer and closes."""

    def handle(self) -> None:
        received = b""
        while b"\r\n\r\n" not in received and (piece := self.request.recv(1 << 16)):
            received += piece
        wanted = re.search(rb"Range: bytes=(\d+)-", received)
        server = self.server
        asked = Asked(server.count, int(wanted[1]) if wanted else None, server.content)
        server.count += 1
        server.starts.append(asked.start)
        answers = server.answers
        usual = answers[-1] if server.for_ever else answer_well
        answered = (answers[asked.number] if asked.number < len(answers) else usual)(asked)
        for piece in [answered] if isinstance(answered, bytes) else answered:
            if piece == RESET:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            with contextlib.suppress(OSError):
                self.request.sendall(piece)
                server.sent += len(piece)


class Server(socketserver.ThreadingTCPServer):
    """A `BadServer` on a free port of the loopback interface."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, bad: BadServer, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.for_ever, self.content = bad.answers, bad.for_ever, content
        self.count = self.sent = 0
        self.starts: list[int | None] = []

    def __enter__(self):
        """Serve in a thread until the block ends."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Keep quiet about clients that go away."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"
