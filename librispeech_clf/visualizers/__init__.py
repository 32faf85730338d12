"""What the platform shows of one utterance: audio, labels and logits in, code-loader's `Leap*` records out.

Audio is the model's input (normalized, zero-padded); padding is cut off before anything is drawn. Every
function also takes float16, and a leading batch axis of 1.
"""

from librispeech_clf.visualizers.posteriors import draw_letter_posteriors
from librispeech_clf.visualizers.text import (
    show_character_alignment,
    show_edit_operations,
    show_hypothesis,
    show_reference,
    show_word_alignment,
    show_word_confidence,
)
from librispeech_clf.visualizers.waveform import (
    draw_mel_spectrogram,
    draw_waveform,
    map_mel_spectrogram_heatmap,
    map_waveform_heatmap,
    play_audio,
)
