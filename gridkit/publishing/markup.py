"""HTML that cannot be broken by the text in it: everything is escaped unless it is markup already.

Pages written with it hold no script and ask for nothing: one file, ready to print.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Markup", "bar", "columns_chart", "grid", "page", "tag"]

VOID = frozenset({"meta", "rect", "line"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already. Every other text is escaped on its way into a tag."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """Return one element; children and attribute values are escaped.

    A trailing underscore of an attribute is dropped (``class_``), inner ones become hyphens.

    Examples
    --------
    >>> from gridkit.publishing.markup import tag
    >>> tag("td", "<script>", tag("b", "&"), class_='a"b')
    '<td class="a&quot;b">&lt;script&gt;<b>&amp;</b></td>'
    """
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escape(str(value))}"'
        for key, value in attributes.items()
        if value != ""
    )
    if name in VOID:
        return Markup(f"<{name}{head}>" if name == "meta" else f"<{name}{head}/>")
    body = "".join(c if isinstance(c, Markup) else _escape(c) for c in children)
    return Markup(f"<{name}{head}>{body}</{name}>")


def _escape(text: str) -> str:
    """Escape text; characters that no page may hold become the replacement mark."""
    return html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def grid(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: int = 1,
    total: Sequence[str] = (),
) -> Markup:
    """Return a table; the first `words` columns hold words, the others figures.

    `total` is set apart as the last row.

    Examples
    --------
    >>> from gridkit.publishing.markup import grid
    >>> grid(["unit", "n"], [["A", "1"]])[-61:]
    '<tr><td>A</td><td class="n">1</td></tr></tbody></table></div>'
    """

    def row(cells: Sequence[str], name: str, kind: str = "", **more: str) -> Markup:
        classes = ["" if i < words else "n" for i in range(len(cells))]
        made = (tag(name, c, class_=k, **more) for c, k in zip(cells, classes, strict=True))
        return tag("tr", *made, class_=kind)

    body = [row(cells, "td") for cells in rows]
    if total:
        body.append(row(total, "td", "sum"))
    head = tag("thead", row(headers, "th", scope="col"))
    return tag("div", tag("table", head, tag("tbody", *body)), class_="scroll")


def bar(part: int, whole: int) -> Markup:
    """Return a small horizontal bar, `part` of `whole` long."""
    width = round(100 * part / whole, 1) if whole else 0
    return tag(
        "svg",
        tag("rect", x=0, y=0, width=width, height=8, class_="bar"),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="share",
        aria_hidden="true",
    )


def columns_chart(labels: Sequence[str], values: Sequence[int], *, title: str) -> Markup:
    """Return a column chart as SVG, each column with its figure.

    Parameters
    ----------
    labels : sequence of str
        Under the columns; on a crowded chart only every second, third … is printed.
    values : sequence of int
        Zero or more.
    title : str
        Read out by screen readers.
    """
    width, height, floor = 720, 210, 180
    step = width / max(len(values), 1)
    room = max(step * 0.66, 1)
    top = max([*values, 1])
    every = -(-max(len(v) for v in labels) * 7 // int(step + 1)) if labels else 1
    shapes = [tag("line", x1=0, y1=floor, x2=width, y2=floor, class_="axis")]
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        tall = round(150 * value / top, 1)
        x, middle = round(i * step + (step - room) / 2, 1), round((i + 0.5) * step, 1)
        y = round(floor - tall, 1)
        shapes.append(tag("rect", x=x, y=y, width=round(room, 1), height=tall, class_="bar"))
        if len(f"{value:,}") * 6 <= step:
            shapes.append(tag("text", f"{value:,}", x=middle, y=round(y - 5, 1)))
        if i % max(every, 1) == 0:
            shapes.append(tag("text", label, x=middle, y=floor + 18))
    return tag(
        "svg",
        tag("title", title),
        *shapes,
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_="chart",
    )


def page(*body: Markup, title: str, css: str, lang: str) -> str:
    """Return a whole page whose policy allows its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(css)),
    )
    language = "zh-CN" if lang == "zh" else lang
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body), lang=language)}\n"
