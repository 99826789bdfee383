"""The roster: who there is, in which role, and where each person starts from."""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import suggest_crs
from ..errors import FileError, GridkitWarning, SchemaError, raise_all
from ..messages import message
from ..rules import load_roles
from ..tables import ROSTER, first_few
from .columns import blank, code_text, header_words, match_columns, numbers, rename_columns
from .coordinates import FAR_M
from .degrees import degrees_of, project
from .readers import open_table
from .relations import hours_of, relations_of
from .times import parse_times
from .vector import working_crs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyproj
    from numpy.typing import NDArray

    from ..messages import Message
    from ..rules import Role
    from .district import District

    Mask = NDArray[np.bool_]

__all__ = ["read_roster"]

# Digits with the usual signs between them; 1.38E+10 is what a spreadsheet leaves of a number.
_PHONE = re.compile(r"\+?[\d\s()（）/、;,-]{3,}(?:转\d+)?")


def read_roster(
    source: str | Path | pd.DataFrame,
    *,
    crs: Any = None,
    communities: gpd.GeoDataFrame | None = None,
    district: District | None = None,
    roles: Mapping[str, Role] | None = None,
) -> gpd.GeoDataFrame:
    """Read the people who can hold posts.

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        A file that `read_reports` could read, too, with Chinese or English headers
        (``standards/roster_columns.toml``).
    crs : anything pyproj understands, optional
        Projected CRS of the bases; by default that of `communities`, else the one that
        `suggest_crs` names.
    communities : GeoDataFrame, optional
        A person without coordinates starts from an inner point of the own community, found by
        its code or its name.
    district : District, optional
        Its CRS and communities count where `crs` and `communities` are not given, and bases are
        looked at: one outside is told, one more than 20 km away is an error.
    roles : mapping of code → Role, optional
        By default `load_roles`. A role is known by code, name or alias.

    Returns
    -------
    GeoDataFrame
        Table ``roster`` with the active geometry ``base``: longitude and latitude (WGS84), or the
        community's inner point. Columns that are not understood stay behind as they are.

    Raises
    ------
    FileError
        The file is missing, unreadable, of unknown format or encoding.
    SchemaError
        One error with every problem: no rows, missing columns, people without number or twice,
        unknown roles, unusable capacities, phones, dates, slots, leave, coordinates, people
        without a base; partners and supervisors who are not in the roster, are the person itself
        or go round in a circle.
    CRSError
        `crs` is unknown or not in metres.

    Warns
    -----
    GridkitWarning
        Bases outside the district.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.roster import read_roster
    >>> table = pd.DataFrame(
    ...     {
    ...         "人员编号": ["P1"],
    ...         "角色": ["社区民警"],
    ...         "联系电话": [13800000000.0],
    ...         "经度": [121.39],
    ...         "纬度": [37.54],
    ...     }
    ... )
    >>> roster = read_roster(table)
    >>> roster[["person_id", "role", "phone"]].values.tolist()
    [['P1', 'officer', '13800000000']]
    >>> roster.geometry.name, roster.crs.to_epsg()
    ('base', 4549)
    """
    raw, name = _open(source)
    mapping = match_columns(raw.columns, kind="roster", table=ROSTER, source=name)
    lost = [c for c in ROSTER.required if c not in mapping.values()]
    if raw.empty or lost:
        found, needed = ", ".join(raw.columns) or "–", ", ".join(lost) or "–"
        raise SchemaError(
            *message("intake.no_roster", source=name, n=len(raw), needed=needed, found=found)
        )
    known = load_roles() if roles is None else roles
    table, problems = _typed(rename_columns(raw, mapping), known, name)
    if district is not None and communities is None:
        communities = district.communities
    table = _with_codes(table, communities)
    lon, lat, unreadable = _positions(table)
    target = _target(district.crs if crs is None and district else crs, communities, lon, lat)
    bases = _bases(table, lon, lat, target, communities)
    nowhere = shapely.is_empty(bases) & ~unreadable
    problems += _told(
        (unreadable, message("intake.person_position", source=name, **_rows(unreadable))),
        (nowhere, message("intake.person_nowhere", source=name, **_rows(nowhere))),
    )
    if district is not None:
        problems += _astray(bases, district, name)
    raise_all(SchemaError, problems)
    people = table.drop(columns=["longitude", "latitude"], errors="ignore")
    ours = [c.name for c in ROSTER.columns if c.name in people.columns]
    others = [c for c in people.columns if c not in ours]
    starts = gpd.GeoSeries(bases, crs=target)
    roster = gpd.GeoDataFrame(people[[*ours, *others]].assign(base=starts), geometry="base")
    ROSTER.check(roster, source=name)
    return roster


