"""The tables of the lookup bench: ratios within rounds, and goals that can be missed."""

import pytest
from rich.console import Console
from rich.table import Table

from bench.locate_figures import H3, OURS, POSTGIS, STRTREE, Case, Figures
from bench.locate_tables import goals, tables
from tests.unit.bench.locate_samples import sample_figures

CITY = Case("city", 100_000, "ping")


def text_of(table: Table) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_ratio_compares_rounds_with_their_own_noise() -> None:
    figures = Figures(rounds_us={(CITY, OURS, 1): [2.0, 40.0, 3.0], (CITY, H3, 1): [1.0, 20.0, 1.0]})
    assert figures.ratio(CITY, OURS, H3, 1) == 2.0
    assert figures.us(CITY, OURS, 1) == 3.0


def test_what_was_not_measured_has_no_ratio() -> None:
    figures = sample_figures(postgis=False)
    assert figures.ratio(CITY, POSTGIS, OURS, 1) is None
    assert figures.us(CITY, POSTGIS, 1) is None
    assert figures.ratio(CITY, OURS, H3, 1_000, to_batch=1) == 4.0
    assert figures.ratio(CITY, STRTREE, OURS, 1) == 5.0


def test_figures_of_several_sizes_are_put_together() -> None:
    figures = sample_figures(sizes=(1_000,))
    figures.skipped.append("no PostGIS")
    other = sample_figures()
    other.skipped.append("no PostGIS")
    figures.add(other)
    assert figures.rounds_us == sample_figures().rounds_us
    assert figures.skipped == ["no PostGIS"]


def test_goals_are_reached_or_missed() -> None:
    figures = sample_figures()
    seen = {goal.what: goal.is_reached for goal in goals(figures)}
    assert seen == {
        "ours ÷ bare h3, one point, 100,000 geofences": True,
        "PostGIS ÷ ours, one point, 100,000 geofences": True,
        "PostGIS ÷ ours, 1,000 at once, 100,000 geofences": False,
        "memory beside the shapes, 100,000 geofences": True,
        "one changed (p99), 100,000 geofences": True,
    }
    figures.rounds_us[Case("city", 100_000, "hot"), OURS, 1] = [2.6, 5.2, 2.6]
    seen = {goal.what: goal.is_reached for goal in goals(figures)}
    assert not seen["ours ÷ bare h3, one point, 100,000 geofences"], "one kind of points is enough to miss it"


def test_at_a_million_the_goal_is_another() -> None:
    figures = sample_figures(sizes=(1_000_000,))
    (single,) = (goal for goal in goals(figures) if goal.what.startswith("PostGIS ÷ ours, one point"))
    assert (single.limit, single.seen, single.is_reached) == (35.0, (150.0, 150.0), True)


def test_small_sizes_have_no_goals() -> None:
    assert goals(sample_figures(sizes=(1_000,))) == []
    assert len(list(tables(sample_figures(sizes=(1_000,))))) == 5


@pytest.mark.parametrize("postgis", [True, False])
def test_the_tables_show_all_cases_ratios_first(postgis: bool) -> None:
    shown = [text_of(table) for table in tables(sample_figures(postgis=postgis))]
    assert [text.splitlines()[0].split(":")[0].split(",")[0].strip() for text in shown] == [
        "Goals",
        "Lookups",
        "Lookups",
        "Lookups",
        "Lookups",
        "Building and changing (STRtree",
    ]
    assert ("MISSED" in shown[0]) == postgis
    (line,) = [line for line in shown[1].splitlines() if line.split()[:1] == ["1,000"] and "0.25" in line]
    assert line.split() == [
        "1,000",
        "0.25",
        "1",
        "4.00",
        "5.00",
        *(["150", "0.50", "2.00", "10.0", "300"] if postgis else ["–", "0.50", "2.00", "10.0", "–"]),
    ]
    assert "near 250 m" in shown[1]
    assert "counted so" in shown[-1]
