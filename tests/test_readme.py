"""The README tells the truth: its Python runs, its commands parse, its pictures and files exist."""

import re
import shlex
from pathlib import Path

import pytest

import gridkit as gk
from gridkit.cli import _parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(kind):
    """Return the code blocks of one kind; those in a list are indented."""
    return re.findall(rf"^ *```{kind}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)


def commands():
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if "gridkit " in line]


def test_the_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ten_lines, who, by_hand = blocks("python")
    assert len(ten_lines.splitlines()) <= 13
    names = {}
    here = ten_lines.replace('"data/', f'"{(ROOT / "data").as_posix()}/')
    with pytest.warns(gk.GridkitWarning, match="no category"):
        exec(compile(here, "README.md", "exec"), names)
    assert "370699001005" in capsys.readouterr().out
    assert (tmp_path / "heat.html").stat().st_size < 2_000_000
    exec(compile(who, "README.md", "exec"), names)
    told = capsys.readouterr().out
    assert "民警" in told
    assert "保洁员" in told or "cleaner" in told
    exec(compile(by_hand, "README.md", "exec"), names)
    assert len(names["today"]) == len(names["cells"]) + 1
    assert len(gk.Plan.load(tmp_path / "plan.gpkg").lineage) == 2


@pytest.mark.parametrize("line", commands())
def test_the_commands_are_known(line):
    words = shlex.split(line[line.index("gridkit ") :], comments=True)[1:]
    assert callable(_parser().parse_args(words).command)


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert missing == []
