"""Reports into the ledger: each one once, whatever stops on the way."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..errors import OptionError, SchemaError
from ..messages import message
from .encoding import as_json, digest_of, encoded_columns, states_of, text_of_time
from .store import now_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from ..errors import Lang
    from .store import Store

    Floats = NDArray[np.float64]
    Columns = dict[str, list[Any]]
    Prepared = tuple[Columns, list[str]]

__all__ = ["LIFE", "Filed", "file_reports"]

CHUNK = 20_000
LIFE = ("reported_at", "accepted_at", "filed_at", "dispatched_at", "disposed_at", "closed_at")
_PAIRS = """SELECT c.case_id, c.feed, c.report_id FROM json_each(?) AS p JOIN cases AS c
  ON c.feed = json_extract(p.value, '$[0]') AND c.report_id = json_extract(p.value, '$[1]')"""


@dataclass(frozen=True)
class Filed:
    """What came of filing reports.

    Attributes
    ----------
    rows, new, known, quarantined : int
        ``rows == new + known + quarantined``; known are those that had a case already.
    case_ids : Series of str
        The case of each report; empty where it was quarantined.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import Filed
    >>> print(Filed(3, 2, 1, 0, pd.Series(["C1", "C2", "C3"])).text("en"))
    3 reports: 2 new cases, 1 known already, 0 in quarantine.
    """

    rows: int
    new: int
    known: int
    quarantined: int
    case_ids: pd.Series

    def text(self, lang: Lang = "zh") -> str:
        """Return the counts as one sentence."""
        return message(
            "casework.filed",
            rows=f"{self.rows:,}",
            new=f"{self.new:,}",
            known=f"{self.known:,}",
            quarantined=f"{self.quarantined:,}",
        ).text(lang)


def file_reports(
    store: Store,
    located: pd.DataFrame,
    *,
    cases: Callable[[pd.DataFrame], pd.DataFrame],
    at: datetime | None,
    actor: str,
    progress: Callable[[int, int], None] | None,
) -> Filed:
    """Write the cases of reports that have none yet, twenty thousand in one transaction.

    Parameters
    ----------
    store : Store
    located : DataFrame or GeoDataFrame
    cases : callable
        Makes cases of sound reports, row by row.
    at, actor, progress
        As in `Ledger.file`.
    """
    table = located.reset_index(drop=True)
    feed = table["feed"].astype("str").fillna("") if "feed" in table.columns else ""
    table = table.assign(feed=feed)
    reasons = _unfit(table)
    x, y = _points(table, store)
    refused = int((reasons != "").sum())
    if refused:
        _quarantine(store, table, reasons, actor)
    # Where an earlier filing stopped, this one goes on: what has a case is not prepared again.
    done = _filed_before(store, table)
    place = np.flatnonzero((reasons == "") & (done == None))  # noqa: E711
    known = len(table) - refused - len(place)
    if known and progress is not None:
        progress(known, known + len(place))
    made = _with_moment(cases(table.iloc[place].reset_index(drop=True)))
    parts = [slice(k, k + CHUNK) for k in range(0, len(place), CHUNK)]
    new = 0
    ready = _ahead(lambda part: _prepared(made.iloc[part], x[place[part]], y[place[part]]), parts)
    for part, chunk in zip(parts, ready, strict=True):
        rows = place[part]
        fresh, numbers = _file_chunk(store, *chunk, x[rows], y[rows], actor, at)
        new += fresh
        done[rows] = numbers
        if progress is not None:
            progress(known + part.start + len(rows), known + len(place))
    done[reasons != ""] = None
    case_ids = pd.Series(done, index=located.index, dtype="str")
    return Filed(len(table), new, known + len(place) - new, refused, case_ids)


def _filed_before(store: Store, table: pd.DataFrame) -> NDArray[np.object_]:
    """Return the case of each report that has one."""
    if store.head()[1] == 0:
        return np.full(len(table), None, object)
    feeds, ids = (table[c].astype(object).tolist() for c in ("feed", "report_id"))
    found: list[str | None] = []
    for k in range(0, len(table), CHUNK):
        keys = list(zip(feeds[k : k + CHUNK], map(_plain, ids[k : k + CHUNK]), strict=True))
        known = _known(store, keys)
        found += [known.get(key) for key in keys]
    return np.array(found, object)


def _plain(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _ahead(work: Callable[[slice], Prepared], parts: Sequence[slice]) -> Iterator[Prepared]:
    """Yield the work of all parts, each done while the one before is written to the disk."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(work, part) for part in parts[:1]]
        for k in range(len(parts)):
            done = waiting.pop().result()
            waiting = [pool.submit(work, part) for part in parts[k + 1 : k + 2]]
            yield done


def _prepared(cases: pd.DataFrame, x: Floats, y: Floats) -> Prepared:
    """Return the columns of cases as stored, and each row as its first move tells it."""
    columns = encoded_columns(cases)
    return columns, states_of(columns, x, y)


def _with_moment(cases: pd.DataFrame) -> pd.DataFrame:
    """Say when each case was last heard of: the latest of its life-cycle times."""
    life = [c for c in LIFE if c in cases.columns and cases[c].notna().any()]
    last = cases[life].max(axis=1) if life else pd.Series(pd.NaT, cases.index)
    return cases.assign(moved_at=last)


