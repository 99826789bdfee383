"""Tables that do not add up: totals, shares, rates and growth recomputed from what is printed."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..errors import SchemaError, raise_all
from ..messages import message, require_lang, say
from ..schema import first_few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..errors import Lang

__all__ = ["audit_table"]

TOTALS = ("合计", "总计", "共计", "小计", "总数", "total", "sum", "all")
_COLUMNS = ("rule", "severity", "principle", "codes", "rows", "detail", "remedy")


class _Number(NamedTuple):
    """A printed number: its exact value, and how many decimals are printed."""

    value: Fraction
    places: int


class _Check(NamedTuple):
    """One printed figure beside what it should be: both as numbers, and how it comes about."""

    where: str
    column: str
    printed: _Number
    wanted: Fraction | None
    how: str


def audit_table(
    table: pd.DataFrame,
    *,
    total: Mapping[str, Any] | None = None,
    ratios: Mapping[str, tuple[str, str]] | None = None,
    shares: Mapping[str, str] | None = None,
    growth: Mapping[str, tuple[str, str]] | None = None,
    label: str | None = None,
    lang: Lang = "zh",
) -> pd.DataFrame:
    """Find totals, rates, shares and growth rates that do not follow from the table itself.

    For tables of our own and of others: what a bulletin prints is read as it is printed, with
    thousands separators and percent signs, and recomputed exactly; a figure is right when it is
    what rounding half-up gives at its printed number of decimals.

    Parameters
    ----------
    table : DataFrame
        A row for each subject. A row whose label is 合计, 总计 or total is the total of the others.
    total : mapping of column → printed total, optional
        Totals that are printed elsewhere; those of a total row are checked by themselves.
    ratios : mapping of column → (numerator, denominator), optional
        Columns with rates in percent, and the columns they are made of. The total row is checked
        by its own printed figures.
    shares : mapping of column → column, optional
        Columns with shares of a total in percent.
    growth : mapping of column → (now, before), optional
        Columns with growth in percent.
    label : str, optional
        The column that names the rows; by default the first one.
    lang : {"zh", "en"}

    Returns
    -------
    DataFrame
        Table ``findings``: one row for each figure that is wrong (``TOTAL``, ``RATIO``, ``SHARE``,
        ``GROWTH``; ``NOT_A_NUMBER`` for what cannot be read), with what is printed and what the
        rows give; one row ``ok`` for each rule without a fault, ``not_checked`` for each that
        had nothing to check. Two neighbouring digits exchanged are named as such.

    Raises
    ------
    SchemaError
        A column that is not in the table; all at once.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> table = pd.DataFrame(
    ...     {"区": ["甲", "乙"], "完成": [2675, 1468], "任务": [2600, 1400]}
    ... ).assign(率=["102.88%", "104.68%"])
    >>> found = gk.audit_table(
    ...     table, total={"完成": 4143, "任务": 4000}, ratios={"率": ("完成", "任务")}, lang="en"
    ... )
    >>> found[["rule", "severity", "codes"]].head(2).to_numpy().tolist()
    [['TOTAL', 'ok', ''], ['RATIO', 'error', '乙']]
    >>> found["detail"].iloc[1]
    '率: printed 104.68%, 完成 / 任务 gives 104.86% (two digits exchanged?)'
    """
    lang = require_lang(lang)
    asked = {"ratios": ratios or {}, "growth": growth or {}, "shares": shares or {}}
    _require_columns(table, label, total or {}, asked)
    names = table[label or table.columns[0]].astype("str").fillna("")
    sums = names.str.strip().str.casefold().isin(TOTALS).to_numpy()
    plain = table.reset_index(drop=True).assign(**{_NAME: names.to_numpy()})
    body, foot = plain[~sums], plain[sums]
    unread: list[tuple[str, str, Any]] = []
    numbers = _read(plain, label or str(table.columns[0]), unread)
    checks = {
        "TOTAL": [*_totals(body, foot, numbers, total or {}, lang)],
        "RATIO": [*_quotients(plain, numbers, ratios or {}, lang)],
        "SHARE": [*_shares(body, foot, numbers, shares or {}, total or {}, lang)],
        "GROWTH": [*_quotients(plain, numbers, growth or {}, lang, grows=True)],
    }
    rows = [row for rule, found in checks.items() for row in _findings(rule, found, lang)]
    needed = {c for given in asked.values() for pair in given.items() for c in _flat(pair)}
    needed |= set(total or {})
    rows += [
        (
            "NOT_A_NUMBER",
            "error",
            say("evaluation.serves_print", lang),
            where,
            1,
            say("evaluation.audit_unread", lang, column=column, value=value),
            say("evaluation.fix_unread", lang),
        )
        for where, column, value in unread
        if column in needed
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_NAME = "\0name"


def _flat(pair: tuple[str, Any]) -> tuple[str, ...]:
    column, of = pair
    return (column, of) if isinstance(of, str) else (column, *of)


def _require_columns(
    table: pd.DataFrame,
    label: str | None,
    total: Mapping[str, Any],
    asked: Mapping[str, Mapping[str, Any]],
) -> None:
    used = [*([label] if label else []), *total]
    used += [c for given in asked.values() for pair in given.items() for c in _flat(pair)]
    found = ", ".join(map(str, table.columns)) or "–"
    lost = [c for c in dict.fromkeys(used) if c not in table.columns]
    where = {"source": "table", "table": "audit_table", "found": found}
    raise_all(SchemaError, [message("tables.missing_columns", columns=c, **where) for c in lost])
    if not len(table.columns):
        raise SchemaError(*message("tables.missing_columns", columns="–", **where))


def _read(
    table: pd.DataFrame, label: str, unread: list[tuple[str, str, Any]]
) -> dict[str, dict[int, _Number]]:
    """Return column → row → number, for what is a number; note what is neither that nor empty."""
    numbers: dict[str, dict[int, _Number]] = {}
    for column in table.columns:
        if column in (label, _NAME):
            continue
        numbers[column] = {}
        for row, value in enumerate(table[column].tolist()):
            read = _number(value)
            if read is not None:
                numbers[column][row] = read
            elif not _empty(value):
                unread.append((str(table[_NAME].iloc[row]), str(column), value))
    return numbers


def _empty(value: Any) -> bool:
    return bool(pd.isna(value)) or str(value).strip() in ("", "-", "–", "—", "/", "无数据")


def _number(value: Any) -> _Number | None:
    if _empty(value):
        return None
    text = str(value).strip().rstrip("%％").replace(",", "").replace("，", "")
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    if not exact.is_finite():
        return None
    exponent = exact.as_tuple().exponent
    return _Number(Fraction(exact), max(0, -int(exponent)))


def _totals(
    body: pd.DataFrame,
    foot: pd.DataFrame,
    numbers: Mapping[str, Mapping[int, _Number]],
    total: Mapping[str, Any],
    lang: Lang,
) -> Iterator[_Check]:
    """Yield each printed total beside the sum of its rows; rates have no sum."""
    for column, values in numbers.items():
        rows = [values[i] for i in body.index if i in values]
        percents = body[column].astype("str").str.contains("[%％]", regex=True).any()
        if not rows or (percents and column not in total):
            continue
        added = sum((n.value for n in rows), Fraction(0))
        how = say("evaluation.audit_sum", lang)
        printed = [(str(foot[_NAME][i]), values[i]) for i in foot.index if i in values]
        given = _number(total.get(column))
        if given is not None:
            printed.append((say("evaluation.audit_total", lang), given))
        for where, number in printed:
            yield _Check(where, column, number, added, how)


def _quotients(
    table: pd.DataFrame,
    numbers: Mapping[str, Mapping[int, _Number]],
    asked: Mapping[str, tuple[str, str]],
    lang: Lang,
    *,
    grows: bool = False,
) -> Iterator[_Check]:
    """Yield each printed rate or growth beside what its two columns give, in percent."""
    for column, (above, below) in asked.items():
        how = (
            say("evaluation.audit_growth", lang, above=above, below=below)
            if grows
            else say("evaluation.audit_ratio", lang, above=above, below=below)
        )
        for row in table.index:
            printed, a, b = (numbers[c].get(row) for c in (column, above, below))
            if printed is None or a is None or b is None:
                continue
            top = a.value - b.value if grows else a.value
            wanted = 100 * top / b.value if b.value else None
            yield _Check(str(table[_NAME][row]), column, printed, wanted, how)


def _shares(
    body: pd.DataFrame,
    foot: pd.DataFrame,
    numbers: Mapping[str, Mapping[int, _Number]],
    asked: Mapping[str, str],
    total: Mapping[str, Any],
    lang: Lang,
) -> Iterator[_Check]:
    for column, of in asked.items():
        values = numbers[of]
        printed = [values[i].value for i in foot.index if i in values]
        given = _number(total.get(of))
        whole = sum((values[i].value for i in body.index if i in values), Fraction(0))
        whole = given.value if given else printed[0] if printed else whole
        for row in body.index:
            told, value = numbers[column].get(row), values.get(row)
            if told is not None and value is not None:
                how = say("evaluation.audit_share", lang, of=of)
                wanted = 100 * value.value / whole if whole else None
                yield _Check(str(body[_NAME][row]), column, told, wanted, how)


def _findings(rule: str, checks: list[_Check], lang: Lang) -> list[tuple[Any, ...]]:
    serves = say("evaluation.serves_print", lang)
    if not checks:
        return [(rule, "not_checked", serves, "", 0, say("evaluation.audit_nothing", lang), "")]
    wrong = [c for c in checks if not _agrees(c)]
    if not wrong:
        detail = say("evaluation.audit_sound", lang, n=f"{len(checks):,}")
        return [(rule, "ok", serves, "", 0, detail, "")]
    rate = "" if rule == "TOTAL" else "%"
    remedy = say("evaluation.fix_print", lang)
    return [
        (rule, "error", serves, first_few([c.where]), 1, _told(c, rate, lang), remedy)
        for c in wrong
    ]


def _rounded(value: Fraction, places: int) -> Decimal:
    step = Decimal(1).scaleb(-places)
    # Exact: the quotient is compared with halves as a fraction, never as a binary number.
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return (Decimal(whole if value >= 0 else -whole) * step).quantize(step, ROUND_HALF_UP)


def _agrees(check: _Check) -> bool:
    if check.wanted is None:
        return False
    return Fraction(_rounded(check.wanted, check.printed.places)) == check.printed.value


def _told(check: _Check, rate: str, lang: Lang) -> str:
    places = check.printed.places
    about = {"column": check.column, "what": check.how}
    printed = f"{_rounded(check.printed.value, places):,}{rate}"
    if check.wanted is None:
        return say("evaluation.audit_no_rate", lang, printed=printed, **about)
    wanted = f"{_rounded(check.wanted, places):,}{rate}"
    text = say("evaluation.audit_wrong", lang, printed=printed, wanted=wanted, **about)
    return text + (say("evaluation.audit_swapped", lang) if _exchanged(printed, wanted) else "")


def _exchanged(one: str, other: str) -> bool:
    """Tell whether two numbers differ by two neighbouring digits in the wrong order."""
    a, b = ([c for c in text if c.isdecimal()] for text in (one, other))
    differ = [i for i in range(min(len(a), len(b))) if a[i] != b[i]]
    swapped = len(a) == len(b) and Counter(a) == Counter(b)
    return swapped and len(differ) == 2 and differ[1] == differ[0] + 1
