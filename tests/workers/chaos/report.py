"""The report of a large run, for docs/chaos.md."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.workers.chaos.audit import MUST_BE_EMPTY, Books
from tests.workers.chaos.shoppers import Answers
from tests.workers.chaos.storm import Post, Storm

MEANINGS = {
    "fail": "answers 503 and does nothing",
    "timeout_after": "does the work, then closes the line without an answer",
    "twice": "answers twice",
    "slow": "waits a second",
    "garbage": "does the work and answers something that is not JSON",
    "reject": "refuses with a code",
}


def write_report(
    path: Path,
    *,
    seed: int,
    books: Books,
    answers: Answers,
    storm: Storm,
    post: Post,
    vendor_book: Path,
    refused: int,
    seconds: float,
) -> None:
    """Write what was done, what broke and what came of it."""
    with sqlite3.connect(vendor_book) as rows:
        moods = rows.execute(
            "SELECT mode, count(*), sum(did_work) FROM calls WHERE mode <> 'ok' GROUP BY mode ORDER BY count(*) DESC"
        ).fetchall()
    faults = "\n".join(
        f"| the vendor {MEANINGS[mode]} | {calls:,} calls |" for mode, calls, _ in moods if mode in MEANINGS
    )
    checks = "\n".join(f"- {name}: 0" for name in MUST_BE_EMPTY)
    path.write_text(
        f"""# Chaos

`make chaos ORDERS=1000` places orders from several storefronts while everything breaks, waits until each has come to an
end, and counts: our books against the vendor's, the mail server's and what buyers were answered. PostgreSQL, Valkey,
workers, vendor and mail server are real processes of the run's own. What breaks is drawn from a seed (`SEED=…`); when
it hits depends on the machine. Hours of waiting pass in seconds: what waits for its next try is made due, and leases end
{6} seconds after they were taken, also those of workers that are alive. A small run is part of `make test`.

## The last run: 0 lost, 0 doubled

Seed {seed}, {books.orders:,} orders, {seconds / 60:.0f} minutes (for information: shared machine).

| what broke | how often |
|---|---|
| workers killed (`SIGKILL`) | {storm.counts["workers killed"]:,} |
| Redis emptied | {storm.counts["redis emptied"]:,} |
| PostgreSQL restarted | {storm.counts["database restarts"]:,} |
{faults}
| the mail server says "try again" | {post.refused:,} mails |
| submits without an answer, made again by the buyer | {answers.broken:,} |

| what came of it | |
|---|---|
| submits, twice at once among them | {answers.submits:,} |
| orders | {books.orders:,}, all executed |
| invoices | {books.invoices:,} |
| tries of provisioning tasks | {books.attempts:,}, by {books.calls:,} calls to the vendor |
| services at the vendor | {books.services:,} |
| active subscriptions | {books.subscriptions:,} |
| mails | {books.mails:,} |
| mails handed over again with the same Message-ID | {books.mails_repeated:,} |
| tasks that waited for a person (refused, or an answer without sense) | {refused:,}, started again by hand, left: {books.with_people:,} |

A mail may be handed over twice if the worker is killed between the mail server's answer and the commit; the Message-ID
is the same, and each mail is one row.

## What is counted
{checks}
- checkouts answered with two orders, orders lost, orders nobody placed: 0
- services without a task, tasks with two services, services named otherwise than here: 0
- mails said to be sent that never arrived: 0
""",
        encoding="utf-8",
    )
