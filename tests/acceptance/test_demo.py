"""``demo``: the whole story, in another process."""

from certwatch.cli.demo.renewals import missing


def test_the_demo_finds_what_was_planted_and_nothing_else(house):
    document = house("demo", "--keep", "world", "--json").json
    assert document["missing"] == []
    assert document["invented"] == []
    assert [act["title"] for act in document["acts"] if not act["right"]] == []
    assert len(document["acts"]) == (4 if missing() else 8)  # those of renewing need servers
    assert document["right"] is True
    assert len(document["domains"]) >= 40
    with open(document["report"], encoding="utf-8") as report:
        assert "click.expired.test" in report.read()
    assert "not empty" in house("demo", "--keep", "world", code=2).err
