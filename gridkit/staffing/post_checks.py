"""The certificate of the posts: every rule, and where the posts break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from ..errors import OptionError
from ..messages import message, require_lang
from ..rules import load_roles
from ..tables import FINDINGS, POSTS
from .history import posts_at
from .post_rules import RULES, PostCase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ..errors import Lang
    from ..rules import Role

__all__ = ["check_posts"]


def check_posts(
    posts: pd.DataFrame,
    areas: gpd.GeoDataFrame,
    roster: pd.DataFrame | None = None,
    *,
    roles: Sequence[str] | None = None,
    rules: Mapping[str, Role] | None = None,
    levels: Sequence[pd.DataFrame] = (),
    units: pd.DataFrame | None = None,
    at: Any = None,
    lang: Lang = "zh",
) -> gpd.GeoDataFrame:
    """Check posts, made or given: one row for each rule, passed or not.

    ========================== =========================================================
    ``UNKNOWN_AREA``           each post stands on an area that there is
    ``UNKNOWN_ROLE``           in a role that the rules know
    ``OVERLAPPING_VALIDITY``   and holds once at a time
    ``BAD_SLOT``               in a slot that can be read and covers something
    ``MISSING_ROLE``           each area has a post of each role
    ``UNFILLED``               and each post a person
    ``UNKNOWN_PERSON``         whom the roster has
    ``ROLE_MISMATCH``          in the role of the post
    ``QUALIFICATION``          with the qualification it asks for
    ``SLOT_MISMATCH``          and hours that cover its slot
    ``OVER_CAPACITY``          nobody holds more areas at once than allowed
    ``DOUBLE_BOOKING``         nor two roles at one time
    ``OUT_OF_VALIDITY``        nor a post on days outside the contract (with `at`)
    ``AWAY_ALONE``             who is on leave has somebody to stand in (with `at`; warning)
    ``BACKUP``                 partners are other people, and known
    ``TOO_FAR``                no trip is longer than the role allows (warning)
    ``CHAIN``                  supervisors are known and go round in no circle
    ``ORPHAN``                 no area lacks somebody on a level above that has posts
    ``NO_CHIEF``               each unit names a chief whom the roster has (warning)
    ``FIVE_FIXES``             person, slot, duty, standard, incentive are settled (warning)
    ========================== =========================================================

    Parameters
    ----------
    posts : DataFrame
        Table ``posts``; with a history give `at`.
    areas : GeoDataFrame
        Areas of one level (table ``cells``); posts of other levels count for the chain.
    roster : DataFrame, optional
        Table ``roster``.
    roles : sequence of str, optional
        Roles that each area needs; by default those that the level's posts have.
    rules : mapping of code → Role, optional
        `load_roles` by default.
    levels : sequence of DataFrame
        Tables of the other levels, for the way upward.
    units : DataFrame, optional
        Table ``units``.
    at : date, optional
        Check the posts of this day, and leave and contracts on it.
    lang : {"zh", "en"}

    Returns
    -------
    GeoDataFrame
        Findings as of `check_cells`: ``rule``, ``severity`` (``ok`` and ``not_checked`` too),
        ``principle``, ``codes`` of the areas concerned, ``rows`` (how many posts, areas or
        people), ``detail``, ``remedy`` and the areas' shapes, for `findings_map`.

    Raises
    ------
    SchemaError
        Tables without their required columns.
    OptionError
        `at` is no day; a role that the rules do not know.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import pandas as pd
    >>> from gridkit import check_posts
    >>> from shapely.geometry import box
    >>> cells = gpd.GeoDataFrame({"cell_code": ["A1"]}, geometry=[box(0, 0, 9, 9)], crs=4549)
    >>> posts = pd.DataFrame(
    ...     {"level": ["cell"], "area_code": ["A1"], "role": ["officer"], "person_id": [None]}
    ... )
    >>> found = check_posts(posts, cells, lang="en").set_index("rule")
    >>> found.loc["UNFILLED", "severity"], found.loc["UNFILLED", "detail"]
    ('error', '1 post(s) without a person: officer 1')
    """
    lang = require_lang(lang)
    POSTS.require_columns(posts, source="posts")
    known = dict(load_roles() if rules is None else rules)
    for role in roles or ():
        if role not in known:
            choices = ", ".join(known)
            raise OptionError(*message("options.unknown", name="role", value=role, choices=choices))
    live = posts if at is None else posts_at(posts, at)
    case = PostCase.of(live, areas, roster, roles, known, levels, units, at)
    rows = []
    for name, severity, principle, rule in RULES:
        found = rule(case)
        rows.append(
            {
                "rule": name,
                "severity": found.severity or severity,
                "principle": message(principle).text(lang),
                "codes": ", ".join(dict.fromkeys(found.codes)),
                "rows": found.rows,
                "detail": found.detail.text(lang),
                "remedy": found.remedy.text(lang),
                "geometry": _drawn(case, found.codes),
            }
        )
    columns = [c.name for c in FINDINGS.columns]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=areas.crs)


def _drawn(case: PostCase, codes: Sequence[str]) -> shapely.Geometry | None:
    here = case.areas["cell_code"].isin(list(codes)).to_numpy()
    shapes = case.areas.geometry.to_numpy()[here]
    return shapely.union_all(shapes) if len(shapes) else None
