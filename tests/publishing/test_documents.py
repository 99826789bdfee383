"""The bulletin as DOCX: every sentence and figure of the page, readable by another program."""

import builtins
import html
import re
import zipfile

import docx
import pandas as pd
import pytest

import gridkit as gk

from .test_workbooks import made


def words(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_document_says_what_the_page_says(lang, tmp_path):
    page = gk.bulletin(made(), period="2025-05", lang=lang, title="临海区")
    document = docx.Document(page.save(tmp_path / "通报.docx"))
    told = [p.text for p in document.paragraphs]
    body = re.sub(r"<(svg|head)\b.*?</\1>", "", page.html, flags=re.DOTALL)
    heads = re.findall(r"<h2>(.*?)</h2>", body)
    assert [p.text for p in document.paragraphs if p.style.name == "Heading 1"] == heads
    tables = re.findall(r"<table>.*?</table>", body)
    assert len(document.tables) == len(tables)
    for table, source in zip(document.tables, tables, strict=True):
        cells = [c.text for row in table.rows for c in row.cells if c.text]
        wanted = [
            html.unescape(c) for c in re.findall(r"<t[dh](?: [^>]*)?>(.*?)</t[dh]>", source) if c
        ]
        assert cells == wanted
    for sentence in re.findall(r'<p class="(?:lead|note)">(.*?)</p>', body):
        assert any(words(html.unescape(sentence)) == words(t) for t in told), sentence


def test_equal_bulletins_give_equal_bytes_and_fit_a4(tmp_path):
    page = gk.bulletin(made(), period="2025-05")
    one, two = page.save(tmp_path / "1.docx"), page.save(tmp_path / "2.docx")
    assert one.read_bytes() == two.read_bytes()
    section = docx.Document(one).sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    with zipfile.ZipFile(one) as parts:
        text = parts.read("word/document.xml").decode()
    assert "w:tblHeader" in text
    assert "http" not in re.sub(r'xmlns:\w+="[^"]*"', "", text)


def test_hostile_text_stays_text(tmp_path):
    bad = '<script>alert(1)</script>&<w:p/>"\x07]]>{{7*7}}'
    cases = made().assign(responsible_unit=bad)
    document = docx.Document(gk.bulletin(cases, period="2025-05").save(tmp_path / "x.docx"))
    cells = [c.text for t in document.tables for row in t.rows for c in row.cells]
    shown = [c for c in cells if "alert(1)" in c]
    assert shown
    assert all(c.startswith("<script>alert(1)</script>&<w:p/>") for c in shown)
    assert all("{{7*7}}" in c for c in shown)


def test_without_the_package_it_says_what_to_do(tmp_path, monkeypatch):
    plain = builtins.__import__

    def without(name, *rest, **more):
        if name == "docx":
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    page = gk.bulletin(pd.DataFrame({"case_id": ["1"], "stage": ["filed"]}))
    with pytest.raises(gk.OptionError, match="python-docx"):
        page.save(tmp_path / "x.docx")
    assert not (tmp_path / "x.docx").exists()
