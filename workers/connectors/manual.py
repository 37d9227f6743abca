"""The connector of services that people provision: it calls nobody and says that a person is needed."""

from __future__ import annotations

from workers.connectors.base import (
    AccountPicture,
    AccountReference,
    ProvisioningRequest,
    RequestKind,
    VendorResource,
    require_kind,
)

NEEDS_PERSON = "Needs a person: this service is not provisioned automatically"


class ManualConnector:
    """Keeps the Connector protocol. Nothing is done, so nothing can fail and every key is as good as another."""

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        del idempotency_key
        return AccountReference(account.vendor_reference or "", NEEDS_PERSON, needs_person=True)

    def check(self, request: ProvisioningRequest) -> None:
        """Agree: whoever does the work looks first."""

    def create(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return _for_a_person(request, RequestKind.CREATE, idempotency_key)

    def update(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return _for_a_person(request, RequestKind.UPDATE, idempotency_key)

    def cancel(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return _for_a_person(request, RequestKind.CANCEL, idempotency_key)

    def suspend(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return _for_a_person(request, RequestKind.SUSPEND, idempotency_key)

    def activate(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return _for_a_person(request, RequestKind.ACTIVATE, idempotency_key)

    def find(self, idempotency_key: str) -> VendorResource | None:
        del idempotency_key
        return None


def _for_a_person(request: ProvisioningRequest, kind: RequestKind, idempotency_key: str) -> VendorResource:
    del idempotency_key
    require_kind(request, kind)
    return VendorResource(request.vendor_reference or "", request.product_name, NEEDS_PERSON, needs_person=True)