def _unfit(table: pd.DataFrame) -> NDArray[np.object_]:
    """Return why a report cannot be filed; empty where it can."""
    if "report_id" not in table.columns:
        found = ", ".join(map(str, table.columns))
        where = {"source": "located", "table": "located", "columns": "report_id", "found": found}
        raise SchemaError(*message("tables.missing_columns", **where))
    reasons = np.full(len(table), "", object)
    ids = table["report_id"].astype("str")
    empty = (ids.isna() | ids.str.strip().eq("")).to_numpy(bool)
    keys = pd.DataFrame({"feed": table["feed"], "id": ids})
    reasons[keys.duplicated().to_numpy()] = "REPEATED_ID"
    reasons[empty] = "NO_ID"
    times = [c for c in LIFE[2:] if c in table.columns and table[c].notna().any()]
    for earlier, later in itertools.pairwise(times):
        wrong = (table[later] < table[earlier]).to_numpy(bool) & (reasons == "")
        reasons[wrong] = "WRONG_ORDER"
    return reasons


def _points(table: pd.DataFrame, store: Store) -> tuple[Floats, Floats]:
    """Return x and y of each report; NaN where it has no point."""
    xy = np.full((len(table), 2), np.nan)
    if isinstance(table, gpd.GeoDataFrame):
        if table.crs is None or table.crs != store.crs:
            given = "–" if table.crs is None else table.crs.name
            raise OptionError(*message("casework.other_crs", have=store.crs.name, given=given))
        shapes = table.geometry.to_numpy()
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        if (shapely.get_type_id(shapes[there]) != shapely.GeometryType.POINT).any():
            raise SchemaError(*message("casework.not_points"))
        xy[there] = shapely.get_coordinates(shapes[there])
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])


def _known(store: Store, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the cases of those reports (feed and number) that have one."""
    _, found = store.rows(_PAIRS, (as_json(keys),))
    return {(feed, report): case for case, feed, report in found}


def _file_chunk(
    store: Store,
    columns: Columns,
    states: list[str],
    x: Floats,
    y: Floats,
    actor: str,
    at: datetime | None,
) -> tuple[int, list[str]]:
    """Write new cases and their first moves in one transaction; return how many and all numbers."""
    recorded = now_text()
    if None in columns["moved_at"]:  # no time at all: it is heard of now
        otherwise = recorded if at is None else text_of_time(at)
        columns["moved_at"] = [moment or otherwise for moment in columns["moved_at"]]
        states = states_of(columns, x, y)
    keys = list(zip(columns["feed"], columns["report_id"], strict=True))
    with store.transaction() as db:
        known = _known(store, keys)
        keep = [i for i, key in enumerate(keys) if key not in known]
        if _number(columns["case_id"], keep, keys, store.taken(columns["case_id"])):
            states = states_of(columns, x, y)
        every = list(zip(*columns.values(), strict=True))
        rows = [every[i] for i in keep]
        case, stage, moment = (columns[c] for c in ("case_id", "stage", "moved_at"))
        moves = [
            (case[i], 1, moment[i], "import", None, stage[i], actor, "", states[i], recorded)
            for i in keep
        ]
        if rows:
            store.add_cases(db, tuple(columns), rows, x[keep], y[keep])
            store.add_moves(db, moves)
    return len(rows), [known.get(k, c) for k, c in zip(keys, columns["case_id"], strict=True)]


def _number(
    case_ids: list[str], keep: Sequence[int], keys: Sequence[tuple[str, str]], taken: set[str]
) -> bool:
    """Put the feed behind numbers that another feed has used; tell whether there are any."""
    changed = False
    for i in keep:
        if case_ids[i] in taken:
            case_ids[i] = f"{case_ids[i]}@{keys[i][0]}"
            changed = True
        taken.add(case_ids[i])
    return changed


def _quarantine(
    store: Store, table: pd.DataFrame, reasons: NDArray[np.object_], actor: str
) -> None:
    """Keep refused reports with their reason, once; their digest goes into the chain."""
    rows = np.flatnonzero(reasons != "")
    plain = pd.DataFrame(table.drop(columns="geometry", errors="ignore")).iloc[rows]
    text = plain.to_json(orient="records", force_ascii=False, date_format="iso")
    kept = [
        (
            str(original.get("feed") or ""),
            int(row) + 1,
            reasons[row],
            str(original.get("report_id") or ""),
            as_json(original),
        )
        for row, original in zip(rows, json.loads(text), strict=True)
    ]
    recorded = now_text()
    with store.transaction() as db:
        had = set(db.execute('SELECT feed, "row", rule, value, original FROM quarantine'))
        fresh = [row for row in kept if row not in had]
        if not fresh:
            return
        seq = store.head()[1] + 1
        db.executemany(
            'INSERT INTO quarantine (seq, feed, "row", rule, value, original) '
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(seq, *row) for row in fresh],
        )
        told = as_json({"rows": len(fresh), "digest": digest_of(fresh)})
        head = (f"quarantine {seq}", 1, recorded, "quarantine", None, "")
        store.add_moves(db, [(*head, actor, "", told, recorded)])
