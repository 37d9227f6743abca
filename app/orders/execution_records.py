"""Recording plain deliveries together: what `deliver` does for one item, for many in two statements.

Plain is what most tasks are: a new subscription, made by one order item, that waited for its vendor and now stands. All
else (added licences, changes, plans, add-ons, what had failed before) goes the longer way, through the models. Both
write the same rows: `tests/workers/provisioning/test_records.py` compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text

from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.notifications.services import MailTemplate, nudge_mails
from app.orders.execution_events import READY, event_text
from app.orders.execution_mails import ready_fields, subscription_path
from app.provisioning.claims import MAX_MESSAGE, ClaimedTask, RecordedCall
from app.provisioning.jobs import PROVISION_ORDER_ITEM
from tenants.context import current_scope
from tenants.links import NoAddress, front_of
from tenants.models import AddressState, StorefrontState


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task the vendor has done, by the run that holds it, with what was said to the vendor."""

    task: ClaimedTask
    vendor_reference: str
    message: str
    calls: Sequence[RecordedCall]


class Place(NamedTuple):
    """An address, as links need it."""

    alias: str | None
    host: str | None
    is_primary: bool
    state: AddressState
    reseller_id: UUID | None


class Front(NamedTuple):
    """Where the customers of one seller look at their services: `url` is empty where no address leads there."""

    storefront_id: str
    url: str


# The order is locked before its item and subscription, orders by id: two batches that share orders do not cross. What
# is joined is named by id as well, so that a plan made while tables were small stays a walk by key.
_HOLD = text("""
WITH held AS MATERIALIZED (
    SELECT t.id AS task_id, o.id AS order_id, o.reseller_id AS order_reseller_id, o.account_id AS order_account_id,
           i.id AS item_id, i.product_name, s.id AS subscription_id, s.code, s.friendly_name, s.quantity, s.renews_on,
           s.reseller_id, s.account_id
    FROM provisioning_tasks t
    JOIN orders o ON o.distributor_id = :here AND o.id = ANY (CAST(:order_ids AS uuid[])) AND o.id = t.order_id
    JOIN order_items i
      ON i.distributor_id = :here AND i.id = ANY (CAST(:item_ids AS uuid[])) AND i.id = t.order_item_id
      AND i.order_id = o.id
    JOIN subscriptions s
      ON s.distributor_id = :here AND s.id = ANY (CAST(:subject_ids AS uuid[])) AND s.id = t.subject_id
      AND s.order_item_id = i.id
    WHERE t.distributor_id = :here AND t.id = ANY (CAST(:task_ids AS uuid[])) AND t.lease_token = :lease_token
      AND t.status = 'running' AND t.kind = 'create' AND t.change_id IS NULL
      AND i.delivery_status = 'provisioning' AND i.subscription_id = s.id
      AND s.status = 'pending_activation' AND s.sync_status = 'pending'
      AND s.role = 'main' AND s.parent_id IS NULL AND s.plan_edition IS NULL AND s.trial_ends_on IS NULL
      AND s.account_id = ANY (CAST(:account_ids AS uuid[]))
      AND (s.reseller_id IS NULL OR s.reseller_id = s.account_id OR s.reseller_id = ANY (CAST(:reseller_ids AS uuid[])))
    ORDER BY o.id, i.id
    FOR UPDATE OF o, t, i, s
), sellers AS MATERIALIZED (
    SELECT f.id, f.reseller_id, f.state FROM storefronts f
    WHERE f.distributor_id = :here AND f.reseller_id IS NULL
    UNION ALL
    SELECT f.id, f.reseller_id, f.state FROM storefronts f
    WHERE f.distributor_id = :here AND f.reseller_id = ANY (CAST(:reseller_ids AS uuid[]))
)
SELECT
    (SELECT json_agg(held) FROM held) AS held,
    (SELECT json_agg(row) FROM (
        SELECT u.account_id, u.email, u.first_name, u.last_name FROM users u
        WHERE u.distributor_id = :here AND u.account_id = ANY (CAST(:account_ids AS uuid[]))
          AND u.status = 'active' AND u.type = 'admin'
        ORDER BY lower(u.last_name), lower(u.first_name), u.id
    ) row) AS admins,
    (SELECT json_agg(row) FROM (
        SELECT sellers.*, (
            SELECT json_agg(place) FROM (
                SELECT a.alias, a.host, a.is_primary, a.state, a.reseller_id FROM addresses a
                WHERE a.distributor_id = :here AND a.storefront_id = sellers.id
                ORDER BY a.is_primary DESC, a.id
            ) place) AS places
        FROM sellers
    ) row) AS storefronts,
    (SELECT json_agg(row) FROM (
        SELECT DISTINCT ON (t.subject_id) t.id, t.subject_id FROM provisioning_tasks t
        WHERE t.distributor_id = :here AND t.subject_id = ANY (CAST(:subject_ids AS uuid[])) AND t.status = 'pending'
        ORDER BY t.subject_id, t.sequence
    ) row) AS following
""")

