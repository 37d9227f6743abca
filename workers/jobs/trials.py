"""Trials: opened when asked for; told of, ended and removed by their days (CB-12)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.changes import trials
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.queue import Nudge
from app.subscriptions.jobs import OPEN_TRIAL
from app.subscriptions.price_models import Trial
from tenants.context import current_scope
from tenants.days import distributors_day
from workers.jobs.sweeps import GRACE, MOST
from workers.runtime import scoped_job


@scoped_job(OPEN_TRIAL)
def open_trial(trial_id: UUID) -> None:
    """Make what was asked for; a second run finds it made."""
    with unit_of_work():
        trials.open_trial(trial_id, at=utc_now())


def nudge_trials(at: datetime) -> None:
    """Trials that were asked for and whose nudge was lost."""
    distributor_id = current_scope().distributor_id
    waiting = session.scalars(
        select(Trial.id)
        .where(
            Trial.distributor_id == distributor_id, Trial.subscription_id.is_(None), Trial.requested_at <= at - GRACE
        )
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).all()
    for trial_id in waiting:
        nudge_after_commit(Nudge(OPEN_TRIAL, trial_id, distributor_id))


def look_after_trials(at: datetime) -> None:
    """End trials whose last day is over, have them removed 14 days later, remind of those that end soon."""
    on = distributors_day(at)
    trials.expire_trials(on=on, at=at)
    trials.remove_expired_trials(on=on, at=at)
    trials.remind_of_trials(on=on, at=at)
