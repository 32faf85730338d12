"""LibriSpeech's archives on OpenSLR.

Source of the sizes: kaldi-asr/kaldi `egs/librispeech/s5/local/download_and_untar.sh`; of the checksums:
PaddlePaddle/PaddleSpeech `dataset/librispeech/librispeech.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE_URL = "https://www.openslr.org/resources/12"


@dataclass(frozen=True)
class Archive:
    """One archive, `<subset>.tar.gz`.

    Attributes:
        subset: For example "test-clean".
        size: Bytes.
        md5: Checksum, hexadecimal.
        utterances: Their number.
        hours: Duration of the audio.
    """

    subset: str
    size: int
    md5: str
    utterances: int
    hours: float


ARCHIVES = {
    archive.subset: archive
    for archive in (
        Archive("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1", 2_703, 5.4),
        Archive("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931", 2_864, 5.3),
        Archive("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9", 2_620, 5.4),
        Archive("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135", 2_939, 5.1),
        Archive("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522", 28_539, 100.6),
        Archive("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa", 104_014, 363.6),
        Archive("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708", 148_688, 496.7),
    )
}


def find_archive(subset: str) -> Archive:
    """The archive of a subset.

    Raises:
        ValueError: LibriSpeech has no such subset.
    """
    if subset not in ARCHIVES:
        raise ValueError(f"{subset}: LibriSpeech has no such subset; it has {', '.join(ARCHIVES)}.")
    return ARCHIVES[subset]


def hub_name(subset: str) -> str:
    """The subset's name on the Hugging Face hub: "dev-clean" is "validation.clean"; other names stay."""
    return subset.replace("dev", "validation").replace("-", ".") if subset in ARCHIVES else subset
