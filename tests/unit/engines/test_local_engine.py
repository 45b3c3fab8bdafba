"""The engine of one process."""

from audit.engines import LocalEngine


def test_jobs_are_run_in_their_order_and_each_is_told_before_the_next_begins():
    heard: list[str] = []

    def hear(what: str, job: str) -> None:
        heard.append(f"{what} {job}")

    for job in LocalEngine().run(["b", "a", "c"], lambda name: hear("ran", name)):
        hear("told", job)
    assert heard == ["ran b", "told b", "ran a", "told a", "ran c", "told c"]


def test_who_stops_listening_stops_the_work():
    ran = []
    jobs = LocalEngine().run(["a", "b", "c"], ran.append)
    assert next(jobs) == "a"
    jobs.close()
    assert ran == ["a"]


def test_its_name_is_local():
    assert LocalEngine().name == "local"
