"""The page's recordings with their pictures: inside it, or in a folder `audio/` beside it if too large.

In: a callable that returns an utterance's audio file, of any content. Out: records that the page's script reads, and
files; nothing from a file that is not audio. Each recording is read, decoded and drawn once, on all cores, and no more
of them are held than fit into the page.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from librispeech_clf.atomic_write import explain_disk
from librispeech_clf.audio.decoding import LOWEST_RATE_HZ, AudioFile, encode_flac, read_file
from librispeech_clf.local.report.payload import escape_json

AudioProvider = Callable[[str], bytes | None]
Playable = tuple[int, dict[str, Any]]  # row of an utterance and what `make_playable` returns
Advance = Callable[[int], None]  # called with the number of newly finished utterances

DRAWN_TOGETHER = 32
MOST_SAMPLES = 2**26
"""Samples over all channels: 70 minutes at 16 kHz, 256 MB. A longer recording is left out of the page."""
HIGHEST_RATE_HZ = 768_000
FLAC_HIGHEST_RATE_HZ = 655_350
FLAC_MOST_CHANNELS = 8
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3", "AV")
"""Formats of libsndfile, and those that PyAV decodes, that identify themselves in their first bytes and hold speech."""
PLAYED = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
    "WAVEX": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}
"""Subtypes that browsers play, by format."""
AUDIO_TYPES = {b"RIFF": ("wav", "audio/wav"), b"fLaC": ("flac", "audio/flac"), b"OggS": ("ogg", "audio/ogg")}

ENVELOPE_COLUMNS = 800
SPECTROGRAM_COLUMNS = 800
SPECTROGRAM_ROWS = 128
WINDOW_S = 0.025
HIGHEST_FREQUENCY_HZ = 8000
JPEG_QUALITY = 60
DECIBEL_SPAN = (30.0, 99.8)  # percentiles of the level that become black and white


def place_recordings(
    folder: Path,
    ids: Sequence[str],
    audio: AudioProvider | None,
    *,
    limit_bytes: float,
    advance: Advance | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Prepare the recordings to embed in the page or, beyond a number of bytes, write them into a folder.

    Returns:
        `audio` of the payload: `mode` ("page", "folder" or "none") and, for a folder, its scripts; and one record per
        recording inside the page.
    """
    drawn = draw_recordings(ids, audio, advance=advance) if audio else iter(())
    held, total = [], 0
    for row, playable in drawn:
        held.append((row, playable))
        total += len(playable.get("content", b""))
        if total > limit_bytes:
            written = (held.pop(0) for _ in range(len(held)))  # keep none while the rest is drawn
            scripts = write_audio_folder(folder, ids, itertools.chain(written, drawn))
            return {"mode": "folder", "scripts": scripts}, []
    blocks = [{"row": row, **playable} for row, playable in held]
    for block in blocks:
        if content := block.pop("content", None):
            block |= {"type": guess_audio_type(content)[1], "data": _to_base64(content)}
    return {"mode": "page" if held else "none"}, blocks


