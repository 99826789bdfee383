"""What one role in one slot needs: the areas, the people, and what each pair of them costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ..rules import Role
    from .travel import Streets, Trips

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Texts = NDArray[np.object_]
    Masks = NDArray[np.uint8]

__all__ = ["Need", "Refusal", "make_need"]

NOBODY = -1

OWN_COLUMNS = {"community": "community_code", "street": "street_code", "unit": "responsible_unit"}


class Refusal(enum.IntFlag):
    """Why a person cannot take a post in an area; several may hold."""

    DISTANCE = 1
    OWN = 2
    QUALIFICATION = 4
    SLOT = 8
    LEAVE = 16
    VALIDITY = 32
    ASIDE = 64
    NO_WAY = 128


@dataclass(frozen=True, eq=False)
class Need:
    """One role in one slot: who could be posted where, and at what cost.

    Areas are in the order of their codes and people in that of their ids, so that nothing that
    is made of a need depends on the order of the rows it came from.

    Attributes
    ----------
    role : Role
    slot : str
        The slot needed; empty when the role needs none.
    codes : array of str, n
        Codes of the areas.
    points : array of float, (n, 2)
        Inner points of the areas, in metres.
    area_own : array of int, n
        Group that an area belongs to (community, street or unit by the role's ``own``), -1 none.
    ids : array of str, m
        Ids of the role's people, also of those who cannot take any post.
    bases : array of float, (m, 2)
    capacity : array of int, m
        How many areas each may hold in this slot.
    person_own : array of int, m
        Group that a person belongs to, numbered as in `area_own`; -1 none.
    barred : array of uint8, m
        Flags of `Refusal` that keep a person from every post.
    holder : array of int, n
        Position of the person who held the area before; -1 nobody who is among the people.
    max_distance_m, own_bonus_m, stay_bonus_m : float
    aside : (int, int)
        A pair set aside, to ask what would be without it; (-1, -1) none.
    trips : Trips, optional
        Ways along streets; straight lines without. No way is shorter than the straight line.
    """

    role: Role
    slot: str
    codes: Texts
    points: Floats
    area_own: Ints
    ids: Texts
    bases: Floats
    capacity: Ints
    person_own: Ints
    barred: Masks
    holder: Ints
    max_distance_m: float
    own_bonus_m: float
    stay_bonus_m: float
    aside: tuple[int, int] = (NOBODY, NOBODY)
    trips: Trips | None = None

    def distance(self, i: Ints, j: Ints) -> Floats:
        """Return the metres from areas `i` to people `j`, arrays that broadcast; inf: no way."""
        if self.trips is not None:
            return self.trips.metres(i, j)
        apart = self.points[i] - self.bases[j]
        metres: Floats = np.hypot(apart[..., 0], apart[..., 1])
        return metres

    def longest(self) -> float:
        """Return metres that no trip exceeds."""
        if self.trips is not None:
            return self.trips.longest()
        both = np.concatenate([self.points, self.bases])
        return float(np.hypot(*np.ptp(both, axis=0)))

    def is_own(self, i: Ints, j: Ints) -> NDArray[np.bool_]:
        """Return whether people `j` are of the community, street or unit of areas `i`."""
        group = self.area_own[i]
        own: NDArray[np.bool_] = (group == self.person_own[j]) & (group != NOBODY)
        return own

    def cost(self, i: Ints, j: Ints) -> Floats:
        """Return metres with the bonuses: as if strangers and newcomers were farther away.

        A bonus is a surcharge on everybody else: of two ways to fill as many posts, the cheaper
        is the same, and no cost is below zero.
        """
        metres: Floats = self.distance(i, j) + self.stay_bonus_m * (self.holder[i] != j)
        if np.isfinite(self.own_bonus_m):
            metres = metres + self.own_bonus_m * ~self.is_own(i, j)
        return metres

    def refused(self, i: Ints, j: Ints) -> Masks:
        """Return for each pair the flags of `Refusal` that hold; 0 where it is allowed."""
        far = self.distance(i, j)
        flags = self.barred[j] | (far > self.max_distance_m) * _flag(Refusal.DISTANCE)
        if self.trips is not None:
            flags = np.where(np.isinf(far), self.barred[j] | _flag(Refusal.NO_WAY), flags)
        if not np.isfinite(self.own_bonus_m):
            flags = flags | ~self.is_own(i, j) * _flag(Refusal.OWN)
        if self.aside[0] >= 0:
            flags = flags | ((i == self.aside[0]) & (j == self.aside[1])) * _flag(Refusal.ASIDE)
        masks: Masks = flags.astype(np.uint8)
        return masks


def _flag(rule: Refusal) -> np.uint8:
    return np.uint8(rule.value)


def make_need(
    areas: gpd.GeoDataFrame,
    people: gpd.GeoDataFrame,
    *,
    role: Role,
    slot: str,
    barred: Masks,
    holders: pd.Series[Any] | None,
    max_distance_m: float | None,
    own_bonus_m: float,
    stay_bonus_m: float,
    streets: Streets | None = None,
) -> Need:
    """Return the need of one role in one slot.

    Parameters
    ----------
    areas : GeoDataFrame
        Sound areas of one level.
    people : GeoDataFrame
        All of the role's people, with points as bases.
    role : Role
    slot : str
    barred : array of uint8
        Aligned with `people`.
    holders : Series, optional
        ``person_id`` by ``area_code`` of those who hold the areas now.
    max_distance_m : float, optional
        The role's own where None.
    own_bonus_m, stay_bonus_m : float
    streets : Streets, optional
        What trips go along.
    """
    # Sorting texts as Python does: the same on every system.
    by_code = np.argsort(areas["cell_code"].to_numpy(dtype=object), kind="stable")
    by_id = np.argsort(people["person_id"].to_numpy(dtype=object), kind="stable")
    areas, people = areas.iloc[by_code], people.iloc[by_id]
    codes = areas["cell_code"].to_numpy(dtype=object)
    ids = people["person_id"].to_numpy(dtype=object)
    farthest = role.max_distance_m if max_distance_m is None else max_distance_m
    area_own, person_own = _groups(areas, people, OWN_COLUMNS.get(role.own))
    points = shapely.get_coordinates(shapely.point_on_surface(areas.geometry.to_numpy()))
    bases = shapely.get_coordinates(people.geometry.to_numpy())
    return Need(
        role=role,
        slot=slot,
        codes=codes,
        points=points,
        area_own=area_own,
        ids=ids,
        bases=bases,
        capacity=_capacity(people, role, len(areas)),
        person_own=person_own,
        barred=barred[by_id],
        holder=_positions(codes, ids, holders),
        max_distance_m=np.inf if farthest is None else float(farthest),
        own_bonus_m=own_bonus_m if role.own else 0.0,
        stay_bonus_m=stay_bonus_m,
        trips=streets.trips(points, bases) if streets and len(points) and len(bases) else None,
    )


def _groups(areas: pd.DataFrame, people: pd.DataFrame, column: str | None) -> tuple[Ints, Ints]:
    """Return the groups of areas and people, numbered alike; -1 where there is none."""
    sides = [
        frame[column].astype("str")
        if column in frame.columns
        else pd.Series(None, index=frame.index, dtype="str")
        for frame in (areas, people)
    ]
    numbers, _ = pd.factorize(pd.concat(sides, ignore_index=True), use_na_sentinel=True)
    return numbers[: len(areas)].astype(np.int64), numbers[len(areas) :].astype(np.int64)


def _capacity(people: pd.DataFrame, role: Role, most: int) -> Ints:
    """Return how many areas each person may hold; never more than there are."""
    if "max_areas" not in people.columns:
        return np.full(len(people), min(role.max_areas, most), dtype=np.int64)
    own = pd.to_numeric(people["max_areas"]).fillna(role.max_areas)
    capacity: Ints = np.minimum(own.to_numpy(dtype=np.int64), most)
    return capacity


def _positions(codes: Texts, ids: Texts, holders: pd.Series[Any] | None) -> Ints:
    """Return where in `ids` the holder of each area stands; -1 where nobody of them held it."""
    if holders is None:
        return np.full(len(codes), NOBODY, dtype=np.int64)
    held = holders.reindex(pd.Index(codes, dtype=object)).to_numpy(dtype=object)
    positions: Ints = pd.Index(ids, dtype=object).get_indexer(pd.Index(held, dtype=object))
    return positions.astype(np.int64)
