"""What an Open Service Broker sells (GET /v2/catalog), and which of its plans our product code means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from workers.connectors.base import ConnectorRejected, InvalidVendorResponse

MAX_POLLING = timedelta(days=7)  # the specification names a week where a plan does not say


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan, with what its service says about all of them."""

    service_id: str
    service_name: str
    id: str
    name: str
    is_retrievable: bool  # its instances can be read
    is_updateable: bool  # to another plan
    polling: timedelta  # how long accepted work may take
    create_parameters: frozenset[str] | None  # those its schema names; None: it has none, or allows others
    update_parameters: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All plans of a broker."""

    plans: tuple[Plan, ...]

    @property
    def is_retrievable(self) -> bool:
        """Whether any instance can be read."""
        return any(plan.is_retrievable for plan in self.plans)

    def plan_of(self, product_code: str) -> Plan:
        """Return the plan that a product code means, whatever the case: its id, `service.plan`, or a name that only it has.

        Raises ConnectorRejected where there is none, or where a plan's name alone means several.
        """
        wanted = product_code.casefold()
        for plan in self.plans:
            if wanted in {plan.id.casefold(), *(each.casefold() for each in self.spellings(plan))}:
                return plan
        if any(plan.name.casefold() == wanted for plan in self.plans):
            raise ConnectorRejected(
                "ambiguous_plan", f"The broker has several plans called {product_code}: write service.plan"
            )
        raise ConnectorRejected("unknown_plan", f"The broker has no plan {product_code}")

    def spellings(self, plan: Plan) -> tuple[str, ...]:
        """Return the codes that mean a plan beside its id."""
        is_only_one = sum(each.name.casefold() == plan.name.casefold() for each in self.plans) == 1
        return (f"{plan.service_name}.{plan.name}", *((plan.name,) if is_only_one else ()))

    def plan_with_id(self, plan_id: str | None) -> Plan | None:
        """Return the plan that an instance was said to have, or None where the broker does not sell it any more."""
        return next((plan for plan in self.plans if plan.id == plan_id), None)


def catalogue_of(fields: Mapping[str, object]) -> Catalogue:
    """Read the broker's answer. Raises InvalidVendorResponse."""
    services = fields.get("services")
    if not isinstance(services, list):
        raise InvalidVendorResponse("services is not a list")
    return Catalogue(tuple(plan for service in services for plan in _plans(_object(service, "a service"))))


def _plans(service: Mapping[str, object]) -> Iterator[Plan]:
    plans = service.get("plans")
    if not isinstance(plans, list):
        raise InvalidVendorResponse("plans is not a list")
    for each in plans:
        plan = _object(each, "a plan")
        updateable = plan.get("plan_updateable", service.get("plan_updateable"))
        yield Plan(
            service_id=_text(service, "id"),
            service_name=_text(service, "name"),
            id=_text(plan, "id"),
            name=_text(plan, "name"),
            is_retrievable=service.get("instances_retrievable") is True,
            is_updateable=updateable is True,
            polling=_polling(plan.get("maximum_polling_duration")),
            create_parameters=_parameters(plan, "create"),
            update_parameters=_parameters(plan, "update"),
        )


def _polling(seconds: object) -> timedelta:
    if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0:
        return min(timedelta(seconds=seconds), MAX_POLLING)
    return MAX_POLLING


def _parameters(plan: Mapping[str, object], action: str) -> frozenset[str] | None:
    """Return the parameters that a plan's schema allows; None where it lets everything pass."""
    found: object = plan
    for name in ("schemas", "service_instance", action, "parameters"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or found.get("additionalProperties") is not False:
        return None
    properties = found.get("properties")
    return frozenset(properties) if isinstance(properties, Mapping) else frozenset()


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidVendorResponse(f"{what} of the catalogue is not an object")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidVendorResponse(f"{name} is missing in the catalogue")
    return value
