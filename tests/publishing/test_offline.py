import base64
import gzip
import hashlib
import html
import re
from importlib import resources

import folium
import pytest
from folium.plugins import MarkerCluster

from gridkit.errors import FileError, GridkitError, OptionError
from gridkit.publishing.heat_maps import heat_map
from gridkit.publishing.maps import cell_map
from gridkit.publishing.offline import GridMap, save_map

HERE = (37.54, 121.39)


def page_of(m):
    return m.get_root().render()


def own_layers():
    m = GridMap(HERE, zoom_start=14, title="自加图层")
    group = folium.FeatureGroup("点").add_to(m)
    folium.Marker(HERE, tooltip="提示").add_to(group)
    folium.CircleMarker(HERE).add_to(group)
    folium.GeoJson({"type": "Point", "coordinates": HERE[::-1]}).add_to(m)
    folium.LayerControl().add_to(m)
    return m


@pytest.fixture(params=["bare", "own layers", "cells", "heat"])
def any_map(request, city):
    if request.param == "bare":
        return GridMap(HERE)
    if request.param == "own layers":
        return own_layers()
    people = {"posts": city.posts, "roster": city.roster, "district": city.district}
    if request.param == "cells":
        return cell_map(city.cells, **people)
    return heat_map(city.located, city.cells, **people)


def test_nothing_on_the_page_points_anywhere(any_map, read_page):
    page = read_page(page_of(any_map))
    for tag, attrs in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
    css = re.findall(r"<style>(.*?)</style>", page_of(any_map), re.DOTALL)
    addresses = re.findall(r"url\((.*?)\)", "".join(css))
    assert addresses
    assert all(a.startswith("data:") for a in addresses)
    assert "@import" not in "".join(css)
    assert "sourceMappingURL" not in page_of(any_map)


def test_the_policy_allows_the_scripts_of_the_page_and_nothing_else(any_map, read_page):
    page = read_page(page_of(any_map))
    tags = [attrs for tag, attrs in page.tags if tag == "meta"]
    policy = next(a["content"] for a in tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    own = {
        "'sha256-" + base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() + "'"
        for attrs, body in page.scripts
        if attrs.get("id") not in ("gk-data", "gk-more")
    }
    assert set(rules["script-src"].split()) == own
    first = next(tag for tag, attrs in page.tags if tag == "script" or "http-equiv" in attrs)
    assert first == "meta"


def test_the_head_says_language_title_width_and_icon(city, read_page):
    text = page_of(cell_map(city.cells, title="东城 <b>图</b>", lang="en"))
    page = read_page(text)
    assert ("html", {"lang": "en"}) in page.tags
    assert "<title>东城 &lt;b&gt;图&lt;/b&gt;</title>" in text
    icons = [attrs["href"] for tag, attrs in page.tags if tag == "link"]
    assert icons == ["data:,"]
    assert any(attrs.get("name") == "viewport" for _, attrs in page.tags)
    assert "<noscript>" in text


def test_the_same_map_gives_the_same_bytes(city):
    def make():
        return page_of(heat_map(city.located, city.cells, district=city.district))

    assert make() == make()
    assert page_of(own_layers()) == page_of(own_layers())
    m = own_layers()
    assert page_of(m) == page_of(m)


def test_every_way_out_gives_the_same_page(city, tmp_path):
    m = cell_map(city.cells)
    page = page_of(m)
    assert save_map(m, tmp_path / "new" / "a.html").read_text("utf-8") == page
    m.save(str(tmp_path / "b.html"))
    assert (tmp_path / "b.html").read_text("utf-8") == page
    for shown in (m._repr_html_(), m.get_root()._repr_html_()):
        inside = re.fullmatch(
            r'<iframe srcdoc="([^"]*)" style="([^"]*)" title="[^"]*"></iframe>', shown
        )
        assert html.unescape(inside[1]) == page
        assert re.search(r"height:\d{3}px", inside[2])


def test_a_failed_write_leaves_the_old_file(city, tmp_path):
    target = tmp_path / "map.html"
    target.write_text("old", "utf-8")
    bad = GridMap(HERE)
    MarkerCluster().add_to(bad)
    with pytest.raises(OptionError):
        save_map(bad, target)
    assert target.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileError):
        save_map(cell_map(city.cells), target / "below.html")


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (MarkerCluster, ["markercluster", "leaflet.markercluster.js"]),
        (lambda: folium.TileLayer("OpenStreetMap"), ["TileLayer", "openstreetmap.org"]),
        (lambda: folium.Marker(HERE, popup="x"), ["jquery"]),
        (lambda: folium.Marker(HERE, icon=folium.Icon("red")), ["awesome_markers"]),
        (
            lambda: folium.Marker(HERE, icon=folium.CustomIcon("https://example.org/pin.png")),
            ["CustomIcon", "example.org/pin.png"],
        ),
        (
            lambda: folium.raster_layers.ImageOverlay("https://example.org/a.png", [HERE, HERE]),
            ["ImageOverlay", "example.org/a.png"],
        ),
        (
            lambda: folium.Element('<img src="https://example.org/logo.svg">'),
            ["logo.svg"],
        ),
    ],
)
def test_a_layer_that_needs_the_network_is_named(layer, names):
    m = GridMap(HERE)
    made = layer()
    if type(made) is folium.Element:
        m.get_root().html.add_child(made)
    else:
        made.add_to(m)
    with pytest.raises(OptionError) as refused:
        page_of(m)
    for name in names:
        assert name in refused.value.en
        assert name in refused.value.zh


