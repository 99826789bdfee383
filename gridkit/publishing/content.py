"""What a map page holds: areas with their words, figures and people; the base map beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2
from ..evaluation.rates import INDICATORS, percent
from ..messages import say
from ..privacy import FEWEST, mask_counts, mask_people
from ..rules import load_roles
from .arcs import pack_areas
from .encode import Block, Frame, pack_shapes, to_screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..errors import Lang
    from ..intake.district import District

__all__ = [
    "STREETS",
    "Canvas",
    "cell_label",
    "community_names",
    "count_text",
    "figures_of",
    "people_of",
    "short",
    "texts",
]

# Width on the ground and zoom from which a street is drawn, by class; others as residential.
STREETS: dict[str, tuple[float, float]] = {
    "motorway": (24.0, 0),
    "trunk": (22.0, 0),
    "primary": (20.0, 0),
    "secondary": (15.0, 11),
    "tertiary": (11.0, 12.5),
    "residential": (7.0, 13.5),
    "service": (4.0, 15),
    "footway": (2.5, 16),
    "rail": (3.0, 11),
}
FIRST_SHOWN = ("filed", "closing_rate", "on_time_closing_rate", "overdue_open")


class Canvas:
    """Where one map is put together: its block of data, the frame of its numbers, its language.

    Parameters
    ----------
    block : Block
        Filled by the methods.
    cells : GeoDataFrame
    district : District or None
    lang : {"zh", "en"}
    """

    def __init__(
        self, block: Block, cells: gpd.GeoDataFrame, district: District | None, lang: Lang
    ) -> None:
        self.block = block
        self.cells = cells
        self.district = district
        self.lang = lang
        if district is None:
            self.area = gpd.GeoSeries([cells.union_all()], crs=cells.crs)
        else:
            self.area = district.boundary.geometry
        low, high = self.area.total_bounds, cells.total_bounds
        west, south = np.minimum(low[:2], high[:2])
        east, north = np.maximum(low[2:], high[2:])
        self.tolerance_m = float(np.clip(max(east - west, north - south) / 4000, 0.5, 10.0))
        around = gpd.GeoSeries([shapely.box(west, south, east, north)], crs=cells.crs)
        self.bounds: list[float] = to_screen(around.segmentize(1000)).total_bounds.tolist()
        self.frame = Frame.around(self.bounds)

    def widen(self, other: Canvas) -> None:
        """Take in the land of another canvas; both then lie in one frame."""
        self.bounds = self.bounds_with(other.bounds)
        other.bounds, other.frame, other.tolerance_m = self.bounds, self.frame, self.tolerance_m

    def bounds_with(self, other: list[float] | None) -> list[float]:
        """Return the bounds of this canvas and of what was drawn before."""
        if other is None:
            return self.bounds
        low, high = np.minimum(other[:2], self.bounds[:2]), np.maximum(other[2:], self.bounds[2:])
        return [*low.tolist(), *high.tolist()]

    def shapes(self, shapes: gpd.GeoSeries, tolerance_m: float) -> dict[str, Any]:
        """Pack shapes of the working CRS and return how the page finds them."""
        drawn = to_screen(shapes, tolerance_m=tolerance_m)
        return self.block.place(pack_shapes(drawn, self.frame), self.frame)

    def add_base(self) -> None:
        """Put border, communities, water, streets and buildings into the block, once."""
        base = self.block.doc.setdefault("base", {})
        base.setdefault("border", self.shapes(self.area, self.tolerance_m))
        district = self.district
        if district is None:
            return
        if district.communities is not None:
            base.setdefault("communities", self._communities(district.communities))
        places = _places(district.buildings)
        if places is not None:
            points = self.shapes(places.representative_point(), 0)
            base.setdefault(
                "places", {"names": self.block.add_words(texts(places.index)), "points": points}
            )
        for name, layer in (("water", district.water), ("buildings", district.buildings)):
            if layer is not None and len(layer):
                tolerance = self.tolerance_m / (1 if name == "water" else 3)
                base.setdefault(name, self.shapes(layer.geometry, tolerance))
        if district.streets is not None and len(district.streets):
            base.setdefault("streets", self._streets(district.streets))

    def _communities(self, communities: gpd.GeoDataFrame) -> dict[str, Any]:
        names = communities["name" if "name" in communities.columns else "community_code"]
        return {
            "borders": self._borders(communities.geometry),
            "middles": self.shapes(communities.representative_point(), 0),
            "names": texts(names),
        }

    def _borders(self, shapes: gpd.GeoSeries) -> dict[str, Any]:
        """Pack the lines between shapes, each once, so that dashes do not fill one another."""
        drawn = to_screen(shapes, tolerance_m=self.tolerance_m, coverage=True)
        lines = shapely.line_merge(drawn.boundary.union_all())
        packed = pack_shapes(gpd.GeoSeries(shapely.get_parts(lines), crs=drawn.crs), self.frame)
        return self.block.place(packed, self.frame)

    def _streets(self, streets: gpd.GeoDataFrame) -> list[dict[str, Any]]:
        blank = pd.Series("", index=streets.index)
        classes = texts(streets.get("road_class", blank))
        known = np.array([c if c in STREETS else "residential" for c in classes])
        names = texts(streets.get("name", blank))
        layers = []
        for kind, (width_m, zoom) in reversed(STREETS.items()):
            rows = np.flatnonzero(known == kind)
            if len(rows):
                lines = streets.geometry.iloc[rows]
                layer = {"kind": kind, "width_m": width_m, "zoom": zoom}
                layer["shapes"] = self.shapes(lines, self.tolerance_m / 2)
                layer["names"] = [names[row] for row in rows]
                layers.append(layer)
        return layers

    def add_areas(
        self,
        *,
        figures: dict[str, list[str]],
        posts: pd.DataFrame | None,
        roster: pd.DataFrame | None,
        audience: str,
    ) -> int:
        """Put the cells into the block and return their place among the areas.

        Parameters
        ----------
        figures : dict of label → one text a cell
        posts, roster : DataFrame, optional
        audience : str
            Decides what is masked before it is packed.
        """
        cells = self.cells
        codes = texts(cells["cell_code"])
        area = cells["area_m2"] if "area_m2" in cells.columns else area_m2(cells.geometry)
        hectares = np.asarray(area, dtype=float) / 1e4
        drawn = to_screen(cells.geometry, tolerance_m=self.tolerance_m, coverage=True)
        # One way round: the page then fills all cells in one go, if they tile.
        drawn = gpd.GeoSeries(shapely.orient_polygons(drawn.to_numpy()), crs=drawn.crs)
        areas = {
            "tiles": bool(shapely.coverage_is_valid(drawn.to_numpy())),
            "usual": short(_usual_width(drawn)),
            "shapes": self.block.place(pack_areas(drawn, self.frame), self.frame),
            "middles": self.shapes(cells.representative_point(), 0),
            "codes": codes,
            "labels": [cell_label(code) for code in codes],
            "names": texts(cells["name"]) if "name" in cells.columns else None,
            "communities": community_names(self.cells, self.district),
            "hectares": [short(h) for h in hectares],
            "load": [short(v) for v in cells["load"]] if "load" in cells.columns else None,
        }
        people = None
        if posts is not None:
            counts, shown = people_of(codes, posts, roster, audience, self.lang)
            packed = {c: self.block.add_words(texts(shown[c])) for c in shown.columns}
            people = {"counts": counts.tolist(), **packed}
        return self._keep(areas, figures, people)

    def _keep(
        self, areas: dict[str, Any], figures: dict[str, list[str]], people: dict[str, Any] | None
    ) -> int:
        """Add `areas`, or add what is new to the same cells drawn already."""
        known = self.block.doc.setdefault("areas", [])
        for place, other in enumerate(known):
            if other["codes"] == areas["codes"] and other["shapes"] == areas["shapes"]:
                other["figures"].update(figures)
                other["people"] = other["people"] or people
                return place
        known.append({**areas, "figures": figures, "people": people})
        return len(known) - 1


def community_names(cells: gpd.GeoDataFrame, district: District | None) -> list[str] | None:
    """Return the name of each cell's community, its code where the district has no name."""
    if "community_code" not in cells.columns:
        return None
    codes = cells["community_code"]
    communities = None if district is None else district.communities
    if communities is None or "name" not in communities.columns:
        return texts(codes)
    names = communities.set_index("community_code")["name"]
    return texts(codes.map(names).fillna(codes))


