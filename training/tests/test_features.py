import numpy as np
import pytest

from replymesh_training import feature_golden, variations
from replymesh_training.features import BUCKETS, NGRAM_STEP, features_of, fnv1a, ngrams, text_features, words_of


def test_hash_is_the_published_one() -> None:
    # Test vectors of Fowler, Noll and Vo.
    assert [fnv1a(data) for data in (b"", b"a", b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]


def test_the_golden_file_is_fresh() -> None:
    why = "run `python -m replymesh_training.feature_golden`, and change services/inference/features.ts in the same way"
    assert feature_golden.GOLDEN.read_text("utf-8") == feature_golden.content(), why


def test_every_source_gives_rows() -> None:
    assert sum(len(texts) for _, texts in variations.blocks()) > 1000
    assert all(texts for _, texts in variations.blocks())


def test_words_are_bytes_in_lower_case() -> None:
    assert words_of("Où EST-il, {{NAME_1}}?") == ["Où".encode().lower(), b"est", b"il", b"name_1"]


def test_grams_are_words_pairs_and_pieces() -> None:
    grams = [b"wab", b"wc", b"wab c", b"c a", b"cab", b"cb ", b"c ab", b"cab ", b"c ab ", b"c c", b"cc ", b"c c "]
    expected: dict[int, int] = {}
    for gram in grams:
        expected[fnv1a(gram) % BUCKETS] = expected.get(fnv1a(gram) % BUCKETS, 0) + 1
    assert list(ngrams("AB c").items()) == list(expected.items())


@pytest.mark.parametrize("text", ["", "?!" * 5000, "a" * 10_000, "🚢" * 3000, "\0 \0"])
def test_values_are_from_0_to_1(text: str) -> None:
    values = text_features(text)
    assert values.dtype == np.float32 and values.min() >= 0 and values.max() <= 1


def test_rows_are_filled_up() -> None:
    rows = features_of(["one", "one two three four five six seven eight nine"])
    assert rows.buckets.shape == rows.counts.shape and rows.buckets.shape[1] % NGRAM_STEP == 0
    assert rows.counts[0].sum() == 1 + 3 * 3
    assert not rows.counts[0, len(ngrams("one")) :].any()
