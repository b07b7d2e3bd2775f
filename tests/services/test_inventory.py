"""Inventory files: what is read, what is refused and why, and the way back."""

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Mode, TrackingDomain
from certwatch.errors import InventoryError
from certwatch.services.inventory import parse_row, read_inventory, write_inventory
from tests.factories import CATALOG

HEADER = "domain,provider,mode,edge,origin,cname,owner,tags,sample_link\n"
WHOLE = TrackingDomain(
    name="click.brand.com",
    provider="sparkpost",
    mode=Mode.CDN,
    edge="fastly",
    origin="spgo.io:443",
    cname="brand.map.fastly.net",
    owner="o'hara+dns@brand.com",
    tags=("gold", "straße", 'a"b'),
    sample_link="https://click.brand.com/f/a?b=c\\d",
)


def read(tmp_path: Path, content: str | bytes, name: str = "domains.csv") -> list[TrackingDomain]:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_inventory(file, CATALOG))


def refusal(tmp_path: Path, content: str | bytes, name: str = "domains.csv") -> str:
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, content, name)
    return str(caught.value)


@pytest.mark.parametrize("format_", ["csv", "json", "toml"])
def test_an_export_is_read_back_unchanged(tmp_path: Path, format_: str):
    domains = [WHOLE, TrackingDomain(name="t.brand.com")]
    file = io.StringIO()
    write_inventory(domains, file, format_)
    assert read(tmp_path, file.getvalue(), f"export.{format_}") == domains


TEXT = st.text(max_size=12)


@given(
    row=st.fixed_dictionaries(
        {"domain": st.just("click.brand.com") | TEXT},
        optional={
            "provider": st.sampled_from(["SparkPost", "mailgun", ""]),
            "mode": st.sampled_from(["cdn", "ACME"]) | TEXT,
            "origin": st.sampled_from(["spgo.io", "[2001:db8::1]:8443", "10.0.0.1:80"]) | TEXT,
            "cname": st.sampled_from(["X.cloudfront.net."]) | TEXT,
            "owner": st.emails() | TEXT,
            "tags": TEXT | st.lists(TEXT, max_size=3),
            "sample_link": TEXT.map("https://click.brand.com/{}".format) | TEXT,
        },
    ),
    format_=st.sampled_from(["csv", "json", "toml"]),
)
def test_whatever_is_accepted_survives_an_export(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, object], format_: str
):
    try:
        domain = parse_row(row, CATALOG)
    except InventoryError:
        return
    file = io.StringIO()
    write_inventory([domain], file, format_)
    folder = tmp_path_factory.getbasetemp()
    assert read(folder, file.getvalue(), f"export.{format_}") == [domain]


