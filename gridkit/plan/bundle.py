"""The plan: district, cells, people and rules together, certified when saved and when opened."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..crs import same_crs
from ..division.checks import check_cells
from ..division.lineage import cells_at
from ..errors import FileError, GeometryError, GridkitWarning, SchemaError, raise_all
from ..files import atomic_path, require_file
from ..intake.district import District
from ..messages import Message, message
from ..tables import CELLS, FINDINGS, LINEAGE, POSTS, ROSTER, UNITS, first_few
from .storage import read_tables, write_tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd


__all__ = ["DISTRICT_LAYERS", "Plan", "broken_rules", "describe_rules"]

DISTRICT_LAYERS = ("boundary", "communities", "streets", "water", "buildings")
TABLES = {"posts": POSTS, "roster": ROSTER, "units": UNITS, "lineage": LINEAGE}


@dataclass(frozen=True)
class Plan:
    """A district's plan: everything that belongs together, in one file.

    Attributes
    ----------
    district : District
    cells : GeoDataFrame
        All editions of all cells, in the CRS of the district.
    posts : DataFrame or None
        From `assign`; a post of level ``cell`` names one of the cells.
    roster : DataFrame or GeoDataFrame or None
        From `read_roster`.
    units : DataFrame or None
        Responsible units (table ``units``).
    rules : mapping of str to str, or None
        The city's own files for roles, categories and limits: name and content.
    lineage : DataFrame or None
        From `split_cell`, `merge_cells`, `redraw_cells` and `redivide`.

    Raises
    ------
    SchemaError
        A table does not satisfy its schema, posts name cells that are not there, or a rule file is
        no text; all are named.
    CRSError
        District and cells differ.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> import gridkit as gk
    >>> from shapely.geometry import box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["370602001001001", "370602001001002"]},
    ...     geometry=[box(500000, 4150000, 500100, 4150100), box(500100, 4150000, 500200, 4150100)],
    ...     crs=4549,
    ... )
    >>> plan = gk.Plan(gk.district_of(cells, name="Seaside"), cells)
    >>> path = Path(tempfile.mkdtemp()) / "plan.gpkg"
    >>> plan.save(path) == path
    True
    >>> again = gk.Plan.load(path)
    >>> again.district.name, len(again.cells)
    ('Seaside', 2)
    """

    district: District
    cells: gpd.GeoDataFrame
    posts: pd.DataFrame | None = None
    roster: pd.DataFrame | None = None
    units: pd.DataFrame | None = None
    rules: Mapping[str, str] | None = None
    lineage: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        CELLS.check(self.cells, source="cells")
        same_crs(self.district.boundary, self.cells, what="district, cells")
        for name, table in TABLES.items():
            frame: pd.DataFrame | None = getattr(self, name)
            if frame is not None:
                table.check(frame, source=name)
        raise_all(SchemaError, [*_lost_posts(self.posts, self.cells), *_bad_rules(self.rules)])

    def certificate(self, *, lang: str = "zh") -> gpd.GeoDataFrame:
        """Return the findings of `check_cells` on the newest edition of the cells.

        Parameters
        ----------
        lang : {"zh", "en"}, default "zh"
        """
        return check_cells(cells_at(self.cells), self.district, lang=lang)

    def save(self, path: str | Path, *, lang: str = "zh") -> Path:
        """Write the plan and its certificate to one GeoPackage; return its path.

        Layers: those of the district, ``cells``, ``posts``, ``roster``, ``units``, ``lineage``,
        ``rules``, the certificate ``findings``, and ``meta`` with format, CRS, counts, column types
        and digests. Either the whole file is there afterwards, or the one before. Indexes are not
        kept.

        Parameters
        ----------
        path : path
            Replaced when it is there.
        lang : {"zh", "en"}, default "zh"
            Language of the certificate.

        Raises
        ------
        SchemaError
            Columns that a GeoPackage cannot hold.
        FileError
            The file cannot be written.

        Warns
        -----
        GridkitWarning
            The plan breaks rules, so that `load` will refuse it.
        """
        tables = {**self._tables(), "findings": self.certificate(lang=lang)}
        facts = {"name": self.district.name, "crs": self.cells.crs.to_string()}
        with atomic_path(path) as temporary:
            write_tables(temporary, tables, facts, shown=str(path))
        broken = broken_rules(tables["findings"])
        if broken:
            text = message("plan.saved_with_errors", path=path, rules=", ".join(broken))
            warnings.warn(GridkitWarning(*text), stacklevel=2)
        return require_file(path)

    def _tables(self) -> dict[str, pd.DataFrame]:
        parts: dict[str, Any] = {name: getattr(self.district, name) for name in DISTRICT_LAYERS}
        parts["cells"] = self.cells
        parts |= {name: getattr(self, name) for name in TABLES}
        if self.rules is not None:
            files = {"file": list(self.rules), "content": list(self.rules.values())}
            parts["rules"] = pd.DataFrame(files, dtype="str")
        return {name: table for name, table in parts.items() if table is not None}

    @classmethod
    def load(cls, path: str | Path, *, verify: bool = True) -> Plan:
        """Read a plan, check it anew and compare it with its certificate.

        The checks know nothing of how cells are made, nor do they trust the file: they are made on
        what is there now.

        Parameters
        ----------
        path : path
        verify : bool, default True
            False opens a plan that breaks rules, with a warning, so that it can be mended.

        Raises
        ------
        FileError
            No such file, damaged, not a plan, of another format, or without cells or boundary.
        GeometryError
            The plan breaks rules; each is named with what was found and what to do.
        SchemaError, CRSError
            A table no longer satisfies its schema, or the layers differ in CRS.

        Warns
        -----
        GridkitWarning
            Layers were changed since the plan was saved; rules come out otherwise than then; the
            plan breaks rules and `verify` is False.
        """
        stored = read_tables(path)
        tables = stored.tables
        lost = [name for name in ("boundary", "cells", "findings") if name not in tables]
        if lost:
            raise FileError(*message("plan.missing_layers", path=path, layers=", ".join(lost)))
        district = District(
            stored.facts.get("name", ""), **{n: tables[n] for n in DISTRICT_LAYERS if n in tables}
        )
        rules = tables.get("rules")
        plan = cls(
            district,
            tables["cells"],
            rules=None
            if rules is None
            else dict(zip(rules["file"], rules["content"], strict=True)),
            **{name: tables.get(name) for name in TABLES},
        )
        fresh = plan.certificate()
        notes = _notes(path, stored.changed, tables["findings"], fresh)
        broken = broken_rules(fresh)
        if broken and verify:
            first = message("plan.refused", path=path)
            raise_all(
                GeometryError, [first, *describe_rules(cells_at(plan.cells), district, broken)]
            )
        if broken:
            notes.append(message("plan.unverified", path=path, rules=", ".join(broken)))
        for note in notes:
            warnings.warn(GridkitWarning(*note), stacklevel=2)
        return plan


def _lost_posts(posts: pd.DataFrame | None, cells: gpd.GeoDataFrame) -> list[Message]:
    if posts is None:
        return []
    lost = ((posts["level"] == "cell") & ~posts["area_code"].isin(cells["cell_code"])).to_numpy()
    if not lost.any():
        return []
    codes = ", ".join(posts.loc[lost, "area_code"].drop_duplicates().head(5))
    return [message("plan.posts_nowhere", codes=codes, rows=first_few(lost.nonzero()[0]))]


def _bad_rules(rules: Mapping[str, str] | None) -> list[Message]:
    pairs = (rules or {}).items()
    bad = [k for k, v in pairs if not (isinstance(k, str) and isinstance(v, str))]
    return [message("plan.rule_text", names=", ".join(map(repr, bad)))] if bad else []


def broken_rules(findings: pd.DataFrame) -> list[str]:
    """Return the rules that findings report as errors."""
    return [str(rule) for rule in findings.loc[findings["severity"] == "error", "rule"]]


def describe_rules(
    cells: gpd.GeoDataFrame, district: District | None, rules: list[str]
) -> list[Message]:
    """Return what was found under each rule on one day's map, in both languages."""
    en, zh = (check_cells(cells, district, lang=lang).set_index("rule") for lang in ("en", "zh"))

    def texts(rule: str, column: str) -> Message:
        return Message(str(en.loc[rule, column]), str(zh.loc[rule, column]))

    return [
        message(
            "plan.finding",
            rule=rule,
            detail=texts(rule, "detail"),
            codes=texts(rule, "codes"),
            remedy=texts(rule, "remedy"),
        )
        for rule in rules
    ]


def _notes(
    path: str | Path, changed: tuple[str, ...], stored: pd.DataFrame, fresh: pd.DataFrame
) -> list[Message]:
    """Return what a person should know about a file that is not what was saved."""
    notes = []
    if changed:
        notes.append(message("plan.changed_since", path=path, layers=", ".join(changed)))
    FINDINGS.require_columns(stored, source=str(path))
    before = stored.set_index("rule")[["severity", "codes"]].fillna("")
    now = fresh.set_index("rule")[["severity", "codes"]].fillna("")
    same = now.index.isin(before.index) & (now == before.reindex(now.index)).all(axis=1)
    gone = before.index.difference(now.index)
    if not same.all() or len(gone):
        rules = ", ".join([*now.index[~same], *gone])
        notes.append(message("plan.other_findings", path=path, rules=rules))
    return notes
