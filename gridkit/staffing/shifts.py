"""When posts hold: their validity and their slots, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..division.lineage import days_of
from ..errors import OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..slots import DAY_TYPES, parse_slots, slot_text
from ..tables import first_few
from .absences import EVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["shifts_of", "slot_texts"]


def slot_texts(posts: pd.DataFrame) -> pd.Series[Any]:
    """Return the slots as text; empty where a post has none."""
    if "slot" not in posts.columns:
        return pd.Series("", index=posts.index, dtype="str")
    return posts["slot"].astype("str").fillna("")


def shifts_of(posts: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each slot of each post: when it holds, and on which kinds of days."""
    start, end = days_of(posts, "valid_from"), days_of(posts, "valid_to")
    texts = slot_texts(posts)
    problems: list[Message] = []
    read: dict[str, Any] = {}
    for text in texts.unique():
        try:
            read[text] = parse_slots(text)
        except OptionError as error:
            at = first_few(np.flatnonzero((texts == text).to_numpy()))
            said = Message(error.en, error.zh)
            problems.append(message("staffing.bad_slot", rows=at, why=said))
    turned = (end < start).to_numpy()
    if turned.any():
        problems.append(message("staffing.turned", rows=first_few(np.flatnonzero(turned))))
    spelt = {text: slot_text(slots) for text, slots in read.items()}
    alike = pd.Series([spelt.get(t, t) for t in texts.tolist()], index=texts.index, dtype="str")
    problems += _overlapping(posts, start, end, alike)
    raise_all(SchemaError, problems)
    since = _day_number(start, -int(EVER))
    until = _day_number(end, int(EVER))
    pieces = [
        (text, n, slot.start, slot.end, _begins(slot), slot.days not in ("daily", "weekdays"))
        for text, slots in read.items()
        for n, slot in enumerate(slots)
    ]
    columns = ["text", "piece", "start", "end", "begins", "calendar"]
    own = pd.DataFrame(
        {"text": texts.to_numpy(), "post": np.arange(len(posts)), "since": since, "until": until}
    )
    shifts = own.merge(pd.DataFrame(pieces, columns=columns).astype({"text": "str"}), on="text")
    return shifts.assign(always=shifts["text"] == "")


def _begins(slot: Any) -> int:
    """Return the kinds of days a slot begins on, as bits in the order of `DAY_TYPES`."""
    return sum(
        1 << i
        for i, (weekday, worked, holiday) in enumerate(DAY_TYPES)
        if slot.begins_on(weekday, worked=worked, holiday=holiday)
    )


def _day_number(days: pd.Series[Any], missing: int) -> Ints:
    numbers = days.to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.where(days.isna().to_numpy(), np.int64(missing), numbers)


def _overlapping(
    posts: pd.DataFrame,
    start: pd.Series[Any],
    end: pd.Series[Any],
    texts: pd.Series[Any],
) -> list[Message]:
    """Find rows of one area, role and slot that hold at the same time."""
    frame = pd.DataFrame(
        {
            "level": posts["level"],
            "area_code": posts["area_code"],
            "role": posts["role"],
            "slot": texts,
            "since": _day_number(start, -int(EVER)),
            "until": _day_number(end, int(EVER)),
            "row": np.arange(len(posts)),
        }
    )
    key = ["level", "area_code", "role", "slot"]
    frame = frame[frame.duplicated(key, keep=False)].sort_values([*key, "since", "until"])
    latest = frame.groupby(key)["until"].cummax()
    before = latest.groupby([frame[c] for c in key]).shift(fill_value=-int(EVER)).to_numpy()
    both = frame["since"].to_numpy() < before
    if not both.any():
        return []
    first = frame[both].iloc[0]
    what = "/".join(str(first[c]) for c in key if first[c])
    return [message("staffing.overlapping", rows=first_few(frame["row"][both]), what=what)]
