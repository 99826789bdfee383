"""The map of `edit_cells` in a notebook: what it shows, and what its buttons do.

Everything is drawn in the metres of the cells' own CRS, so that a drawn line comes back exact
and nothing has to be fetched. Script and style come with the package and go to the notebook with
the widget. The page puts text from the data on a canvas or into text nodes, never into HTML.
"""

from __future__ import annotations

import itertools
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from ..errors import GridkitError, OptionError
from ..messages import message, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..division.ordering import Floats
    from ..errors import Lang
    from .editor import CellEditor

__all__ = ["view_of"]

ORDER = ("error", "warning", "info", "not_checked", "ok")
POLYGON, LINES = 3, (1, 2)


def view_of(editor: CellEditor) -> Any:
    """Return the widget of an editor; it follows what is done by methods, too.

    Raises
    ------
    OptionError
        The packages of the extra ``notebooks`` are not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise OptionError(*message("publishing.edit_no_widget", why=error)) from error

    class EditorView(anywidget.AnyWidget):
        _esm = _asset("editor.js")
        _css = _asset("editor.css")
        words = traitlets.Dict().tag(sync=True)
        ground = traitlets.Dict().tag(sync=True)
        picture = traitlets.Dict().tag(sync=True)
        selected: Any = traitlets.List().tag(sync=True)
        status = traitlets.Dict().tag(sync=True)

    corner = np.floor(editor.map.total_bounds[:2])
    numbers = itertools.count(1)
    view = EditorView(
        words=_words(editor.lang),
        ground=_ground(editor, corner),
        picture=_picture(editor, corner),
        selected=editor.selected,
    )

    def follow(what: str) -> None:
        if what == "tables":
            view.picture = _picture(editor, corner)
        view.selected = editor.selected

    def act(_: Any, asked: dict[str, Any], __: Any) -> None:
        try:
            kind, text = "done", _do(editor, asked, corner, view.send)
        except GridkitError as error:
            kind, text = "refused", error.text(editor.lang)
            view.send_state("selected")
        view.status = {"kind": kind, "text": text, "n": next(numbers)}

    editor.watch(follow)
    view.on_msg(act)
    return view


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text("utf-8")


def _do(
    editor: CellEditor, asked: dict[str, Any], corner: Floats, send: Callable[[Any], None]
) -> str:
    """Do what a button asks for; return what to say about it."""
    action, codes = asked["do"], editor.selected
    editor.reason = asked["reason"]
    lines = [shapely.LineString(np.asarray(line) + corner) for line in asked.get("lines", ())]
    if lines:
        reach = {"tolerance_m": asked["reach_m"], "streets": asked["snap"]}
        lines = [editor.snap(line, **reach) for line in lines]
    if action == "select":
        editor.select(asked["codes"])
        return ""
    if action == "border":
        border = shapely.get_parts(editor.border(codes))
        send({"border": [(shapely.get_coordinates(part) - corner).tolist() for part in border]})
        return ""
    if action == "split":
        if len(codes) != 1:
            raise OptionError(*message("publishing.edit_choose_one", n=len(codes)))
        made = editor.split(codes[0], lines or asked["n"])
    elif action == "merge":
        made = editor.merge(codes)
    elif action == "redraw":
        made = editor.redraw(codes, lines)
    else:
        {"undo": editor.undo, "redo": editor.redo, "check": editor.check}[action]()
        return say("publishing.edit_done", editor.lang)
    facts = {"old": ", ".join(codes), "new": ", ".join(made)}
    return say("publishing.edit_made", editor.lang, **facts)


def _ground(editor: CellEditor, corner: Floats) -> dict[str, Any]:
    """Return what does not change: streets, water and communities of the district."""
    layers = {}
    for name in ("water", "streets", "communities"):
        table = None if editor.district is None else getattr(editor.district, name)
        if table is not None:
            layers[name] = _packed(table.geometry.to_numpy(), corner)
    return layers


def _picture(editor: CellEditor, corner: Floats) -> dict[str, Any]:
    """Return the cells of the day, the findings, and what can be undone."""
    cells, findings = editor.map, editor.findings
    loads = cells["load"].tolist() if "load" in cells.columns else [None] * len(cells)
    rank = {severity: k for k, severity in enumerate(ORDER)}
    findings = findings.iloc[np.argsort(findings["severity"].map(rank), kind="stable")]
    columns = ["rule", "severity", "principle", "detail", "remedy"]
    return {
        "codes": cells["cell_code"].astype("str").tolist(),
        "loads": [None if load is None or load != load else float(load) for load in loads],
        "areas": shapely.area(cells.geometry.to_numpy()).round(1).tolist(),
        "shapes": _packed(cells.geometry.to_numpy(), corner),
        "findings": findings[columns].to_dict("records"),
        "places": _packed(findings.geometry.to_numpy(), corner),
        "reason": editor.reason,
        "scope": editor.scope,
        "undo": editor.can_undo,
        "redo": editor.can_redo,
    }


def _packed(shapes: Any, corner: Floats) -> dict[str, bytes]:
    """Return lines and rings as bytes: paths of each shape, vertices of each path, x and y.

    Coordinates are metres from the corner in single precision: below 1 mm up to 10 km away.
    """
    parts, owner = shapely.get_parts(shapes, return_index=True)
    kinds = shapely.get_type_id(parts)
    rings, polygon = shapely.get_rings(parts[kinds == POLYGON], return_index=True)
    lines = np.isin(kinds, LINES)
    paths = np.concatenate([rings, parts[lines]])
    shape = np.concatenate([owner[kinds == POLYGON][polygon], owner[lines]])
    order = np.argsort(shape, kind="stable")
    xy, path = shapely.get_coordinates(paths[order], return_index=True)
    return {
        "paths": np.bincount(shape, minlength=len(shapes)).astype("<u4").tobytes(),
        "sizes": np.bincount(path, minlength=len(paths)).astype("<u4").tobytes(),
        "xy": (xy - corner).astype("<f4").tobytes(),
    }


def _words(lang: Lang) -> dict[str, str]:
    """Return every fixed word of the map."""
    return {
        "split": say("publishing.edit_word_split", lang),
        "divide": say("publishing.edit_word_divide", lang),
        "merge": say("publishing.edit_word_merge", lang),
        "border": say("publishing.edit_word_border", lang),
        "redraw": say("publishing.edit_word_redraw", lang),
        "snap": say("publishing.edit_word_snap", lang),
        "undo": say("publishing.edit_word_undo", lang),
        "redo": say("publishing.edit_word_redo", lang),
        "check": say("publishing.edit_word_check", lang),
        "fit": say("publishing.edit_word_fit", lang),
        "finish": say("publishing.edit_word_finish", lang),
        "cancel": say("publishing.edit_word_cancel", lang),
        "reason": say("publishing.edit_word_reason", lang),
        "parts": say("publishing.edit_word_parts", lang),
        "selected": say("publishing.edit_word_selected", lang, n="{}"),
        "hectares": say("publishing.word_hectares", lang, value="{}"),
        "load": say("publishing.word_load", lang),
        "area": say("publishing.word_area", lang),
        "map": say("publishing.word_map", lang),
        "findings": say("publishing.edit_word_findings", lang),
        "whole": say("publishing.edit_word_whole", lang),
        "near": say("publishing.edit_word_near", lang),
        "error": say("publishing.edit_word_error", lang),
        "warning": say("publishing.edit_word_warning", lang),
        "info": say("publishing.edit_word_info", lang),
        "not_checked": say("publishing.edit_word_not_checked", lang),
        "ok": say("publishing.edit_word_ok", lang),
        "help_select": say("publishing.edit_help_select", lang),
        "help_draw": say("publishing.edit_help_draw", lang),
        "help_move": say("publishing.edit_help_move", lang),
        "working": say("publishing.edit_working", lang),
    }
