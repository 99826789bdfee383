import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.division.partition import Graph, divide_graph


def random_graph(n, extra, seed):
    """Make a random tree with some more edges."""
    rng = np.random.default_rng(seed)
    edges = {(int(rng.integers(v)), v) for v in range(1, n)}
    edges |= {tuple(sorted(map(int, rng.choice(n, 2, replace=False)))) for _ in range(extra)}
    near = {v: set() for v in range(n)}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    lists = [sorted(near[v]) for v in range(n)]
    return Graph(
        lists, [[1.0] * len(x) for x in lists], rng.integers(0, 9, n).astype(float).tolist()
    ), near


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 40), extra=st.integers(0, 30), seed=st.integers(0, 10**6), data=st.data())
def test_groups_are_connected_and_as_many_as_asked(look, n, extra, seed, data):
    graph, near = random_graph(n, extra, seed)
    k = data.draw(st.integers(1, n))
    group = divide_graph(graph, k, np.random.default_rng(seed))
    assert sorted(set(group)) == list(range(k))
    for g in range(k):
        assert look.in_one_piece([v for v in range(n) if group[v] == g], near)


def test_a_star_has_only_one_way():
    near = [[1, 2, 3, 4], [0], [0], [0], [0]]
    graph = Graph(near, [[1.0] * len(x) for x in near], [1.0, 1.0, 1.0, 1.0, 1.0])
    group = divide_graph(graph, 3, np.random.default_rng(0))
    assert sorted(group.count(g) for g in range(3)) == [1, 1, 3]


def test_a_path_is_cut_where_the_load_says():
    n = 12
    near = [[v for v in (i - 1, i + 1) if 0 <= v < n] for i in range(n)]
    graph = Graph(near, [[1.0] * len(x) for x in near], [6.0, *[1.0] * 6, *[1.0] * 5])
    for seed in range(5):
        group = divide_graph(graph, 2, np.random.default_rng(seed))
        heavy = sum(w for w, g in zip(graph.weight, group, strict=True) if g == group[0])
        assert abs(heavy - sum(graph.weight) / 2) <= 1


def test_steps_are_the_same_however_they_are_cut(monkeypatch):
    near = [[u for u in (v - 1, v + 1) if 0 <= u < 60] for v in range(60)]
    graph = Graph(near, [[1.0] * len(n) for n in near], [1.0 + v % 7 for v in range(60)])
    whole = divide_graph(graph, 7, np.random.default_rng(3))
    monkeypatch.setattr("gridkit.division.partition.CHUNK", 17)
    assert divide_graph(graph, 7, np.random.default_rng(3)) == whole
