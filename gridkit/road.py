"""The whole road in one call: files in; cells, posts, located reports, cases, maps out.

What the command line and the demo run. Each stage is one call into one room; a stage whose input is
missing is skipped, and the summary says so. Files are written to a temporary folder and moved in
place when everything is done, so nothing half-written is left behind.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import pandas as pd

from . import tables
from .casework.cases import file_cases
from .crs import to_datum
from .division.blocks import street_blocks
from .division.checks import check_cells
from .division.codes import number_cells
from .division.groups import group
from .division.lattice import square_cells
from .errors import FileError, Lang, OptionError, raise_all
from .evaluation.periods import Period
from .evaluation.rates import indicators
from .files import require_file
from .intake.district import District, district_of, read_cells, read_district
from .intake.reports import Intake, read_reports
from .intake.roster import read_roster
from .location.owner import locate
from .messages import message, say
from .publishing.bulletins import bulletin
from .publishing.dashboards import publish_dashboard
from .publishing.heat_maps import heat_map
from .publishing.maps import cell_map
from .publishing.offline import save_map
from .sheets import write_csv, write_xlsx
from .staffing.posts import assign

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

__all__ = ["Inputs", "Journey", "travel"]


_COUNTS = {
    "cells": "cli.count_cells",
    "findings": "cli.count_findings",
    "posts": "cli.count_posts",
    "posts_filled": "cli.count_posts_filled",
    "rows_in": "cli.count_rows_in",
    "quarantined": "cli.count_quarantined",
    "reports": "cli.count_reports",
    "inside": "cli.count_inside",
    "border": "cli.count_border",
    "near": "cli.count_near",
    "outside": "cli.count_outside",
    "unlocated": "cli.count_unlocated",
    "ambiguous": "cli.count_ambiguous",
}


@dataclass(frozen=True)
class Inputs:
    """What the road starts from; every file but one of `district` and `cells` may be missing.

    Attributes
    ----------
    district, streets, cells, reports, roster : path, optional
        `streets` replaces the street layer of `district`; `cells` are taken as given.
    cell_code : str, optional
        Column of `cells` with the code.
    merge_parts : bool
        Rows of `cells` with one code are parts of one cell.
    datum : str, optional
        Datum of the reports: ``wgs84``, ``cgcs2000``, ``gcj02`` or ``bd09``.
    map_datum : str, optional
        Datum of the map files (district, streets, cells), whatever they say.
    per_cell : float
        Load (households) a cell should have when cells are made from street blocks.
    into : int, optional
        How many cells to make; overrides `per_cell`.
    title : str
        Shown on maps and pages; by default what each is, with the district's name.
    """

    district: str | Path | None = None
    streets: str | Path | None = None
    cells: str | Path | None = None
    reports: str | Path | None = None
    roster: str | Path | None = None
    cell_code: str | None = None
    merge_parts: bool = False
    datum: str | None = None
    map_datum: str | None = None
    per_cell: float = 300.0
    into: int | None = None
    title: str = ""


@dataclass
class Journey:
    """What came out: the tables, the files, the summary lines.

    Attributes
    ----------
    files : list of Path
    stages : list of (str, float)
        Stage and seconds.
    notes : list of str
        Stages skipped and why; what to look at.
    counts : dict of str to int
        Rows in, reports, quarantined, inside, border, near, outside, unlocated, cells, posts …
    """

    lang: Lang = "zh"
    progress: TextIO | None = None
    files: list[Path] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, key: str) -> Iterator[None]:
        """Show the stage's name while it runs and its seconds when it is done."""
        name = say(key, self.lang)
        self._show(f"  {name} …")
        start = time.perf_counter()
        done = False
        try:
            yield
            done = True
        finally:
            seconds = time.perf_counter() - start
            self.stages.append((name, seconds))
            self._show(f" {seconds:.1f} s\n" if done else "\n")

    def note(self, text: str) -> None:
        """Keep for the summary, and show, that a stage was skipped or what to look at."""
        self.notes.append(text)
        self._show(f"  {text}\n")

    def _show(self, text: str) -> None:
        if self.progress:
            self.progress.write(text)
            self.progress.flush()

    def summary(self) -> str:
        """Return the closing summary as text."""
        lines = [say("cli.summary", self.lang)]
        for name, number in self.counts.items():
            lines.append(f"  {number:>10,}  {say(_COUNTS[name], self.lang)}")
        lines += [f"  {note}" for note in self.notes]
        lines.append(say("cli.summary_stages", self.lang))
        lines += [f"  {seconds:>8.1f} s  {name}" for name, seconds in self.stages]
        lines.append(say("cli.summary_files", self.lang))
        lines += [f"  {path}  ({path.stat().st_size / 1e6:.2f} MB)" for path in self.files]
        return "\n".join(lines)


