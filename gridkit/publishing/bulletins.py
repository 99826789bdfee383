"""The bulletin (通报): one page that says how many, where, by whom, and what is late."""

from __future__ import annotations

import html
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import atomic_path
from ..messages import say
from .documents import write_docx
from .facts import Facts, day, gather
from .markup import Markup, page, tag
from .sections import sections

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from ..errors import Lang
    from ..evaluation.periods import Period
    from ..intake.district import District

__all__ = ["Bulletin", "bulletin", "compose"]


@dataclass(frozen=True)
class Bulletin:
    """A bulletin as one self-contained page.

    Attributes
    ----------
    html : str
        The whole page. It holds no script, asks for nothing over a network and prints on A4.

    Examples
    --------
    >>> from gridkit.publishing.bulletins import Bulletin
    >>> Bulletin("<p>1</p>")._repr_html_()[:7]
    '<iframe'
    """

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path; an older file is replaced in one step.

        Parameters
        ----------
        path : path
            HTML, or DOCX by its ending: the same without the charts, for Word and WPS.

        Raises
        ------
        FileError
            The file cannot be written.
        OptionError
            DOCX without the package python-docx (the extra ``docx``).

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from gridkit.publishing.bulletins import Bulletin
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Bulletin("<p>1</p>").save(Path(folder) / "bulletin.html").read_text("utf-8")
        '<p>1</p>'
        """
        if Path(path).suffix.lower() == ".docx":
            write_docx(self.html, path)
            return Path(path)
        with atomic_path(path) as temporary:
            temporary.write_text(self.html, "utf-8", newline="\n")
        return Path(path)

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own so that styles do not mix."""
        source = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{source}" width="100%" height="720" sandbox></iframe>'


def bulletin(
    cases: pd.DataFrame,
    *,
    period: Period | str | None = None,
    cells: pd.DataFrame | None = None,
    district: District | None = None,
    title: str | None = None,
    lang: Lang = "zh",
    audience: str = "leaders",
    at: datetime | None = None,
) -> Bulletin:
    """Write the bulletin of a period.

    Totals with their change on the period before (环比) and on the year before (同比), sources, the
    ten most frequent categories, units, the best and worst of them with the places that chance
    leaves open, who was last twice running, what got worse, streets and communities, a chart over
    time, the twenty longest overdue, definitions.
    Each rate stands beside its numerator and denominator, rounded half-up. What the table
    cannot tell is left out and named.

    Parameters
    ----------
    cases : DataFrame
        Satisfies the cases schema.
    period : Period or str, optional
        A string is read by `Period.parse`; the default is everything.
    cells : GeoDataFrame, optional
        Gives the number and area of the cells of each street and community, and their codes
        where `cases` lacks them.
    district : District, optional
        Its communities give the names of streets and communities.
    title : str, optional
        What the bulletin is about, above its heading: the district, the campaign. The default is
        the district's name.
    lang : {"zh", "en"}
    audience : {"leaders", "internal", "public"}
        For the public, the list of single cases is left out.
    at : datetime, optional
        Time of counting, as in `indicators`.

    Returns
    -------
    Bulletin
        The same input gives the same bytes.

    Raises
    ------
    SchemaError
        `cases` or `cells` does not satisfy its schema.
    OptionError
        A period, language or audience that is not known, or `at` without time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> cases = pd.DataFrame(
    ...     {
    ...         "case_id": ["1", "2"],
    ...         "stage": ["reported", "reported"],
    ...         "source": ["巡查", "<b>热线</b>"],
    ...         "reported_at": pd.date_range("2025-10-01", periods=2, tz="Asia/Shanghai"),
    ...     }
    ... )
    >>> made = gk.bulletin(cases, period="2025-10", title="示例区")
    >>> "&lt;b&gt;热线&lt;/b&gt;" in made.html, "<script" in made.html
    (True, False)
    """
    facts = gather(
        cases,
        period=period,
        at=at,
        cells=cells,
        district=district,
        lang=lang,
        audience=audience,
    )
    place = title if title is not None else district.name if district is not None else ""
    return compose(facts, place=place, heading=say("publishing.bulletin_heading", facts.lang))


def compose(
    facts: Facts,
    *,
    place: str,
    heading: str,
    more: Sequence[tuple[str, list[Markup]]] = (),
) -> Bulletin:
    """Set the sections as one page; `more` stand before the definitions.

    Parameters
    ----------
    facts : Facts
    place, heading : str
    more : sequence of (title, content)
    """
    language = facts.lang
    *first, last = sections(facts)
    body = [
        tag("section", tag("h2", _numbered(i, name, language)), *parts)
        for i, (name, parts) in enumerate([*first, *more, last])
    ]
    css = resources.files("gridkit").joinpath("publishing/assets/bulletin.css").read_text("utf-8")
    return Bulletin(
        page(
            tag("main", _head(facts, place, heading), *body, _foot(facts)),
            title=f"{place} {heading}".strip(),
            css=css,
            lang=language,
        )
    )


def _numbered(i: int, name: str, lang: Lang) -> str:
    chinese = (*"一二三四五六七八九十", "十一", "十二", "十三", "十四", "十五")
    return f"{chinese[i]}、{name}" if lang == "zh" else f"{i + 1}. {name}"


def _head(facts: Facts, place: str, heading: str) -> Markup:
    lang = facts.lang
    lines = [tag("p", place, class_="place")] if place else []
    issue = [tag("span", say("publishing.bulletin_period", lang, period=facts.period_text()))]
    if facts.at is not None:
        issue.append(
            tag("span", say("publishing.bulletin_as_of", lang, at=day(facts.at, lang, clock=True)))
        )
    return tag("header", *lines, tag("h1", heading), tag("p", *issue, class_="issue"))


def _foot(facts: Facts) -> Markup:
    lang = facts.lang
    editions = {
        "internal": say("publishing.bulletin_internal", lang),
        "leaders": say("publishing.bulletin_leaders", lang),
        "public": say("publishing.bulletin_public", lang),
    }
    made = say("publishing.bulletin_made", lang, rows=f"{len(facts.cases):,}")
    return tag("footer", editions[facts.audience], " ", made)
