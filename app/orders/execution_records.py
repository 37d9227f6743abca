"""Recording plain deliveries together: what `deliver` does for one item, for many in one statement.

Plain is what most tasks are: a new subscription, made by one order item, that waited for its vendor and now stands. All
else (added licences, changes, plans, add-ons, what had failed before) goes the longer way, through the models. Both
write the same rows: `tests/workers/provisioning/test_records.py` compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text

from app.core.config import settings
from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.notifications.services import MailTemplate, nudge_mails
from app.orders.deliveries import ORDER_CLOCK_LAGS
from app.orders.execution_events import READY
from app.orders.execution_mails import subscription_path
from app.provisioning.claims import MAX_MESSAGE, ClaimedTask, RecordedCall
from app.provisioning.jobs import PROVISION_ORDER_ITEM
from tenants.context import current_scope
from tenants.models import StorefrontState


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task the vendor has done, by the run that holds it, with what was said to the vendor."""

    task: ClaimedTask
    vendor_reference: str
    message: str
    calls: Sequence[RecordedCall]


# The order is locked before its item and subscription, orders by id: two batches that share orders do not cross. What
# is joined is named by id as well, so that a plan made while tables were small stays a walk by key. What a task leaves
# once has the task's id; a mail's begins with the moment, as `new_id` makes them. Links follow the rule of `tenants.links`.
_RECORD = text("""
WITH held AS MATERIALIZED (
    SELECT t.id AS task_id, t.sequence, o.id AS order_id, o.reseller_id AS order_reseller_id,
           o.account_id AS order_account_id, o.delivery_changed_at AS order_moved_at, i.id AS item_id, i.product_name, s.id AS subscription_id, s.code, s.friendly_name, s.quantity, s.renews_on,
           s.reseller_id, s.account_id, t.service_manager_id,
           CASE WHEN s.reseller_id <> s.account_id THEN s.reseller_id END AS sender_id
    FROM provisioning_tasks t
    JOIN orders o ON o.distributor_id = :here AND o.id = ANY (CAST(:order_ids AS uuid[])) AND o.id = t.order_id
    JOIN order_items i
      ON i.distributor_id = :here AND i.id = ANY (CAST(:item_ids AS uuid[])) AND i.id = t.order_item_id
      AND i.order_id = o.id
    JOIN subscriptions s
      ON s.distributor_id = :here AND s.id = ANY (CAST(:subject_ids AS uuid[])) AND s.id = t.subject_id
      AND s.order_item_id = i.id
    WHERE t.distributor_id = :here AND t.id = ANY (CAST(:task_ids AS uuid[])) AND t.lease_token = :lease_token
      AND t.status = 'running' AND t.kind = 'create' AND t.change_id IS NULL AND t.failure_told_at IS NULL
      AND i.delivery_status = 'provisioning' AND i.subscription_id = s.id
      AND s.status = 'pending_activation' AND s.sync_status = 'pending'
      AND s.role = 'main' AND s.parent_id IS NULL AND s.plan_edition IS NULL AND s.trial_ends_on IS NULL
      AND s.account_id = ANY (CAST(:account_ids AS uuid[]))
      AND (s.reseller_id IS NULL OR s.reseller_id = s.account_id OR s.reseller_id = ANY (CAST(:reseller_ids AS uuid[])))
    ORDER BY o.id, i.id
    FOR UPDATE OF o, t, i, s
), done AS MATERIALIZED (
    SELECT held.*, said.vendor_reference, said.message
    FROM held
    JOIN unnest(CAST(:task_ids AS uuid[]), CAST(:vendor_references AS text[]), CAST(:messages AS text[]))
         AS said (task_id, vendor_reference, message) ON said.task_id = held.task_id
), fronts AS MATERIALIZED (
    SELECT f.id, f.reseller_id, coalesce((
        SELECT :scheme || a.host || :port FROM addresses a
        WHERE a.distributor_id = :here AND a.storefront_id = f.id AND a.host IS NOT NULL AND a.state = 'live'
          AND (a.is_primary OR a.reseller_id IS NULL)
        ORDER BY a.is_primary DESC LIMIT 1
    ), (
        SELECT :scheme || (
            SELECT own.host FROM addresses own
            WHERE own.distributor_id = :here AND own.host IS NOT NULL AND own.reseller_id IS NULL AND own.state = 'live'
            ORDER BY own.is_primary DESC, own.id LIMIT 1
        ) || :port || '/' || a.alias FROM addresses a
        WHERE a.distributor_id = :here AND a.storefront_id = f.id AND a.alias IS NOT NULL
        ORDER BY a.is_primary DESC LIMIT 1
    )) AS url
    FROM (
        SELECT id, reseller_id FROM storefronts WHERE distributor_id = :here AND reseller_id IS NULL
        UNION ALL
        SELECT id, reseller_id FROM storefronts
        WHERE distributor_id = :here AND reseller_id = ANY (CAST(:reseller_ids AS uuid[])) AND state = ANY (:open_states)
    ) f
), tasks AS (
    UPDATE provisioning_tasks t
    SET status = 'succeeded', message = nullif(done.message, ''), finished_at = :at, lease_until = NULL,
        lease_token = NULL, vendor_reference = coalesce(nullif(done.vendor_reference, ''), t.vendor_reference)
    FROM done
    WHERE t.distributor_id = :here AND t.id = ANY (CAST(:task_ids AS uuid[])) AND t.id = done.task_id
), touched AS (
    UPDATE orders SET delivery_changed_at = :at
    WHERE distributor_id = :here
      AND id = ANY (SELECT order_id FROM done WHERE order_moved_at < :lately OR order_moved_at IS NULL)
      AND id = ANY (CAST(:order_ids AS uuid[]))
), items AS (
    UPDATE order_items SET delivery_status = 'delivered', failure_reason = NULL, delivery_changed_at = :at
    WHERE distributor_id = :here AND id = ANY (SELECT item_id FROM done) AND id = ANY (CAST(:item_ids AS uuid[]))
), order_history AS (
    INSERT INTO order_events (distributor_id, id, reseller_id, account_id, order_id, item_id, at, kind, text)
    SELECT :here, task_id, order_reseller_id, order_account_id, order_id, item_id, :at, 'delivered',
           replace(:ready, '{name}', product_name)
    FROM done
), activated AS (
    UPDATE subscriptions SET status = 'active', activated_at = :at, sync_status = 'synchronised'
    WHERE distributor_id = :here AND id = ANY (SELECT subscription_id FROM done)
      AND id = ANY (CAST(:subject_ids AS uuid[]))
), history AS (
    INSERT INTO subscription_events
        (distributor_id, id, reseller_id, account_id, subscription_id, at, kind, text, quantity_after)
    SELECT :here, task_id, reseller_id, account_id, subscription_id, :at, 'activated', 'Activated', quantity
    FROM done
), links AS (
    INSERT INTO subscription_vendor_links (distributor_id, id, subscription_id, service_manager_id, vendor_reference)
    SELECT :here, task_id, subscription_id, service_manager_id, vendor_reference
    FROM done WHERE vendor_reference <> ''
    ON CONFLICT (distributor_id, subscription_id) DO UPDATE
    SET service_manager_id = excluded.service_manager_id, vendor_reference = excluded.vendor_reference
), said AS (
    INSERT INTO vendor_calls
        (distributor_id, id, task_id, service_manager_id, at, operation, url, request_body, status_code,
         response_body, duration_ms)
    SELECT :here, c.id, c.task_id, done.service_manager_id, c.at, c.operation, c.url, c.request_body, c.status_code,
           c.response_body, c.duration_ms
    FROM jsonb_to_recordset(CAST(:calls AS jsonb)) AS c (
        id uuid, task_id uuid, at timestamptz, operation text, url text, request_body text, status_code int,
        response_body text, duration_ms int)
    JOIN done ON done.task_id = c.task_id
), mails AS (
    INSERT INTO outbound_mails
        (distributor_id, id, template, sender_reseller_id, storefront_id, to_email, to_name, fields, state, attempts,
         next_attempt_at, created_at, about_kind, about_id)
    SELECT :here, CAST(:moment || '-7' || substr(CAST(gen_random_uuid() AS text), 16) AS uuid), :template,
           done.sender_id, fronts.id, u.email, trim(u.first_name || ' ' || u.last_name),
           jsonb_build_object(
               'product_name', done.product_name, 'friendly_name', done.friendly_name,
               'quantity', CAST(done.quantity AS text), 'renewal_date', coalesce(CAST(done.renews_on AS text), '-'),
               'subscription_url', coalesce(fronts.url || :path || done.code, '')
           ), 'pending', 0, :at, :at, 'subscription', done.subscription_id
    FROM done
    JOIN fronts ON fronts.reseller_id IS NOT DISTINCT FROM done.sender_id
    JOIN users u
      ON u.distributor_id = :here AND u.account_id = ANY (CAST(:account_ids AS uuid[]))
      AND u.account_id = done.account_id AND u.status = 'active' AND u.type = 'admin'
    RETURNING id
)
SELECT (SELECT array_agg(task_id) FROM done) AS task_ids,
       (SELECT count(*) FROM mails) AS mails,
       (SELECT array_agg(id) FROM (
           SELECT DISTINCT ON (t.subject_id) t.id FROM done
           JOIN provisioning_tasks t
             ON t.distributor_id = :here AND t.subject_id = done.subscription_id AND t.sequence > done.sequence
           WHERE t.status = 'pending' AND t.subject_id = ANY (CAST(:subject_ids AS uuid[]))
           ORDER BY t.subject_id, t.sequence) following) AS following
""")
_OPEN = [state.value for state in StorefrontState if state.is_open]


