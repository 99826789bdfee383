"""A city's own table of categories, and categories that a text may mean."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import SchemaError, raise_all
from ..messages import message
from ..rules import categories_of, load_categories
from ..tables import Column, Table
from .columns import header_words, match_columns, plain_text, rename_columns
from .readers import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..rules import Category

__all__ = ["read_categories", "suggest_category"]

_NEEDED = ("code", "kind", "zh", "limit")
_OTHERS = (
    "en",
    "class_zh",
    "class_en",
    "condition",
    "closing",
    "disposal_unit",
    "supervising_unit",
)
_TABLE = Table(
    "categories",
    "类别表",
    (),
    tuple(Column(name, "text", "", "", name in _NEEDED) for name in (*_NEEDED, *_OTHERS)),
)
# Cells that span several rows in print: the first one holds for those below.
_MERGED = ("code", "kind", "zh", "en", "class_zh", "class_en")


def read_categories(
    path: str | Path,
    *,
    scheme: str = "",
    layer: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> dict[str, Category]:
    r"""Read a city's table of categories: kinds, filing conditions, limits, units.

    Parameters
    ----------
    path : path
        XLSX, XLS or CSV with one row for each filing condition. Headers in Chinese or English
        (``standards/category_columns.toml``). Cells merged over several rows count for all of them.
    scheme : str
        Name of the scheme that the codes belong to; by default the file's name.
    layer : str, optional
        The sheet, where there are several.
    columns : mapping of header → column, optional
        Where the headers are not understood.

    Returns
    -------
    dict of code → Category
        Codes of four digits get the letter of their kind: 0102 of a component is C0102.

    Raises
    ------
    FileError
        Missing or unreadable file.
    SchemaError
        No column for code, kind, name or limit, empty ones, a kind that is neither component nor
        event, a code and condition twice; all at once.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gridkit as gk
    >>> path = Path(tempfile.mkdtemp()) / "标准.csv"
    >>> lines = ["类型,小类代码,小类名称,立案条件,处置时限"]
    >>> lines += ["事件,0101,私搭乱建,在建,2工作日", ",,,建成,15工作日"]
    >>> _ = path.write_text("\n".join(lines), encoding="utf-8")
    >>> gk.read_categories(path)["E0101"].rule("建成").limit
    '15工作日'
    """
    name = Path(path).name
    raw = read_table(path, layer=layer)
    headers = [str(c) for c in raw.columns]
    mapping = match_columns(headers, kind="category", table=_TABLE, given=columns, source=name)
    lost = [c for c in _NEEDED if c not in mapping.values()]
    found = ", ".join(headers)
    where = {"source": name, "table": "categories", "found": found}
    raise_all(SchemaError, [message("tables.missing_columns", columns=c, **where) for c in lost])
    table = rename_columns(pd.DataFrame(raw), mapping)
    table = table[[c for c in (*_NEEDED, *_OTHERS) if c in table.columns]]
    table = table.apply(lambda values: plain_text(values).str.strip())
    table = table.mask(table == "").dropna(how="all")
    merged = [c for c in _MERGED if c in table.columns]
    table[merged] = table[merged].ffill()
    words = header_words("category")["words"]
    kinds = {w: kind for kind, others in words.items() for w in others}
    table["kind"] = table["kind"].str.lower().map(lambda w: kinds.get(w, w))
    _TABLE.check(table, source=name)
    letter = table["kind"].map({"component": "C", "event": "E"}).fillna("")
    short = table["code"].str.fullmatch(r"\d{3,4}")
    padded = letter + table["code"].str.zfill(4)
    table["code"] = table["code"].where(~short, padded)
    full = table.reindex(columns=[*_NEEDED, *_OTHERS]).astype("str").fillna("")
    rows = [{str(k): str(v) for k, v in row.items()} for row in full.to_dict("records")]
    return categories_of(rows, name=name, scheme=scheme or name, source=name)


def suggest_category(
    text: str, categories: Mapping[str, Category] | None = None, *, most: int = 5
) -> pd.DataFrame:
    """Return categories that a text may mean, the likeliest first; a person decides.

    Parameters
    ----------
    text : str
        What a citizen wrote.
    categories : mapping of code → Category, optional
        `load_categories` by default.
    most : int
        How many at most.

    Returns
    -------
    DataFrame
        ``code``, ``kind``, ``zh``, ``en``, ``score`` (0-1: how much of the name stands in the text,
        rare pairs of characters counting more) and ``met`` (which of them).

    Examples
    --------
    >>> import gridkit as gk
    >>> gk.suggest_category("门口有个游商挡路")["zh"].tolist()
    ['无照经营游商']
    >>> gk.suggest_category("你好").empty
    True
    """
    known = load_categories() if categories is None else categories
    parts = {code: _parts(c.zh) | _parts(c.en) for code, c in known.items()}
    often = Counter(part for mine in parts.values() for part in mine)
    weight = {part: math.log(1 + len(known) / n) for part, n in often.items()}
    written = _parts(text)
    rows = []
    for code, category in known.items():
        met = {lang: _parts(n) & written for lang, n in (("zh", category.zh), ("en", category.en))}
        score, lang = max(
            (_share(met[x], _parts(category.name(x)), weight), x) for x in ("zh", "en")
        )
        if met[lang]:
            shown = ", ".join(sorted(met[lang]))
            rows.append((code, category.kind, category.zh, category.en, round(score, 3), shown))
    columns = ["code", "kind", "zh", "en", "score", "met"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["score", "code"], ascending=[False, True], ignore_index=True).head(
        most
    )


def _parts(text: str) -> set[str]:
    """Return pairs of neighbouring Chinese characters, and words of letters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    pairs = {
        "".join(pair) for run in re.findall(r"[㐀-鿿]+", plain) for pair in itertools.pairwise(run)
    }
    return pairs | set(re.findall(r"[a-z]{3,}", plain))


def _share(met: set[str], name: set[str], weight: Mapping[str, float]) -> float:
    whole = sum(weight[part] for part in name)
    return sum(weight[part] for part in met) / whole if whole else 0.0
