"""The engine of many machines: Ray starts processes on them, and everything else is decided here.

Ray's own retries are off: a process that restarts in its constructor uses them up while a checkpoint loads. The driver
asks each process for signs of life, gives the jobs of a lost one to others (``scheduling.py``), and starts new ones for
as long as there is work. Ray is imported when the first job is run, and not before.
"""

from __future__ import annotations

import itertools
import os
import platform
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Final, final

from audit.engines.engine_protocol import Before, Begin, Done, Job
from audit.engines.scheduling import STANDARD, Clock, Rules, Scheduler
from audit.errors import (
    AuditProblem,
    EnvironmentProblem,
    ExitCode,
    InconclusiveProblem,
    RefusedProblem,
    UsageProblem,
    missing_extra,
)

_TICK: Final = 0.5
_PING: Final = 20.0
"""Seconds between two questions for a sign of life."""
_WAITING: Final = 60.0
"""Seconds without any worker after which that is told."""
_OBJECTS: Final = 128 * 2**20
"""Bytes of shared memory for Ray on this machine: nothing large is ever put there."""
_LONGEST: Final = 400
_CLASSES: Final[dict[ExitCode, type[AuditProblem]]] = {
    one.exit_code: one for one in (UsageProblem, InconclusiveProblem, RefusedProblem, EnvironmentProblem)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    node: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """What a job failed of, in a form that any process can read."""

    code: int
    what: str
    remedy: str

    @classmethod
    def of(cls, error: Exception) -> _Fault:
        """Return what is to be told of an error."""
        if isinstance(error, AuditProblem):
            return cls(code=int(error.exit_code), what=error.what, remedy=error.remedy)
        return cls(code=int(ExitCode.BUG), what=traceback.format_exc(), remedy="")

    def problem(self) -> Exception:
        """Return what is raised if the run ends of it."""
        if self.code == ExitCode.BUG:
            return RuntimeError(f"A worker failed:\n{self.what}")
        return _CLASSES[ExitCode(self.code)](self.what, remedy=self.remedy)


class _Worker:
    """One process on some machine. Nothing that it returns is an exception, or larger than a line of text."""

    def __init__(self, carried: bytes) -> None:
        self._carried = carried
        self._work: Job | None = None

    def place(self) -> _Place:
        """Say where it is, which is a sign of life too."""
        import ray

        return _Place(node=ray.get_runtime_context().get_node_id(), host=platform.node())

    def prepare(self) -> _Fault | None:
        """Load what the jobs need, once."""
        from ray import cloudpickle

        try:
            begin: Begin = cloudpickle.loads(self._carried)
            self._work = begin()
        except Exception as error:  # noqa: BLE001  (all of it is told to the driver)
            return _Fault.of(error)
        return None

    def do(self, job: str, halvings: int) -> str | _Fault:
        """Do one job, at a batch that is halved as often as said."""
        if self._work is None:
            raise RuntimeError("prepare() comes first.")
        try:
            return self._work(job, halvings)
        except Exception as error:  # noqa: BLE001
            return _Fault.of(error)


def check_ray() -> None:
    """Refuse to go on where Ray is not installed; imports nothing.

    Raises:
        EnvironmentProblem: If it is not.
    """
    if find_spec("ray") is None:
        raise missing_extra("The engine ray needs the package ray, which is not installed.", "ray")


@final
class RayEngine:
    """Workers in processes of their own, on this machine or on those of a cluster.

    Args:
        address: Of a running cluster, as Ray takes it ("auto", "HOST:PORT"); ``None`` starts Ray on this machine, and
            ends it with the block.
        workers: How many there are at most; ``None`` for as many as the cluster has processors or GPUs for.
        gpus: Of each worker; less than 1 where several share one.
        tell: Takes a sentence about what happens to workers.
        rules: When something is given up.
        clock: Seconds.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: int | None = None,
        gpus: float = 0.0,
        tell: Callable[[str], None] = lambda _: None,
        rules: Rules = STANDARD,
        clock: Clock = time.monotonic,
    ) -> None:
        self._address = address
        self._workers = workers
        self._gpus = gpus
        self._tell = tell
        self._rules = rules
        self._clock = clock
        self._has_begun = False
        self._too_large: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """Return "ray"."""
        return "ray"

    @property
    def is_elsewhere(self) -> bool:
        """Return that jobs are done in other processes."""
        return True

    def __enter__(self) -> RayEngine:
        """Keep Ray, once it is started, until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster, or end the one that was started here."""
        if self._has_begun:
            import ray

            ray.shutdown()
            self._has_begun = False

    def run(self, jobs: Sequence[str], begin: Begin, before: Before | None = None) -> Iterator[Done]:
        """Yield each job once a worker has done it.

        Raises:
            EnvironmentProblem: If Ray is not installed or not to be reached, or one job lost as many workers as it may.
        """
        if not jobs:
            return
        crew = _Crew(self._start(), begin, self._gpus)
        self._too_large.clear()
        scheduler = Scheduler(_one_by_one(jobs, before), self._rules, self._clock)
        left, began = len(jobs), self._clock()
        try:
            while not scheduler.is_over:
                if not scheduler.workers and self._clock() - began > _WAITING:
                    self._tell(f"Waiting for a worker. {crew.absence().what} `ray status` says who uses it.")
                    began = float("inf")
                if scheduler.problem is None:
                    crew.recruit(min(max(1, left), self._workers or max(1, crew.room())), scheduler.shunned)
                scheduler.check_presence(crew.absence())
                for worker in scheduler.idle():
                    job = scheduler.next_for(worker)
                    if job is not None:
                        crew.ask(worker, "do", job, halvings=self._too_large[job])
                for done in self._look(crew, scheduler):
                    left -= 1
                    yield done
        finally:
            crew.dismiss()
        if scheduler.problem is not None:
            raise scheduler.problem

    def _look(self, crew: _Crew, scheduler: Scheduler) -> Iterator[Done]:
        """Wait a moment, and take what came back."""
        for worker, asked, job, answer in crew.answers():
            if isinstance(answer, _Fault | Exception):
                self._too_large[job] += isinstance(answer, _RanOut)
                self._lose(crew, scheduler, worker, answer)
            elif asked == "place":
                crew.hosts[worker] = answer.host
                if scheduler.placed(worker, answer.node):
                    crew.ask(worker, "prepare")
                else:
                    crew.drop(worker)
            elif asked == "prepare":
                scheduler.ready(worker)
            elif asked == "ping":
                scheduler.heard(worker)
            elif scheduler.finished(worker, job):
                yield Done(job=job, answer=answer)
        for worker in scheduler.silent():
            self._lose(crew, scheduler, worker, _silent(crew.hosts[worker], self._rules.silence))
        crew.ping(scheduler.workers, self._clock())

    def _lose(self, crew: _Crew, scheduler: Scheduler, worker: str, fault: _Fault | Exception) -> None:
        """Tell of a worker that is lost, and let go of it."""
        problem = fault.problem() if isinstance(fault, _Fault) else fault
        host = crew.hosts.get(worker)
        if worker not in crew:
            return
        where = f" on {host}" if host else ""
        self._tell(f"Lost {worker}{where}; its work goes to another. {_short(str(problem))}")
        crew.drop(worker)
        before = scheduler.shunned
        scheduler.lost(worker, problem)
        if scheduler.shunned != before:
            self._tell(f"No more workers are started{where}: {self._rules.strikes} failed there in a row.")

    def _start(self) -> Any:  # noqa: ANN401  (the module ray, which has no types here)
        """Return Ray, connected to the cluster or started on this machine.

        Raises:
            EnvironmentProblem: If it is not installed, or cannot be reached or started.
        """
        check_ray()
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_worker_niceness", "0")  # of a Ray that starts here: 15 starves beside other jobs
        import ray

        if ray.is_initialized():
            return ray
        given = {"address": self._address} if self._address else self._local_settings()
        is_main = threading.current_thread() is threading.main_thread()
        stop = signal.getsignal(signal.SIGTERM) if is_main else None
        try:
            ray.init(**given, log_to_driver=False, logging_level="error")
        except (ray.exceptions.RayError, OSError, RuntimeError, ValueError, TimeoutError) as error:
            where = f"connected to at {self._address}" if self._address else "started on this machine"
            raise EnvironmentProblem(
                f"Ray cannot be {where}: {_short(str(error))}",
                remedy="See that the cluster runs (`ray status`) and has this version of Ray and Python, that "
                "--address is right, and that there is room in /tmp and /dev/shm.",
            ) from error
        finally:
            if stop is not None:
                signal.signal(signal.SIGTERM, stop)  # Ray takes it, and whoever asks us to end shall be heard
        self._has_begun = True
        _keep_stdout(ray)
        return ray

    def _local_settings(self) -> dict[str, object]:
        processors = {"num_cpus": self._workers} if self._workers else {}
        return {"address": "local", "include_dashboard": False, "object_store_memory": _OBJECTS, **processors}


def _keep_stdout(ray: Any) -> None:  # noqa: ANN401
    """Keep what Ray says of lost workers out of stdout, which is for answers; the same is told by us.

    Ray has no setting for it: whatever the logging, a thread of the driver prints there.
    """
    driver = ray._private.worker  # noqa: SLF001
    if hasattr(driver, "print_to_stdstream"):
        driver.print_to_stdstream = lambda *_, **__: None


def _one_by_one(jobs: Sequence[str], before: Before | None) -> Iterator[str]:
    for job in jobs:
        if before is not None:
            before(job)
        yield job


def _silent(host: str, seconds: float) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"A worker on {host} gave no sign of life for {seconds:.0f} s.",
        remedy="Look at that machine and its network, then give the same command again: what is complete is kept.",
    )


def _died(detail: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"A worker died: {detail}",
        remedy="If memory ran out, give it fewer workers (--workers) or larger machines; Ray's logs (/tmp/ray) say "
        "more. Give the same command again: what is complete is kept.",
    )


@final
class _RanOut(EnvironmentProblem):
    """A worker was ended since the memory of its machine ran out."""


def _ran_out(detail: str) -> _RanOut:
    return _RanOut(
        f"A worker was ended, since the memory of its machine ran out: {detail}",
        remedy="Give each machine fewer workers (--workers) or more memory. Give the same command again: what is "
        "complete is kept.",
    )


def _short(text: str) -> str:
    """Return a message as one line."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


_Asked = tuple[str, str, str]
"""Worker, question, job."""


@final
class _Crew:
    """The workers of a run, and what each was asked."""

    def __init__(self, ray: Any, begin: Begin, gpus: float) -> None:  # noqa: ANN401
        self._ray = ray
        self._gpus = gpus
        self._kind = ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=2)(_Worker)
        self._carried = ray.put(ray.cloudpickle.dumps(begin))
        self._actors: dict[str, Any] = {}
        self._asked: dict[Any, _Asked] = {}
        self._pinged = float("-inf")
        self._numbers = itertools.count(1)
        self.hosts: dict[str, str] = {}

    def __contains__(self, worker: str) -> bool:
        return worker in self._actors

    def room(self) -> int:
        """Return how many workers the cluster has processors and GPUs for."""
        has = self._ray.cluster_resources()
        return int(has.get("GPU", 0.0) / self._gpus if self._gpus else has.get("CPU", 0.0))

    def recruit(self, wanted: int, shunned: Sequence[str]) -> None:
        """Ask for workers until there are as many as wanted, on machines where not one after the other failed."""
        elsewhere = {"label_selector": {"ray.io/node-id": f"!in({','.join(shunned)})"}} if shunned else {}
        while len(self._actors) < wanted:
            worker = f"worker {next(self._numbers)}"
            made = self._kind.options(num_cpus=1, num_gpus=self._gpus, scheduling_strategy="SPREAD", **elsewhere)
            self._actors[worker] = made.remote(self._carried)
            self.ask(worker, "place")

    def ask(self, worker: str, question: str, job: str = "", *, halvings: int = 0) -> None:
        """Ask a worker where it is, to prepare, for a sign of life, or to do a job."""
        actor = self._actors[worker]
        if question == "do":
            answer = actor.do.remote(job, halvings)
        else:
            answer = actor.prepare.remote() if question == "prepare" else actor.place.remote()
        self._asked[answer] = worker, question, job

    def ping(self, workers: Sequence[str], now: float) -> None:
        """Ask workers for a sign of life, from time to time, where they have answered the question before."""
        if now - self._pinged < _PING:
            return
        self._pinged = now
        waiting = {worker for worker, question, _ in self._asked.values() if question == "ping"}
        for worker in workers:
            if worker not in waiting:
                self.ask(worker, "ping")

    def answers(self) -> Iterator[tuple[str, str, str, Any]]:
        """Wait a moment for answers, and yield them: an exception where a worker has died."""
        if not self._asked:
            time.sleep(_TICK)
            return
        self._ray.wait(list(self._asked), num_returns=1, timeout=_TICK)
        ready, _ = self._ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        for one in ready:
            worker, question, job = self._asked.pop(one, ("", "", ""))
            if worker in self._actors:
                yield worker, question, job, self._value(one)

    def _value(self, answer: Any) -> Any:  # noqa: ANN401
        try:
            return self._ray.get(answer)
        except self._ray.exceptions.OutOfMemoryError as error:
            return _ran_out(_short(str(error)))
        except self._ray.exceptions.RayError as error:
            return _died(_short(str(error)))

    def drop(self, worker: str) -> None:
        """Let go of a worker, whatever it does."""
        actor = self._actors.pop(worker)
        self._asked = {answer: asked for answer, asked in self._asked.items() if asked[0] != worker}
        self._ray.kill(actor)

    def absence(self) -> EnvironmentProblem:
        """Return what is to be said where no worker could be started."""
        needs = f"1 processor and {self._gpus:g} GPU" if self._gpus else "1 processor"
        return EnvironmentProblem(
            f"No machine of the cluster had room for a worker, which takes {needs}.",
            remedy="See with `ray status` what it has and who uses it; --gpus-per-worker takes less than 1.",
        )

    def dismiss(self) -> None:
        """Let go of all workers."""
        for worker in list(self._actors):
            self.drop(worker)
