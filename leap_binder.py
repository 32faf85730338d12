"""What Tensorleap sees of the integration: thin decorated functions over the package `librispeech_clf`.

Read from top to bottom: data, model, loss, metrics, metadata, visualizers, latent space, simulations, and the
integration test that wires them. Importing this file reads config.yaml and the vocabulary, nothing else.
"""

import os

ON_PLATFORM = os.environ.get("IS_TENSORLEAP_PLATFORM") == "true"
if not ON_PLATFORM:
    os.environ.setdefault("TL_DISABLE_ANALYTICS", "1")  # otherwise code-loader calls home when imported

import numpy as np
from code_loader.contract.datasetclasses import (
    PredictionTypeHandler,
    PreprocessResponse,
    RawInputsForHeatmap,
    SamplePreprocessResponse,
)
from code_loader.contract.enums import DatasetMetadataType, DataStateType, LeapDataType, MetricDirection
from code_loader.contract.visualizer_classes import (
    LeapAudio,
    LeapGraph,
    LeapHorizontalBar,
    LeapImage,
    LeapText,
    LeapTextMask,
)
from code_loader.inner_leap_binder.leapbinder import mapping_runtime_mode_env_var_mame
from code_loader.inner_leap_binder.leapbinder_decorators import (
    tensorleap_custom_latent_space,
    tensorleap_custom_loss,
    tensorleap_custom_metric,
    tensorleap_custom_visualizer,
    tensorleap_gt_encoder,
    tensorleap_input_encoder,
    tensorleap_integration_test,
    tensorleap_load_model,
    tensorleap_metadata,
    tensorleap_preprocess,
    tensorleap_simulation,
)

from librispeech_clf import metrics, visualizers
from librispeech_clf.audio import reading as audio_reading
from librispeech_clf.audio import simulations
from librispeech_clf.context import context
from librispeech_clf.corpus.schema import read_fields
from librispeech_clf.ctc import loss as ctc
from librispeech_clf.ctc.frames import infer_frame_duration
from librispeech_clf.metadata import readability, record, signal, spectrum, text
from librispeech_clf.text.vocabulary import pad_labels


def typed(types: dict[str, str]) -> dict[str, DatasetMetadataType]:
    """Return code-loader's names for metadata types."""
    return {key: DatasetMetadataType[name] for key, name in types.items()}


VOCABULARY = context().vocabulary

# Data

FIELD_TYPES: dict[str, DatasetMetadataType] = {}
"""Types of the metadata `corpus`; filled by `preprocess`, as only the corpus knows them."""


@tensorleap_preprocess()
def preprocess() -> list[PreprocessResponse]:
    """Open every configured split; sample ids are utterance ids."""
    FIELD_TYPES.update(typed(context().field_types))
    return [
        PreprocessResponse(
            data=split, sample_ids=split.ids, sample_id_type=str, state=DataStateType[split.name]
        )
        for split in context().splits()
    ]


@tensorleap_input_encoder("audio", channel_dim=-1)
def encode_audio(utterance_id: str, preprocess_response: PreprocessResponse) -> np.ndarray:
    """Return the model's input: float32 (max_samples,), normalized over the real samples, then zero-padded."""
    utterance = preprocess_response.data.utterance(utterance_id)
    normalized = audio_reading.normalize(context().read_waveform(utterance))
    return audio_reading.pad(
        normalized, max_samples=context().configuration.audio.max_samples, utterance_id=utterance.id
    )


@tensorleap_gt_encoder("transcript")
def encode_transcript(utterance_id: str, preprocess_response: PreprocessResponse) -> np.ndarray:
    """Return the CTC labels: float32 (max_letters,), label ids, then zeros."""
    utterance = preprocess_response.data.utterance(utterance_id)
    labels = context().encode_labels(utterance)
    return pad_labels(labels, max_letters=context().configuration.text.max_letters, utterance_id=utterance.id)


# Model


@tensorleap_load_model([PredictionTypeHandler("letters", list(VOCABULARY.tokens), channel_dim=-1)])
def load_model():
    """Load the Keras model that config.yaml names."""
    from librispeech_clf.local.model.load import load_model as load

    return load(context().configuration.model.path, VOCABULARY)


@tensorleap_custom_loss("ctc_loss")
def ctc_loss(letters: np.ndarray, transcript: np.ndarray) -> np.ndarray:
    """Return the CTC loss of each utterance in nats, float32 (B,)."""
    return ctc.ctc_loss(letters, transcript)


# Metrics

