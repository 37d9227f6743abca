"""Every periodic job, in one list. Whoever ticks, and however many do: due work is rows, and rows are taken once.

Nothing here needs Redis: a tick reads PostgreSQL and nudges, or does the work itself where it is one statement.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from tenants.context import distributor_scope, scope
from tenants.models import Distributor, DistributorState
from workers.jobs import (
    adoption,
    api_clients,
    billing,
    company_domains,
    enquiries,
    forgotten,
    listings,
    popularity,
    prices,
    product_files,
    reconciliation,
    registration,
    sign_on,
    stuck,
    sweeps,
    trail,
    trials,
    usage,
    vendor_catalogue,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Periodic:
    """Something to look after so often, in the scope of each distributor."""

    every: timedelta
    run: Callable[[datetime], None]

    @property
    def name(self) -> str:
        """What logs call it."""
        return self.run.__name__


PERIODIC: tuple[Periodic, ...] = (
    Periodic(timedelta(seconds=5), sweeps.nudge_order_works),
    Periodic(timedelta(seconds=5), sweeps.nudge_provisioning_tasks),
    Periodic(timedelta(seconds=15), sweeps.nudge_mails),
    Periodic(timedelta(seconds=15), sweeps.nudge_changes),
    Periodic(timedelta(seconds=30), registration.nudge_registrations),
    Periodic(timedelta(minutes=1), enquiries.nudge_enquiries),
    Periodic(timedelta(seconds=15), forgotten.nudge_password_requests),
    Periodic(timedelta(minutes=5), company_domains.nudge_domain_checks),
    Periodic(timedelta(minutes=10), sweeps.nudge_accounts),
    Periodic(timedelta(seconds=30), sweeps.nudge_imports),
    Periodic(timedelta(seconds=30), sweeps.nudge_listing_runs),
    Periodic(timedelta(hours=1), billing.nudge_billing),
    Periodic(timedelta(seconds=30), trials.nudge_trials),
    Periodic(timedelta(hours=1), trials.look_after_trials),
    Periodic(timedelta(minutes=5), prices.nudge_prices),
    Periodic(timedelta(hours=6), prices.look_after_prices_and_assets),
    Periodic(timedelta(seconds=30), vendor_catalogue.fail_silent_vendor_runs),
    Periodic(timedelta(hours=1), vendor_catalogue.begin_vendor_prices),
    Periodic(timedelta(seconds=30), product_files.nudge_product_files),
    Periodic(timedelta(seconds=30), usage.nudge_usage_imports),
    Periodic(timedelta(hours=6), usage.nudge_usage_pulls),
    Periodic(timedelta(hours=1), usage.charge_usage_of_ended),
    Periodic(timedelta(hours=1), usage.warn_of_missing_usage),
    Periodic(timedelta(minutes=1), sweeps.link_audit_events),
    Periodic(timedelta(seconds=30), reconciliation.nudge_runs),
    Periodic(timedelta(seconds=30), adoption.nudge_adoptions),
    Periodic(timedelta(minutes=1), stuck.look_for_stuck_work),
    Periodic(timedelta(minutes=15), sweeps.release_holds),
    Periodic(timedelta(minutes=1), sweeps.nudge_scheduled_orders),
    Periodic(timedelta(minutes=1), sweeps.release_domains),
    Periodic(timedelta(hours=1), sweeps.expire_orders),
    Periodic(timedelta(hours=1), sweeps.expire_offers),
    Periodic(timedelta(hours=6), listings.tell_of_prices_below_cost),
    Periodic(timedelta(hours=3), sign_on.nudge_providers),
    Periodic(timedelta(hours=12), api_clients.tell_of_ending_credentials),
    Periodic(timedelta(hours=24), popularity.nudge_popularity),
    Periodic(timedelta(hours=12), sweeps.forget_vendor_calls),
    Periodic(timedelta(hours=1), sweeps.forget_finished),
    Periodic(timedelta(hours=6), trail.forget_old),
)


@dataclass
class Scheduler:
    """One ticking process; it remembers when it last looked, nothing else."""

    periodic: Sequence[Periodic] = PERIODIC
    clock: Callable[[], datetime] = utc_now
    _last: dict[str, datetime] = field(default_factory=dict)

    def tick(self) -> None:
        """Run what is due, each for every distributor. A database that is away is logged and survived."""
        at = self.clock()
        due = [
            each
            for each in self.periodic
            if at - self._last.get(each.name, datetime.min.replace(tzinfo=at.tzinfo)) >= each.every
        ]
        if not due:
            return
        try:
            distributor_ids = active_distributors()
            for each in due:
                self._last[each.name] = at
                for distributor_id in distributor_ids:
                    run_for(distributor_id, each, at)
        except SQLAlchemyError as error:
            log.warning("tick_without_database", extra={"reason": str(error.__cause__ or error)})
        finally:
            session.remove()


def active_distributors() -> Sequence[UUID]:
    """Return the distributors whose work goes on."""
    with scope(None), unit_of_work():
        return session.scalars(
            select(Distributor.id).where(Distributor.state == DistributorState.ACTIVE).order_by(Distributor.id)
        ).all()


def run_for(distributor_id: UUID, each: Periodic, at: datetime) -> None:
    """Run one periodic job for one distributor; what goes wrong there does not hold up the others."""
    fields = {"periodic": each.name, "distributor_id": str(distributor_id)}
    try:
        with (
            structlog.contextvars.bound_contextvars(**fields),
            scope(distributor_scope(distributor_id)),
            unit_of_work(),
        ):
            each.run(at)
    except (OperationalError, InterfaceError):
        raise  # the database is away, for the others too
    except Exception:
        log.exception("periodic_job_failed", extra=fields)