def _usual_width(shapes: gpd.GeoSeries) -> float:
    """Return the median width: whether a map has room for outlines and numbers."""
    widths = shapes.bounds["maxx"] - shapes.bounds["minx"]
    return float(widths.median()) if widths.notna().any() else 0.0


def _places(buildings: gpd.GeoDataFrame | None) -> gpd.GeoSeries | None:
    """Return the buildings that can be searched for, by address or name."""
    known = [c for c in ("address", "name") if buildings is not None and c in buildings.columns]
    if buildings is None or not known:
        return None
    words = buildings[known].bfill(axis=1).iloc[:, 0]
    there = (words.notna() & words.ne("") & buildings.geometry.notna()).to_numpy()
    found: gpd.GeoSeries = buildings.geometry[there].set_axis(texts(words[there]))
    return found if len(found) else None


def texts(values: Sequence[Any] | pd.Series[Any]) -> list[str]:
    """Return values as text, empty where there is none."""
    return ["" if pd.isna(v) else str(v) for v in values]


def short(value: float) -> float | int | None:
    """Return a number with four significant digits for the page; None where there is none."""
    number = float(value)
    if not np.isfinite(number):
        return None
    number = float(f"{number:.4g}") if abs(number) < 1e4 else round(number)
    return int(number) if number == int(number) else number