UP, DOWN = MetricDirection.Upward, MetricDirection.Downward
COUNTS = {"hits": UP, "substitutions": DOWN, "deletions": DOWN, "insertions": DOWN}
WORD_DIRECTIONS = {
    "word_error_rate": DOWN, "match_error_rate": DOWN, "word_information_lost": DOWN, "word_information_preserved": UP,
    **{f"word_{name}": direction for name, direction in COUNTS.items()},
}  # fmt: skip
CHARACTER_DIRECTIONS = {"character_error_rate": DOWN} | {
    f"character_{key}": way for key, way in COUNTS.items()
}


def rates_only(directions: dict[str, MetricDirection]) -> dict[str, bool]:
    """Ask for insights on rates, not on counts, which mostly reflect how long an utterance is."""
    return {key: not key.endswith(tuple(COUNTS)) for key in directions}


@tensorleap_custom_metric(
    "word_errors", direction=WORD_DIRECTIONS, compute_insights=rates_only(WORD_DIRECTIONS)
)
def word_errors(letters: np.ndarray, transcript: np.ndarray) -> dict[str, np.ndarray]:
    """Return word error rates and counts, each float32 (B,)."""
    return metrics.word_errors(letters, transcript, VOCABULARY)


@tensorleap_custom_metric(
    "character_errors", direction=CHARACTER_DIRECTIONS, compute_insights=rates_only(CHARACTER_DIRECTIONS)
)
def character_errors(letters: np.ndarray, transcript: np.ndarray) -> dict[str, np.ndarray]:
    """Return character error rate and counts, each float32 (B,)."""
    return metrics.character_errors(letters, transcript, VOCABULARY)


@tensorleap_custom_metric("confidence", direction=UP, compute_insights=True)
def confidence(letters: np.ndarray) -> np.ndarray:
    """Return the mean log-probability of the greedy path per emitted letter, float32 (B,)."""
    return metrics.confidence(letters, VOCABULARY)


SYSTEMS = context().configuration.systems or {}
CHANGES = {f"{name}_minus_model": UP for name in SYSTEMS}
"""The other recognizers that config.yaml names, against the model: a metric, as metadata sees no logits."""
if CHANGES:

    @tensorleap_custom_metric("systems", direction=CHANGES, compute_insights=True)
    def system_changes(
        letters: np.ndarray, transcript: np.ndarray, samples: SamplePreprocessResponse
    ) -> dict[str, list]:
        """Return each one's word error rate minus the model's, each (B,)."""
        rates = metrics.word_errors(letters, transcript, VOCABULARY)["word_error_rate"]
        return context().compare_systems(rates, samples.preprocess_response.data, list(samples.sample_ids))


# Metadata


@tensorleap_metadata("signal", metadata_type=typed(signal.SIGNAL_METADATA_TYPES))
def signal_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Measure the raw waveform."""
    utterance = preprocess_response.data.utterance(utterance_id)
    heard, rate = context().read_waveform(utterance), context().configuration.audio.sampling_rate
    return signal.signal_metadata(heard, sampling_rate=rate, transcript=context().read_transcript(utterance))


@tensorleap_metadata("text", metadata_type=typed(text.text_metadata_types(VOCABULARY)))
def text_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Count words and letters."""
    transcript = context().read_transcript(preprocess_response.data.utterance(utterance_id))
    return text.text_metadata(transcript, VOCABULARY)


@tensorleap_metadata("readability", metadata_type=typed(readability.readability_types(VOCABULARY)))
def readability_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Grade the transcript's difficulty."""
    transcript = context().read_transcript(preprocess_response.data.utterance(utterance_id))
    return readability.readability_metadata(transcript, VOCABULARY)


@tensorleap_metadata("record", metadata_type=typed(record.RECORD_METADATA_TYPES))
def record_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Look up reader, chapter, book and subset."""
    split = preprocess_response.data
    utterance = split.utterance(utterance_id)
    rows = {name: getattr(split, name)(utterance) for name in ("speaker", "chapter", "book")}
    return record.record_metadata(utterance, **rows, subset=split.subset_of(utterance))


@tensorleap_metadata("corpus", metadata_type=FIELD_TYPES)
def corpus_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Return what additional columns of the corpus say: accent, device, noise."""
    return read_fields(preprocess_response.data.utterance(utterance_id).fields, context().field_types)


@tensorleap_metadata("systems", metadata_type=typed({f"{name}_word_error_rate": "float" for name in SYSTEMS}))
def systems_metadata(utterance_id: str, preprocess_response: PreprocessResponse) -> dict:
    """Return the word error rate of the other recognizers that config.yaml names."""
    return context().measure_systems(preprocess_response.data.utterance(utterance_id))


