"""The ownership rule in rational numbers, written from its definition, for every cell and point."""

from fractions import Fraction
from itertools import pairwise


def frac(xy):
    return Fraction(float(xy[0])), Fraction(float(xy[1]))


def crossings_west(ring, px, py):
    """Crossings of the ray from (px + ε, py + ε²) to the west with a closed ring."""
    n = 0
    for a, b in pairwise(ring):
        (ax, ay), (bx, by) = frac(a), frac(b)
        # With py + ε² no vertex is ever level with the ray.
        if (ay > py) == (by > py):
            continue
        at = ax + (py - ay) / (by - ay) * (bx - ax)
        n += at <= px  # px + ε lies right of an edge that passes through px
    return n


def owner_of(polygons, codes, x, y):
    """Codes of all cells that own the shifted point: one in a sound coverage."""
    px, py = frac((x, y))
    owners = []
    for code, shape in zip(codes, polygons, strict=True):
        parts = getattr(shape, "geoms", [shape])
        rings = [r for p in parts for r in (p.exterior, *p.interiors)]
        if sum(crossings_west(list(r.coords), px, py) for r in rings) % 2:
            owners.append(code)
    return owners
