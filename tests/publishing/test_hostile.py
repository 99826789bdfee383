"""Hostile text in every field: nothing runs, nothing is worked out, all is shown as written.

The short version of benchmarks/prove_hostile.py: each string in some field of each kind of page.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("hostile", Path(__file__).parent / "hostile.py")
hostile = importlib.util.module_from_spec(spec)
sys.modules["hostile"] = hostile
spec.loader.exec_module(hostile)

STRINGS = hostile.strings()


def test_there_are_enough_strings():
    assert len(STRINGS) >= 200


@pytest.mark.browser
@pytest.mark.parametrize(("k", "together"), [(0, True), (4, False)])
def test_pages_show_it_and_run_nothing(chromium, tmp_path, k, together):
    word = hostile.Words(k, STRINGS, together=together)
    made = hostile.pages(word, tmp_path)
    faults = []
    for path, told in made.values():
        faults += hostile.faults_of_text(path)
        faults += hostile.faults_of_page(chromium, path, word, told)
        faults += hostile.faults_of_page(chromium, hostile.without_policy(path), word, told)
    assert faults == []


@pytest.mark.parametrize(("k", "together"), [(3, True), (1, False), (7, False)])
def test_sheets_drawings_documents_and_file_names_hold_it(tmp_path, k, together):
    word = hostile.Words(k, STRINGS, together=together)
    assert hostile.faults_of_files(word, tmp_path) == []


@pytest.mark.browser
def test_the_looking_finds_what_runs_and_what_is_lost(chromium, tmp_path):
    word = hostile.Words(0, STRINGS)
    path = tmp_path / "bad.html"
    canary = f"<img src=data:, onerror={hostile.HIT}><p>{hostile.PRODUCT}</p>"
    path.write_text(f'<!DOCTYPE html><link rel="icon" href="data:,"><body>{canary}', "utf-8")
    faults = hostile.faults_of_page(chromium, path, word, {"body": ["title"]})
    for fault in ("ran", "a tag came to life", "lacks title"):
        assert any(fault in one for one in faults)
    assert hostile.faults_of_text(path) == ["bad.html: evaluated"]
