from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from app.local import databases, postgres, services, state
from app.local.places import Places
from app.local.surroundings import Unsuitable


@pytest.fixture(scope="module")
def known():
    return state.generate()


@pytest.fixture(scope="module")
def running(tmp_path_factory, known):
    with services.for_one_run(Places(tmp_path_factory.mktemp("var")), known) as started:
        yield started


def ask(url, statement):
    with psycopg.connect(databases.plain_url(url)) as connection:
        return connection.execute(statement).fetchall()


def test_restricted_roles_cannot_pass_row_security_by(running):
    found = ask(
        running.backing.databases.owner,
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname LIKE 'galleria\\__%' AND rolname <> 'galleria_root' ORDER BY 1",
    )
    assert found == [(role, False, False, False, False) for role in sorted(databases.RESTRICTED)]


def test_the_owner_is_no_superuser(running):
    assert ask(running.backing.databases.owner, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [
        (False,)
    ]


def test_the_interactive_role_plans_once_and_the_bulk_role_as_needed(running):
    urls = running.backing.databases
    assert ask(urls.app, "SHOW plan_cache_mode") == [("force_generic_plan",)]
    assert ask(urls.bulk, "SHOW plan_cache_mode") == [("auto",)]


def test_two_hundred_connections_are_allowed(running):
    assert ask(running.backing.databases.app, "SHOW max_connections") == [("200",)]


def test_only_this_machine_is_listened_to(running):
    assert ask(running.backing.databases.app, "SHOW listen_addresses") == [("127.0.0.1",)]
    with redis.Redis.from_url(running.backing.redis_url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_a_wrong_password_is_refused_by_the_database(running):
    wrong = databases.with_role(running.backing.databases.owner, databases.OWNER, "wrong")
    with pytest.raises(Unsuitable, match=r"cannot be reached: .*password authentication failed") as told:
        databases.connect(wrong)
    assert "wrong" not in str(told.value)


def test_the_queue_asks_for_a_password_and_forgets_nothing(running, known):
    with redis.Redis(port=known.redis_port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(running.backing.redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_each_run_gets_a_database_and_a_queue_of_its_own(running):
    with services.database_of_its_own(running.backing) as own:
        assert ask(own.databases.app, "SELECT current_database()") == [(f"run_{os.getpid()}",)]
        with redis.Redis.from_url(own.redis_url) as client, redis.Redis.from_url(running.backing.redis_url) as shared:
            client.set("mine", "1")
            assert shared.get("mine") is None
    assert ask(running.backing.databases.owner, "SELECT datname FROM pg_database WHERE datname LIKE 'run%'") == []


def test_the_database_never_runs_as_root(running):
    assert Path(f"/proc/{running.postgres.pid}").stat().st_uid != 0


def test_a_lock_of_a_dead_server_is_dropped(tmp_path):
    cluster = postgres.Cluster(tmp_path, tmp_path, None)
    cluster.data.mkdir()
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n")  # the number went to another program: us
    postgres.forget_stale_lock(cluster)
    assert not (cluster.data / "postmaster.pid").exists()


def test_a_lock_of_a_living_server_is_respected(running, tmp_path):
    cluster = postgres.Cluster(tmp_path, tmp_path, None)
    cluster.data.mkdir()
    (cluster.data / "postmaster.pid").write_text(f"{running.postgres.pid}\n")
    with pytest.raises(Unsuitable, match=f"process {running.postgres.pid}.* already serves"):
        postgres.forget_stale_lock(cluster, patience_seconds=0)
    assert (cluster.data / "postmaster.pid").exists()


def test_test_services_that_died_are_not_reused(tmp_path):
    home = Places(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    urls = dict.fromkeys(("DATABASE_URL", "DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM"), "u")
    record = {"environment": {**urls, "REDIS_URL": "r"}, "processes": [[ended.pid, "1"]]}
    home.test_services.write_text(json.dumps(record))
    assert services.running_for_tests(home) is None


def test_what_is_generated_is_kept_and_private(tmp_path):
    path = tmp_path / "local.json"
    first = state.load_or_generate(path)
    assert state.load_or_generate(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_state_is_told_and_left(tmp_path):
    path = tmp_path / "local.json"
    path.write_text("{")
    with pytest.raises(Unsuitable, match="is damaged: make reset begins anew"):
        state.load_or_generate(path)
    assert path.read_text() == "{"
