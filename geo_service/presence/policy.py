"""The numbers behind admission and presence. Sources: Play services' published overlap rule (enter at 75 to 85 % of
the accuracy circle inside, leave at 15 to 25 %), and our simulations of false enters against seconds lost."""

from typing import Annotated

import msgspec


class AdmissionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which pings are taken at all."""

    max_age_s: float = 86400.0
    clock_skew_s: float = 30.0
    max_accuracy_m: float = 200.0
    max_speed_mps: float = 60.0


class TrackPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a phone counts as having entered, left or approached a geofence.

    `strict` is geometry alone: enter at the first fix inside, exit at the first fix outside, nothing else."""

    strict: bool = False
    enter_probability: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.75
    confirm_probability: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    exit_probability: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.15
    confirm_within_s: float = 15.0
    exit_confirm_within_s: float = 60.0
    # Phones claim better than they are: an accuracy below this is not believed.
    least_accuracy_m: float = 5.0
    # Accuracy is a 68 % radius; of a circular normal error that is 1.51 standard deviations per axis.
    sigma_per_accuracy: float = 1 / 1.51
    approach_reach_m: float = 250.0
    # Whoever will pass the entrance within a street's width and a bit is on the way to it.
    approach_passing_m: float = 60.0
    approach_latest_s: float = 300.0


STRICT = TrackPolicy(strict=True)
DEFAULT = TrackPolicy()