_RECORD = text("""
WITH done AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:done AS jsonb)) AS d (
        task_id uuid, order_id uuid, order_reseller_id uuid, order_account_id uuid, item_id uuid, subscription_id uuid,
        reseller_id uuid, account_id uuid, quantity int, service_manager_id uuid, vendor_reference text, message text,
        text text, order_event_id uuid, subscription_event_id uuid, link_id uuid)
), tasks AS (
    UPDATE provisioning_tasks t
    SET status = 'succeeded', message = nullif(done.message, ''), finished_at = :at, lease_until = NULL,
        lease_token = NULL, vendor_reference = coalesce(nullif(done.vendor_reference, ''), t.vendor_reference)
    FROM done
    WHERE t.distributor_id = :here AND t.id = ANY (CAST(:task_ids AS uuid[])) AND t.id = done.task_id
), touched AS (
    UPDATE orders SET delivery_changed_at = :at
    WHERE distributor_id = :here AND id = ANY (CAST(:order_ids AS uuid[]))
), items AS (
    UPDATE order_items SET delivery_status = 'delivered', failure_reason = NULL, delivery_changed_at = :at
    WHERE distributor_id = :here AND id = ANY (CAST(:item_ids AS uuid[]))
), order_history AS (
    INSERT INTO order_events (distributor_id, id, reseller_id, account_id, order_id, item_id, at, kind, text)
    SELECT :here, order_event_id, order_reseller_id, order_account_id, order_id, item_id, :at, 'delivered', done.text
    FROM done
), activated AS (
    UPDATE subscriptions SET status = 'active', activated_at = :at, sync_status = 'synchronised'
    WHERE distributor_id = :here AND id = ANY (CAST(:subscription_ids AS uuid[]))
), history AS (
    INSERT INTO subscription_events
        (distributor_id, id, reseller_id, account_id, subscription_id, at, kind, text, quantity_after)
    SELECT :here, subscription_event_id, reseller_id, account_id, subscription_id, :at, 'activated', 'Activated',
           quantity
    FROM done
), links AS (
    INSERT INTO subscription_vendor_links
        (distributor_id, id, subscription_id, service_manager_id, vendor_reference)
    SELECT :here, link_id, subscription_id, service_manager_id, vendor_reference FROM done
    WHERE vendor_reference <> ''
    ON CONFLICT (distributor_id, subscription_id) DO UPDATE
    SET service_manager_id = excluded.service_manager_id, vendor_reference = excluded.vendor_reference
), said AS (
    INSERT INTO vendor_calls
        (distributor_id, id, task_id, service_manager_id, at, operation, url, request_body, status_code,
         response_body, duration_ms)
    SELECT :here, c.* FROM jsonb_to_recordset(CAST(:calls AS jsonb)) AS c (
        id uuid, task_id uuid, service_manager_id uuid, at timestamptz, operation text, url text, request_body text,
        status_code int, response_body text, duration_ms int)
)
INSERT INTO outbound_mails
    (distributor_id, id, template, sender_reseller_id, storefront_id, to_email, to_name, fields, state, attempts,
     next_attempt_at, created_at)
SELECT :here, m.id, :template, m.sender_reseller_id, m.storefront_id, m.to_email, m.to_name, m.fields, 'pending', 0,
       :at, :at
FROM jsonb_to_recordset(CAST(:mails AS jsonb)) AS m (
    id uuid, sender_reseller_id uuid, storefront_id uuid, to_email text, to_name text, fields jsonb)
""")


