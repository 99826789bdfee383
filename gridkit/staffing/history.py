"""Posts through time: what changed from one plan to the next, and who was responsible when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..division.lineage import day_of, days_of
from ..errors import OptionError
from ..messages import message, require_lang
from ..tables import CHANGES, POSTS
from .shifts import slot_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..errors import Lang

__all__ = ["compare_posts", "hand_over", "posts_at", "record_posts"]

KEY = ["level", "area_code", "role", "slot"]
_FACTS = ("person_id", "backup_id", "duty", "standard", "incentive")
_WHY = {
    "created": "staffing.why_created",
    "abolished": "staffing.why_abolished",
    "filled": "staffing.why_filled",
    "left": "staffing.why_left",
    "moved": "staffing.why_moved",
    "freed": "staffing.why_freed",
}


def posts_at(history: pd.DataFrame, at: Any) -> pd.DataFrame:
    """Return the posts of one day.

    Parameters
    ----------
    history : DataFrame
        Table ``posts`` with ``valid_from`` and ``valid_to``; the day of `valid_to` is the first
        on which a row no longer holds.
    at : date, datetime or str

    Returns
    -------
    DataFrame
        The rows that hold on that day, in their order, with their index.

    Raises
    ------
    OptionError
        `at` is no day.
    SchemaError
        Not a table of posts.

    Examples
    --------
    >>> import gridkit as gk
    >>> from gridkit.staffing.history import posts_at
    >>> import pandas as pd
    >>> one = pd.DataFrame(
    ...     {"level": ["cell"], "area_code": ["A1"], "role": ["officer"], "person_id": ["P1"]}
    ... )
    >>> history = gk.record_posts(None, one, at="2026-01-01")
    >>> history = gk.record_posts(history, one.assign(person_id="P2"), at="2026-03-01")
    >>> posts_at(history, "2026-02-28")["person_id"].tolist()
    ['P1']
    """
    POSTS.require_columns(history, source="posts")
    return history[_holds(history, day_of(at, name="at"))]


def _holds(history: pd.DataFrame, day: Any) -> NDArray[np.bool_]:
    start, end = days_of(history, "valid_from"), days_of(history, "valid_to")
    begun = (start.isna() | (start <= day)).to_numpy()
    return np.asarray(begun & (end.isna() | (end > day)).to_numpy(), bool)


def record_posts(
    history: pd.DataFrame | None,
    posts: pd.DataFrame,
    *,
    at: Any,
    roles: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Write a new set of posts into the history, from one day on.

    Posts that stay as they are keep their row; the others end on that day and begin anew. A post
    that `posts` no longer has ends. What was recorded for the very same day is replaced, so that
    recording twice is recording once.

    Parameters
    ----------
    history : DataFrame or None
        What `record_posts` returned before; None begins a history.
    posts : DataFrame
        Table ``posts``, all that hold from `at` on; its own validity does not count.
    at : date, datetime or str
        First day of the new posts.
    roles : sequence of str, optional
        Roles that `posts` plan anew; those of other roles go on. All roles by default: what is
        not in `posts` ends.

    Returns
    -------
    DataFrame
        The rows of the history, ended where they end, with the new ones behind them.

    Raises
    ------
    OptionError
        `at` is no day, or lies before the last change: a history is written forward; `posts` of
        a role that is not among `roles`.
    SchemaError
        Not a table of posts, or one post twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import record_posts
    >>> one = pd.DataFrame(
    ...     {"level": ["cell"], "area_code": ["A1"], "role": ["officer"], "person_id": ["P1"]}
    ... )
    >>> history = record_posts(None, one, at="2026-01-01")
    >>> history = record_posts(history, one.assign(person_id="P2"), at="2026-03-01")
    >>> history[["person_id", "valid_from", "valid_to"]].astype(str).values.tolist()
    [['P1', '2026-01-01', '2026-03-01'], ['P2', '2026-03-01', nan]]
    """
    day = day_of(at, name="at")
    new = posts.drop(columns=["valid_from", "valid_to"], errors="ignore").reset_index(drop=True)
    POSTS.check(new, source="posts")
    if roles is not None and (other := sorted(set(new["role"]) - set(roles))):
        choices = ", ".join(roles)
        raise OptionError(
            *message("options.unknown", name="roles", value=other[0], choices=choices)
        )
    new = new.assign(
        valid_from=pd.Series(day, new.index, dtype="datetime64[s]"),
        valid_to=pd.Series(pd.NaT, new.index, dtype="datetime64[s]"),
    )
    if history is None:
        return new
    old = history.assign(**{c: days_of(history, c) for c in ("valid_from", "valid_to")})
    last = old[["valid_from", "valid_to"]].max().max()
    if pd.notna(last) and last > day:
        raise OptionError(*message("staffing.history_back", at=day.date(), last=last.date()))
    concerned = np.ones(len(old), bool) if roles is None else old["role"].isin(roles).to_numpy()
    # Rows that began today never held; rows that ended today may go on as they were.
    held = ~(concerned & (old["valid_from"] == day).to_numpy())
    old, concerned = old[held].reset_index(drop=True), concerned[held]
    running = concerned & (old["valid_to"].isna() | (old["valid_to"] == day)).to_numpy()
    same = _same_as(new, old[running])
    ends = running & ~old.index.isin(same.dropna())
    old["valid_to"] = old["valid_to"].mask(running, pd.NaT).mask(ends, day)
    begun = new[same.isna().to_numpy()]
    return pd.concat([old, begun], ignore_index=True) if len(old) else begun


