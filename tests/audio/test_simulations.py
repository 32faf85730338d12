from functools import partial

import numpy as np
import pytest

from librispeech_clf.audio import acoustics, simulations
from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import Speaker, Split, Utterance
from tests.helpers import sounds
from tests.helpers.made_utterances import dataset_from_utterances
from tests.helpers.sounds import RATE

ARGUMENTS = {
    "additive_noise": {"kind": "white", "ratio_db": 10.0},
    "reverberation": {"decay_time_s": 0.6},
    "telephone": {"highest_hz": 2500.0},
    "tempo": {"rate": 1.25},
    "clipping": {"share": 0.1},
    "packet_loss": {"share": 0.2},
}
RANDOM_SOUND = ("additive_noise", "reverberation", "packet_loss")


def make_utterance(number, speaker_id, *, seconds=1.0, frequency_hz=None, content=None):
    """A sine of its own frequency under a slow envelope, or other content."""
    time = np.arange(round(seconds * RATE)) / RATE
    sine = sounds.tone(seconds, frequency_hz or 200 + 100 * number)
    content = content or sounds.encode(0.2 * sine * (1.2 + np.sin(2 * np.pi * time)) / 2.2)
    name = f"{speaker_id}-7-{number:04d}"
    return Utterance(name, f"SENTENCE {number}", speaker_id, 7, content, f"{name}.flac")


def make_split(*utterances):
    speakers = {utterance.speaker_id: None for utterance in utterances}
    return Split(
        name="test",
        dataset=dataset_from_utterances(utterances),
        row_counts={"test-clean": len(utterances)},
        speakers={number: Speaker(number, "F", "test-clean", 1.0, "A") for number in speakers},
        chapters={},
        books={},
    )


@pytest.fixture(scope="module")
def split():
    return make_split(*(make_utterance(number, 1 + number % 3) for number in range(8)))


def simulate(name, split, *, by=simulations.simulate, count=3, seed=3, **changes):
    return by(name, split, **{**ARGUMENTS[name], **changes}, N=count, seed=seed, sampling_rate=RATE)


def make_babble(split, utterance, *, count=100, seed=0):
    return simulations.make_babble(split, utterance, count, np.random.default_rng(seed), sampling_rate=RATE)


def compare(simulated, split):
    """Waveforms before and after, by the original's id."""
    names = [name.split("+")[0] for name in simulated.ids]
    before = (read_waveform(split.utterance(name), sampling_rate=RATE) for name in names)
    after = (read_waveform(simulated.utterance(name), sampling_rate=RATE) for name in simulated.ids)
    return dict(zip(names, zip(before, after, strict=True), strict=True))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_declared_parameters_are_those_that_are_taken(split, name):
    assert set(ARGUMENTS[name]) == set(simulations.SIMULATION_PARAMETERS[name])
    for missing in ARGUMENTS[name]:
        others = {key: value for key, value in ARGUMENTS[name].items() if key != missing}
        with pytest.raises(KeyError, match=missing):
            simulations.simulate(name, split, **others, N=1, seed=0, sampling_rate=RATE)


def test_declarations_are_what_code_loader_accepts():
    sim_config = pytest.importorskip("code_loader.contract.sim_config")
    parsed = {
        name: sim_config.sample_sim_params(sim_config.parse_sim_config(raw))
        for name, raw in simulations.SIMULATION_PARAMETERS.items()
    }
    assert parsed["additive_noise"] == {"kind": "white", "ratio_db": 15.0}
    assert set(parsed) == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_simulated_utterances_keep_text_and_speaker(split, name):
    simulated = simulate(name, split)
    assert len(simulated) == len(simulated.ids) == len(set(simulated.ids)) == 3
    for utterance_id in simulated.ids:
        utterance = simulated.utterance(utterance_id)
        original_id, label = utterance_id.split("+")
        original = split.utterance(original_id)
        assert label.startswith(f"{name}-") and label.endswith("-s3")
        kept = (utterance_id, original.text, original.speaker_id)
        assert (utterance.id, utterance.text, utterance.speaker_id) == kept
        assert simulated.speaker(utterance) == split.speaker(original)
        assert simulated.subset_of(utterance) == label


