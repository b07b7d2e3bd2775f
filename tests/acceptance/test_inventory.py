"""The inventory: add, import, list, show, export, remove."""

import json

GOOD = """\
domain,provider,mode,edge,origin,cname,owner,tags,sample_link
click.brand.com,sparkpost,cdn,fastly,spgo.io:443,brand.map.fastly.net,dns@brand.com,eu vip,
KLICK.GRÜN.de.,,,,,,,,
"""


def write(house, name, text):
    (house.folder / name).write_text(text, encoding="utf-8")
    return name


def names(house, *filters):
    return [each["domain"] for each in house("domains", "list", "--json", *filters).json["domains"]]


def test_an_inventory_travels(house):
    house("init")
    assert "2 added" in house("domains", "import", write(house, "in.csv", GOOD)).out
    assert "2 unchanged" in house("domains", "import", "in.csv").out
    for format_ in ("csv", "json", "toml"):
        file = f"out.{format_}"
        house("domains", "export", "--format", format_, "--out", file)
        assert "2 unchanged" in house("domains", "import", file, "--prune").out
    document = house("domains", "list", "--json").json
    assert document["version"] == 1
    assert document["domains"][0]["tags"] == ["eu", "vip"]
    assert names(house) == ["click.brand.com", "klick.xn--grn-ioa.de"]
    assert names(house, "--tag", "vip", "--provider", "sparkpost") == ["click.brand.com"]
    assert names(house, "--state", "critical") == []


def test_a_bad_row_is_named_and_nothing_is_imported(house):
    house("init")
    rows = "domain,mode,owner\nclick.a.com,cdn,\nclick.b.com,telepathy,\n*.c.com,,\nclick.a.com,,\n"
    err = house("domains", "import", write(house, "bad.csv", rows), code=2).err
    for told in ("line 3", "telepathy", "line 4", "line 5", "already"):
        assert told in err
    assert names(house) == []


def test_prune_and_dry_run(house):
    house("init")
    house("domains", "import", write(house, "in.csv", GOOD))
    one = write(house, "one.json", json.dumps([{"domain": "click.new.com"}]))
    assert "would be: 1 added" in house("domains", "import", one, "--prune", "--dry-run").out
    assert len(names(house)) == 2
    house("domains", "import", one, "--prune")
    assert names(house) == ["click.new.com"]


def test_a_file_that_is_not_there(house):
    house("init")
    assert "none.csv" in house("domains", "import", "none.csv", code=2).err


def test_one_domain_by_hand(house):
    house("init")
    options = ["--provider", "sparkpost", "--mode", "cdn", "--tag", "eu", "--tag", "vip"]
    assert "click.brand.com" in house("domains", "add", "Click.Brand.com.", *options).out
    assert "already" in house("domains", "add", "click.brand.com", code=2).err
    shown = house("domains", "show", "click.brand.com", "--json").json
    assert shown["declared"]["tags"] == ["eu", "vip"]
    assert shown["state"] == "unknown"
    assert "never looked at" in house("domains", "show", "click.brand.com").out
    house("domains", "remove", "CLICK.brand.com")
    assert "not in the inventory" in house("domains", "remove", "click.brand.com", code=2).err


def test_a_domain_that_cannot_be(house):
    house("init")
    assert "unknown" in house("domains", "add", "a.brand.com", "--provider", "acme", code=2).err
    assert "IP address" in house("domains", "add", "192.0.2.1", code=2).err
