"""One round of a watcher: look, audit what is new, keep what came of it, tell.

The state is written after each step, so that a round that is killed at any moment is taken up by the next one: an audit
goes on in its run folder, and a notice is sent again unless it is known to have arrived.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from audit.errors import AuditProblem, EnvironmentProblem
from audit.evidence.files import disk_problems, remove_abandoned, safe_name
from audit.evidence.folder_lock import lock_folder
from audit.opening import at_home
from audit.watching.audits import Audit
from audit.watching.ledger import RUNS, Entry, Ledger, read_ledger, write_feeds, write_ledger
from audit.watching.notices import send
from audit.watching.places import Sighting, content_digest, known_as, look
from audit.watching.registries import MODELS, Registry, open_registry
from audit.watching.sources_file import Source, Watch, Webhook

_LONGEST: Final = 10_000
"""Characters of a problem that are kept."""
_FETCHED: Final = "fetched"
"""Folder of what is being audited of a registry: one version at a time."""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What is watched from where, and by what means."""

    watch: Watch
    file: Path
    """Where that stands: paths are seen from its folder."""
    audit: Audit
    notify: Callable[[Webhook, Entry], None] = send
    registry: Callable[[Source], Registry] = open_registry
    now: Callable[[], str] = _now
    say: Callable[[str], None] = lambda _: None

    @property
    def place(self) -> Path:
        """The folder of state, feeds and runs."""
        return self.file.parent / at_home(self.watch.out)


@dataclass(slots=True)
class Round:
    """What a round came to."""

    seen: int = 0
    concluded: list[Entry] = field(default_factory=list)
    """What it audited, or gave up."""
    waiting: list[Entry] = field(default_factory=list)
    """What is left for the next one."""
    told: int = 0
    """Notices that arrived."""
    troubles: list[str] = field(default_factory=list)
    """What went wrong, in a line each; nothing of it is lost."""


def preview(watcher: Watcher) -> Round:
    """Return what a round would find, and change nothing."""
    done = Round()
    ledger = read_ledger(watcher.place)
    _look(watcher, ledger, done)
    done.waiting = ledger.waiting()
    return done


def run_round(watcher: Watcher) -> Round:
    """Do one round.

    Raises:
        EnvironmentProblem: If another watcher is at work in the folder, or it cannot be written.
        UsageProblem: If a newer version wrote the state.
    """
    place, done = watcher.place, Round()
    with disk_problems("Making the folder", place):
        (place / RUNS).mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = lock_folder(place)
    try:
        _round(watcher, done)
    finally:
        lock.release()
    return done


def _round(watcher: Watcher, done: Round) -> None:
    place = watcher.place
    remove_abandoned(place)
    shutil.rmtree(place / _FETCHED, ignore_errors=True)  # of a round that was killed
    ledger = read_ledger(place)
    _tell(watcher, ledger, done)  # what an earlier round owes
    ledger.rounds += 1
    _look(watcher, ledger, done)
    write_ledger(place, ledger)
    for entry in ledger.waiting()[: watcher.watch.most_audits]:
        _audit(watcher, ledger, entry, done)
        write_ledger(place, ledger)
        write_feeds(place, ledger)
        _tell(watcher, ledger, done)
    done.waiting = ledger.waiting()


def _look(watcher: Watcher, ledger: Ledger, done: Round) -> None:
    """Add what is new to the ledger."""
    known = {name: (commit, digest) for name, (commit, digest) in ledger.known.items()}
    for source in watcher.watch.source:
        troubles, keys = len(done.troubles), set()
        for sighting in look(source, watcher.file.parent, known, done.troubles, watcher.registry):
            done.seen += 1
            ledger.known[known_as(source.name, sighting.name)] = [sighting.commit, sighting.digest]
            keys.add(_take_in(watcher, ledger, sighting, source.profile))
        if source.folder is not None and len(done.troubles) == troubles:
            for entry in ledger.waiting():  # of a hub, the commit is still there
                if entry.source == source.name and entry.key not in keys:
                    del ledger.entries[entry.key]
                    done.troubles.append(f"{entry.name} was changed or removed before it was audited.")


def _take_in(watcher: Watcher, ledger: Ledger, sighting: Sighting, profile: str) -> str:
    """Note a checkpoint, and return its key."""
    key = _key(profile, sighting.digest)
    entry = ledger.entries.get(key)
    if entry is None:
        ledger.entries[key] = Entry(
            key=key,
            profile=profile,
            source=sighting.source,
            name=sighting.name,
            checkpoint=sighting.checkpoint,
            commit=sighting.commit,
            digest=sighting.digest,
            line=sighting.line,
            first_seen=ledger.rounds,
            run=_run_name(sighting.name, key),
        )
        watcher.say(f"New: {sighting.checkpoint}")
    elif entry.state == "waiting":  # it may lie elsewhere now
        entry.checkpoint, entry.name, entry.commit = sighting.checkpoint, sighting.name, sighting.commit
    elif entry.state == "audited":  # under another name the line goes on
        ledger.last.setdefault(_key(profile, sighting.line), entry.run)
    return key


def _key(profile: str, what: str) -> str:
    """Return the key of a digest, or of a lineage, under a profile."""
    return f"{profile}:{what}"


def _run_name(name: str, key: str) -> str:
    return safe_name(f"{name} {key}")


