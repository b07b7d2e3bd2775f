"""What the services need from the outside, as protocols; ``certwatch.app`` binds the adapters.

``looking`` is for seeing and judging, ``renewing`` for planning, issuing and deploying.
"""

from certwatch.ports.looking import (
    Ask,
    Clock,
    Latest,
    Looks,
    OpenFinding,
    PastFinding,
    PastSweep,
    Prober,
    StateChange,
    Store,
)
from certwatch.ports.renewing import (
    CaChallenge,
    CaOrder,
    Deployer,
    Issuer,
    OrderStatus,
    RenewalInfo,
    RenewalStore,
    Spend,
)

__all__ = [
    "Ask",
    "CaChallenge",
    "CaOrder",
    "Clock",
    "Deployer",
    "Issuer",
    "Latest",
    "Looks",
    "OpenFinding",
    "OrderStatus",
    "PastFinding",
    "PastSweep",
    "Prober",
    "RenewalInfo",
    "RenewalStore",
    "Spend",
    "StateChange",
    "Store",
]
