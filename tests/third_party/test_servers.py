"""Other people's servers run where the machine has a Node, and where it has none."""

from __future__ import annotations

import subprocess

import pytest
import requests

from tests.third_party import servers


@pytest.mark.slow
def test_the_servers_run_on_a_machine_without_node(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """The wheel's Node takes its place, and npm's is the wheel's too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert servers.node() == [str(servers.WHEEL / "bin" / "node")]
    with servers.running("openid.mjs") as port:
        found = requests.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration", timeout=10).json()
    assert found["issuer"] == f"http://127.0.0.1:{port}"
    asked = subprocess.run([*servers.npm(), "--version"], capture_output=True, text=True, check=True)
    assert asked.stdout[0].isdigit()