def _audit(watcher: Watcher, ledger: Ledger, entry: Entry, done: Round) -> None:
    """Audit one checkpoint; whatever goes wrong with it is kept, and the next one has its turn."""
    line, runs = _key(entry.profile, entry.line), watcher.place / RUNS
    before = ledger.last.get(line, "")
    profile = watcher.watch.profile.get(entry.profile)
    if profile is None:
        done.troubles.append(f"{entry.name}: it waits for the profile {entry.profile}, which is not there any more.")
        return
    entry.number = 1 + max(one.number for one in ledger.entries.values())
    if entry.attempts >= watcher.watch.attempts:  # each of them was killed, perhaps for want of memory
        _give_up(watcher, entry, f"It was begun {entry.attempts} times, and never came to an end.", done)
        return
    watcher.say(f"Auditing {entry.checkpoint}")
    entry.attempts += 1
    write_ledger(watcher.place, ledger)
    try:
        with _at_hand(watcher, ledger, entry) as checkpoint:
            if checkpoint is None:
                return
            found = watcher.audit(checkpoint, profile, runs / entry.run, runs / before if before else None)
    except Exception as error:  # noqa: BLE001  (a bug of ours with one checkpoint must not keep others from being audited)
        told = str(error) if isinstance(error, AuditProblem) else f"{type(error).__name__}: {error}"
        done.troubles.append(f"{entry.name}: {told}")
        final = isinstance(error, AuditProblem) and not isinstance(error, EnvironmentProblem)
        if final or entry.attempts >= watcher.watch.attempts:
            _give_up(watcher, entry, told, done)
        return
    entry.verdict, entry.changes, entry.said = found.verdict, found.changes, found.said
    entry.baseline = before
    address = watcher.watch.report_address
    entry.report = address.replace("{run}", entry.run) if address else str(runs / entry.run / "report.html")
    ledger.last[line] = entry.run
    entry.state = "audited"
    _conclude(watcher, entry, done)


@contextmanager
def _at_hand(watcher: Watcher, ledger: Ledger, entry: Entry) -> Iterator[str | None]:
    """Give what the audit takes: a version of a registry is fetched, and gone at the end.

    Yields:
        The checkpoint; ``None`` where its files show that it is none that has to be audited.

    Raises:
        AuditProblem: If it cannot be fetched.
    """
    if not entry.checkpoint.startswith(MODELS):
        yield entry.checkpoint
        return
    source = next((one for one in watcher.watch.source if one.name == entry.source), None)
    if source is None or not source.is_registry:
        raise EnvironmentProblem(
            f"It waits for the registry {entry.source}, which is not there any more.", remedy="Put its source back."
        )
    place = watcher.place / _FETCHED
    folder = place / safe_name(f"{entry.name} {entry.commit}")  # the same for each attempt: a run names it
    try:
        with disk_problems("Making the folder", folder):
            folder.mkdir(mode=0o700, parents=True)
        checkpoint = watcher.registry(source).fetch(entry.checkpoint, entry.commit, folder)
        known = _settle(watcher, ledger, entry, content_digest(checkpoint))
        yield None if known else str(checkpoint)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _settle(watcher: Watcher, ledger: Ledger, entry: Entry, digest: str) -> bool:
    """Note the digest of a version whose files have come; tell whether the ledger has it already."""
    seen, key = known_as(entry.source, entry.name), _key(entry.profile, digest)
    if ledger.known.get(seen, [""])[0] == entry.commit:
        ledger.known[seen] = [entry.commit, digest]
    if key == entry.key:
        return False
    del ledger.entries[entry.key]
    twin = ledger.entries.get(key)
    if twin is None:
        entry.key, entry.digest, entry.run = key, digest, _run_name(entry.name, key)
        ledger.entries[key] = entry
        write_ledger(watcher.place, ledger)
        return False
    if twin.state == "audited":
        ledger.last.setdefault(_key(entry.profile, entry.line), twin.run)
    watcher.say(f"{entry.checkpoint} is made of the same files as {twin.checkpoint}")
    return True


def _give_up(watcher: Watcher, entry: Entry, told: str, done: Round) -> None:
    entry.state = "broken"
    entry.said = " ".join(told.split())[:_LONGEST]
    _conclude(watcher, entry, done)


def _conclude(watcher: Watcher, entry: Entry, done: Round) -> None:
    entry.at = watcher.now()
    hooks = watcher.watch.webhook
    entry.owed = [hook.name for hook in hooks if hook.about == "everything" or entry.is_trouble]
    done.concluded.append(entry)
    watcher.say(entry.sentence)


def _tell(watcher: Watcher, ledger: Ledger, done: Round) -> None:
    """Send what is owed; each notice that arrived is kept before the next one is sent."""
    hooks = {hook.name: hook for hook in watcher.watch.webhook}
    silent: set[str] = set()
    for entry in ledger.concluded():
        for name in list(entry.owed):
            if name in silent:
                continue
            try:
                if name in hooks:  # else nobody waits for it any more
                    watcher.notify(hooks[name], entry)
                    done.told += 1
            except AuditProblem as problem:
                done.troubles.append(str(problem))
                silent.add(name)
                continue
            entry.owed = [one for one in entry.owed if one != name]
            write_ledger(watcher.place, ledger)
