"""Every mail says which record it is about, or that it is about none: the log follows permission rules (BC-04)."""

from __future__ import annotations

import ast
from pathlib import Path

import app
import workers

QUEUED = {"queue_mail": "about", "mail_person": "user_id"}


def test_whoever_queues_a_mail_says_what_it_is_about() -> None:
    silent = []
    for package in (app, workers):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                wanted = QUEUED.get(node.func.id)
                if wanted is not None and wanted not in {keyword.arg for keyword in node.keywords}:
                    silent.append(f"{path}:{node.lineno}")
    assert silent == []