def travel(
    inputs: Inputs, out: str | Path, *, lang: Lang = "zh", progress: TextIO | None = None
) -> Journey:
    """Go the whole road and write its files to `out`.

    Parameters
    ----------
    inputs : Inputs
    out : path
        Folder for the files; made when missing.
    lang : {"zh", "en"}
        Language of pages, sheets and the summary.
    progress : text stream, optional
        Where to show each stage as it runs.

    Returns
    -------
    Journey

    Raises
    ------
    GridkitError
        A file or table cannot be used; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> from gridkit.road import Inputs, travel
    >>> folder = "data/sample_grids/small"
    >>> with tempfile.TemporaryDirectory() as out:
    ...     journey = travel(Inputs(district=f"{folder}/district.gpkg", into=16), out)
    >>> journey.counts["cells"]
    16
    """
    _check(inputs)
    journey = Journey(lang, progress)
    with _shelf(Path(out), journey) as shelf:
        scene = _divide(inputs, journey, shelf)
        scene = _staff(inputs, journey, shelf, scene)
        if inputs.reports is None:
            journey.note(say("cli.no_reports", lang))
            with journey.stage("cli.stage_maps"):
                chart = cell_map(scene.cells, **scene.for_maps(lang))
                save_map(chart, shelf / "cell_map.html")
        else:
            _report(inputs, journey, shelf, scene)
    return journey


@dataclass(frozen=True)
class _Scene:
    """The district as far as the road has come."""

    district: District
    cells: gpd.GeoDataFrame
    title: str | None
    posts: pd.DataFrame | None = None
    roster: gpd.GeoDataFrame | None = None

    def for_maps(self, lang: Lang) -> dict[str, Any]:
        """Return the arguments that every map takes."""
        return {
            "district": self.district,
            "posts": self.posts,
            "roster": self.roster,
            "title": self.title,
            "lang": lang,
        }


def _check(inputs: Inputs) -> None:
    """Refuse unusable options and name every missing file before any work is done."""
    if inputs.district is None and inputs.cells is None:
        raise OptionError(*message("cli.no_place"))
    if not 0 < inputs.per_cell < math.inf:
        raise OptionError(*message("cli.bad_per_cell", value=inputs.per_cell))
    for datum in (inputs.datum, inputs.map_datum):
        if datum is not None:
            to_datum([], [], source=datum)
    problems: list[tuple[str, str]] = []
    for path in (inputs.district, inputs.streets, inputs.cells, inputs.reports, inputs.roster):
        try:
            if path is not None:
                require_file(path)
        except FileError as error:
            problems.append((error.en, error.zh))
    raise_all(FileError, problems)


@contextlib.contextmanager
def _shelf(out: Path, journey: Journey) -> Iterator[Path]:
    """Yield a temporary folder; move its files to `out` when everything went well."""
    if out.exists() and not out.is_dir():
        raise FileError(*message("files.is_file", path=out))
    try:
        out.mkdir(parents=True, exist_ok=True)
        shelf = Path(tempfile.mkdtemp(prefix=".gridkit-", dir=out))
    except OSError as error:
        raise FileError(*message("files.cannot_write", path=out, why=error.strerror)) from error
    try:
        yield shelf
        _move(shelf, out, journey)
    finally:
        shutil.rmtree(shelf)