# Visualizers. A heatmap function receives the heatmap under the input's name, and the input in `raw_inputs`.


@tensorleap_custom_visualizer("hypothesis", LeapDataType.Text)
def hypothesis(letters: np.ndarray) -> LeapText:
    """Show the greedy hypothesis."""
    return visualizers.show_hypothesis(letters, VOCABULARY)


@tensorleap_custom_visualizer("reference", LeapDataType.Text)
def reference(transcript: np.ndarray) -> LeapText:
    """Show the transcript."""
    return visualizers.show_reference(transcript, VOCABULARY)


def waveform_heatmap(audio: np.ndarray, raw_inputs: RawInputsForHeatmap) -> np.ndarray:
    """Map the engine's heatmap over the input onto the points of `waveform`."""
    raw_audio = raw_inputs.raw_input_by_vizualizer_arg_name["audio"]
    return visualizers.map_waveform_heatmap(audio, audio=raw_audio)


@tensorleap_custom_visualizer("waveform", LeapDataType.Graph, heatmap_function=waveform_heatmap)
def waveform(audio: np.ndarray) -> LeapGraph:
    """Draw the waveform over seconds."""
    return visualizers.draw_waveform(audio, sampling_rate=context().configuration.audio.sampling_rate)


def mel_spectrogram_heatmap(audio: np.ndarray, raw_inputs: RawInputsForHeatmap) -> np.ndarray:
    """Map the engine's heatmap over the input onto the columns of `mel_spectrogram`."""
    raw_audio = raw_inputs.raw_input_by_vizualizer_arg_name["audio"]
    sampling_rate = context().configuration.audio.sampling_rate
    return visualizers.map_mel_spectrogram_heatmap(audio, audio=raw_audio, sampling_rate=sampling_rate)


@tensorleap_custom_visualizer("mel_spectrogram", LeapDataType.Image, heatmap_function=mel_spectrogram_heatmap)
def mel_spectrogram(audio: np.ndarray) -> LeapImage:
    """Draw the mel spectrogram in dB, low frequencies at the bottom."""
    return visualizers.draw_mel_spectrogram(audio, sampling_rate=context().configuration.audio.sampling_rate)


@tensorleap_custom_visualizer("audio_player", LeapDataType.Audio)
def audio_player(audio: np.ndarray) -> LeapAudio:
    """Play the utterance over its spectrogram."""
    return visualizers.play_audio(audio, sampling_rate=context().configuration.audio.sampling_rate)


@tensorleap_custom_visualizer("word_alignment", LeapDataType.TextMask)
def word_alignment(letters: np.ndarray, transcript: np.ndarray) -> LeapTextMask:
    """Align reference and hypothesis word by word."""
    return visualizers.show_word_alignment(letters, transcript, VOCABULARY)


@tensorleap_custom_visualizer("character_alignment", LeapDataType.TextMask)
def character_alignment(letters: np.ndarray, transcript: np.ndarray) -> LeapTextMask:
    """Align reference and hypothesis letter by letter."""
    return visualizers.show_character_alignment(letters, transcript, VOCABULARY)


@tensorleap_custom_visualizer("letter_posteriors", LeapDataType.Image)
def letter_posteriors(letters: np.ndarray) -> LeapImage:
    """Draw the probability of every letter over time."""
    duration_s = infer_frame_duration(letters.shape[-2], samples=context().configuration.audio.max_samples)
    return visualizers.draw_letter_posteriors(letters, VOCABULARY, frame_duration_s=duration_s)


@tensorleap_custom_visualizer("word_confidence", LeapDataType.Text)
def word_confidence(letters: np.ndarray) -> LeapText:
    """Show the hypothesis, each word colored by the model's confidence."""
    return visualizers.show_word_confidence(letters, VOCABULARY)


@tensorleap_custom_visualizer("edit_operations", LeapDataType.HorizontalBar)
def edit_operations(letters: np.ndarray, transcript: np.ndarray) -> LeapHorizontalBar:
    """Count hits, substitutions, deletions and insertions."""
    return visualizers.show_edit_operations(letters, transcript, VOCABULARY)


# Latent space and simulations


