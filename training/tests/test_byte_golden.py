import json

from tokenizers import Tokenizer

from replymesh_training import byte_golden

WHY = "run `python -m replymesh_training.byte_golden`, and see whether services/inference/tokenizer.ts still agrees"


def test_the_golden_file_is_fresh() -> None:
    kept = json.loads(byte_golden.GOLDEN.read_text("utf-8"))
    assert kept["tokenizer"] == json.loads(byte_golden.make_tokenizer().to_str()), WHY
    assert byte_golden.GOLDEN.read_text("utf-8") == byte_golden.content(Tokenizer.from_str(json.dumps(kept["tokenizer"]))), WHY


def test_texts_begin_and_end_as_roberta_wants() -> None:
    tokenizer = byte_golden.make_tokenizer()
    assert tokenizer.get_vocab_size() == byte_golden.VOCABULARY
    for text in ("", "refund", "🚢"):
        ids = tokenizer.encode(text).ids
        assert (ids[0], ids[-1]) == (0, 2)
        assert tokenizer.decode(ids).strip() == text
