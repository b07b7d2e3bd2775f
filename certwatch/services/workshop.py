"""What renewing works with, and what comes of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, Protocol, TypeVar

from certwatch.core.budget import Decision, Ledger
from certwatch.core.policy import HousePolicy
from certwatch.core.renewal import Renewal, Step
from certwatch.ports import Clock, Deployer, Issuer, Prober, RenewalStore, Store

LEASE = timedelta(minutes=1)  # of a claim; who works on it extends it again and again

T = TypeVar("T")
P = ParamSpec("P")

Decide = Callable[[Renewal, datetime], Callable[[Ledger], Decision]]


class WholeStore(Store, RenewalStore, Protocol):
    """The one store behind both journeys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What issuing needs. ``issuers`` by directory URL; ``decide`` judges the ledger for a renewal;
    ``draw`` gives a random number in [0, 1); ``on_step`` is told of each step that is reached;
    ``tell`` of what takes its time. ``rehearsal`` is a staging CA's directory, if there is one."""

    store: WholeStore
    prober: Prober
    issuers: Mapping[str, Issuer]
    deployer: Deployer
    clock: Clock
    house: HousePolicy
    decide: Decide
    draw: Callable[[], float]
    grace: timedelta
    on_step: Callable[[Renewal], None] = lambda renewal: None
    tell: Callable[[str], None] = lambda text: None
    rehearsal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of working on a renewal: the step it stands at and, unless that is ``done``, what
    stands in the way (hostile text), what to do, and when it is tried again."""

    domain: str
    step: Step
    detail: str = ""
    remedy: str = ""
    blame: str = ""
    retry_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether every address serves the new certificate."""
        return self.step is Step.DONE


async def ask(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Do something in a thread. When cancelled, first wait until the thread has come back: what it
    asks of the CA cannot be taken back, and nobody may be let to ask beside it."""
    asked = asyncio.ensure_future(asyncio.to_thread(work, *args, **options))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        await asyncio.gather(asked, return_exceptions=True)
        raise
