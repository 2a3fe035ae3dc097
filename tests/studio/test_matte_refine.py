"""What makes masks fit to be seen, on synthetic masks: its laws hold without any model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.studio.matte.model import Floats
from daemon.studio.matte.refine import Bools, box, components, enlarged, firm, guided, main_figures, news

SHAPE = (36, 64)
pictures = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random(SHAPE, np.float32))


def disc(x: int, y: int, radius: int) -> Floats:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found: Floats = ((columns - x) ** 2 + (rows - y) ** 2 < radius**2).astype(np.float32)
    return found


def test_a_lamp_beside_the_speaker_is_no_figure() -> None:
    speaker, lamp = disc(20, 18, 10), disc(52, 8, 3)
    assert np.array_equal(main_figures(np.maximum(speaker, lamp)), speaker)


def test_two_people_apart_from_each_other_both_stay() -> None:
    both = np.maximum(disc(16, 18, 10), disc(48, 18, 7))
    assert np.array_equal(main_figures(both), both)


def test_soft_edges_of_the_figure_are_kept() -> None:
    soft = box(disc(32, 18, 10), 1)
    soft = np.maximum(soft, disc(4, 4, 2))
    kept = main_figures(soft)
    assert np.abs(kept[8:] - soft[8:]).max() < 0.15
    assert (kept[8:] > 0).sum() > 1.1 * (soft[8:] > 0.5).sum()
    assert not kept[:8, :8].any()


def test_a_frame_without_a_figure_has_none() -> None:
    assert not main_figures(np.zeros(SHAPE, np.float32)).any()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 0.8))
def test_components_are_those_that_a_flood_finds(seed: int, share: float) -> None:
    inside = np.random.default_rng(seed).random((9, 13)) < share
    labels, areas = components(inside)
    assert np.array_equal(labels > 0, inside)
    assert [int((labels == number + 1).sum()) for number in range(len(areas))] == areas.tolist()
    seen: set[int] = set()
    for row, column in zip(*np.nonzero(inside), strict=True):
        flooded = _flood(inside, (int(row), int(column)))
        found = {int(labels[place]) for place in flooded}
        assert len(found) == 1
        assert int(areas[found.pop() - 1]) == len(flooded)
        seen.add(min(row * 13 + column for row, column in flooded))
    assert len(seen) == len(areas)


def _flood(inside: Bools, start: tuple[int, int]) -> set[tuple[int, int]]:
    reached, edge = {start}, [start]
    while edge:
        row, column = edge.pop()
        for place in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            within = 0 <= place[0] < inside.shape[0] and 0 <= place[1] < inside.shape[1]
            if within and inside[place] and place not in reached:
                reached.add(place)
                edge.append(place)
    return reached


@settings(max_examples=30)
@given(pictures, st.integers(0, 4))
def test_a_box_is_the_mean_over_its_square(picture: Floats, radius: int) -> None:
    padded = np.pad(picture, radius, mode="edge")
    row, column, width = 7, 20, 2 * radius + 1
    expected = padded[row : row + width, column : column + width].mean()
    assert box(picture, radius)[row, column] == pytest.approx(expected, abs=1e-5)


@settings(max_examples=30)
@given(pictures)
def test_enlarging_keeps_the_range_and_what_is_even(picture: Floats) -> None:
    large = enlarged(picture)
    assert large.shape == (2 * SHAPE[0], 2 * SHAPE[1])
    assert picture.min() - 1e-6 <= large.min() and large.max() <= picture.max() + 1e-6
    assert large.mean() == pytest.approx(picture.mean(), abs=0.02)
    assert np.allclose(enlarged(np.full(SHAPE, 0.3, np.float32)), 0.3)


def test_a_blurred_mask_gets_the_edge_of_the_picture() -> None:
    figure = disc(32, 18, 11)
    rough = box(disc(33, 18, 11), 2)
    grey = 0.2 + 0.6 * figure
    slope, level = guided(rough, grey)
    fine = firm(slope * grey + level)
    assert np.abs(fine - figure).mean() < 0.4 * np.abs(rough - figure).mean()


@settings(max_examples=30)
@given(pictures)
def test_a_firm_mask_keeps_its_order_and_its_ends(mask: Floats) -> None:
    step = firm(mask)
    assert step.min() >= 0 and step.max() <= 1
    order = np.argsort(mask, axis=None)
    assert (np.diff(step.ravel()[order]) >= -1e-6).all()
    ends = firm(np.array([[0.0, 0.1, 0.5, 0.9, 1.0]], np.float32))
    assert ends == pytest.approx(np.array([[0, 0, 0.5, 1, 1]]), abs=1e-5)


def test_a_cameras_noise_is_no_news_and_a_cut_is_all_news() -> None:
    random = np.random.default_rng(5)
    still = np.full(SHAPE, 0.5, np.float32)
    noisy = still + random.normal(0, 0.006, SHAPE).astype(np.float32)
    assert news(noisy, still).max() < 0.3
    assert news(still + 0.3, still).min() == pytest.approx(1.0)


def test_a_moving_hand_is_news_where_it_moves_alone() -> None:
    share = news(disc(20, 18, 8), disc(18, 18, 8))
    assert share[18, 11] == pytest.approx(1.0)
    assert share[18, 50] == pytest.approx(0.25)
