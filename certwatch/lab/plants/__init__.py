"""Every domain of the lab, planted faults and healthy ones, family by family."""

from certwatch.lab.plants.addresses import ADDRESSES
from certwatch.lab.plants.certificate import CERTIFICATE
from certwatch.lab.plants.dns import DNS
from certwatch.lab.plants.edge import EDGE
from certwatch.lab.plants.healthy import HEALTHY
from certwatch.lab.plants.origin import ORIGIN

PLANTS = (*HEALTHY, *CERTIFICATE, *ADDRESSES, *DNS, *EDGE, *ORIGIN)