@pytest.mark.parametrize("name", ARGUMENTS)
def test_equal_seeds_give_equal_audio_and_others_do_not(split, name):
    runs = [simulate(name, split, count=8, seed=seed) for seed in (3, 3, 4)]
    # In whatever order they are read
    first, again, other = (
        {utterance_id: run.utterance(utterance_id).audio_bytes for utterance_id in run.ids[::step]}
        for run, step in zip(runs, (1, -1, 1), strict=True)
    )
    assert (first, runs[0].ids) == (again, runs[1].ids) and runs[0].ids != runs[2].ids
    if name in RANDOM_SOUND:
        audio = {utterance_id.split("+")[0]: content for utterance_id, content in first.items()}
        assert all(content != audio[other_id.split("+")[0]] for other_id, content in other.items())


@pytest.mark.parametrize("kind", simulations.NOISE_KINDS)
@pytest.mark.parametrize("ratio_db", [0.0, 10.0, 25.0])
def test_achieved_signal_to_noise_ratio(split, kind, ratio_db):
    simulated = simulate("additive_noise", split, kind=kind, ratio_db=ratio_db)
    for pair in compare(simulated, split).values():
        speech, mixture = (waveform.astype(np.float64) for waveform in pair)
        achieved = 10 * np.log10(np.sum(speech**2) / np.sum((mixture - speech) ** 2))
        assert np.max(np.abs(mixture)) < 1  # so it was not turned down
        assert achieved == pytest.approx(ratio_db, abs=0.05)


def test_babble_is_made_of_other_speakers():
    own, same_speaker = make_utterance(0, 1, frequency_hz=500), make_utterance(1, 1, frequency_hz=900)
    others = [make_utterance(2 + i, 2, frequency_hz=frequency) for i, frequency in enumerate((2000, 3000))]
    spectrum = np.abs(np.fft.rfft(make_babble(make_split(own, same_speaker, *others), own, count=RATE))) ** 2
    shares = [spectrum[hertz - 20 : hertz + 20].sum() / spectrum.sum() for hertz in (2000, 3000, 500, 900)]
    assert shares[:2] == pytest.approx([0.5, 0.5], abs=0.05) and sum(shares[2:]) < 0.01


def test_babble_of_a_single_speaker_uses_the_other_utterances():
    split = make_split(*(make_utterance(number, 1) for number in range(3)))
    babble = make_babble(split, split.utterance(split.ids[0]))
    assert (babble.dtype, babble.shape) == (np.float32, (100,)) and np.any(babble)


def test_what_does_not_fit_the_corpus_is_skipped_with_one_line(capsys):
    split = make_split(make_utterance(0, 1, seconds=2.0))
    for name, changes, reason in (
        ("additive_noise", {"kind": "babble"}, "babble needs other utterances; the split has only one"),
        ("tempo", {"rate": 0.8, "max_samples": 2 * RATE}, "no utterance of the test split fits"),
    ):
        with pytest.raises(simulations.MisfitError, match=reason) as refused:
            simulate(name, split, **changes)
        kept = simulate(name, split, by=simulations.simulate_or_skip, count=2, seed=0, **changes)
        assert kept.skipped == str(refused.value)
        assert capsys.readouterr().err.splitlines() == [f"{kept.skipped} The simulation is skipped."]
        assert kept.ids == [f"1-7-0000+{name}-skipped-s0", f"1-7-0000+{name}-skipped-s0-2"]
        np.testing.assert_array_equal(*compare(kept, split)["1-7-0000"])


def test_what_fits_is_not_skipped(split):
    fitting = simulate("tempo", split, by=simulations.simulate_or_skip, max_samples=RATE)
    assert (fitting.skipped, fitting.ids) == (None, simulate("tempo", split).ids)


def test_unreadable_recordings_are_no_voices_and_fit_no_tempo():
    broken = [make_utterance(9999, speaker, content=b"junk") for speaker in (8, 9)]
    split = make_split(broken[0], make_utterance(0, 1), make_utterance(1, 2), broken[1])
    own = split.utterance("1-7-0000")
    for seed in range(4):
        babble = make_babble(split, own, seed=seed)
        assert np.any(babble) and np.isfinite(babble).all()
    slow = simulate("tempo", split, rate=0.8, count=4, max_samples=2 * RATE)
    assert {name.split("+")[0] for name in slow.ids} == {"1-7-0000", "2-7-0001"}
    with pytest.raises(simulations.MisfitError, match="babble needs other utterances; none can be read"):
        make_babble(make_split(make_utterance(0, 1), *broken), own)