def cell_label(code: str) -> str:
    """Return what is written into a cell on the map: its number inside the community."""
    return code[-3:] if code.isdigit() and len(code) > 9 else code


def people_of(
    codes: list[str],
    posts: pd.DataFrame,
    roster: pd.DataFrame | None,
    audience: str,
    lang: Lang,
) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """Return how many posts each area has, and for each post its words, masked, area by area.

    The words are ``role``, ``name`` (empty where nobody holds the post), ``phone``,
    ``responsible_unit`` and ``slot``.
    """
    roles = {r.code: r.zh if lang == "zh" else r.en for r in load_roles().values()}
    places = pd.Series(range(len(codes)), codes)
    place = places[~places.index.duplicated()].reindex(posts["area_code"]).to_numpy()
    order = np.argsort(place, kind="stable")
    order = order[np.isfinite(place[order])]
    held = posts.iloc[order].reset_index(drop=True)
    shown = _persons(held, roster, audience)
    shown["role"] = held["role"].map(lambda role: roles.get(role, role))
    shown["slot"] = held["slot"] if "slot" in held.columns else ""
    counts = np.bincount(place[order].astype(np.intp), minlength=len(codes))
    return counts, shown[["role", "name", "phone", "responsible_unit", "slot"]]


def _persons(posts: pd.DataFrame, roster: pd.DataFrame | None, audience: str) -> pd.DataFrame:
    """Return name, phone and unit of who holds each post; empty where nobody does."""
    columns = ["name", "phone", "responsible_unit"]
    ids = posts["person_id"] if "person_id" in posts.columns else pd.Series(None, posts.index)
    number, found = pd.factorize(ids)
    people = pd.DataFrame({"person_id": pd.Series(found, dtype="str")})
    if roster is not None:
        known = pd.DataFrame(roster)[["person_id", *(c for c in columns if c in roster.columns)]]
        people = people.merge(known.drop_duplicates("person_id"), how="left", on="person_id")
    if "name" not in people.columns:
        people["name"] = people["person_id"]
    shown = mask_people(people, audience=audience).reindex(columns=columns)
    nobody = pd.DataFrame([[""] * len(columns)], columns=columns)
    with_nobody = pd.concat([shown.astype(object), nobody])  # number -1, of nobody, is the last row
    return with_nobody.iloc[number].reset_index(drop=True)


def figures_of(
    scores: pd.DataFrame | None, codes: list[str], lang: Lang, *, audience: str
) -> dict[str, list[str]]:
    """Return the leading indicators of the newest period as printed: label → text a cell.

    The public sees neither counts below five nor rates of fewer.
    """
    if scores is None:
        return {}
    own = scores[scores["subject_kind"] == "cell_code"]
    own = own[own["period"] == own["period"].max()]
    none = say("publishing.word_no_data", lang)
    figures = {}
    for indicator in INDICATORS:
        rows = own[own["indicator"] == indicator.name].set_index("subject").reindex(codes)
        if indicator.name not in FIRST_SHOWN or rows["value"].isna().all():
            continue
        if indicator.denominator:
            known = mask_counts(rows["denominator"], audience=audience)
            few = known.isna() & rows["denominator"].notna()
            pairs = zip(rows["numerator"], rows["denominator"], few, strict=True)
            shown = ["–" if hide else percent(a, b, 1, lang=lang) for a, b, hide in pairs]
        else:
            counts = mask_counts(rows["numerator"], audience=audience)
            told = zip(rows["numerator"], counts, strict=True)
            shown = [none if pd.isna(n) else count_text(seen) for n, seen in told]
        figures[indicator.label(lang)] = shown
    return figures


def count_text(seen: Any) -> str:
    """Return a count as printed; what is withheld is said to be small."""
    return f"< {FEWEST}" if pd.isna(seen) else f"{seen:,}"