def _move(shelf: Path, out: Path, journey: Journey) -> None:
    for made in sorted(shelf.iterdir()):
        place = out / made.name
        try:
            journey.files.append(made.replace(place))
        except OSError as error:  # a folder of that name, or a file held open by another program
            why = error.strerror
            raise FileError(*message("files.cannot_write", path=place, why=why)) from error


def _divide(inputs: Inputs, journey: Journey, shelf: Path) -> _Scene:
    with journey.stage("cli.stage_district"):
        district, cells = _open(inputs)
    if cells is None:
        _say_what_lacks(district, inputs, journey)
        with journey.stage("cli.stage_divide"):
            cells = _make_cells(district, inputs)
    with journey.stage("cli.stage_check"):
        findings = check_cells(cells, district, lang=journey.lang)
    journey.counts["cells"] = len(cells)
    faults = findings.loc[findings["severity"] == "error", "rule"]
    journey.counts["findings"] = len(faults)
    if len(faults):
        journey.note(say("cli.faulty_cells", journey.lang, rules=", ".join(faults)))
    labels = {"findings": tables.FINDINGS}
    write_xlsx(shelf / "findings.xlsx", {"findings": findings}, lang=journey.lang, tables=labels)
    cells.to_file(shelf / "cells.gpkg", layer="cells", driver="GPKG")
    return _Scene(district, cells, inputs.title or None)


def _open(inputs: Inputs) -> tuple[District, gpd.GeoDataFrame | None]:
    """Read the district and the given cells, in one CRS."""
    if inputs.cells is None:
        return _open_district(inputs), None
    district = None if inputs.district is None else _open_district(inputs)
    crs = None if district is None else district.crs
    cells = read_cells(
        inputs.cells,
        code=inputs.cell_code,
        crs=crs,
        datum=inputs.map_datum,
        merge_parts=inputs.merge_parts,
    )
    return district or district_of(cells, name=Path(inputs.cells).stem), cells


def _open_district(inputs: Inputs) -> District:
    path = cast("str | Path", inputs.district)
    return read_district(path, streets=inputs.streets, datum=inputs.map_datum)


def _say_what_lacks(district: District, inputs: Inputs, journey: Journey) -> None:
    """Note which layers the division goes without, and what that means for the cells."""
    buildings = district.buildings
    if district.communities is None:
        journey.note(say("cli.no_communities", journey.lang))
    if district.streets is None:
        journey.note(say("cli.no_streets", journey.lang))
    elif inputs.into is None and (buildings is None or "households" not in buildings.columns):
        journey.note(say("cli.no_households", journey.lang))


def _make_cells(district: District, inputs: Inputs) -> gpd.GeoDataFrame:
    """Make cells from street blocks; from squares of a hectare where there are no streets."""
    free = district.communities is None
    codes: dict[str, Any] = {"prefix": "C", "digits": 5} if free else {}
    if district.streets is None:
        return square_cells(district, size_m=100.0, **codes)
    blocks = street_blocks(district).blocks
    target = None if inputs.into is not None else inputs.per_cell
    within = None if free else "community_code"
    return number_cells(group(blocks, into=inputs.into, target=target, within=within), **codes)


def _staff(inputs: Inputs, journey: Journey, shelf: Path, scene: _Scene) -> _Scene:
    if inputs.roster is None:
        journey.note(say("cli.no_roster", journey.lang))
        return scene
    with journey.stage("cli.stage_staff"):
        district = scene.district
        roster = read_roster(inputs.roster, crs=district.crs, communities=district.communities)
        posts = assign(scene.cells, roster)
    journey.counts["posts"] = len(posts)
    journey.counts["posts_filled"] = int(posts["person_id"].notna().sum())
    people = roster[[c for c in ("person_id", "name", "phone") if c in roster.columns]]
    sheet = posts.merge(pd.DataFrame(people), on="person_id", how="left")
    person = (tables.ROSTER["name"], tables.ROSTER["phone"])
    labels = {"posts": replace(tables.POSTS, columns=(*tables.POSTS.columns, *person))}
    write_xlsx(shelf / "posts.xlsx", {"posts": sheet}, lang=journey.lang, tables=labels)
    return replace(scene, posts=posts, roster=roster)


