"""What a row declares is stored in one normal form."""

import pytest

from certwatch.errors import InventoryError
from certwatch.services.declaration import parse_row
from tests.factories import CATALOG

IDN = "klick.xn--grn-ioa.example"


@pytest.mark.parametrize(
    "host", ["klick.grün.example", "Klick.GRÜN.example.", "u:p@klick.grün.example", IDN]
)
def test_a_sample_link_has_its_host_in_normal_form(host: str) -> None:
    row = {"domain": "klick.grün.example", "sample_link": f"https://{host}/F/a?b=C#d"}
    assert parse_row(row, CATALOG).sample_link == f"https://{IDN}/F/a?b=C#d"


def test_the_port_of_a_sample_link_is_kept_where_it_is_one() -> None:
    row = {"domain": IDN, "sample_link": f"https://{IDN}.:8443/a"}
    assert parse_row(row, CATALOG).sample_link == f"https://{IDN}:8443/a"
    with pytest.raises(InventoryError, match="not an http or https link"):
        parse_row({**row, "sample_link": f"https://{IDN}:99999/a"}, CATALOG)
