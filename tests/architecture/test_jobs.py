"""Domains name jobs by path; every path leads to a function of the workers that says the same job."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import app
from app.core.queue import Job

DOMAINS = [name for _, name, is_package in iter_modules(app.__path__) if is_package]


def jobs() -> list[Job]:
    """Every Job that a domain's jobs.py holds."""
    root = Path(app.__path__[0])
    found = []
    for path in sorted(root.glob("**/jobs.py")):
        module = import_module(".".join(("app", *path.relative_to(root).with_suffix("").parts)))
        found += [value for value in vars(module).values() if isinstance(value, Job)]
    return found


def test_domains_name_jobs() -> None:
    assert len(jobs()) >= 4
    assert "orders" in DOMAINS


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.path)
def test_every_job_path_resolves(job: Job) -> None:
    module, _, name = job.path.rpartition(".")
    function = getattr(import_module(module), name)
    assert callable(function)
    assert function.job == job
