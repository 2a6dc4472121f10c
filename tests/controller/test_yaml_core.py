from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from robocell_controller.errors import InputError
from robocell_controller.yaml_core import read_yaml, to_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {k: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 30)
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["010", "0o10", "1e5", "1_000", "yes", "no", "on", "null", "~", "12:30", "2028-11-28", ".nan", "<<"]
    ),
    st.from_regex(r"[-+.0-9eExob_:~<=]{0,8}", fullmatch=True),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def read(folder: Path, content: str | bytes) -> dict[str, Any]:
    path = folder / "some.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+7", 7),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("12:30:45", "12:30:45"),
        ("2028-11-28", "2028-11-28"),
        ("1e-4", 0.0001),
        ("1E5", 100000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.INF", -math.inf),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("'010'", "010"),
        ("=", "="),
        ("!!str 10", "10"),
        ("!!float 3", 3.0),
    ],
)
def test_a_value_is_what_the_core_schema_says(tmp_path: Path, text: str, value: object) -> None:
    found = read(tmp_path, f"key: {text}\n")["key"]
    assert (found, type(found)) == (value, type(value))


def test_sections_can_share_what_they_have_in_common(tmp_path: Path) -> None:
    content = read(tmp_path, "a: &a {b: 1, c: [2]}\nd: {<<: *a, b: 3}\ne: {<<: [{b: 4}, *a]}\nf: *a\n")
    assert content["d"] == {"b": 3, "c": [2]} and content["e"] == {"b": 4, "c": [2]}
    assert content["f"] == content["a"] and content["f"]["c"] is not content["a"]["c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"some\.yaml: a: twice, in lines 1 and 3"),
        ("a:\n  - {b: 1}\n  - c: 1\n    d: 2\n    c: 1\n", r"some\.yaml: a\.1\.c: twice, in lines 3 and 5"),
        ("a: {b: 1, 'b': 1}\n", r"a\.b: twice, in lines 1 and 1"),
        ("a: &a {b: 1}\nc: {<<: *a, d: 1, <<: *a}\n", r"c\.<<: twice, in lines 2 and 2"),
        ("a: &a {x: {<<: *a}}\n", "with all aliases written out"),
        ("1: one\n", "line 1: the key 1; expected a text"),
        ("a:\n  true: one\n", "a: line 2: the key true"),
        ("? [a]\n: b\n", "a key that is a list"),
        ("a: !!python/object:os.system {}\n", "a: line 1: the tag !!python/object:os.system"),
        ("a: !!python/name:os.system ''\n", "the tag !!python/name:os.system"),
        ("a: !mine 3\n", "'3' with the tag !mine"),
        ("a: !!set {x}\n", "the tag !!set"),
        ("a: !!int x\n", "'x' with the tag !!int"),
        ("a: <<\n", "'<<' with the tag"),
        ("<<: 3\n", "<<: line 1: 3; expected a mapping"),
        ("a: *b\n", "line 1: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2: .*another document"),
        ("a:\n\t- b\n", "line 2: .*token"),
        ("a: [1, 2\n", "line 2: .*',' or ']'"),
        ("", "nothing in it; expected a mapping"),
        ("# nothing\n", "nothing in it"),
        ("- a\n", "line 1: a list at top level"),
        ("42", "a single value at top level"),
        (b"\xff\xfea\x00", "not UTF-8"),
        (b"a: \x00\n", "control characters"),
        ("a: " + "9" * 5000, "5000 characters; expected a number of usual size"),
        ("a: 1e999\n", "expected a number of usual size"),
        ("a: " + "[" * 100_000, "more than 50 sections"),
        ("a: " + "[" * 60 + "]" * 60, "50 sections"),
        ("a: &a [*a]\n", "with all aliases written out"),
        (BOMB, "more than 100000 values"),
        (MERGE_BOMB, "more than 100000 values"),
        ("#" * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_what_could_be_read_as_something_else_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n") == {"a": 1}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(InputError, match="expected a readable text file"):
            read_yaml(path)


@settings(max_examples=200, deadline=None)
@given(content=st.dictionaries(TEXTS, VALUES, max_size=4))
@example(content={"a": 1e-05, "b": "010", "yes": "yes", "1e5": "1e5", "12:30": "12:30", "c": None, "null": "null"})
def test_what_is_written_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    found = read(tmp_path_factory.getbasetemp(), to_yaml(content))
    assert found == content and repr(found) == repr(content)
