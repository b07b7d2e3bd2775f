"""The demo from beginning to end, told while it happens."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from certwatch.app import compose
from certwatch.cli.demo.acts import Act, play
from certwatch.cli.demo.renewals import missing, play_renewals, without
from certwatch.cli.demo.stage import Stage, staged
from certwatch.cli.looks import in_order, print_looks, worst_first
from certwatch.cli.output import note, say
from certwatch.cli.report import Format, build, default_path, page, write_whole
from certwatch.cli.scan import seconds, sweep_over
from certwatch.cli.session import Session
from certwatch.config import load_settings
from certwatch.core.durations import parse_duration
from certwatch.lab.truth import Comparison
from certwatch.services.inventory import read_inventory
from certwatch.services.scan import Sweep

OPENING = """\
certwatch demo: a small e-mail world on this machine's loopback, with faults planted in it.
Resolver, CDNs, proxies and e-mail services are real servers; certwatch knows only the inventory.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the demo came to."""

    folder: Path
    report: Path
    comparison: Comparison
    acts: tuple[Act, ...]

    @property
    def right(self) -> bool:
        """Whether everything planted was found, nothing was invented, and every act went well."""
        return self.comparison.right and all(act.right for act in self.acts)


def tell(folder: Path, *, aloud: bool) -> Story:
    """Play the whole demo in an empty folder, on stdout when ``aloud``, else on stderr.

    Raises LabError when the world cannot be started here.
    """
    narrate = say if aloud else note
    narrate(OPENING)
    with staged(folder) as stage:
        session = _session(folder)
        narrate(f"world    {len(stage.world.servers)} servers and a resolver on 127.0.0.0/8")
        _import(session, folder / "inventory.csv", narrate)
        narrate(f"look 1   {_summary(_sweep(session))}")
        stage.play(stage.world.change)
        narrate("change   certificates are renewed; some renewals go wrong")
        sweep = _sweep(session)
        narrate(f"look 2   {_summary(sweep)}\n")
        if aloud:
            looks = in_order(session.store.latest, worst_first(sweep.states))
            print_looks(looks, sweep.finished_at)
        comparison = stage.world.compare(_codes(session))
        _compare(comparison, narrate)
        report = _report(session)
        acts = _acts(session, stage, folder / "acts.db", narrate)
        acts += _renewals(folder / "renewing", stage, narrate)
        session.close()
    story = Story(folder=folder, report=report, comparison=comparison, acts=acts)
    narrate(f"\nreport   {report}\nfolder   {folder}")
    narrate("\nall is as it must be" if story.right else "\nsomething is not as it must be")
    return story


def _session(folder: Path) -> Session:
    """certwatch with the world's settings alone, whatever this shell's environment says."""
    session = Session(config=folder / "certwatch.toml")
    session.app = compose(load_settings(session.config, environ={}))
    session.app.upgrade_store()
    return session


def _import(session: Session, file: Path, narrate: Callable[[str], None]) -> None:
    rows = read_inventory(file, session.app.catalog)
    now = session.app.clock.now()
    counts = session.store.import_all(rows, now, prune=False, dry_run=False)
    narrate(f"import   {counts['added']} domains of {file.name}")


def _sweep(session: Session) -> Sweep:
    return sweep_over(session.app, session.store, list(session.store.domains()))


def _summary(sweep: Sweep) -> str:
    return f"{len(sweep.states)} domains in {seconds(sweep):.1f} s"


def _codes(session: Session) -> dict[str, list[str]]:
    """The check codes found, by domain."""
    return {
        latest.domain.name: [f.check for f in latest.judged.findings] if latest.judged else []
        for latest in session.store.latest()
    }


def _compare(comparison: Comparison, narrate: Callable[[str], None]) -> None:
    sick = sum(1 for row in comparison.rows if row.expected)
    missing, invented = comparison.missing, comparison.invented
    narrate("\nCompared with the ground truth, which certwatch has not seen:")
    narrate(f"planted  {comparison.planted} faults on {sick} of {len(comparison.rows)} domains")
    narrate(f"missing  {len(missing)}\ninvented {len(invented)}")
    for word, pairs in (("missing", missing), ("invented", invented)):
        for domain, code in pairs:
            narrate(f"  {word}: {code} on {domain}")


def _report(session: Session) -> Path:
    built = build(session, parse_duration("7d"))
    path = default_path(session, built.at, Format.HTML)
    write_whole(path, page(session, built, Format.HTML))
    return path


def _acts(
    session: Session, stage: Stage, copy: Path, narrate: Callable[[str], None]
) -> tuple[Act, ...]:
    narrate("\nAnd when the fault is our own:")
    acts = []
    for act in play(session.app, copy, stage):
        _tell(act, narrate)
        acts.append(act)
    return tuple(acts)


def _renewals(folder: Path, stage: Stage, narrate: Callable[[str], None]) -> tuple[Act, ...]:
    narrate("\nAnd where the certificate is ours to renew:")
    if programs := missing():
        narrate(without(programs))
        return ()
    return tuple(play_renewals(folder, stage, lambda act: _tell(act, narrate)))


def _tell(act: Act, narrate: Callable[[str], None]) -> None:
    narrate(f"{'right' if act.right else 'WRONG':<8} {act.title}: {act.why}")
    narrate(f"         {act.shown}")