def test_all_foreign_files_are_named_at_once():
    m = GridMap(HERE)
    MarkerCluster().add_to(m)
    folium.TileLayer("OpenStreetMap").add_to(m)
    with pytest.raises(OptionError) as refused:
        page_of(m)
    assert len(refused.value.en.splitlines()) >= 3


def test_tiles_and_other_maps_are_refused(tmp_path):
    with pytest.raises(OptionError, match="CartoDB"):
        GridMap(HERE, tiles="CartoDB positron")
    with pytest.raises(OptionError, match="GridMap"):
        save_map(folium.Map(tiles=None), tmp_path / "a.html")
    with pytest.raises(GridkitError):
        GridMap(HERE, lang="fr")


def test_a_missing_leaflet_is_explained(monkeypatch):
    import importlib.metadata as metadata

    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    with pytest.raises(FileError, match="pip install XStatic-Leaflet"):
        page_of(GridMap(HERE))


def test_the_larger_variant_holds_the_same_data(city, tmp_path, read_page):
    m = cell_map(city.cells, posts=city.posts, roster=city.roster)
    packed = save_map(m, tmp_path / "a.html").read_text("utf-8")
    plain = save_map(m, tmp_path / "b.html", compressed=False).read_text("utf-8")
    for name in ("gk-data", "gk-more"):
        one, other = (
            next((a, body) for a, body in read_page(text).scripts if a.get("id") == name)
            for text in (packed, plain)
        )
        assert [a["data-packed"] for a, _ in (one, other)] == ["gzip", "no"]
        raw = gzip.decompress(base64.b64decode(one[1]))
        assert raw == base64.b64decode(other[1])
    assert len(plain) > len(packed)


@pytest.mark.parametrize("name", ["data", "draw", "raster", "panel", "marks", "events", "classes",
                                  "dashboard", "main", "unpack"])  # fmt: skip
def test_the_code_of_pages_is_read_by_browsers_of_2018(name):
    assets = resources.files("gridkit").joinpath("publishing", "assets")
    code = re.sub(r"//[^\n]*", "", assets.joinpath(f"{name}.js").read_text("utf-8"))
    newer = "?? ?. ||= &&= .replaceAll( .findLast( .hasOwn( structuredClone .at(-"
    assert [word for word in newer.split() if word in code] == []


def test_tiles_come_by_explicit_wish_with_source_and_datum(city, read_page):
    m = cell_map(city.cells)
    url = "https://{s}.tiles.example:8443/{z}/{x}/{y}.png?key=1"
    assert m.use_tiles(url, attribution="<b>天地图</b>", datum="cgcs2000") is m
    text = page_of(m)
    tags = read_page(text).tags
    policy = next(a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "img-src data: https://*.tiles.example:8443;" in policy
    assert "<b>天地图</b>" not in text
    places = "{z}/{x}/{y}"
    hosts = ("ftp://h/", "https:///", "https://a b/", "javascript:")
    whole = ("https://h/a.png", f"https://h/{places}'; script-src *")
    for bad in (*whole, *(host + places for host in hosts)):
        with pytest.raises(OptionError, match="address"):
            m.use_tiles(bad, attribution="a", datum="wgs84")
    for datum in ("gcj02", "bd09"):
        with pytest.raises(OptionError, match=datum):
            m.use_tiles(url, attribution="a", datum=datum)
    with pytest.raises(GridkitError):
        m.use_tiles(url, attribution="a", datum="wgs48")
    with pytest.raises(OptionError, match="source"):
        m.use_tiles(url, attribution=" ", datum="wgs84")
