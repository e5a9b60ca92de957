"""The picture of the lookup bench."""

import builtins
import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.plot import missing_library, refusal, write_plot
from tests.unit.bench.locate_samples import sample_figures


def test_an_svg_says_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "locate.svg"
    write_plot(sample_figures(), path)
    texts = {element.text for element in ElementTree.parse(path).iter() if element.text}
    assert {
        "number of geofences",
        "time per point (µs)",
        "geofences in cities, pings",
        "geofences spread evenly, hot pings, aimed at geofences",
        "bare h3",
        "ours",
        "STRtree",
        "PostGIS",
        "points at once:",
        "10,000",
        "100,000",
    } <= texts


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        write_plot(sample_figures(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_other_figures_give_another_picture(tmp_path: Path) -> None:
    other = sample_figures()
    other.rounds_us = {way: [us * 3 for us in rounds] for way, rounds in other.rounds_us.items()}
    for name, figures in (("one.svg", sample_figures()), ("other.svg", other)):
        write_plot(figures, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() != (tmp_path / "other.svg").read_bytes()


def test_one_map_without_postgis_as_png(tmp_path: Path) -> None:
    path = tmp_path / "locate.PNG"
    write_plot(sample_figures(maps=("city",), postgis=False), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_legend_names_only_what_was_measured(tmp_path: Path) -> None:
    write_plot(sample_figures(postgis=False), tmp_path / "locate.svg")
    texts = {element.text for element in ElementTree.parse(tmp_path / "locate.svg").iter()}
    assert "STRtree" in texts
    assert "PostGIS" not in texts


def test_what_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    assert refusal(tmp_path / "locate.svg") is None
    assert refusal(Path("locate.PNG")) is None
    assert "neither .svg nor .png" in (refusal(tmp_path / "locate.pdf") or "")
    assert "no folder" in (refusal(tmp_path / "nowhere" / "locate.svg") or "")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_library() is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install matplotlib" in (missing_library() or "")


def test_the_library_is_not_needed_to_import_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_matplotlib(name: str, *args: object) -> object:
        assert not name.startswith("matplotlib")
        return real_import(name, *args)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    spec = importlib.util.find_spec("bench.plot")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
