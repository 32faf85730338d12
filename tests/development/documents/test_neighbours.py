"""Whether near utterances agree in their metadata."""

import numpy as np

from librispeech_clf.development.documents.neighbours import (
    find_neighbours,
    measure_category_agreement,
    measure_numeric_agreement,
)


def test_neighbours_on_a_line():
    points = np.arange(4.0)[:, None] * [[1.0, 0.0]]
    neighbours = find_neighbours(points)
    assert neighbours.shape == (4, 3)
    assert neighbours[0].tolist() == [1, 2, 3]
    assert find_neighbours(points[:1]).shape == (1, 0)
    assert find_neighbours(np.zeros((40, 2))).shape == (40, 15)


def test_categories_agree_in_separate_groups_and_by_chance():
    points = np.array([[0.0, i] for i in range(20)] + [[1000.0, i] for i in range(20)])
    categories = np.array(["F"] * 20 + ["M"] * 20, dtype=object)
    text = measure_category_agreement(points, categories)
    assert text == "100% of the 15 nearest neighbours share it, 49% by chance"


def test_numbers_agree_along_the_map():
    points = np.stack([np.arange(100.0), np.zeros(100)], axis=1)
    assert measure_numeric_agreement(points, np.arange(100.0)).endswith("1.00")
    assert measure_numeric_agreement(points, np.ones(100)).startswith("too few different")