@tensorleap_custom_latent_space("acoustic_statistics")
def acoustic_statistics(utterance_id: str, preprocess_response: PreprocessResponse) -> np.ndarray:
    """Describe how an utterance sounds, whatever the model makes of it."""
    utterance = preprocess_response.data.utterance(utterance_id)
    sampling_rate = context().configuration.audio.sampling_rate
    return spectrum.acoustic_statistics(context().read_waveform(utterance), sampling_rate=sampling_rate)


def simulate(name: str, **arguments) -> PreprocessResponse:
    """Make a simulated split from the test split; a simulation that does not fit the corpus changes no audio."""
    if os.environ.get(mapping_runtime_mode_env_var_mame):  # code-loader reads the wiring, no audio is needed
        return PreprocessResponse(length=0, state=DataStateType.additional)
    rate = context().configuration.audio.sampling_rate
    split = simulations.simulate_or_skip(name, context().split("test"), **arguments, sampling_rate=rate)
    return PreprocessResponse(
        data=split, sample_ids=split.ids, sample_id_type=str, state=DataStateType.additional
    )


@tensorleap_simulation("additive_noise", simulations.SIMULATION_PARAMETERS["additive_noise"])
def additive_noise(kind: str, ratio_db: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Add white noise, pink noise or babble at a signal-to-noise ratio in dB."""
    return simulate("additive_noise", kind=kind, ratio_db=ratio_db, N=N, seed=seed)


@tensorleap_simulation("reverberation", simulations.SIMULATION_PARAMETERS["reverberation"])
def reverberation(decay_time_s: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Add room echo of a decay time in seconds."""
    return simulate("reverberation", decay_time_s=decay_time_s, N=N, seed=seed)


@tensorleap_simulation("telephone", simulations.SIMULATION_PARAMETERS["telephone"])
def telephone(highest_hz: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Keep the telephone band only."""
    return simulate("telephone", highest_hz=highest_hz, N=N, seed=seed)


@tensorleap_simulation("tempo", simulations.SIMULATION_PARAMETERS["tempo"])
def tempo(rate: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Speak faster or slower at the same pitch."""
    max_samples = context().configuration.audio.max_samples
    return simulate("tempo", rate=rate, max_samples=max_samples, N=N, seed=seed)


@tensorleap_simulation("clipping", simulations.SIMULATION_PARAMETERS["clipping"])
def clipping(share: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Clip a share of the samples."""
    return simulate("clipping", share=share, N=N, seed=seed)


@tensorleap_simulation("packet_loss", simulations.SIMULATION_PARAMETERS["packet_loss"])
def packet_loss(share: float, N: int, seed: int) -> PreprocessResponse:  # noqa: N803
    """Lose a share of the packets."""
    return simulate("packet_loss", share=share, N=N, seed=seed)


# The wiring


@tensorleap_integration_test()
def integration_test(utterance_id: str, preprocess_response: PreprocessResponse) -> None:
    """Call everything once, as the engine does (without a transcript, what needs none), for code-loader to read."""
    audio = encode_audio(utterance_id, preprocess_response)
    letters = load_model()(audio)
    confidence(letters)

    signal_metadata(utterance_id, preprocess_response)
    text_metadata(utterance_id, preprocess_response)
    readability_metadata(utterance_id, preprocess_response)
    record_metadata(utterance_id, preprocess_response)
    corpus_metadata(utterance_id, preprocess_response)
    systems_metadata(utterance_id, preprocess_response)
    acoustic_statistics(utterance_id, preprocess_response)

    hypothesis(letters)
    waveform(audio)
    mel_spectrogram(audio)
    audio_player(audio)
    letter_posteriors(letters)
    word_confidence(letters)

    if preprocess_response.state != DataStateType.unlabeled:
        transcript = encode_transcript(utterance_id, preprocess_response)
        ctc_loss(letters, transcript)
        word_errors(letters, transcript)
        character_errors(letters, transcript)
        if CHANGES:
            samples = SamplePreprocessResponse(np.array([utterance_id]), preprocess_response)
            system_changes(letters, transcript, samples)
        reference(transcript)
        word_alignment(letters, transcript)
        character_alignment(letters, transcript)
        edit_operations(letters, transcript)

    additive_noise(kind="babble", ratio_db=10.0, N=1, seed=0)
    reverberation(decay_time_s=0.5, N=1, seed=0)
    telephone(highest_hz=3400.0, N=1, seed=0)
    tempo(rate=0.9, N=1, seed=0)
    clipping(share=0.1, N=1, seed=0)
    packet_loss(share=0.1, N=1, seed=0)


if __name__ == "__main__":
    first = preprocess()[0]
    integration_test(first.sample_ids[0], first)
