import io

import numpy as np
import pytest
import soundfile

from librispeech_clf.audio import simulations
from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import Speaker, Split, Utterance
from tests.helpers.made_utterances import dataset_from_utterances

RATE = 16_000
ARGUMENTS = {
    "additive_noise": {"kind": "white", "ratio_db": 10.0},
    "reverberation": {"decay_time_s": 0.6},
    "telephone": {"highest_hz": 2500.0},
    "tempo": {"rate": 1.25},
    "clipping": {"share": 0.1},
    "packet_loss": {"share": 0.2},
}
RANDOM_SOUND = ("additive_noise", "reverberation", "packet_loss")


def make_utterance(number, speaker_id, *, seconds=1.0, frequency_hz=None):
    """A sine of its own frequency under a slow envelope."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency_hz = frequency_hz or 200 + 100 * number
    waveform = 0.1 * np.sin(2 * np.pi * frequency_hz * time) * (1.2 + np.sin(2 * np.pi * time)) / 2.2
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, RATE, format="FLAC", subtype="PCM_16")
    name = f"{speaker_id}-7-{number:04d}"
    return Utterance(name, f"SENTENCE {number}", speaker_id, 7, buffer.getvalue(), f"{name}.flac")


def make_split(utterances):
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
    return make_split([make_utterance(number, speaker_id=1 + number % 3) for number in range(8)])


def simulate(name, split, *, count=3, seed=3, **changes):
    arguments = {**ARGUMENTS[name], **changes}
    return simulations.simulate(name, split, **arguments, N=count, seed=seed, sampling_rate=RATE)


def waveforms(simulated):
    return [read_waveform(simulated.utterance(name), sampling_rate=RATE) for name in simulated.ids]


def original_waveform(split, utterance):
    return read_waveform(split.utterance(utterance.id.split("+")[0]), sampling_rate=RATE)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_declared_parameters_are_those_that_are_taken(split, name):
    assert set(ARGUMENTS[name]) == set(simulations.SIMULATION_PARAMETERS[name])
    for missing in ARGUMENTS[name]:
        others = {key: value for key, value in ARGUMENTS[name].items() if key != missing}
        with pytest.raises(KeyError, match=missing):
            simulations.simulate(name, split, **others, N=1, seed=0, sampling_rate=RATE)


def test_declarations_are_what_code_loader_accepts(monkeypatch):
    monkeypatch.setenv("TL_DISABLE_ANALYTICS", "true")
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
        original = split.utterance(utterance_id.split("+")[0])
        assert utterance_id.split("+")[1].startswith(f"{name}-")
        assert utterance_id.endswith("-s3")
        assert utterance.id == utterance_id
        assert (utterance.text, utterance.speaker_id) == (original.text, original.speaker_id)
        assert simulated.speaker(utterance) == split.speaker(original)
        assert simulated.subset_of(utterance) == utterance_id.split("+")[1]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_equal_seeds_give_equal_audio_and_others_do_not(split, name):
    first, again, other = (simulate(name, split, count=8, seed=seed) for seed in (3, 3, 4))
    assert first.ids == again.ids
    assert [first.utterance(i).audio_bytes for i in first.ids] == [
        again.utterance(i).audio_bytes for i in reversed(again.ids)
    ][::-1]
    assert first.ids != other.ids
    if name in RANDOM_SOUND:
        audio = {i.split("+")[0]: first.utterance(i).audio_bytes for i in first.ids}
        assert all(other.utterance(i).audio_bytes != audio[i.split("+")[0]] for i in other.ids)


@pytest.mark.parametrize("kind", simulations.NOISE_KINDS)
@pytest.mark.parametrize("ratio_db", [0.0, 10.0, 25.0])
def test_achieved_signal_to_noise_ratio(split, kind, ratio_db):
    simulated = simulate("additive_noise", split, kind=kind, ratio_db=ratio_db)
    for utterance_id in simulated.ids:
        utterance = simulated.utterance(utterance_id)
        speech = original_waveform(split, utterance).astype(np.float64)
        mixture = read_waveform(utterance, sampling_rate=RATE).astype(np.float64)
        noise = mixture - speech
        achieved = 10 * np.log10(np.sum(speech**2) / np.sum(noise**2))
        assert np.max(np.abs(mixture)) < 1  # so it was not turned down
        assert achieved == pytest.approx(ratio_db, abs=0.05)


def test_babble_is_made_of_other_speakers():
    own = make_utterance(0, 1, frequency_hz=500)
    same_speaker = make_utterance(1, 1, frequency_hz=900)
    others = [make_utterance(2 + i, 2, frequency_hz=frequency) for i, frequency in enumerate((2000, 3000))]
    split = make_split([own, same_speaker, *others])
    babble = simulations.make_babble(split, own, RATE, np.random.default_rng(0), sampling_rate=RATE)
    spectrum = np.abs(np.fft.rfft(babble)) ** 2

    def power_near(frequency_hz):
        return spectrum[frequency_hz - 20 : frequency_hz + 20].sum() / spectrum.sum()

    assert power_near(2000) == pytest.approx(0.5, abs=0.05)
    assert power_near(3000) == pytest.approx(0.5, abs=0.05)
    assert power_near(500) + power_near(900) < 0.01


def test_babble_of_a_single_speaker_uses_the_other_utterances():
    split = make_split([make_utterance(number, speaker_id=1) for number in range(3)])
    utterance = split.utterance(split.ids[0])
    babble = simulations.make_babble(split, utterance, 100, np.random.default_rng(0), sampling_rate=RATE)
    assert babble.dtype == np.float32
    assert babble.shape == (100,)
    assert np.any(babble)


def test_babble_of_one_utterance_is_refused():
    split = make_split([make_utterance(0, 1)])
    with pytest.raises(ValueError, match="the split has only one"):
        simulate("additive_noise", split, kind="babble")


def test_what_does_not_fit_the_corpus_is_skipped_with_one_line(capsys):
    split = make_split([make_utterance(0, 1, seconds=2.0)])
    for name, changes in (
        ("additive_noise", {"kind": "babble", "ratio_db": 10.0}),
        ("tempo", {"rate": 0.8, "max_samples": 2 * RATE}),
    ):
        kept = simulations.simulate_or_skip(name, split, N=2, seed=0, sampling_rate=RATE, **changes)
        lines = capsys.readouterr().err.splitlines()
        assert lines == [f"{kept.skipped} The simulation is skipped."]
        assert kept.ids == [f"1-7-0000+{name}-skipped-s0", f"1-7-0000+{name}-skipped-s0-2"]
        np.testing.assert_array_equal(
            waveforms(kept)[0], read_waveform(split.utterance("1-7-0000"), sampling_rate=RATE)
        )


def test_what_fits_is_not_skipped_and_wrong_arguments_are_refused(split):
    fitting = simulations.simulate_or_skip(
        "tempo", split, N=3, seed=3, sampling_rate=RATE, rate=1.25, max_samples=RATE
    )
    assert (fitting.skipped, fitting.ids) == (None, simulate("tempo", split).ids)
    with pytest.raises(ValueError, match="received 'brown'"):
        simulations.simulate_or_skip(
            "additive_noise", split, N=1, seed=0, sampling_rate=RATE, kind="brown", ratio_db=1.0
        )


def test_unreadable_recordings_are_no_voices_and_fit_no_tempo():
    broken = [Utterance(f"{speaker}-7-9999", "A", speaker, 7, b"junk", "x") for speaker in (8, 9)]
    split = make_split([broken[0], make_utterance(0, 1), make_utterance(1, 2), broken[1]])
    own = split.utterance("1-7-0000")
    for seed in range(4):
        babble = simulations.make_babble(split, own, 100, np.random.default_rng(seed), sampling_rate=RATE)
        assert np.any(babble) and np.isfinite(babble).all()
    slow = simulate("tempo", split, rate=0.8, count=4, max_samples=2 * RATE)
    assert {name.split("+")[0] for name in slow.ids} == {"1-7-0000", "2-7-0001"}
    alone = make_split([make_utterance(0, 1), *broken])
    with pytest.raises(simulations.MisfitError, match="babble needs other utterances; none can be read"):
        simulations.make_babble(alone, own, 100, np.random.default_rng(0), sampling_rate=RATE)


def test_unknown_noise_is_refused(split):
    with pytest.raises(ValueError, match="one of white, pink, babble; received 'brown'"):
        simulate("additive_noise", split, kind="brown")


def test_no_utterances_are_refused(split):
    with pytest.raises(ValueError, match="N must be at least 1; received 0"):
        simulate("clipping", split, count=0)


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
    with pytest.raises(ValueError, match="has no such utterance"):
        simulated.utterance(3)
    with pytest.raises(ValueError, match="has no such utterance"):
        simulated.utterance("1-7-0000")


def test_audio_is_made_when_read(split, monkeypatch):
    calls = []
    monkeypatch.setattr(simulations.acoustics, "clip", lambda waveform, share: calls.append(1) or waveform)
    simulated = simulate("clipping", split, count=500)
    assert len(simulated.ids) == 500
    assert calls == []
    for _ in range(3):
        simulated.utterance(simulated.ids[0])
    assert calls == [1]


def test_tempo_changes_length_and_keeps_pitch(split):
    simulated = simulate("tempo", split, rate=0.8)
    for utterance_id, waveform in zip(simulated.ids, waveforms(simulated), strict=True):
        original = original_waveform(split, simulated.utterance(utterance_id))
        assert waveform.size == round(original.size / 0.8)
        peaks = [np.argmax(np.abs(np.fft.rfft(sound))) * RATE / sound.size for sound in (original, waveform)]
        assert peaks[1] == pytest.approx(peaks[0], abs=5)


def test_tempo_chooses_utterances_that_fit_the_input():
    split = make_split([make_utterance(number, 1, seconds=1 + number % 2) for number in range(6)])
    slow = simulate("tempo", split, rate=0.8, count=5, max_samples=RATE * 2)
    assert {int(i.split("+")[0][-4:]) % 2 for i in slow.ids} == {0}
    assert max(waveform.size for waveform in waveforms(slow)) <= 2 * RATE
    with pytest.raises(ValueError, match="no utterance of the test split fits"):
        simulate("tempo", split, rate=0.8, max_samples=RATE)


def test_telephone_removes_what_the_line_does_not_carry():
    sounds = [make_utterance(number, 1, frequency_hz=hertz) for number, hertz in enumerate((100, 1000, 3000))]
    split = make_split(sounds)
    kept = {}
    simulated = simulate("telephone", split, highest_hz=2000.0)
    for utterance_id, waveform in zip(simulated.ids, waveforms(simulated), strict=True):
        original = original_waveform(split, simulated.utterance(utterance_id))
        kept[utterance_id[4:8]] = np.sum(waveform**2) / np.sum(original**2)
    assert kept["0000"] < 0.02
    assert kept["0001"] == pytest.approx(1, abs=0.05)
    assert kept["0002"] < 0.02


def test_telephone_at_its_full_band_is_the_line_alone(split):
    simulated = simulate("telephone", split, highest_hz=3400.0, count=1)
    original = original_waveform(split, simulated.utterance(0))
    line = simulations.acoustics.telephone_band_pass(original, sampling_rate=RATE)
    np.testing.assert_allclose(waveforms(simulated)[0], line, atol=1 / 32768)


def test_clipping_flattens_the_share(split):
    for waveform in waveforms(simulate("clipping", split, share=0.2)):
        at_top = np.abs(waveform) >= np.abs(waveform).max() - 1 / 32768
        assert at_top.mean() == pytest.approx(0.2, abs=0.01)


def test_packet_loss_silences_the_share():
    split = make_split([make_utterance(0, 1, seconds=20.0)])
    [waveform] = waveforms(simulate("packet_loss", split, share=0.3, count=1))
    packets = waveform.reshape(-1, RATE // 50)
    assert np.all(packets == 0, axis=1).mean() == pytest.approx(0.3, abs=0.05)


def test_reverberation_fills_the_time_after_a_sound():
    utterance = make_utterance(0, 1)
    waveform, _ = soundfile.read(io.BytesIO(utterance.audio_bytes))
    waveform[4000:] = 0
    content = encode_flac(waveform.astype(np.float32), sampling_rate=RATE)
    split = make_split([Utterance("1-7-0000", "A", 1, 7, content, "a.flac")])
    tails = [
        np.sum(waveforms(simulate("reverberation", split, decay_time_s=decay, count=1))[0][6000:] ** 2)
        for decay in (0.2, 0.6, 1.4)
    ]
    assert 0 < tails[0] < tails[1] < tails[2]


def test_loud_audio_is_turned_down_not_clipped():
    waveform = np.array([0.5, -2.0, 1.0], np.float32)
    decoded, rate = soundfile.read(io.BytesIO(encode_flac(waveform, sampling_rate=RATE)))
    assert rate == RATE
    np.testing.assert_allclose(decoded, waveform / 2, atol=1 / 32768)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_shortest_audio_survives(name):
    buffer = encode_flac(np.full(1, 0.1, np.float32), sampling_rate=RATE)
    utterances = [Utterance(f"{i}-7-0000", "A", i, 7, buffer, "a.flac") for i in (1, 2)]
    [waveform] = waveforms(simulate(name, make_split(utterances), count=1))
    assert waveform.size >= 1
    assert np.all(np.isfinite(waveform))
