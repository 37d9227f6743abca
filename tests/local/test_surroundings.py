from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from app.local import surroundings
from app.local.surroundings import Unsuitable


@pytest.fixture
def taken_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use_is_named_with_the_way_out(taken_port):
    with pytest.raises(Unsuitable) as told:
        surroundings.require_free_port(taken_port, purpose="web", remedy="take another, as in make up PORT=8081")
    assert str(told.value) == (
        f"Port {taken_port} (web) is in use by another program: take another, as in make up PORT=8081"
    )


def test_a_free_port_is_accepted(taken_port):
    (port,) = surroundings.free_ports(1)
    surroundings.require_free_port(port, purpose="web", remedy="take another")
    assert port != taken_port


def test_chosen_ports_differ():
    ports = surroundings.free_ports(20)
    assert len(set(ports)) == 20


@pytest.mark.parametrize("raw", ["", "abc", "0", "65536", "-1", "80 80", "²"])
def test_a_port_that_is_none_is_refused(raw):
    with pytest.raises(Unsuitable, match="is not a port"):
        surroundings.parse_port(raw)


def test_a_port_of_root_is_refused_to_others(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unsuitable, match="Port 80 is reserved for root"):
        surroundings.parse_port("80")


def test_a_full_disk_is_told_in_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=17 * 2**20))
    with pytest.raises(Unsuitable) as told:
        surroundings.require_disk_space(tmp_path)
    assert str(told.value) == f"Only 17 MB are free on the disk of {tmp_path}: 600 MB are needed"


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "var").write_text("a file where a directory should be")
    with pytest.raises(Unsuitable, match=r"^Nothing can be written to .*/var/log: Not a directory$"):
        surroundings.require_writable(tmp_path / "var" / "log")
