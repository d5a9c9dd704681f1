import numpy as np
import pytest

from replymesh_training import masks


def test_generator_follows_the_reference_algorithm() -> None:
    # First words of xoshiro128** 1.1 from the state 1, 2, 3, 4, as the authors' C code prints them.
    assert masks.random_words(np.array([[1, 2, 3, 4]]), 4).tolist() == [[11520, 0, 5927040, 70819200]]


def test_a_seed_of_zeros_still_draws() -> None:
    assert masks.first_state(bytes(32)) == (1, 0, 0, 0)


def test_the_same_text_gets_the_same_mask_and_another_gets_another() -> None:
    first, again, other = masks.training_masks(["a", "a", "b"], 30, 384, 51)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fifth_of_the_units_is_dropped() -> None:
    assert masks.training_masks(["text"], 30, 384, 51).mean() == pytest.approx(1 - 51 / 256, abs=0.02)


def test_a_width_that_is_no_multiple_of_four_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        masks.dropout_masks([bytes(32)], 1, 6, 51)
