"""Two thousand mutants of report files; benchmarks/fuzz_intake.py has the long run."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("mutations", Path(__file__).parent / "mutations.py")
mutations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mutations)

FILES = mutations.sound_files()
EACH = -(-2_000 // len(FILES))


@pytest.mark.parametrize("name", FILES)
def test_sound_files_are_read(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert mutations.judge(path) == "read"


@pytest.mark.parametrize("name", FILES)
def test_mutants_are_read_or_refused(name, tmp_path):
    rng = np.random.default_rng(len(name))
    path = tmp_path / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(EACH):
            path.write_bytes(mutations.mutate(FILES[name], rng))
            assert mutations.judge(path) in ("read", "refused")
