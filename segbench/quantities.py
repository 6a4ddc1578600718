"""Types of figures with their bounds, which hold when a saved result is read.

They bound what a file may claim, so that no figure in it can stop the reports: a duration of 0
cannot be divided by, one of 1e300 s cannot be drawn.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Interval

MOST_SECONDS = 1e9  # thirty years
LEAST_SECONDS = 1e-12
MOST_TIMES = 1e24  # a ratio of the longest and the shortest of times, and some

Count = Annotated[int, Ge(0)]
"""How many there are, or bytes: a whole number from 0."""
Number = Annotated[int, Ge(1)]
"""How many there are, where there is one at least."""
Seconds = Annotated[float, Interval(ge=0, le=MOST_SECONDS)]
"""A time that may be too short to be seen."""
Duration = Annotated[float, Interval(ge=LEAST_SECONDS, le=MOST_SECONDS)]
"""A time that was measured, and is not 0."""
Share = Annotated[float, Interval(ge=0, le=1)]
"""A part of a whole."""
Times = Annotated[float, Interval(ge=1 / MOST_TIMES, le=MOST_TIMES)]
"""A ratio of two figures that are not 0."""
Amount = Annotated[float, Interval(ge=0, le=1e30)]
"""A number from 0 that need not be whole."""
End = Annotated[float, Interval(ge=0, le=1e300)]
"""An end of an interval, which few samples may push as far as it goes."""
