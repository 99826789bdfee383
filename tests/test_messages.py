"""The catalogue: both languages, same placeholders, nothing unused, nothing missing."""

import ast
import string
from pathlib import Path

import pytest

import gridkit
from gridkit.errors import OptionError, SchemaError, raise_all
from gridkit.messages import catalogue, message, require_lang, say

ROOT = Path(gridkit.__file__).parent


def keys_in_code() -> set[str]:
    """Return every string of the code that has the form of a key of the catalogue."""
    rooms = {key.split(".")[0] for key in catalogue()}
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                room, dot, name = node.value.partition(".")
                if dot and room in rooms and name.isidentifier():
                    found.add(node.value)
    return found


def keys_asked_for() -> set[str]:
    """Return the literal first arguments of ``message(…)`` and ``say(…)``."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("message", "say"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_both_languages_say_the_same(key):
    pair = catalogue()[key]
    assert pair.en
    assert pair.zh
    assert placeholders(pair.en) == placeholders(pair.zh)


def test_no_sentence_is_unused():
    assert set(catalogue()) - keys_in_code() == set()


def test_no_sentence_is_missing():
    assert keys_asked_for() - set(catalogue()) == set()


def test_values_are_filled_not_evaluated():
    filled = message("files.missing", path="{0.__class__} {{7*7}}")
    assert "{0.__class__} {{7*7}}" in filled.en
    assert "{0.__class__} {{7*7}}" in filled.zh


def test_language_is_checked():
    assert require_lang("zh") == "zh"
    assert say("files.missing", "en", path="x").startswith("x: there is no such file")
    with pytest.raises(OptionError, match="zh, en"):
        require_lang("fr")


def test_all_problems_come_at_once():
    with pytest.raises(SchemaError) as caught:
        raise_all(SchemaError, [message("files.missing", path="a"), ("b is bad", "b 有误")])
    assert caught.value.text("en").splitlines()[1] == "b is bad"
    assert caught.value.text("zh").splitlines()[1] == "b 有误"
    raise_all(SchemaError, [])