def _astray(bases: NDArray[np.object_], district: District, source: str) -> list[Message]:
    """Warn of bases outside the district; return what is wrong with those far away."""
    land = district.boundary.geometry.union_all()
    apart = np.nan_to_num(shapely.distance(bases, land))
    outside, far = (apart > 0) & (apart <= FAR_M), apart > FAR_M
    if outside.any():
        told = message("intake.person_outside", source=source, **_rows(outside))
        warnings.warn(GridkitWarning(*told), stacklevel=3)
    return _told((far, message("intake.person_far", source=source, **_rows(far))))


def _open(source: str | Path | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the table with shapes, if it has any, as longitude and latitude; and its name."""
    raw, name, shifted, _ = open_table(source)
    if shifted.any():
        row = int(shifted.argmax()) + 1
        raise FileError(*message("intake.ragged", path=name, row=row, n=len(raw.columns)))
    if not isinstance(raw, gpd.GeoDataFrame):
        return raw, name
    lon, lat = degrees_of(raw, what=name)
    plain = pd.DataFrame(raw.drop(columns=raw.geometry.name))
    return plain.assign(longitude=lon, latitude=lat), name


def _told(*checks: tuple[Mask, Message]) -> list[Message]:
    """Return the sentences whose rows there are."""
    return [sentence for rows, sentence in checks if rows.any()]


def _rows(mask: Mask) -> dict[str, Any]:
    return {"n": int(mask.sum()), "rows": first_few(mask.nonzero()[0] + 1)}


def _values(values: pd.Series, mask: Mask) -> str:
    return ", ".join(dict.fromkeys(values[mask].astype("str").fillna("–").head(5)))


def _typed(
    frame: pd.DataFrame, known: Mapping[str, Role], source: str
) -> tuple[pd.DataFrame, list[Message]]:
    """Give every known column its type; say all that is wrong."""
    words = header_words("roster")["words"]["blank"]
    typed: dict[str, pd.Series] = {
        c.name: code_text(frame[c.name])
        for c in ROSTER.columns
        if c.name in frame.columns and c.kind == "text"
    }
    ids, written = typed["person_id"], typed["role"]
    typed["role"] = _key(written).map(_spellings(known)).astype("str")
    unnumbered, strange = ids.isna().to_numpy(), typed["role"].isna().to_numpy()
    twice = (ids.duplicated(keep=False) & ids.notna()).to_numpy()
    choices, met = ", ".join(f"{r.code} {r.zh}" for r in known.values()), _values(written, strange)
    repeated = _values(ids, twice)
    problems = _told(
        (unnumbered, message("intake.person_unnumbered", source=source, **_rows(unnumbered))),
        (twice, message("intake.person_twice", source=source, met=repeated, **_rows(twice))),
        (
            strange,
            message(
                "intake.unknown_role", source=source, met=met, choices=choices, **_rows(strange)
            ),
        ),
    )
    if "max_areas" in frame.columns:
        typed["max_areas"], more = _capacities(frame["max_areas"], words, source)
        problems += more
    if "phone" in typed:
        problems += _phone_problems(typed["phone"], source)
    dates, more = _dates(frame, words, source)
    problems += more
    # As long as ids are missing or repeated, nobody can say who is meant.
    readers = [hours_of] if (unnumbered | twice).any() else [relations_of, hours_of]
    for read in readers:
        found, more = read(frame.assign(**typed), source=source)
        typed |= found
        problems += more
    return frame.assign(**typed, **dates), problems


def _key(values: pd.Series) -> pd.Series:
    return values.str.normalize("NFKC").str.strip().str.casefold()


def _spellings(known: Mapping[str, Role]) -> dict[str, str]:
    return {
        unicodedata.normalize("NFKC", text).casefold(): role.code
        for role in known.values()
        for text in (*role.aliases, role.en, role.zh, role.code)
    }


def _capacities(
    values: pd.Series, blank_words: list[str], source: str
) -> tuple[pd.Series, list[Message]]:
    read = numbers(values)
    empty = blank(values, blank_words).to_numpy(bool)
    bad = ~empty & ~((read >= 1) & (read == np.floor(read)) & np.isfinite(read))
    whole = pd.Series(np.where(empty | bad, np.nan, read), index=values.index).astype("Int64")
    met = _values(values, bad)
    return whole, _told(
        (bad, message("intake.person_capacity", source=source, met=met, **_rows(bad)))
    )


def _phone_problems(values: pd.Series, source: str) -> list[Message]:
    bad = (values.notna() & ~values.fillna("").str.fullmatch(_PHONE)).to_numpy(bool)
    met = _values(values, bad)
    return _told((bad, message("intake.person_phone", source=source, met=met, **_rows(bad))))


def _dates(
    frame: pd.DataFrame, blank_words: list[str], source: str
) -> tuple[dict[str, pd.Series], list[Message]]:
    dates: dict[str, pd.Series] = {}
    problems: list[Message] = []
    for name in ("valid_from", "valid_to"):
        if name in frame.columns:
            times = parse_times(frame[name], tz="UTC", blank_words=blank_words)
            dates[name] = times.local.dt.tz_localize(None).dt.normalize()
            met = _values(frame[name], times.bad)
            told = message(
                "intake.person_date", source=source, column=name, met=met, **_rows(times.bad)
            )
            problems += _told((times.bad, told))
    if len(dates) == 2:
        upside = (dates["valid_to"] < dates["valid_from"]).to_numpy()
        told = message("intake.person_dates_upside", source=source, **_rows(upside))
        problems += _told((upside, told))
    return dates, problems


def _with_codes(table: pd.DataFrame, communities: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Turn names of communities into their codes, where a name belongs to one community only."""
    if communities is None or "name" not in communities or "community_code" not in table:
        return table
    once = communities[~communities["name"].duplicated(keep=False)]
    codes = dict(zip(once["name"], once["community_code"], strict=True))
    written = table["community_code"]
    return table.assign(community_code=written.map(codes).astype("str").fillna(written))


def _positions(table: pd.DataFrame) -> tuple[Any, Any, Mask]:
    """Return longitude, latitude (NaN where there is none) and which rows cannot be read."""
    words = header_words("roster")["words"]["blank"]
    nothing = pd.Series(np.nan, index=table.index)
    columns = [table.get(c, nothing) for c in ("longitude", "latitude")]
    lon, lat = (numbers(c) for c in columns)
    empty = blank(columns[0], words).to_numpy(bool) & blank(columns[1], words).to_numpy(bool)
    sound = (np.abs(lon) <= 180) & (np.abs(lat) <= 90) & ((lon != 0) | (lat != 0))
    return np.where(sound, lon, np.nan), np.where(sound, lat, np.nan), ~empty & ~sound


def _target(
    crs: Any, communities: gpd.GeoDataFrame | None, lon: Any, lat: Any
) -> pyproj.CRS | None:
    if crs is not None:
        return working_crs(crs)
    if communities is not None:
        own: pyproj.CRS = communities.crs
        return own
    known = np.isfinite(lon)
    if not known.any():
        return None
    return suggest_crs((float(np.median(lon[known])), float(np.median(lat[known]))))


def _bases(
    table: pd.DataFrame,
    lon: Any,
    lat: Any,
    target: pyproj.CRS | None,
    communities: gpd.GeoDataFrame | None,
) -> NDArray[np.object_]:
    """Return where each person starts from: own coordinates, else the community's inner point."""
    bases = project(lon, lat, target)
    if communities is None or "community_code" not in table.columns:
        return bases
    inner = communities.geometry.representative_point().to_crs(target)
    points = dict(zip(communities["community_code"], inner, strict=True))
    for i in shapely.is_empty(bases).nonzero()[0]:
        bases[i] = points.get(table["community_code"].iloc[i], bases[i])
    return bases