def record_deliveries(done: Sequence[Delivery], *, at: datetime) -> frozenset[UUID]:
    """Record what is plain of these, all or nothing; returns the tasks recorded. The others are left to the caller.

    Task, item, order, subscription, vendor link, both histories, calls and mails are written, mails and following tasks
    nudged after the commit. A task another run holds by now is not plain. All are of one claim.
    """
    here = current_scope().distributor_id
    found = session.connection().execute(_RECORD, _given(done, at) | {"here": here}).one()
    if not found.task_ids:
        return frozenset()
    if found.mails:
        nudge_mails()
    for following in found.following or ():
        nudge_after_commit(Nudge(PROVISION_ORDER_ITEM, following, here))
    return frozenset(found.task_ids)


def _given(done: Sequence[Delivery], at: datetime) -> dict[str, Any]:
    tasks = [each.task for each in done]
    scheme, port = settings().origin("\0").split("\0")
    return {
        "at": at,
        "lately": at - ORDER_CLOCK_LAGS,
        "moment": str(new_id())[:13],
        "lease_token": tasks[0].lease_token,  # of the run: one for all that it has claimed together
        "task_ids": [task.id for task in tasks],
        "vendor_references": [each.vendor_reference for each in done],
        "messages": [each.message[:MAX_MESSAGE] for each in done],
        "order_ids": list({task.order_id for task in tasks if task.order_id}),
        "item_ids": [task.order_item_id for task in tasks if task.order_item_id],
        "subject_ids": [task.subject_id for task in tasks],
        "account_ids": list({task.picture.account.account_id for task in tasks}),
        "reseller_ids": list({task.picture.reseller.account_id for task in tasks if task.picture.reseller}),
        "calls": Jsonb([_call(call, each.task.id) for each in done for call in each.calls]),
        "ready": READY,
        "template": MailTemplate.SUBSCRIPTION_READY.value,
        "path": subscription_path(""),
        "scheme": scheme,
        "port": port,
        "open_states": _OPEN,
    }


def _call(call: RecordedCall, task_id: UUID) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "task_id": str(task_id),
        "at": call.at.isoformat(),
        "operation": call.operation,
        "url": call.url,
        "request_body": call.request_body,
        "status_code": call.status_code,
        "response_body": call.response_body,
        "duration_ms": call.duration_ms,
    }
