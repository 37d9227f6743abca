from __future__ import annotations

import os
import signal
import stat
import sys

import pytest

from app.local import processes, supervisor
from app.local.supervisor import Server, Supervisor, Task
from app.local.surroundings import Unsuitable

FOREVER = "import signal; print('at work', flush=True); signal.pause()"
SHORT = "print('no such setting')"


@pytest.fixture
def own(tmp_path):
    made = Supervisor(tmp_path / "running.json", port=8080)
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path):
    def make(name="Web", source=FOREVER, is_ready=None):
        log = tmp_path / f"{name}.log"

        def launch():
            return processes.start([sys.executable, "-c", source], environment=os.environ, log=log, directory=tmp_path)

        return Server(name, launch, log, is_ready or (lambda: "at work" in log.read_text()), patience_seconds=20)

    return make


def record_in(tmp_path):
    found = supervisor.read_record(tmp_path / "running.json")
    assert found is not None
    return found


def pid_of(tmp_path, name):
    return record_in(tmp_path).parts[name].pid


def test_parts_start_in_order_and_each_is_told(own, server, tmp_path, capsys):
    done: list[str] = []
    own.start([server("Web"), Task("Demo data", lambda: done.append("seeded"))])
    assert done == ["seeded"]
    assert [line.partition(" …")[0] for line in capsys.readouterr().out.splitlines()] == [
        "  [1/2] Web",
        "  [2/2] Demo data",
    ]


def test_the_record_names_what_runs_and_when_it_is_ready(own, server, tmp_path):
    def look():
        assert record_in(tmp_path).is_ready is False

    own.start([server("Web"), Task("Demo data", look)])
    known = record_in(tmp_path)
    assert known.is_ready is True
    assert known.port == 8080
    assert known.supervisor == processes.record(os.getpid())
    assert list(known.parts) == ["Web"]
    assert known.parts["Web"].is_alive()
    assert stat.S_IMODE((tmp_path / "running.json").stat().st_mode) == 0o600


def test_a_server_that_ends_at_once_is_told_with_its_last_words(own, server, tmp_path):
    with pytest.raises(Unsuitable) as told:
        own.start([server("Web", SHORT, is_ready=lambda: False), Task("Demo data", lambda: pytest.fail("too far"))])
    assert str(told.value) == f"Web ended: no such setting (see {tmp_path / 'Web.log'})"


def test_a_server_that_dies_is_started_again(own, server, tmp_path):
    own.start([server("Web")])
    first = pid_of(tmp_path, "Web")
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    own.restart_what_ended()
    second = pid_of(tmp_path, "Web")
    assert second != first
    assert processes.birth(second) is not None


def test_a_server_that_keeps_dying_ends_it_all(own, server, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "RESTARTS_PER_MINUTE", 0)
    own.start([server("Web")])
    os.kill(pid_of(tmp_path, "Web"), signal.SIGKILL)
    os.waitid(os.P_PID, pid_of(tmp_path, "Web"), os.WEXITED | os.WNOWAIT)
    with pytest.raises(Unsuitable, match=r"^Web keeps ending: at work \(see "):
        own.restart_what_ended()


def test_stopping_ends_the_last_started_first(own, server, tmp_path, monkeypatch):
    ended: list[int] = []
    stop = processes.stop

    def note(process, **how):
        ended.append(process.pid)
        stop(process, **how)

    monkeypatch.setattr(processes, "stop", note)
    own.start([server("PostgreSQL"), server("Web")])
    expected = [pid_of(tmp_path, "Web"), pid_of(tmp_path, "PostgreSQL")]
    own.stop()
    assert ended == expected
    assert all(processes.birth(pid) is None for pid in expected)
    assert not (tmp_path / "running.json").exists()


def test_a_task_that_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(Unsuitable) as told:
        supervisor.run_to_end(
            [sys.executable, "-c", "import sys; print('relation exists'); sys.exit(3)"],
            name="The migration",
            environment=os.environ,
            directory=tmp_path,
            log=tmp_path / "db.log",
        )
    assert str(told.value) == f"The migration failed: relation exists (see {tmp_path / 'db.log'})"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"supervisor": [1]}'])
def test_a_damaged_record_counts_as_none(tmp_path, content):
    (tmp_path / "running.json").write_text(content)
    assert supervisor.read_record(tmp_path / "running.json") is None
