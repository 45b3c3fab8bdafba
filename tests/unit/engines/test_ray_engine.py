"""A run on a cluster of Ray that loses a worker and a node, and gains one, ends as a run of one process does."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from audit.engines import LOCAL, RayEngine
from audit.engines.scheduling import Rules
from audit.errors import EnvironmentProblem
from audit.evidence.working_copies import working_copy
from audit.pipeline import make_plan, run_audit
from audit.pipeline.elsewhere import order_images
from tests.tiny_runs import Recorder, request_for, write_suite

__all__ = ["request_for", "write_suite"]

REPORTS = {"report.html", "summary.md", "junit.xml", "run.json"}


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but the report, which carries its date, what holds the report's digest, and locks."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in REPORTS]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if not path.name.startswith(".")}


def workers_of(node) -> list[int]:
    """Return the processes that a node has started for actors of ours."""
    raylet = node.all_processes["raylet"][0].process.pid
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text(encoding="ascii").split()
    names = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, name in names.items() if name.startswith(b"ray::_Worker")]


def waited_for(found: Callable[[], list[int]], seconds: float = 120.0) -> list[int]:
    """Return what is found as soon as there is any: a node that starts late is to lose a worker all the same."""
    until = time.monotonic() + seconds
    while not (some := found()) and time.monotonic() < until:
        time.sleep(0.1)
    return some


class Trouble(Recorder):
    """Kills a worker after the first shard; after the second a node with a worker leaves, and another joins."""

    def __init__(self, cluster) -> None:
        super().__init__()
        self.cluster = cluster
        self.killed: list[int] = []
        self.left: list[int] = []

    def happened(self, event: str, **facts: object) -> None:
        super().happened(event, **facts)
        shards = sum(event == "shard_done" for event, _ in self.events)
        if event == "shard_done" and shards == 1:
            self.killed = workers_of(self.cluster.head_node)
            for pid in self.killed:
                os.kill(pid, signal.SIGKILL)
        if event == "shard_done" and shards == 2:
            (node,) = self.cluster.worker_nodes
            self.left = waited_for(lambda: workers_of(node))
            self.cluster.add_node(num_cpus=1)
            self.cluster.remove_node(node, allow_graceful=False)


@pytest.fixture
def long_plan(request_for):
    """Some ten shards of less than a second."""
    plan = make_plan(request_for(precision="fp32"))
    recipe = dataclasses.replace(plan.recipe, steps=8)
    return dataclasses.replace(plan, recipe=recipe, shard_size=4)


@pytest.fixture
def one_thread():
    """As a worker of Ray has; with another number, sums over a few images are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_run_that_loses_a_worker_and_a_node_and_gains_one_ends_as_one_process_does(
    long_plan, one_thread, tmp_path, monkeypatch, capfd
):
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr("audit.pipeline.conclude.render_pdf", lambda _: b"")
    monkeypatch.setattr("audit.pipeline.conclude.draw_figures", lambda _: {})
    run_audit(long_plan, tmp_path / "local", Recorder(), engine=LOCAL)
    capfd.readouterr()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        trouble = Trouble(cluster)
        run_audit(long_plan, tmp_path / "ray", trouble, engine=RayEngine(address=cluster.address, tell=trouble.say))
    finally:
        cluster.shutdown()
    assert trouble.killed
    assert trouble.left
    assert capfd.readouterr().out == ""  # which is for answers, as with --json
    assert sum("Lost worker" in said for said in trouble.said) >= 2
    local, ray = contents(tmp_path / "local"), contents(tmp_path / "ray")
    assert sorted(ray) == sorted(local)
    assert [name for name in local if ray[name] != local[name]] == []


def test_workers_that_share_no_folder_meet_behind_a_url(long_plan, one_thread, tmp_path, monkeypatch):
    """Each writes to the URL from a copy of its own, and the driver fetches what they wrote."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    monkeypatch.setattr("audit.pipeline.conclude.render_pdf", lambda _: b"")
    monkeypatch.setattr("audit.pipeline.conclude.draw_figures", lambda _: {})
    run_audit(long_plan, tmp_path / "local", Recorder(), engine=LOCAL)
    with working_copy(f"file://{tmp_path}/bucket/run") as folder:
        run_audit(long_plan, folder, Recorder(), engine=RayEngine(workers=2))
        assert contents(folder) == contents(tmp_path / "bucket" / "run")
    assert contents(tmp_path / "bucket" / "run") == contents(tmp_path / "local")


@pytest.mark.slow
def test_a_job_whose_worker_ran_out_of_memory_is_begun_at_half(tmp_path, monkeypatch):
    """Ray itself ends the worker, since memory of this machine is used beyond a threshold that is set just above."""
    ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    found = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    if found["MemAvailable"] < 8_000_000:  # all in KiB
        pytest.skip("less than 8 GB of memory are free")
    used = (found["MemTotal"] - found["MemAvailable"] + 2_500_000) / found["MemTotal"]
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{used:.3f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")

    def begin():
        def take(job: str, halvings: int) -> str:
            held = []
            for _ in range(50 if not halvings else 1):  # of 100 MB
                held.append(os.urandom(1) * 100_000_000)
                time.sleep(0.1)
            return f"{job} {halvings}"

        return take

    said = Recorder()
    patient = Rules(attempts=50, strikes=50)  # what other tests take counts, too
    with RayEngine(workers=1, tell=said.say, rules=patient) as engine:
        (done,) = engine.run(["large"], begin)
    assert int(done.answer.split()[1]) >= 1
    assert any("memory of its machine ran out" in line for line in said.said)


def test_a_worker_on_a_machine_that_does_not_share_the_folder_says_so(long_plan, tmp_path):
    from audit.evidence import open_run

    with open_run(tmp_path / "run", long_plan.spec()) as run:
        order = order_images(run, long_plan, list(long_plan.shards))
    elsewhere = dataclasses.replace(order, site=dataclasses.replace(order.site, folder=tmp_path / "other"))
    with pytest.raises(EnvironmentProblem, match=r"not in .*other") as found:
        elsewhere()
    assert "share" in found.value.remedy


def test_a_worker_with_other_versions_or_another_checkpoint_makes_nothing(long_plan, tmp_path, monkeypatch):
    from audit.evidence import open_run

    with open_run(tmp_path / "run", long_plan.spec()) as run:
        order = order_images(run, long_plan, list(long_plan.shards))
        other = dataclasses.replace(order, checkpoint=dataclasses.replace(order.checkpoint, digest="0" * 64))
        with pytest.raises(EnvironmentProblem, match="another checkpoint"):
            other()
        monkeypatch.setattr("audit.pipeline.elsewhere.program_versions", lambda: {"torch": "1.0"})
        with pytest.raises(EnvironmentProblem, match=r"torch 1\.0 for"):
            order()
