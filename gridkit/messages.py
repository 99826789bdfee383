"""Every sentence that gridkit shows to people, in Chinese and English, in one catalogue.

The catalogue is ``messages.toml`` beside this module: a table for each room, a line for each
sentence with ``en`` and ``zh``. Both languages use the same placeholders; a test holds that,
and that every key is used and every used key exists.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any, NamedTuple

from .errors import Lang, OptionError

__all__ = ["Message", "message", "require_lang", "say"]

_LANGS: tuple[Lang, Lang] = ("en", "zh")


class Message(NamedTuple):
    """One sentence in both languages; unpack it into an error: ``FileError(*message(…))``."""

    en: str
    zh: str

    def text(self, lang: Lang = "zh") -> str:
        """Return the sentence in one language."""
        return self.zh if lang == "zh" else self.en


@functools.cache
def catalogue() -> dict[str, Message]:
    """Return all sentences as templates: ``{"room.name": Message(en, zh)}``."""
    text = resources.files("gridkit").joinpath("messages.toml").read_text("utf-8")
    rooms = tomllib.loads(text)
    return {
        f"{room}.{name}": Message(pair["en"], pair["zh"])
        for room, entries in rooms.items()
        for name, pair in entries.items()
    }


def message(key: str, /, **values: Any) -> Message:
    """Fill one sentence of the catalogue in both languages.

    Parameters
    ----------
    key : str
        ``"room.name"`` of the catalogue.
    **values
        What the placeholders stand for; a `Message` stands for its own language in each.

    Returns
    -------
    Message
        ``(en, zh)``.

    Examples
    --------
    >>> from gridkit.messages import message
    >>> message("files.missing", path="a.gpkg").zh
    'a.gpkg：没有这个文件。请检查路径和文件名。'
    """
    template = catalogue()[key]
    return Message(*(template.text(lang).format(**_spoken(values, lang)) for lang in _LANGS))


def _spoken(values: dict[str, Any], lang: Lang) -> dict[str, Any]:
    return {k: v.text(lang) if isinstance(v, Message) else v for k, v in values.items()}


def say(key: str, /, lang: Lang = "zh", **values: Any) -> str:
    """Fill one sentence of the catalogue in one language."""
    return message(key, **values).text(lang)


def require_lang(lang: str) -> Lang:
    """Return `lang` when it is ``"zh"`` or ``"en"``; raise `OptionError` otherwise."""
    if lang == "zh":
        return "zh"
    if lang == "en":
        return "en"
    raise OptionError(*message("options.unknown", name="lang", value=lang, choices="zh, en"))