@given(
    content=st.binary(max_size=60) | st.binary(max_size=60).map(b"domain,owner\n".__add__),
    name=st.sampled_from(["a.csv", "a.json", "a.toml"]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
):
    try:
        read(tmp_path_factory.getbasetemp(), content, name)
    except InventoryError as error:
        told = str(error)
    else:
        told = name
    assert name in told


def test_names_are_brought_to_their_normal_form(tmp_path: Path):
    (domain,) = read(tmp_path, "domain\nClick.Bücher.example.\n")
    assert domain.name == "click.xn--bcher-kva.example"


@pytest.mark.parametrize(
    "content",
    [
        "﻿domain,tags\r\nclick.brand.com,a b\r\n",
        "tags,Domain\na b,click.brand.com",
        "domain;tags\nclick.brand.com;a b\n",
        "domain,tags,owner\n\nclick.brand.com,a b\n,,\n",
        'domain,tags\nclick.brand.com,"a\nb"\n',
    ],
)
def test_csv_as_spreadsheets_write_it(tmp_path: Path, content: str):
    expected = TrackingDomain(name="click.brand.com", tags=("a", "b"))
    assert read(tmp_path, content) == [expected]


def test_json_and_toml_take_a_list_of_tags_and_null(tmp_path: Path):
    expected = [TrackingDomain(name="click.brand.com", tags=("a", "b"))]
    json = '[{"domain": "click.brand.com", "tags": ["a", "b"], "owner": null}]'
    assert read(tmp_path, json, "a.json") == expected
    toml = '[[domains]]\ndomain = "click.brand.com"\ntags = ["a", "b"]\n'
    assert read(tmp_path, toml, "a.toml") == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("brand", "one label only"),
        (",sparkpost", "the domain name is empty"),
        ("click.brand.com,mailcimp", "unknown provider 'mailcimp'; known: "),
        ("click.brand.com,,fast", "unknown mode 'fast'; known: acme, cdn, provider, proxy"),
        ("click.brand.com,,,akami", "unknown edge 'akami'; known: "),
        ("click.brand.com,,,,spgo.io:99999", "is not HOST:PORT"),
        ("click.brand.com,,,,https://spgo.io", "is not HOST:PORT"),
        ("click.brand.com,,,,,10.0.0.1", "is not a host name"),
        ("click.brand.com,,,,,,the boss", "is not a mail address"),
        ("click.brand.com,,,,,,=cmd()@brand.com", "begins with '='"),
        ("click.brand.com,,,,,,,+a b", "begins with '+'"),
        ('click.brand.com,,,,,,,"a,b"', "separate tags by spaces"),
        ("click.brand.com,,,,,,,,https://evil.com/", "link on click.brand.com"),
        ("click.brand.com,,,,,,,,ftp://click.brand.com/", "not an http or https link"),
        ("click.brand.com,,,,,,,,https://[click.brand.com/", "not an http or https link"),
        ("click.brand.com,,,,,,a\x00b", "cannot be printed"),
        ("click.brand.com,,,,,,,\u202eevil", "cannot be printed"),
        ("click.brand.com,,,,,,,,,x", "10 cells, but the header names 9 columns"),
        ("click.brand.com,,,,,,," + "a" * 3000, "longer than 2000"),
    ],
)
def test_a_bad_row_is_refused_with_line_and_reason(tmp_path: Path, row: str, reason: str):
    message = refusal(tmp_path, f"{HEADER}t.brand.com\n{row}\n")
    assert "domains.csv, line 3: " in message
    assert reason in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: the header is missing"),
        ("name,owner\n", "line 1: unknown column 'name'; known: domain, provider"),
        ("provider,owner\n", "must name each column once, `domain` among them"),
        ("domain,domain\n", "must name each column once"),
        ("domain\n", "there is no domain in it"),
        (b"domain,owner\nclick.brand.com,\nt.brand.com,\xfc\n", "line 3: not UTF-8 text"),
        ("domain\nclick.brand.com\n".encode("utf-16"), "line 1: not UTF-8 text"),
        ('domain,owner\nt.brand.com,"a"b\n', "line 2: not valid CSV"),
        ("domain,owner\nt.brand.com," + "a" * 200_000, "line 2: not valid CSV"),
    ],
)
def test_a_bad_csv_file_is_refused(tmp_path: Path, content: str | bytes, reason: str):
    assert reason in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "", "not valid JSON"),
        ("a.json", "[" * 100_000, "is nested too deeply"),
        ("a.json", '{"domain": "t.brand.com"}', "no list of domains"),
        ("a.json", '["t.brand.com"]', "domain 1: t.brand.com"),
        ("a.json", '[{"domain": "t.brand.com"}, 3]', "domain 2: a domain is written as a table"),
        ("a.json", '[{"domain": 3}]', "domain 1: domain must be text"),
        ("a.json", '[{"domain": "t.brand.com", "tags": [1]}]', "tags must be text"),
        ("a.json", '[{"domain": "t.brand.com", "tags": "\\ud800"}]', "cannot be printed"),
        ("a.toml", "[[domains]\n", "not valid TOML"),
        ("a.toml", '[[domains]]\nname = "t.brand.com"\n', "domain 1: unknown key 'name'; known:"),
        ("a.toml", "domains = 3\n", "no list of domains"),
        ("a.txt", "domain\n", "must end in .csv, .json, .toml"),
    ],
)
def test_other_bad_files_are_refused(tmp_path: Path, name: str, content: str, reason: str):
    assert reason in refusal(tmp_path, content, name)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InventoryError, match=r"nowhere\.csv: cannot be read \(No such file"):
        list(read_inventory(tmp_path / "nowhere.csv", CATALOG))


def test_a_domain_twice_names_both_lines(tmp_path: Path):
    message = refusal(tmp_path, "domain\nclick.brand.com\nt.brand.com\nCLICK.brand.com.\n")
    assert message.endswith("line 4: click.brand.com is there already, at line 2")


def test_lines_are_counted_as_an_editor_does(tmp_path: Path):
    message = refusal(tmp_path, 'domain,owner\nt.brand.com,"a\n\nb"\nbrand,\n')
    assert [line.split(":")[0][-6:] for line in message.splitlines()] == ["line 2", "line 5"]


def test_all_bad_rows_are_named_and_none_after_the_first_is_handed_out(tmp_path: Path):
    file = tmp_path / "domains.csv"
    file.write_text("domain\na.brand.com\nbad\nb.brand.com\nworse\n")
    rows = read_inventory(file, CATALOG)
    assert next(rows).name == "a.brand.com"
    with pytest.raises(InventoryError) as caught:
        next(rows)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0][-6:] for line in lines] == ["line 3", "line 5"]


def test_of_many_bad_rows_twenty_are_named(tmp_path: Path):
    lines = refusal(tmp_path, "domain\n" + "bad\n" * 50).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("further rows were not checked")


def test_a_large_file_is_streamed(tmp_path: Path):
    file = tmp_path / "domains.csv"
    rows = (f"click{number}.brand.com,sparkpost,{'tag ' * 120}" for number in range(4_000))
    file.write_text("domain,provider,tags\n" + "\n".join(rows))
    tracemalloc.start()
    count = sum(1 for _ in read_inventory(file, CATALOG))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4_000
    assert peak < file.stat().st_size  # the names are kept, the rows are not


def test_an_unknown_format_is_refused():
    with pytest.raises(InventoryError, match="known: csv, json, toml"):
        write_inventory([], io.StringIO(), "xml")
