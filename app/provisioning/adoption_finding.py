"""Which of a vendor's services nobody knows here, and to whom they seem to belong (GO-06)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.catalogue.models import BillingCycle, Term
from app.core.db import session
from tenants.context import current_scope

# One row per service, however often it is seen. What somebody has decided about it stays; what has left the vendor,
# or has become known here, is taken off the list unless it was decided about.
_FIND = text("""
INSERT INTO adoptions (distributor_id, id, service_manager_id, vendor_reference, name, quantity, vendor_product,
                       vendor_account, state, found_at)
SELECT :here, gen_random_uuid(), :manager, t.vendor_reference, t.name, t.quantity, t.product_code,
       left(concat_ws(' · ', t.account_code, t.account_name, t.account_email), 400), 'found', :at
FROM vendor_services t
WHERE t.distributor_id = :here AND t.service_manager_id = :manager AND t.run_id = :run
  AND NOT EXISTS (
    SELECT FROM subscription_vendor_links l
    WHERE l.distributor_id = :here AND l.service_manager_id = :manager AND l.vendor_reference = t.vendor_reference)
  AND NOT EXISTS (
    SELECT FROM provisioning_tasks k JOIN assets b ON b.distributor_id = :here AND b.id = k.subject_id
    WHERE k.distributor_id = :here AND k.service_manager_id = :manager AND k.vendor_reference = t.vendor_reference)
ON CONFLICT (distributor_id, service_manager_id, vendor_reference) DO UPDATE
SET name = excluded.name, vendor_product = excluded.vendor_product, vendor_account = excluded.vendor_account,
    quantity = CASE WHEN adoptions.state IN ('found', 'ready') THEN coalesce(excluded.quantity, adoptions.quantity)
                    ELSE adoptions.quantity END
""")
_DROP = text("""
DELETE FROM adoptions a
WHERE a.distributor_id = :here AND a.service_manager_id = :manager AND a.state IN ('found', 'ready', 'failed')
  AND (NOT EXISTS (
        SELECT FROM vendor_services t
        WHERE t.distributor_id = :here AND t.service_manager_id = :manager AND t.run_id = :run
          AND t.vendor_reference = a.vendor_reference)
    OR EXISTS (
        SELECT FROM subscription_vendor_links l
        WHERE l.distributor_id = :here AND l.service_manager_id = :manager AND l.vendor_reference = a.vendor_reference)
    OR EXISTS (
        SELECT FROM provisioning_tasks k JOIN assets b ON b.distributor_id = :here AND b.id = k.subject_id
        WHERE k.distributor_id = :here AND k.service_manager_id = :manager
          AND k.vendor_reference = a.vendor_reference))
""")
# The vendor's own name of the account is sure; its code is ours where we gave it; a mail may belong to several: only one
# that a single account has counts.
_ACCOUNTS = text("""
UPDATE adoptions a
SET account_id = found.account_id, matched_by = found.matched_by
FROM (
    SELECT t.vendor_reference, coalesce(link.account_id, coded.id, mailed.id) AS account_id,
           CASE WHEN link.account_id IS NOT NULL THEN 'link' WHEN coded.id IS NOT NULL THEN 'code' ELSE 'email' END
             AS matched_by
    FROM vendor_services t
    LEFT JOIN vendor_account_links link
      ON link.distributor_id = :here AND link.service_manager_id = :manager
     AND link.vendor_reference = t.account_reference
    LEFT JOIN accounts coded ON coded.distributor_id = :here AND lower(coded.code) = lower(t.account_code)
    LEFT JOIN LATERAL (
        SELECT (array_agg(m.id))[1] AS id FROM accounts m
        WHERE m.distributor_id = :here AND lower(m.email) = lower(t.account_email) HAVING count(*) = 1
    ) mailed ON true
    WHERE t.distributor_id = :here AND t.service_manager_id = :manager AND t.run_id = :run
) found
WHERE a.distributor_id = :here AND a.service_manager_id = :manager AND a.vendor_reference = found.vendor_reference
  AND a.account_id IS NULL AND a.state = 'found' AND found.account_id IS NOT NULL
""")
# A product of this service manager goes before another one of the same code.
_PRODUCTS = text("""
UPDATE adoptions a
SET product_id = found.product_id,
    term = coalesce(a.term, found.term), cycle = coalesce(a.cycle, found.cycle)
FROM (
    SELECT DISTINCT ON (t.vendor_reference) t.vendor_reference, p.id AS product_id,
           CASE WHEN t.term = ANY(:terms) THEN t.term END AS term,
           CASE WHEN t.billing_cycle = ANY(:cycles) THEN t.billing_cycle END AS cycle
    FROM vendor_services t
    JOIN products p
      ON p.distributor_id = :here AND (lower(p.code) = lower(t.product_code) OR p.external_id = t.product_code)
    JOIN product_types y ON y.distributor_id = :here AND y.id = p.product_type_id
    WHERE t.distributor_id = :here AND t.service_manager_id = :manager AND t.run_id = :run AND t.product_code <> ''
    ORDER BY t.vendor_reference, (y.service_manager_id = :manager) DESC NULLS LAST, p.id
) found
WHERE a.distributor_id = :here AND a.service_manager_id = :manager AND a.vendor_reference = found.vendor_reference
  AND a.product_id IS NULL AND a.state = 'found'
""")


def find_candidates(run_id: UUID, manager_id: UUID, *, at: datetime) -> None:
    """Bring the list of services to be taken over up to date with a run, and match accounts and products."""
    given = {
        "here": current_scope().distributor_id,
        "run": run_id,
        "manager": manager_id,
        "terms": [each.value for each in Term if each.months],
        "cycles": [each.value for each in BillingCycle if each.months],
    }
    session.flush()
    session.execute(_FIND, {**given, "at": at})
    for statement in (_DROP, _ACCOUNTS, _PRODUCTS):
        session.execute(statement, given)