@pytest.mark.parametrize("by", [simulations.simulate, simulations.simulate_or_skip])
def test_wrong_arguments_are_refused(split, by):
    with pytest.raises(ValueError, match="one of white, pink, babble; received 'brown'"):
        simulate("additive_noise", split, by=by, kind="brown")
    with pytest.raises(ValueError, match="N must be at least 1; received 0"):
        simulate("clipping", split, by=by, count=0)


def test_more_utterances_than_the_split_has_come_again_with_other_noise(split):
    simulated = simulate("additive_noise", split, count=18)
    of_first = [i for i in simulated.ids if i.startswith(simulated.ids[0].split("+")[0])]
    assert len(set(simulated.ids)) == 18
    assert len({i.split("+")[0] for i in simulated.ids[:8]}) == 8
    assert [i.endswith(("-s3", "-s3-2", "-s3-3")) for i in of_first] == [True] * 3
    assert len({simulated.utterance(i).audio_bytes for i in of_first}) == 3


def test_code_loaders_check_by_position(split):
    simulated = simulate("clipping", split)
    assert simulated.utterance(0) == simulated.utterance(simulated.ids[0])
    for unknown in (3, "1-7-0000"):
        with pytest.raises(ValueError, match="has no such utterance"):
            simulated.utterance(unknown)


def test_audio_is_made_when_read(split, monkeypatch):
    calls = []
    monkeypatch.setattr(simulations.acoustics, "clip", lambda waveform, share: calls.append(1) or waveform)
    simulated = simulate("clipping", split, count=500)
    assert (len(simulated.ids), calls) == (500, [])
    for _ in range(3):
        simulated.utterance(simulated.ids[0])
    assert calls == [1]


@pytest.mark.parametrize(
    ("name", "changes", "change"),
    [
        ("tempo", {"rate": 0.8}, partial(acoustics.change_tempo, factor=0.8)),
        ("clipping", {"share": 0.2}, partial(acoustics.clip, share=0.2)),
        # At its full band it is the line alone
        ("telephone", {"highest_hz": 3400.0}, partial(acoustics.telephone_band_pass, sampling_rate=RATE)),
        ("packet_loss", {"share": 0.3}, partial(acoustics.drop_packets, loss_rate=0.3, sampling_rate=RATE)),
        ("reverberation", {}, partial(acoustics.reverberate, decay_time_s=0.6, sampling_rate=RATE)),
    ],
)
def test_sound_is_changed_as_asked(split, name, changes, change):
    pairs = compare(simulate(name, split, **changes), split)
    for row, (before, after) in enumerate(pairs.values()):
        random = {"generator": np.random.default_rng((3, row))} if name in RANDOM_SOUND else {}
        changed = change(before, **random)
        np.testing.assert_allclose(after, changed / max(1, np.abs(changed).max()), atol=1 / 32768)


def test_tempo_chooses_utterances_that_fit_the_input():
    split = make_split(*(make_utterance(number, 1, seconds=1 + number % 2) for number in range(6)))
    pairs = compare(simulate("tempo", split, rate=0.8, count=5, max_samples=RATE * 2), split)
    assert {int(name[-4:]) % 2 for name in pairs} == {0}
    assert max(waveform.size for _, waveform in pairs.values()) <= 2 * RATE


def test_telephone_removes_what_the_line_does_not_carry():
    sounds = [make_utterance(number, 1, frequency_hz=hertz) for number, hertz in enumerate((100, 1000, 3000))]
    split = make_split(*sounds)
    pairs = compare(simulate("telephone", split, highest_hz=2000.0), split)
    kept = [np.sum(after**2) / np.sum(before**2) for _, (before, after) in sorted(pairs.items())]
    assert kept[0] < 0.02 and kept[1] == pytest.approx(1, abs=0.05) and kept[2] < 0.02


def test_loud_audio_is_turned_down_not_clipped():
    waveform = np.array([0.5, -2.0, 1.0], np.float32)
    decoded = sounds.read(encode_flac(waveform, sampling_rate=RATE))
    np.testing.assert_allclose(decoded, waveform / 2, atol=1 / 32768)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_shortest_audio_survives(name):
    shortest = encode_flac(np.full(1, 0.1, np.float32), sampling_rate=RATE)
    split = make_split(*(make_utterance(0, speaker, content=shortest) for speaker in (1, 2)))
    [(_, waveform)] = compare(simulate(name, split, count=1), split).values()
    assert waveform.size >= 1 and np.all(np.isfinite(waveform))