def _same_as(new: pd.DataFrame, old: pd.DataFrame) -> pd.Series[Any]:
    """Return for each new post the row of `old` that says the same; empty where none does."""
    rows = dict(zip(_facts(old), old.index, strict=True))
    return pd.Series([rows.get(fact) for fact in _facts(new)], new.index, dtype="Int64")


def _facts(posts: pd.DataFrame) -> list[tuple[str, ...]]:
    columns = [_words(posts, c) for c in (*KEY, *_FACTS)]
    return list(zip(*columns, strict=True))


def _words(posts: pd.DataFrame, column: str) -> list[str]:
    if column not in posts.columns:
        return [""] * len(posts)
    return posts[column].astype("str").fillna("").tolist()


def compare_posts(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    roster: pd.DataFrame | None = None,
    lang: Lang = "zh",
) -> pd.DataFrame:
    """Say which posts changed hands from one plan to the next, and why.

    Parameters
    ----------
    before, after : DataFrame
        Tables ``posts`` of one day each (`posts_at`).
    roster : DataFrame, optional
        The people now: who is not in it has left.
    lang : {"zh", "en"}
        Language of ``why``.

    Returns
    -------
    DataFrame
        Table ``changes``, a row for each post that is new, gone or in other hands: ``from_id``
        and ``to_id``, ``kind``, ``why`` and both distances. Kinds: ``created``, ``abolished``,
        ``filled`` (was empty), ``left`` (not in the roster any more), ``moved`` (holds another
        post of the role now) and ``freed`` (holds none).

    Raises
    ------
    SchemaError
        Not tables of posts, or one post twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import compare_posts
    >>> before = pd.DataFrame(
    ...     {"level": "cell", "area_code": ["A1", "A2"], "role": "officer"}
    ... ).assign(person_id=["P1", "P2"])
    >>> after = before.assign(person_id=["P2", "P3"])
    >>> changes = compare_posts(before, after, lang="en")
    >>> changes[["area_code", "from_id", "to_id", "kind"]].values.tolist()
    [['A1', 'P1', 'P2', 'freed'], ['A2', 'P2', 'P3', 'moved']]
    """
    lang = require_lang(lang)
    sides = []
    for posts, source in ((before, "before"), (after, "after")):
        POSTS.check(posts.drop(columns="valid_from", errors="ignore"), source=source)
        plain = pd.DataFrame({c: posts[c].astype("str") for c in KEY if c != "slot"})
        plain["slot"] = slot_texts(posts)
        for name in ("person_id", "distance_m"):
            plain[name] = posts[name] if name in posts.columns else np.nan
        sides.append(plain)
    both = sides[0].merge(sides[1], on=KEY, how="outer", suffixes=("_from", "_to"), indicator=True)
    changes = pd.DataFrame({c: both[c] for c in KEY})
    changes["from_id"] = both["person_id_from"].astype("str")
    changes["to_id"] = both["person_id_to"].astype("str")
    changes["kind"] = _kinds(both, changes, roster)
    words = {kind: message(key).text(lang) for kind, key in _WHY.items()}
    changes["why"] = changes["kind"].map(words).astype("str")
    changes["distance_before_m"] = both["distance_m_from"].astype("float64")
    changes["distance_after_m"] = both["distance_m_to"].astype("float64")
    changed = changes["from_id"].fillna("") != changes["to_id"].fillna("")
    moved = changes[changed | (both["_merge"] != "both").to_numpy()]
    result = moved.sort_values(KEY).reset_index(drop=True)
    CHANGES.check(result, source="changes")
    return result


def _kinds(
    both: pd.DataFrame, changes: pd.DataFrame, roster: pd.DataFrame | None
) -> pd.Series[Any]:
    gone, held = changes["from_id"], both["person_id_to"].astype("str")
    holds = set(zip(both["role"], held, strict=True))
    still = np.array([(r, p) in holds for r, p in zip(both["role"], gone, strict=True)], bool)
    left = np.zeros(len(both), bool)
    if roster is not None:
        left = ~gone.isin(roster["person_id"]).to_numpy()
    choices = [
        (both["_merge"] == "right_only").to_numpy(),
        (both["_merge"] == "left_only").to_numpy(),
        gone.isna().to_numpy(),
        left,
        still,
    ]
    kinds = np.select(choices, ["created", "abolished", "filled", "left", "moved"], "freed")
    return pd.Series(kinds, index=both.index, dtype="str")


def hand_over(changes: pd.DataFrame) -> pd.DataFrame:
    """Return who hands which areas to whom: one line for each pair of people and role.

    Parameters
    ----------
    changes : DataFrame
        As `compare_posts` returns it.

    Returns
    -------
    DataFrame
        ``from_id``, ``to_id`` (empty: nobody takes over), ``role``, ``areas`` (how many) and
        ``codes``, joined by ``"; "``. Posts that nobody held are not handed over.

    Raises
    ------
    SchemaError
        Not a table of changes.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import compare_posts, hand_over
    >>> before = pd.DataFrame(
    ...     {"level": "cell", "area_code": ["A1", "A2"], "role": "officer", "person_id": "P1"}
    ... )
    >>> hand_over(compare_posts(before, before.assign(person_id="P2"))).values.tolist()
    [['P1', 'P2', 'officer', 2, 'A1; A2']]
    """
    CHANGES.check(changes, source="changes")
    held = changes[changes["from_id"].notna()].sort_values("area_code")
    groups = held.groupby(["from_id", "to_id", "role"], dropna=False, sort=True)["area_code"]
    table = groups.agg(areas="size", codes="; ".join).reset_index()
    return table.astype({"from_id": "str", "to_id": "str", "role": "str", "codes": "str"})