def _report(inputs: Inputs, journey: Journey, shelf: Path, scene: _Scene) -> None:
    """Read, locate, file, evaluate and publish the reports."""
    with journey.stage("cli.stage_reports"):
        intake = read_reports(
            cast("str | Path", inputs.reports), datum=inputs.datum, district=scene.district
        )
    with journey.stage("cli.stage_locate"):
        located = locate(_free(intake.reports), scene.cells, on_overlap="report")
    _count(journey, intake, located)
    if located["cell_code"].isna().all():
        journey.note(say("cli.none_located", journey.lang))
    with journey.stage("cli.stage_cases"):
        cases = file_cases(located, cells=scene.cells)
    with journey.stage("cli.stage_indicators"):
        levels = [c for c in ("cell_code", "community_code", "street_code") if c in cases.columns]
        scores = pd.concat([indicators(cases, by=level) for level in levels], ignore_index=True)
    with journey.stage("cli.stage_maps"):
        maps = scene.for_maps(journey.lang)
        save_map(heat_map(located, scene.cells, scores=scores, **maps), shelf / "heat_map.html")
        save_map(cell_map(scene.cells, scores=scores, **maps), shelf / "cell_map.html")
        publish_dashboard(
            scene,
            cases,
            shelf / "dashboard.html",
            period=_last_month(cases),
            title=scene.title,
            lang=journey.lang,
        )
    with journey.stage("cli.stage_bulletin"):
        page = bulletin(
            cases,
            period=_last_month(cases),
            district=scene.district,
            cells=scene.cells,
            title=scene.title,
            lang=journey.lang,
        )
        page.save(shelf / "bulletin.html")
    with journey.stage("cli.stage_tables"):
        write_csv(shelf / "cases.csv", cases, lang=journey.lang, table=tables.CASES)
        write_csv(shelf / "scores.csv", scores, lang=journey.lang, table=tables.SCORES)
        _write_audit(shelf, journey, intake)


def _free(reports: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Rename columns that the locating is about to add: an earlier answer stays beside ours."""
    added = {c.name for c in tables.LOCATED.columns} - {c.name for c in tables.REPORTS.columns}
    return reports.rename(columns={c: f"{c}_given" for c in added if c in reports.columns})


def _write_audit(shelf: Path, journey: Journey, intake: Intake) -> None:
    sheets = {"findings": intake.findings, "quarantined": intake.quarantined}
    labels = {"findings": tables.FINDINGS, "quarantined": tables.QUARANTINED}
    write_xlsx(shelf / "intake.xlsx", sheets, lang=journey.lang, tables=labels)


def _count(journey: Journey, intake: Intake, located: gpd.GeoDataFrame) -> None:
    how = located["located_by"].value_counts()
    journey.counts |= {
        "rows_in": len(intake.reports) + len(intake.quarantined),
        "quarantined": len(intake.quarantined),
        "reports": len(intake.reports),
        **{key: int(how.get(key, 0)) for key in ("inside", "border", "near", "outside")},
        "unlocated": int(how.get("unlocated", 0)),
        "ambiguous": int(located["ambiguous"].sum()),
    }


def _last_month(cases: pd.DataFrame) -> Period | None:
    """Return the bulletin's period: the last month with a usual number of reports.

    A single report with a slip in its year must not make the bulletin one of an empty month.
    """
    if "reported_at" not in cases.columns or cases["reported_at"].isna().all():
        return None
    months = cases["reported_at"].dt.strftime("%Y-%m").value_counts()
    return Period.parse(months.index[months >= months.median() / 10].max())
