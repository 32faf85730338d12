"""Metadata of an utterance: its signal, its text, its readability and its record in the tables.

Every key is kept for a use; `tests/metadata/test_uses.py` holds this table against the keys.

- `signal_duration_s`, `signal_level_dbfs`, `signal_signal_to_noise_ratio_db`, `signal_*_per_second`: searched
  for slices: what a listener notices first, and what recordings are selected by.
- `signal_fundamental_frequency_*`, `signal_voiced_share`, `signal_spectral_centroid_mean_hz`: searched: the
  voice, whatever gender the table says.
- `signal_silence_share`, `signal_pause_count`, `signal_longest_pause_s`, `signal_*ing_silence_s`: searched, the
  last three only as "what else differs": hesitation, and badly cut recordings.
- `signal_clipping_share`, `signal_peak_dbfs`: faults of custom recordings; LibriSpeech has none.
- `signal_*_min*`, `signal_*_max*`, `signal_*_mean*`, `signal_*_std*`: for the platform's insights and "what else
  differs": spectral statistics that the reference example has; some rank utterances alike and are one
  feature in the search.
- `text_word_count`, `text_word_length_*`, `text_letter_count`, `text_distinct_letter_count`: length and kind of
  words; the search has its own share of rare words, which needs the whole corpus.
- `text_*_frequent_letter*`, `text_apostrophe_count`: from the reference example; not searched, as nobody can act
  on them.
- `text_out_of_vocabulary_letter_count`: counts signs in custom transcripts that the model cannot emit; LibriSpeech
  has none.
- `readability_dale_chall_score`, `readability_difficult_word*`, `readability_mean_syllables_per_word`:
  searched: difficulty of the words, whatever the length.
- `readability_*`: the reference example's grades and their parts, which depend on the length of an utterance.
- `record_*`: searched where a value holds 20 utterances of 3 speakers: gender, subset, amount of speech;
  speakers are searched by themselves, titles say what is read.
"""
