"""The engine of one process."""

from audit.engines import LocalEngine


def test_jobs_are_run_in_their_order_and_each_is_told_before_the_next_begins():
    heard: list[str] = []

    def hear(what: str, job: str) -> str:
        heard.append(f"{what} {job}")
        return job

    run = LocalEngine().run(
        ["b", "a", "c"], lambda: lambda job, _: hear("ran", job), lambda job: heard.append(f"before {job}")
    )
    for done in run:
        hear("told", done.job)
    assert heard == [f"{what} {job}" for job in "bac" for what in ("before", "ran", "told")]


def test_who_stops_listening_stops_the_work():
    ran = []

    def work(job: str, _halvings: int) -> str:
        ran.append(job)
        return job

    jobs = LocalEngine().run(["a", "b", "c"], lambda: work)
    assert next(jobs) == ("a", "a")
    jobs.close()
    assert ran == ["a"]


def test_its_name_is_local():
    assert LocalEngine().name == "local"
