"""The names of all mails, and what is told of each; what is told stands in `facts` (RS Notifications)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class MailTemplate(enum.Enum):
    """The mails, by the file that holds their words in `themes/<theme>/templates/mail/`."""

    STOREFRONT_WELCOME = "storefront_welcome"  # RSN-1
    PLAN_CHANGED = "plan_changed"  # RSN-2
    USER_ACTIVATION = "user_activation"  # RSN-6
    ACTIVATION_DONE = "activation_done"  # RSN-7
    PASSWORD_RESET = "password_reset"  # noqa: S105 - RSN-8, the name of a mail
    SIGN_IN_ELSEWHERE = "sign_in_elsewhere"  # SF-13, to who has no password to forget
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - RSN-9, the name of a mail
    ORDER_CONFIRMATION = "order_confirmation"  # RSN-10, N8
    ORDER_AWAITS_APPROVAL = "order_awaits_approval"  # RSN-11
    ORDER_APPROVED = "order_approved"  # RSN-12
    ORDER_DECLINED = "order_declined"  # RSN-13
    SUBSCRIPTION_READY = "subscription_ready"  # RSN-14
    NO_AVAILABLE_CREDIT = "no_available_credit"  # N9
    PROVISIONING_FAILED = "provisioning_failed"  # N15
    CANCELLATION_REQUESTED = "cancellation_requested"  # CB-29, to the account manager
    CANCELLATION_COMPLETED = "cancellation_completed"
    SUBSCRIPTION_CANCELED = "subscription_canceled"  # CB-29, internal
    REQUEST_REJECTED = "request_rejected"
    CHANGE_DONE = "change_done"
    CHANGE_FAILED = "change_failed"  # CB-22, internal
    SUBSCRIPTION_SUSPENDED = "subscription_suspended"  # CB-30
    RENEWAL_REMINDER = "renewal_reminder"  # CB-28
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    PRICE_CHANGED = "price_changed"  # CB-26, CB-43
    PROMOTION_ENDED = "promotion_ended"  # CB-16
    SUBSCRIPTION_REACTIVATED = "subscription_reactivated"
    VENDOR_RUN_FAILED = "vendor_run_failed"  # CB-15
    USAGE_MISSING = "usage_missing"  # CB-13
    BUDGET_REACHED = "budget_reached"  # CB-13
    IMPORT_FINISHED = "import_finished"  # CB-13, CB-43, to who started it
    PRICE_LIST_ENDING = "price_list_ending"  # CB-05, to billing people
    PRICE_LIST_ENDED = "price_list_ended"  # CB-05, to billing people
    STUCK_WORK = "stuck_work"  # GO-03, internal
    WORK_RECOVERED = "work_recovered"  # CB-22, internal
    ORDER_CANCELED = "order_canceled"  # SF-31, SF-32
    ORDER_STATUS = "order_status"  # CB-19, where a status says so
    SCHEDULED_ORDER_DONE = "scheduled_order_done"  # SF-33
    SCHEDULED_ORDER_FAILED = "scheduled_order_failed"  # SF-33
    SCHEDULED_ORDER_STUCK = "scheduled_order_stuck"  # SF-33, to the operators
    ORDER_NEEDS_PEOPLE = "order_needs_people"  # CB-21
    ORDER_SHARED = "order_shared"  # CB-18, to who pays for it
    OFFER_SENT = "offer_sent"  # CB-17
    OFFER_DECIDED = "offer_decided"  # CB-17, to its owner
    OFFER_EXPIRES = "offer_expires"  # CB-17, to its owner
    PRICES_BELOW_COST = "prices_below_cost"  # RSN-19
    MAIL_SETTINGS_FAIL = "mail_settings_fail"  # RSN-20
    TRIAL_ENDING = "trial_ending"
    TRIAL_ENDED = "trial_ended"
    ASSET_READY = "asset_ready"  # CB-31
    ASSET_EXPIRING = "asset_expiring"
    PROTECTION_ENDING = "protection_ending"
    PROTECTION_ENDED = "protection_ended"  # CB-06
    EXTERNAL_PRICE_FAILED = "external_price_failed"
    USER_LOCKED = "user_locked"
    SIGN_IN_CODE = "sign_in_code"  # SF-12
    NEW_DEVICE = "new_device"  # BC-28
    EMAIL_CODE = "email_code"  # SF-16
    LOGIN_OPTIONS = "login_options"  # SF-15
    COMPANY_SIGN_IN = "company_sign_in"  # GO-14, to the company's Admins
    EMAIL_CHANGED = "email_changed"
    REGISTRATION_REQUEST = "registration_request"  # SF-05, to the storefront's owner
    REGISTRATION_REJECTED = "registration_rejected"  # SF-05
    ENQUIRY_RECEIVED = "enquiry_received"  # SF-18, to the storefront's owner
    ENQUIRY_COPY = "enquiry_copy"  # SF-18, to who asked
    ACCOUNT_EXISTS = "account_exists"  # SF-04
    SECOND_FACTOR = "second_factor"  # BC-02
    ADMINISTRATORS_CHANGED = "administrators_changed"  # BC-03, internal
    PROVIDER_NOTICE = "provider_notice"  # SF-14, to who owns the provider
    LOCAL_LOGIN_SWITCHED = "local_login_switched"  # BC-27, to who owns the realm
    API_CREDENTIALS = "api_credentials"  # BC-32, to who owns the API
    TEST = "test"


SECRET_FIELDS = frozenset(
    {"activation_url", "reset_url", "share_url", "sign_in_code", "email_code"}
)  # whoever has the link is let in


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What people who configure a mail must know. `action` is the merge field behind the mail's button, and its words."""

    label: str
    fields: tuple[str, ...]
    action: tuple[str, str] | None = None
    is_required: bool = False  # cannot be switched off (RS-17)
    is_to_customers: bool = True  # a reseller's own mail; the others come from the distributor
