from __future__ import annotations

import os

import psycopg
import pytest

from app.local import databases, environment, given, services, valkey
from app.local.places import Places
from app.local.services import Backing
from app.local.surroundings import Unsuitable


@pytest.fixture
def backing():
    """The database and queue of this test run, as somebody would give them to us."""
    return services.read_backing(os.environ)


@pytest.fixture
def empty_database(backing):
    """The owner's address of a database where nothing ever ran."""
    with services.database_of_its_own(backing) as own:
        yield own.databases.owner


def test_half_of_the_surroundings_is_refused():
    with pytest.raises(Unsuitable, match=r"^REDIS_URL is not set: give both"):
        environment.given_backing({"DATABASE_URL": "postgresql://a:b@c/d"})
    with pytest.raises(Unsuitable, match=r"^DATABASE_URL is not set: give both"):
        environment.given_backing({"REDIS_URL": "redis://c"})
    assert environment.given_backing({}) is None


@pytest.mark.parametrize("form", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_is_understood_in_its_usual_forms(form):
    found = environment.given_backing({"DATABASE_URL": f"{form}://a:b@c:5/d", "REDIS_URL": "redis://c"})
    assert found is not None
    assert found.databases.owner == "postgresql+psycopg://a:b@c:5/d"


@pytest.mark.parametrize("url", ["mysql://a:b@c/d", "galleria", "sqlite:///x"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(Unsuitable, match=r"^DATABASE_URL must look like postgresql://"):
        environment.given_backing({"DATABASE_URL": url, "REDIS_URL": "redis://c"})


def test_a_database_that_cannot_be_reached_is_told_without_its_password(free_port):
    url = f"postgresql+psycopg://owner:s3cret@127.0.0.1:{free_port}/galleria"
    with pytest.raises(Unsuitable) as told:
        databases.connect(url)
    assert str(told.value).startswith(f"The database at 127.0.0.1:{free_port}/galleria cannot be reached: ")
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_queue_that_cannot_be_reached_is_told_without_its_password(free_port):
    with pytest.raises(Unsuitable) as told:
        valkey.require_reachable(f"redis://:s3cret@127.0.0.1:{free_port}/0")
    assert str(told.value).startswith(f"The queue at 127.0.0.1:{free_port}/0 cannot be reached: ")
    assert "s3cret" not in str(told.value)


def test_reachable_ones_are_accepted(backing):
    given.require_usable(backing)
    given.require_migrated(backing.databases.owner)
    assert given.is_in_use(backing.databases.owner)


def test_an_empty_database_is_not_in_use(empty_database):
    assert given.is_in_use(empty_database) is False


def test_a_pending_migration_is_told_with_the_way_out(empty_database):
    with databases.connect(empty_database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001_directory')")
    assert given.is_in_use(empty_database) is True
    with pytest.raises(
        Unsuitable, match=r"^Migration pending: the database at .* is at 0001_directory, .*make migrate$"
    ):
        given.require_migrated(empty_database)


def test_the_newest_migration_is_accepted(empty_database):
    newest = given.newest_revision()
    with databases.connect(empty_database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [newest])
    given.require_migrated(empty_database)
    assert given.current_revision(empty_database) == newest


def test_a_role_with_somebody_elses_password_is_not_changed(backing):
    with pytest.raises(Unsuitable, match=r"^The role galleria_app exists with another password: give DATABASE_URL_APP"):
        given.with_roles(backing, {}, password="ours")
    psycopg.connect(databases.plain_url(backing.databases.app)).close()


def test_given_roles_are_used_as_they_are(backing):
    surrounding = dict.fromkeys(given.VARIABLES.values(), "given")
    assert given.with_roles(backing, surrounding, password="ours") == backing


def test_missing_roles_are_made(tmp_path, known_state):
    """On a server of its own: roles belong to all databases of a server."""
    with services.for_one_run(Places(tmp_path), known_state) as running:
        url = running.backing.databases.owner
        with databases.connect(services.superuser_url(known_state)) as connection:
            for role in databases.RESTRICTED:
                connection.execute(f"DROP ROLE {role}")
        found = given.with_roles(Backing(running.backing.databases.of_database("galleria"), ""), {}, password="ours")
        assert found.databases.app == databases.with_role(url, databases.APP, "ours")
        given.require_usable(Backing(found.databases, running.backing.redis_url))
        with databases.connect(services.superuser_url(known_state)) as connection:
            bypassing = connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolbypassrls OR rolsuper)",
                [list(databases.RESTRICTED)],
            ).fetchall()
        assert bypassing == []
