"""The words of a map page in one language; the page itself holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..messages import say

if TYPE_CHECKING:
    from ..errors import Lang
    from ..privacy import Audience

__all__ = ["audience_words", "dashboard_words", "page_words"]


def audience_words(audience: Audience, lang: Lang) -> str:
    """Return what is said of an audience: what has been masked for it."""
    return {
        "internal": say("publishing.audience_internal", lang),
        "leaders": say("publishing.audience_leaders", lang),
        "public": say("publishing.audience_public", lang),
    }[audience]


def page_words(lang: Lang) -> dict[str, str]:
    """Return every fixed word of the page: ``{"search": "搜索…", …}``."""
    return {
        "search": say("publishing.word_search", lang),
        "none_found": say("publishing.word_none_found", lang),
        "layers": say("publishing.word_layers", lang),
        "legend": say("publishing.word_legend", lang),
        "summary": say("publishing.word_summary", lang),
        "close": say("publishing.word_close", lang),
        "click": say("publishing.word_click", lang),
        "no_data": say("publishing.word_no_data", lang),
        "cell": say("publishing.word_cell", lang),
        "community": say("publishing.word_community", lang),
        "area": say("publishing.word_area", lang),
        "load": say("publishing.word_load", lang),
        "hectares": say("publishing.word_hectares", lang, value="{}"),
        "people": say("publishing.word_people", lang),
        "vacant": say("publishing.word_vacant", lang),
        "figures": say("publishing.word_figures", lang),
        "water": say("publishing.word_water", lang),
        "streets": say("publishing.word_streets", lang),
        "buildings": say("publishing.word_buildings", lang),
        "communities": say("publishing.word_communities", lang),
        "outlines": say("publishing.word_outlines", lang),
        "old_border": say("publishing.word_old_border", lang),
        "north": say("publishing.word_north", lang),
        "map": say("publishing.word_map", lang),
        "panel": say("publishing.word_panel", lang),
        "zoom_in": say("publishing.word_zoom_in", lang),
        "zoom_out": say("publishing.word_zoom_out", lang),
    }


def dashboard_words(lang: Lang, step: str) -> dict[str, Any]:
    """Return the fixed words of a dashboard whose time runs in steps of days, weeks or months."""
    lengths = {
        "D": say("publishing.dash_days", lang, n="{}"),
        "W": say("publishing.dash_weeks", lang, n="{}"),
        "M": say("publishing.dash_months", lang, n="{}"),
    }
    return {
        "glance": say("publishing.dash_glance", lang),
        "worse": say("publishing.dash_worse", lang),
        "none_worse": say("publishing.dash_none_worse", lang),
        "owes": say("publishing.dash_owes", lang),
        "none_owes": say("publishing.dash_none_owes", lang),
        **_filter_words(lang),
        "window": say("publishing.dash_window", lang),
        "lengths": {n: lengths[step].replace("{}", str(n)) for n in (1, 3, 6, 12)},
        "all_time": say("publishing.dash_all_time", lang),
        "time": say("publishing.dash_time", lang),
        "play": say("publishing.dash_play", lang),
        "pause": say("publishing.dash_pause", lang),
        "ranking": say("publishing.dash_ranking", lang),
        "by": say("publishing.dash_by", lang),
        "change": say("publishing.dash_points", lang),
        "late_list": say("publishing.dash_late_list", lang, n="{}"),
        "late_first": say("publishing.dash_late_first", lang, n="{}"),
        "days_late": say("publishing.dash_days_late", lang, n="{}"),
        "cases": say("publishing.dash_cases", lang),
        "before": say("publishing.dash_before", lang),
        "open_cases": say("publishing.dash_state_open", lang),
        "late_cases": say("publishing.dash_state_overdue", lang),
        "over_time": say("publishing.dash_over_time", lang),
        "sides": [
            say("publishing.dash_east", lang),
            say("publishing.dash_south", lang),
            say("publishing.dash_west", lang),
            say("publishing.dash_north", lang),
        ],
        "shown": say("publishing.dash_shown", lang, n="{}"),
        "pending": say("publishing.dash_pending", lang, n="{}"),
        "late": say("publishing.dash_late", lang, n="{}"),
        "changes": [
            say("publishing.dash_far_fewer", lang),
            say("publishing.dash_fewer", lang),
            say("publishing.dash_same", lang),
            say("publishing.dash_more", lang),
            say("publishing.dash_far_more", lang),
        ],
    }


def _filter_words(lang: Lang) -> dict[str, Any]:
    return {
        "filters": say("publishing.dash_filters", lang),
        "state": say("publishing.dash_state", lang),
        "states": [
            say("publishing.dash_state_all", lang),
            say("publishing.dash_state_open", lang),
            say("publishing.dash_state_overdue", lang),
        ],
        "hours": say("publishing.dash_hours", lang),
        "all_hours": say("publishing.dash_all_hours", lang),
        "quarters": ["00–06", "06–12", "12–18", "18–24"],
        "days": say("publishing.dash_day_kind", lang),
        "day_kinds": [
            say("publishing.dash_all_days", lang),
            say("publishing.dash_weekdays", lang),
            say("publishing.dash_weekends", lang),
        ],
        "categories": say("publishing.bulletin_category", lang),
        "all": say("publishing.dash_all", lang),
        "none": say("publishing.dash_none", lang),
    }
