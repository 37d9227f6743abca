from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from app.local import environment, installation, lifecycle, processes, services
from app.local.places import CHECKOUT, Places
from app.local.supervisor import Server
from app.local.surroundings import Unsuitable

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def home(tmp_path):
    own = Places(tmp_path / "var")
    yield own
    shutil.rmtree(own.elsewhere, ignore_errors=True)


@pytest.fixture
def surrounding(home):
    """Our environment without the test run's database."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "REDIS_URL"))}
    return {**own, "GALLERIA_VAR": str(home.var)}


@pytest.fixture
def process():
    started = subprocess.Popen(FOREVER)
    yield started
    started.kill()
    started.wait()


def command(surrounding, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "app.local", *arguments],
        cwd=CHECKOUT,
        env=surrounding,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write_record(home, supervisor, parts):
    home.var.mkdir(parents=True, exist_ok=True)
    content = {"supervisor": supervisor, "port": 8080, "ready": True, "parts": parts}
    home.running.write_text(json.dumps(content))


def test_a_port_in_use_ends_it_with_one_line(surrounding, home):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        for way in ([], ["--detach"]):
            answer = command(surrounding, "up", "--port", str(port), *way)
            assert answer.returncode == 1
            assert answer.stderr == (
                f"Port {port} (web) is in use by another program: take another, as in make up PORT={port + 1}\n"
            )
            assert not home.postgres.exists()


def test_an_unreachable_database_ends_it_with_one_line(surrounding, free_port):
    given = {"DATABASE_URL": f"postgresql://a:b@127.0.0.1:{free_port}/c", "REDIS_URL": "redis://127.0.0.1"}
    answer = command({**surrounding, **given}, "up", "--port", str(free_port))
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stderr.startswith(f"The database at 127.0.0.1:{free_port}/c cannot be reached: ")


def test_nothing_to_check_is_told(surrounding):
    answer = command(surrounding, "check")
    assert answer.returncode == 1
    assert answer.stderr == "Nothing is running: make up starts it, or set DATABASE_URL and REDIS_URL\n"


def test_it_does_not_start_twice(home, process, free_port):
    known = processes.record(process.pid)
    write_record(home, [known.pid, known.born], {})
    with pytest.raises(Unsuitable) as told:
        lifecycle.up(home, free_port, {})
    assert str(told.value) == f"Galleria already runs on port 8080 (process {process.pid}): make down stops it"
    assert process.poll() is None


def test_down_ends_the_supervisor_it_recorded(home, process, capsys):
    known = processes.record(process.pid)
    write_record(home, [known.pid, known.born], {})
    assert lifecycle.down(home) == 0
    assert process.wait(10) != 0
    assert capsys.readouterr().out == "Galleria is stopped\n"
    assert not home.running.exists()


def test_down_leaves_a_process_that_reuses_the_number(home, process, capsys):
    write_record(home, [process.pid, "1"], {"Web": [process.pid, "2"]})
    assert lifecycle.down(home) == 0
    assert process.poll() is None
    assert capsys.readouterr().out == "Galleria is not running\n"
    assert not home.running.exists()


def test_down_ends_parts_whose_supervisor_was_killed(home, process):
    known = processes.record(process.pid)
    write_record(home, [known.pid, "1"], {"Web": [known.pid, known.born]})
    assert lifecycle.down(home) == 0
    assert process.wait(10) != 0


def test_reset_forgets_the_data_and_nothing_else(home, capsys):
    for directory in (home.postgres, home.valkey, home.mail, home.media, home.var / "mine"):
        directory.mkdir(parents=True)
        (directory / "file").write_text("x")
    home.state.write_text("{}")
    home.demo.write_text("{}")
    lifecycle.reset(home, {})
    assert [path.name for path in home.var.iterdir()] == ["mine"]
    assert capsys.readouterr().out.endswith("All data is forgotten\n")


def test_reset_says_that_a_given_database_is_left(home, capsys):
    lifecycle.reset(home, {"DATABASE_URL": "postgresql://a:b@c/d"})
    assert "the database of DATABASE_URL is left as it is" in capsys.readouterr().out


def test_a_second_run_finds_the_same_ports_and_passwords(home):
    home.var.mkdir()
    first = installation.installation(home, 8080, {})
    assert installation.installation(home, 8080, {}).known == first.known


def test_what_answers_people_cannot_become_the_owner(home):
    home.var.mkdir()
    variables = installation.installation(home, 8080, {}).variables
    assert "galleria:" in variables["DATABASE_URL"]
    answering = environment.without_owner(variables)
    assert "DATABASE_URL" not in answering
    assert not [name for name, value in answering.items() if value == variables["DATABASE_URL"]]


def test_the_parts_start_in_an_order_that_works(home):
    home.var.mkdir()
    names = [part.name for part in installation.installation(home, 8080, {}).parts()]
    assert names == [
        "PostgreSQL", "Valkey", "Mail catcher", "Demo vendor", "Migrations", "Demo data", "Web", "Workers",
    ]  # fmt: skip


def test_a_given_database_is_not_started_by_us(home):
    home.var.mkdir()
    backing = services.read_backing(os.environ)
    surrounding = {**backing.databases.environment(), "REDIS_URL": backing.redis_url}
    wanted = installation.installation(home, 8080, surrounding)
    servers = [part.name for part in wanted.parts() if isinstance(part, Server)]
    assert servers == ["Mail catcher", "Demo vendor", "Web", "Workers"]
    assert wanted.backing == backing


def test_one_off_commands_run_on_the_installations_data(surrounding, home):
    source = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'].replace('+psycopg', '')).close(); print(1)"
    answer = command(surrounding, "run", "python", "-c", source)
    assert (answer.returncode, answer.stdout) == (0, "1\n")
    assert home.state.exists()


def test_a_program_that_is_not_there_is_told(surrounding):
    given = services.read_backing(os.environ).environment()
    answer = command({**surrounding, **given}, "run", "no-such-program")
    assert (answer.returncode, answer.stderr) == (1, "There is no program named no-such-program\n")