def draw_recordings(
    ids: Sequence[str], audio: AudioProvider, *, advance: Advance | None = None
) -> Iterator[Playable]:
    """Decode and draw the existing recordings, on all cores, a few ahead of the reader."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(ids), DRAWN_TOGETHER):
            rows = range(start, min(start + DRAWN_TOGETHER, len(ids)))
            contents = {row: content for row in rows if (content := audio(ids[row]))}
            yield from zip(contents, pool.map(make_playable, contents.values()), strict=True)
            if advance is not None:
                advance(len(rows))


def write_audio_folder(folder: Path, ids: Sequence[str], drawn: Iterable[Playable]) -> list[str]:
    """Write each utterance's audio and a script with its picture into the folder, a thousand per subfolder.

    A page opened from disk may play a file beside it but not read it, so the picture comes as a script. The scripts'
    addresses relative to the page are returned in the order of `ids`; empty where there is no audio.
    """
    scripts = [""] * len(ids)
    for row, playable in drawn:
        # Safe on every file system, and unique by the row number.
        name = f"{row // 1000:03d}/{row:06d}-{re.sub(r'[^A-Za-z0-9_-]+', '_', ids[row])[:60]}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        block, files = {"row": row, **playable}, {}
        if content := block.pop("content", None):
            suffix, block["type"] = guess_audio_type(content)
            block["address"] = f"{folder.name}/{name}.{suffix}"
            files[suffix] = content
        files["js"] = f"receiveAudio({escape_json(block)});\n".encode()
        for suffix, held in files.items():
            path = folder / f"{name}.{suffix}"
            with explain_disk(path, size=len(held)):
                path.write_bytes(held)
        scripts[row] = f"{folder.name}/{name}.js"
    return scripts


def remove_old_audio(folder: Path, scripts: Sequence[str]) -> None:
    """Remove files that an earlier report left in the folder and this one does not name; other files stay."""
    kept = {folder.parent / Path(script).with_suffix("") for script in scripts}
    for path in folder.rglob("*"):
        is_ours = re.fullmatch(r"\d{6}-[\w-]*\.(wav|flac|ogg|mp3|js)", path.name, re.ASCII)
        if is_ours and path.with_suffix("") not in kept:
            path.unlink()
    for thousand in folder.glob("[0-9][0-9][0-9]"):
        if not any(thousand.iterdir()):
            thousand.rmdir()


def guess_audio_type(content: bytes) -> tuple[str, str]:
    """Return file suffix and media type by the first bytes; WAV when unknown."""
    header = content[:2].ljust(2, b"\0")
    # An ID3 tag, or the frame header of MPEG layer III.
    if content[:3] == b"ID3" or (header[0] == 0xFF and header[1] & 0xE6 == 0xE2):
        return "mp3", "audio/mpeg"
    return AUDIO_TYPES.get(content[:4], ("wav", "audio/wav"))


def make_playable(content: bytes) -> dict[str, Any]:
    """Return what the page may hold of a file with any content.

    Returns:
        `content`, the bytes to embed: the file itself if browsers play it, else FLAC; and `picture`, see
        `draw_waveform`; or `problem`.
    """
    try:
        file = decode(content)
        is_known = content[:4] in AUDIO_TYPES or guess_audio_type(content)[0] == "mp3"
        is_whole = len(file.samples) == file.declared
        if is_known and is_whole and file.subtype in PLAYED.get(file.format, ()):
            held = content
        elif file.sampling_rate > FLAC_HIGHEST_RATE_HZ:
            raise ValueError(f"FLAC cannot hold {file.sampling_rate} Hz")
        else:
            samples = file.samples
            if samples.shape[1] > FLAC_MOST_CHANNELS:
                samples = samples.mean(axis=1, dtype=np.float64, keepdims=True)
            held = encode_flac(samples, sampling_rate=file.sampling_rate)
        return {"content": held, "picture": draw_waveform(file.samples, file.sampling_rate)}
    except Exception as error:  # whatever a decoder makes of untrusted bytes concerns only this recording
        return {"problem": f"The audio cannot be drawn: {error or type(error).__name__}"}


def decode(content: bytes) -> AudioFile:
    """Decode a file to its real end, whatever length its header declares.

    Raises:
        ValueError: the file is not audio that a page may hold.
    """
    file = read_file(content, "the file", take_cut=True, most_values=MOST_SAMPLES)
    if file.format not in FORMATS:
        raise ValueError(f"the file is {file.format}, not one of {', '.join(FORMATS)}")
    if not LOWEST_RATE_HZ <= file.sampling_rate <= HIGHEST_RATE_HZ:
        allowed = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise ValueError(f"the sampling rate is {file.sampling_rate} Hz, but a recording has {allowed}")
    if not len(file.samples):
        raise ValueError("the file holds no samples")
    if not np.isfinite(file.samples).all():
        raise ValueError("the file holds NaN or infinity")
    return file


def draw_waveform(samples: np.ndarray, sampling_rate: int) -> dict[str, Any]:
    """Draw a recording, float32 (frames, channels), finite, frames >= 1; several channels are averaged.

    Returns:
        duration_s, peak (largest absolute sample), envelope (base64 of int8 pairs, minimum and maximum
        per column, scaled to the peak so that quiet speech is visible), spectrogram (base64 JPEG, gray, low
        frequencies at the bottom), highest_hz and the levels in dB that are black and white. A peak above 1 is
        scaled to 1 for the spectrogram.
    """
    exact = samples.mean(axis=1, dtype=np.float64)
    peak = float(np.abs(exact).max())
    waveform = (exact / max(1.0, peak)).astype(np.float32)
    levels, highest_hz = compute_spectrogram(waveform, sampling_rate=sampling_rate)
    # Between two percentiles, so that neither quiet nor loud speech saturates.
    low, high = map(float, np.percentile(levels, DECIBEL_SPAN))
    gray = np.round(np.clip((levels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(gray[::-1]).save(jpeg, format="JPEG", quality=JPEG_QUALITY)
    return {
        "duration_s": round(waveform.size / sampling_rate, 3),
        "peak": float(f"{peak:.3g}"),
        "envelope": _to_base64(compute_envelope(waveform).tobytes()),
        "columns": min(ENVELOPE_COLUMNS, waveform.size),
        "spectrogram": _to_base64(jpeg.getvalue()),
        "highest_hz": highest_hz,
        "low_db": round(low, 1),
        "high_db": round(high, 1),
    }


def compute_envelope(waveform: np.ndarray, *, columns: int = ENVELOPE_COLUMNS) -> np.ndarray:
    """Return the smallest and largest sample of each column of a waveform, float32 (N,), as a share of the peak.

    Returns:
        int8 (columns, 2), -127 to 127; zeros for silence; fewer columns if there are fewer samples.
    """
    columns = min(columns, waveform.size)
    starts = np.arange(columns) * waveform.size // columns
    lowest, highest = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    peak = np.abs(waveform).max()
    scale = 127 / peak if peak > 0 else 0.0
    return np.round(np.stack([lowest, highest], axis=1) * scale).astype(np.int8)


def compute_spectrogram(waveform: np.ndarray, *, sampling_rate: int) -> tuple[np.ndarray, int]:
    """Compute the level per frequency and time of a waveform, float32 (N,).

    Returns:
        float32 (rows, columns) in dB, lowest frequency first, and the highest frequency in Hz (at most 8000).
        Hann windows of 25 ms, at least 10 ms apart, at most 800 columns; power averaged into 128 rows.
    """
    window = max(int(WINDOW_S * sampling_rate), 2)
    count = int(np.clip(waveform.size / (0.01 * sampling_rate), 1, SPECTROGRAM_COLUMNS))
    padded = np.pad(waveform, (window // 2, window))
    starts = np.arange(count) * waveform.size // count
    shape = np.hanning(window).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[starts] * shape
    transformed = np.fft.rfft(frames, n=max(512, window), axis=1)
    power = transformed.real**2 + transformed.imag**2
    highest_hz = min(HIGHEST_FREQUENCY_HZ, sampling_rate // 2)
    bins = int((power.shape[1] - 1) * highest_hz / (sampling_rate / 2))
    edges = np.arange(SPECTROGRAM_ROWS) * bins // SPECTROGRAM_ROWS
    pooled = np.add.reduceat(power[:, :bins], edges, axis=1) / np.diff(edges, append=bins)
    return (10 * np.log10(np.maximum(pooled.T, 1e-12))).astype(np.float32), highest_hz


def _to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
