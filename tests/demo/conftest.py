from __future__ import annotations

import functools

import pytest

from gridkit.demo.city import City, make_city


@functools.cache
def made(size: str, seed: int = 0) -> City:
    return make_city(size, seed=seed)


@pytest.fixture(scope="session", params=[("small", 0), ("small", 7), ("demo", 0)], ids=str)
def city(request: pytest.FixtureRequest) -> City:
    return made(*request.param)


@pytest.fixture(scope="session")
def small() -> City:
    return made("small")


@pytest.fixture(scope="session", params=["small", "demo"])
def sample(request: pytest.FixtureRequest) -> City:
    """One of the two cities that are committed as files."""
    return made(request.param)
