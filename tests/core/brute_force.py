"""Every schedule of a few renewals in whole days, to hold the planner against."""

from collections.abc import Iterator, Sequence


def schedules(
    count: int, budget: int, window: int, spent: Sequence[int], until: int
) -> Iterator[tuple[int, ...]]:
    """Every way to give so many renewals a day each from 0 to ``until`` inside the budget."""

    def place(taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(taken) == count:
            yield taken
            return
        for day in range(until + 1):
            chosen = (*taken, day)
            if fits((*spent, *chosen), budget, window):
                yield from place(chosen)

    return place(())


def fits(starts: Sequence[int], budget: int, window: int) -> bool:
    """Whether no half-open span of the window holds more than the budget, looking at spans that
    end with a start that is not in the past."""
    return all(
        sum(start - window < other <= start for other in starts) <= budget
        for start in starts
        if start >= 0
    )


def outage(days: Sequence[float], deadlines: Sequence[int]) -> float:
    """Days without a certificate from day 0 on, all together."""
    return sum(
        max(0, day - max(0, deadline)) for day, deadline in zip(days, deadlines, strict=True)
    )


def earliness(days: Sequence[float], wanted: Sequence[int]) -> float:
    """Days before the preferred time, all together."""
    return sum(max(0, wish - day) for day, wish in zip(days, wanted, strict=True))


def optimum(
    deadlines: Sequence[int], wanted: Sequence[int], budget: int, window: int, spent: Sequence[int]
) -> tuple[float, float]:
    """The least outage, and the least earliness that it can be had with."""
    latest = max((*deadlines, *wanted, 0))
    until = latest + window * (1 + (len(deadlines) + len(spent)) // budget)
    return min(
        (outage(days, deadlines), earliness(days, wanted))
        for days in schedules(len(deadlines), budget, window, spent, until)
    )
