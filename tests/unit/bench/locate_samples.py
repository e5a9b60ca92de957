"""Made-up figures of a lookup bench."""

from bench.fence_map import KINDS, MapName
from bench.locate_figures import BATCHES, H3, NEAR, OURS, POSTGIS, STRTREE, Case, Figures, Upkeep


def sample_figures(
    *, sizes: tuple[int, ...] = (1_000, 100_000), maps: tuple[MapName, ...] = ("city", "uniform"), postgis: bool = True
) -> Figures:
    """h3 takes 0.5 µs; ours 2, STRtree 10 (bulk: 1), PostGIS 300 (batched: 40), twice as long in the second round."""
    figures = Figures()
    for fence_map in maps:
        for size in sizes:
            for kind in KINDS:
                case = Case(fence_map, size, kind)
                figures.found[case] = 0.25
                figures.rounds_us[case, H3, 1] = [0.5, 1.0, 0.5]
                figures.rounds_us[case, OURS, NEAR] = [30.0, 60.0, 30.0]
                for batch in BATCHES:
                    figures.rounds_us[case, OURS, batch] = [2.0, 4.0, 2.0]
                    figures.rounds_us[case, STRTREE, batch] = [10.0 if batch == 1 else 1.0] * 3
                    if postgis:
                        us = 300.0 if batch == 1 else 40.0
                        figures.rounds_us[case, POSTGIS, batch] = [us, 2 * us, us]
            figures.upkeep += [
                Upkeep(fence_map, size, OURS, size * 1e-4, 0.2, 0.6, 380.0, "counted so"),
                Upkeep(fence_map, size, STRTREE, size * 1e-6, 2.5, None, None),
            ]
    return figures
