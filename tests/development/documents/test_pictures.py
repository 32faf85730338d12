"""The README's images: figures known in advance, small files, the same bytes twice."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leap_binder import CHARACTER_DIRECTIONS, WORD_DIRECTIONS
from librispeech_clf.audio.decoding import encode_flac
from librispeech_clf.corpus.schema import Utterance
from librispeech_clf.development.documents import drawing, pictures
from librispeech_clf.local.analysis.latent_space import Cluster, Clustering, LatentMap
from librispeech_clf.local.analysis.rates import ErrorRate
from librispeech_clf.text.plain_text import escape_unprintable


@pytest.fixture(scope="module")
def results(make_results):
    """Results whose latent vectors follow the number of words and the gender."""
    results = make_results(80, speakers=8)
    genders = (results["record_gender"] == "F").astype(float)
    columns = (results["text_word_count"].astype(float), *[genders] * 4)
    results["signal_spectral_flatness_mean"] = np.linspace(0, 0.1, len(results))
    results["latent"] = [list(vector) for vector in zip(*columns, strict=True)]
    return results


@pytest.fixture(scope="module")
def latent_map(results):
    """A map whose x follows the number of words and whose y the gender."""
    ids = tuple(results["utterance_id"][:-1])
    genders = (results["record_gender"][:-1] == "F").astype(float) * 100
    points = tuple(zip(results["text_word_count"][:-1].astype(float), genders, strict=True))
    return LatentMap("latent", ids, points, "PCA")


def assert_small_image(path) -> None:
    assert path.stat().st_size < 120_000
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 24)) > 3


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "\u202ereversed", "$\\frac{1}", "half $ and \udc80"])
def test_foreign_texts_are_drawn_as_text(tmp_path, text):
    with matplotlib.rc_context(drawing.STYLE):
        figure, axes = drawing.make_figure()
        axes.set(title=text, xlabel=text)
        axes.scatter([0, 1], [0, 1], label=text)
        axes.legend()
        drawing.save_image(figure, tmp_path / "foreign.png")
    shown = [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_legend().get_texts()[0].get_text()]
    assert shown == [escape_unprintable(text)] * 3 and shown[0].isprintable()
    assert (tmp_path / "foreign.png").stat().st_size > 1000


@pytest.mark.parametrize("column", ["text_word_count", "record_gender"])
def test_latent_map(results, latent_map, tmp_path, column):
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path in paths:
        pictures.draw_latent_map(results, latent_map, column=column, path=path)
    assert_small_image(paths[0])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_missing_column_is_named(results, latent_map, tmp_path):
    with pytest.raises(ValueError, match="text_nothing"):
        pictures.draw_latent_map(results, latent_map, column="text_nothing", path=tmp_path / "x.png")
    with pytest.raises(ValueError, match="record_gender"):
        pictures.draw_metrics_against(results, column="record_gender", path=tmp_path / "x.png")


def test_neighbors_on_a_line():
    points = np.arange(4.0)[:, None] * [[1.0, 0.0]]
    assert pictures.find_neighbors(points)[0].tolist() == [1, 2, 3]
    assert pictures.find_neighbors(points[:1]).shape == (1, 0)
    among_equals = pictures.find_neighbors(np.zeros((40, 2)))
    assert among_equals.shape == (40, 15) and not (among_equals == np.arange(40)[:, None]).any()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("record_gender", ["F"] * 20 + ["M"] * 20,
         "gender: utterances of one gender lie together (100% of the 15 nearest neighbors share it, 49% by chance)"),
        ("text_word_count", list(range(40)), "word count: utterances of similar word count lie together (rank"),
        ("text_word_count", [3] * 40, "word count: too few different values"),
        ("record_gender", ["F"] * 40, "gender: too few different values"),
    ],
)  # fmt: skip
def test_neighbors_agree_in_separate_groups_and_along_a_line(name, values, expected):
    points = np.array([[0.0, i] for i in range(20)] + [[1000.0, i] for i in range(20)])
    near = pictures.find_neighbors(points)
    assert pictures.describe_neighbors(pd.Series(values, name=name), near).startswith(expected)
    if name == "text_word_count":
        shuffled = pd.Series(np.random.default_rng(0).permutation(values), name=name)
        assert "lie together" not in pictures.describe_neighbors(shuffled, near)


def make_clustering(ids: tuple[str, ...], *, flagged: bool) -> Clustering:
    rate = ErrorRate(0.4, 0.3, 0.5, 40, 100, len(ids), 5, "speakers", None)
    tested = (0.2, 0.1, 0.3, 5, "103", 0.5, 0.002, True, ())
    cluster = Cluster(0, "", ids, rate, rate, *tested, flagged, None, (), "word error rate 0.40")
    return Clustering((cluster,), "k-means", {}, 0.01, 80, 0, None)


def test_the_worst_cluster_is_drawn_where_none_is_weak(results, latent_map, tmp_path):
    clustering = make_clustering(tuple(results["utterance_id"][:9]), flagged=False)
    text = pictures.draw_weak_cluster(results, latent_map, clustering, path=tmp_path / "w.png")
    assert text == "word error rate 0.40 (not significantly worse, corrected p <= 0.002)"


def test_every_metric_against_dale_chall(results, tmp_path, monkeypatch):
    figures, path = [], tmp_path / "m.png"

    def save(figure, path):
        figures.append(figure)
        drawing.save_image(figure, path)

    monkeypatch.setattr(pictures, "save_image", save)
    text = pictures.draw_metrics_against(results, column=pictures.DALE_CHALL, path=path)
    registered = [*WORD_DIRECTIONS, *CHARACTER_DIRECTIONS, "confidence", "ctc_loss"]
    panels = [axes for axes in figures[0].axes if axes.get_visible()]
    assert len(registered) == len(panels) == 15
    assert all(f"{pictures.label_measure(metric)} " in text for metric in registered)
    assert_small_image(path)
    for axes in panels:
        low, high = axes.get_ylim()
        assert low < high and all(low <= height <= high for height in axes.lines[0].get_ydata())


def test_extremes_have_a_reference(results):
    lengths = results["signal_duration_s"]
    silent = results.assign(reference=results["reference"].mask(lengths == lengths.min(), ""))
    shortest = lengths[lengths > lengths.min()].idxmin()
    assert pictures.choose_extremes(silent) == (lengths.idxmax(), shortest)


def test_all_images_from_a_finished_evaluation(results, latent_map, tmp_path, monkeypatch):
    clustering = make_clustering(tuple(results["utterance_id"][:9]), flagged=True)
    monkeypatch.setattr(pictures, "make_latent_map", lambda *_, **__: latent_map)
    monkeypatch.setattr(pictures, "describe_clusters", lambda *_, **__: clustering)
    monkeypatch.setattr(pictures, "choose_extremes", lambda results: (1, 2))
    audio = encode_flac(np.random.default_rng(0).normal(0, 0.1, 35 * 16000), sampling_rate=16000)

    def find_utterance(utterance_id):
        return Utterance(utterance_id, "", 1, 1, audio, None)

    told = results.assign(reference="A WORD")
    shown = pictures.draw_all(told, tmp_path, find_utterance=find_utterance, sampling_rate=16000)
    name = results["utterance_id"][1]
    assert shown["long_utterance"] == f"{name}: 35.00 s, 2 words, 0.2 letters per second"
    assert shown["weak_cluster"] == "word error rate 0.40 (significantly worse, corrected p <= 0.002)"
    assert sorted(shown) == sorted(path.stem for path in tmp_path.iterdir()) and len(shown) == 8
    for path in tmp_path.iterdir():
        assert_small_image(path)


def test_limits_hold_zero_values_and_most_of_the_intervals():
    middle, low, high = np.array([[0.2, 0.4], [0.1, 0.3], [0.3, 0.6]])
    assert pictures.choose_limits(middle, low, high) == pytest.approx((0, 0.63))
    assert pictures.choose_limits(-middle, -high, -low) == pytest.approx((-0.63, 0))
    assert pictures.choose_limits(middle, low, high * 1000) == pytest.approx((0, 1.05))
    assert pictures.choose_limits(middle * 0, low * 0, high * 0) == (0, 1)
    assert pictures.choose_limits(*np.full((3, 2), np.nan)) == (0, 1)
