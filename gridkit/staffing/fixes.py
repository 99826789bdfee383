"""The five fixes (五定): is person, slot, duty, standard and incentive settled for each area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..messages import Message, message, require_lang
from ..tables import POSTS
from .shifts import slot_texts

if TYPE_CHECKING:
    from ..errors import Lang

__all__ = ["five_fixes"]

FIXES: dict[str, str] = {
    "person_id": "staffing.fix_person",
    "slot": "staffing.fix_slot",
    "duty": "staffing.fix_duty",
    "standard": "staffing.fix_standard",
    "incentive": "staffing.fix_incentive",
}


def five_fixes(
    posts: pd.DataFrame, *, areas: pd.DataFrame | None = None, lang: Lang = "zh"
) -> pd.DataFrame:
    """Say for each area which of the five fixes (五定) are settled, and what is missing.

    Fixed are person, time slot, duty, standard, and reward and penalty, as Zhoutou street has
    them. One counts for an area when every one of its posts has it.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts``, of one day.
    areas : DataFrame, optional
        Areas that should have posts (``cell_code``); one without any lacks all five.
    lang : {"zh", "en"}
        Language of ``missing``.

    Returns
    -------
    DataFrame
        ``level``, ``area_code``, ``posts`` (how many), a flag for each of ``person_id``,
        ``slot``, ``duty``, ``standard``, ``incentive``, ``share`` (of the five, 0–1) and
        ``missing``, in words; in the order of the areas, else of the posts.

    Raises
    ------
    SchemaError
        Not a table of posts.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import five_fixes
    >>> posts = pd.DataFrame(
    ...     {
    ...         "level": "cell",
    ...         "area_code": ["A1", "A2"],
    ...         "role": "cleaner",
    ...         "person_id": ["P1", None],
    ...         "slot": "06:00-14:00",
    ...         "duty": "清扫保洁",
    ...         "standard": "日产日清",
    ...         "incentive": "按检查结果奖惩",
    ...     }
    ... )
    >>> five_fixes(posts)[["area_code", "share", "missing"]].values.tolist()
    [['A1', 1.0, ''], ['A2', 0.8, '定人员 (1/1)']]
    """
    lang = require_lang(lang)
    POSTS.require_columns(posts, source="posts")
    keys = [posts["level"].astype("str"), posts["area_code"].astype("str")]
    filled = pd.DataFrame({name: _filled(posts, name) for name in FIXES})
    groups = filled.groupby(keys, sort=False)
    counts, sums = groups.size(), groups.sum()
    order = counts.index
    if areas is not None:
        level = areas["level"].fillna("cell") if "level" in areas.columns else "cell"
        wanted = pd.DataFrame({"level": level, "area_code": areas["cell_code"]}).astype("str")
        order = pd.MultiIndex.from_frame(wanted)
    counts, sums = counts.reindex(order, fill_value=0), sums.reindex(order, fill_value=0)
    has = sums.eq(counts, axis=0) & (counts > 0).to_numpy()[:, None]
    table = has.assign(share=has.mean(axis=1))
    table.insert(0, "posts", counts)
    words = {name: message(key) for name, key in FIXES.items()}
    table["missing"] = [
        _missing(dict(zip(FIXES, row, strict=True)), n, words, lang)
        for row, n in zip(sums.to_numpy().tolist(), counts.tolist(), strict=True)
    ]
    return table.rename_axis(["level", "area_code"]).reset_index()


def _filled(posts: pd.DataFrame, column: str) -> pd.Series[Any]:
    if column == "slot":
        return slot_texts(posts) != ""
    if column not in posts.columns:
        return pd.Series(data=False, index=posts.index)
    return posts[column].astype("str").fillna("").str.strip() != ""


def _missing(sums: dict[str, int], n: int, words: dict[str, Message], lang: Lang) -> str:
    """Return what lacks, with how many of the posts lack it."""
    short = [
        f"{words[name].text(lang)} ({n - have}/{n})" if n else words[name].text(lang)
        for name, have in sums.items()
        if have < n or not n
    ]
    return ", ".join(short)