def record_deliveries(done: Sequence[Delivery], *, at: datetime) -> frozenset[UUID]:
    """Record what is plain of these, all or nothing; returns the tasks recorded. The others are left to the caller.

    Task, item, order, subscription, vendor link, both histories, calls and mails are written, mails and following tasks
    nudged after the commit. A task another run holds by now is not plain.
    """
    by_task = {str(each.task.id): each for each in done}
    here, tasks = current_scope().distributor_id, [each.task for each in done]
    connection = session.connection()
    found = connection.execute(
        _HOLD,
        {
            "here": here,
            "lease_token": tasks[0].lease_token,  # of the run: one for all that it has claimed together
            "task_ids": [task.id for task in tasks],
            "order_ids": list({task.order_id for task in tasks if task.order_id}),
            "item_ids": [task.order_item_id for task in tasks if task.order_item_id],
            "subject_ids": [task.subject_id for task in tasks],
            "account_ids": list({task.picture.account.account_id for task in tasks}),
            "reseller_ids": list({task.picture.reseller.account_id for task in tasks if task.picture.reseller}),
        },
    ).one()
    if not found.held:
        return frozenset()
    rows = [_row(held, by_task[held["task_id"]]) for held in found.held]
    mails = _mails(found.held, found.admins or (), _fronts(found.storefronts or ()))
    connection.execute(
        _RECORD,
        {
            "here": here,
            "at": at,
            "template": MailTemplate.SUBSCRIPTION_READY.value,
            "done": Jsonb(rows),
            "calls": Jsonb(
                [_call(call, by_task[row["task_id"]].task) for row in rows for call in by_task[row["task_id"]].calls]
            ),
            "mails": Jsonb(mails),
            "task_ids": [row["task_id"] for row in rows],
            "order_ids": list({row["order_id"] for row in rows}),
            "item_ids": [row["item_id"] for row in rows],
            "subscription_ids": [row["subscription_id"] for row in rows],
        },
    )
    nudge_mails([UUID(mail["id"]) for mail in mails])
    subjects = {row["subscription_id"] for row in rows}
    for following in found.following or ():
        if following["subject_id"] in subjects:
            nudge_after_commit(Nudge(PROVISION_ORDER_ITEM, UUID(following["id"]), here))
    return frozenset(by_task[row["task_id"]].task.id for row in rows)


def _row(held: Mapping[str, Any], done: Delivery) -> dict[str, Any]:
    return {
        **held,
        "service_manager_id": _manager_id(done.task),
        "vendor_reference": done.vendor_reference,
        "message": done.message[:MAX_MESSAGE],
        "text": event_text(READY, held["product_name"]),
        "order_event_id": str(new_id()),
        "subscription_event_id": str(new_id()),
        "link_id": str(new_id()),
    }


def _call(call: RecordedCall, task: ClaimedTask) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "task_id": str(task.id),
        "service_manager_id": _manager_id(task),
        "at": call.at.isoformat(),
        "operation": call.operation,
        "url": call.url,
        "request_body": call.request_body,
        "status_code": call.status_code,
        "response_body": call.response_body,
        "duration_ms": call.duration_ms,
    }


def _mails(
    delivered: Sequence[Mapping[str, Any]], people: Sequence[Mapping[str, Any]], fronts: Mapping[str | None, Front]
) -> list[dict[str, Any]]:
    """RSN-14, as `mail_ready` queues it: to the account's Admins, in the name of who sold the service."""
    admins: dict[str, list[Mapping[str, Any]]] = {}
    for admin in people:
        admins.setdefault(admin["account_id"], []).append(admin)
    mails = []
    for held in delivered:
        is_customers = held["reseller_id"] is not None and held["account_id"] != held["reseller_id"]
        sender = held["reseller_id"] if is_customers else None
        front = fronts.get(sender)
        if front is None or held["account_id"] is None:
            continue
        url = front.url + subscription_path(held["code"]) if front.url else ""
        fields = ready_fields(held["product_name"], held["friendly_name"], held["quantity"], held["renews_on"], url)
        mails += [
            {
                "id": str(new_id()),
                "sender_reseller_id": sender,
                "storefront_id": front.storefront_id,
                "to_email": admin["email"],
                "to_name": f"{admin['first_name']} {admin['last_name']}".strip(),
                "fields": fields,
            }
            for admin in admins.get(held["account_id"], ())
        ]
    return mails


def _fronts(storefronts: Sequence[Mapping[str, Any]]) -> dict[str | None, Front]:
    """Return where mails lead, by seller: None is the distributor, whose storefront counts in any state."""
    places = {row["id"]: [_place(each) for each in row["places"] or ()] for row in storefronts}
    root = next((row["id"] for row in storefronts if row["reseller_id"] is None), "")
    own_host = next((p.host for p in places.get(root, ()) if p.host and p.state is AddressState.LIVE), None)
    fronts: dict[str | None, Front] = {}
    for row in storefronts:
        if row["reseller_id"] is not None and not StorefrontState(row["state"]).is_open:
            continue
        try:
            url = front_of(places[row["id"]], lambda: own_host)
        except NoAddress:
            url = ""
        fronts[row["reseller_id"]] = Front(row["id"], url)
    return fronts


def _place(row: Mapping[str, Any]) -> Place:
    reseller_id = UUID(row["reseller_id"]) if row["reseller_id"] else None
    return Place(row["alias"], row["host"], row["is_primary"], AddressState(row["state"]), reseller_id)


def _manager_id(task: ClaimedTask) -> str | None:
    return str(task.manager.id) if task.manager is not None else None
