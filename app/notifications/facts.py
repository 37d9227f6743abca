"""What people who configure mails must know of each: words, merge fields, button (RS Notifications)."""

from __future__ import annotations

from app.notifications.templates import MailTemplate, TemplateFacts

LIST_FIELDS = ("price_list_name", "last_day", "accounts", "subscriptions", "price_list_url")
FACTS: dict[MailTemplate, TemplateFacts] = {
    MailTemplate.STOREFRONT_WELCOME: TemplateFacts(
        "Welcome to your storefront",
        ("reseller_name", "contact_first_name", "storefront_url", "alias", "plan_name", "distributor_name"),
        ("storefront_url", "Open your storefront"),
        is_to_customers=False,
    ),
    MailTemplate.PLAN_CHANGED: TemplateFacts(
        "Plan changed", ("plan_from", "plan_to", "effective_date"), is_to_customers=False
    ),
    MailTemplate.USER_ACTIVATION: TemplateFacts(
        "Activate your account",
        ("user_first_name", "company_name", "activation_url", "valid_until"),
        ("activation_url", "Activate account"),
        is_required=True,
    ),
    MailTemplate.ACTIVATION_DONE: TemplateFacts(
        "Account activated", ("user_first_name", "login_url"), ("login_url", "Sign in")
    ),
    MailTemplate.PASSWORD_RESET: TemplateFacts(
        "Set a new password",
        ("user_first_name", "reset_url", "valid_until"),
        ("reset_url", "Set a new password"),
        is_required=True,
    ),
    MailTemplate.SIGN_IN_ELSEWHERE: TemplateFacts(
        "Sign in with your provider",
        ("user_first_name", "providers", "login_url"),
        ("login_url", "Sign in"),
        is_required=True,
    ),
    MailTemplate.PASSWORD_CHANGED: TemplateFacts(
        "Password changed", ("user_first_name", "login_url"), ("login_url", "Sign in")
    ),
    MailTemplate.REGISTRATION_REQUEST: TemplateFacts(
        "Registration request",
        ("applicant_name", "company", "email", "registration_url"),
        ("registration_url", "Review registration"),
        is_to_customers=False,
    ),
    MailTemplate.REGISTRATION_REJECTED: TemplateFacts("Registration rejected", ("company_name",)),
    MailTemplate.ENQUIRY_RECEIVED: TemplateFacts(
        "Question about a product",
        ("applicant_name", "company", "email", "phone", "product_name", "message", "enquiry_url"),
        ("enquiry_url", "Open the question"),
        is_to_customers=False,
    ),
    MailTemplate.ENQUIRY_COPY: TemplateFacts(
        "Copy of a question about a product", ("company_name", "product_name", "message")
    ),
    MailTemplate.ACCOUNT_EXISTS: TemplateFacts(
        "Account exists already", ("company_name", "login_url"), ("login_url", "Sign in"), is_required=True
    ),
    MailTemplate.ORDER_CONFIRMATION: TemplateFacts(
        "Order confirmation",
        ("user_name", "order_number", "order_url", "lines", "total", "status"),
        ("order_url", "View order"),
    ),
    MailTemplate.ORDER_AWAITS_APPROVAL: TemplateFacts(
        "Order awaits your approval",
        ("customer_name", "order_number", "sell_total", "cost_total", "approve_url"),
        ("approve_url", "Review order"),
        is_to_customers=False,
    ),
    MailTemplate.ORDER_APPROVED: TemplateFacts(
        "Order approved", ("order_number", "order_url"), ("order_url", "View order")
    ),
    MailTemplate.ORDER_DECLINED: TemplateFacts(
        "Order declined", ("order_number", "order_url", "reason"), ("order_url", "View order")
    ),
    MailTemplate.SUBSCRIPTION_READY: TemplateFacts(
        "Subscription ready",
        ("product_name", "friendly_name", "quantity", "renewal_date", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.NO_AVAILABLE_CREDIT: TemplateFacts(
        "Order waits for credit",
        ("order_number", "order_url", "total", "available"),
        ("order_url", "View order"),
        is_to_customers=False,
    ),
    MailTemplate.PROVISIONING_FAILED: TemplateFacts(
        "Provisioning failed",
        ("order_number", "product_name", "account_name", "reason", "task_url"),
        ("task_url", "Open task"),
        is_to_customers=False,
    ),
    MailTemplate.STUCK_WORK: TemplateFacts(
        "Work stands still", ("count", "matters", "queue_url"), ("queue_url", "Open the queue"), is_to_customers=False
    ),
    MailTemplate.WORK_RECOVERED: TemplateFacts(
        "Work goes on again", ("count", "matters", "queue_url"), ("queue_url", "Open the queue"), is_to_customers=False
    ),
    MailTemplate.CANCELLATION_REQUESTED: TemplateFacts(
        "Cancellation requested",
        (
            "subscription_code",
            "friendly_name",
            "account_name",
            "change",
            "effective_date",
            "requested_by",
            "timing",
            "comment",
            "subscription_url",
        ),
        ("subscription_url", "View request"),
        is_to_customers=False,
    ),
    MailTemplate.CANCELLATION_COMPLETED: TemplateFacts(
        "Subscription canceled",
        ("friendly_name", "change", "effective_date", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.SUBSCRIPTION_CANCELED: TemplateFacts(
        "A customer's subscription ended",
        ("subscription_code", "friendly_name", "account_name", "change", "effective_date", "subscription_url"),
        ("subscription_url", "Open subscription"),
        is_to_customers=False,
    ),
    MailTemplate.REQUEST_REJECTED: TemplateFacts(
        "Request rejected",
        ("friendly_name", "change", "effective_date", "reason", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.CHANGE_DONE: TemplateFacts(
        "Subscription changed",
        ("friendly_name", "change", "effective_date", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.CHANGE_FAILED: TemplateFacts(
        "Subscription change failed",
        (
            "subscription_code",
            "friendly_name",
            "account_name",
            "change",
            "effective_date",
            "reason",
            "task_url",
            "subscription_url",
        ),
        ("task_url", "Open task"),
        is_to_customers=False,
    ),
    MailTemplate.RENEWAL_REMINDER: TemplateFacts(
        "Renewal reminder",
        ("friendly_name", "quantity", "term_ends", "what_happens", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.SUBSCRIPTION_EXPIRED: TemplateFacts(
        "Subscription expired",
        ("friendly_name", "quantity", "expired_on", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.PRICE_CHANGED: TemplateFacts(
        "Price changed",
        ("friendly_name", "quantity", "price_before", "price_now", "valid_from", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.PROMOTION_ENDED: TemplateFacts(
        "Promotion ended",
        ("friendly_name", "quantity", "promotion_name", "price_before", "price_now", "valid_from", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.SUBSCRIPTION_SUSPENDED: TemplateFacts(
        "Subscription suspended",
        ("friendly_name", "change", "effective_date", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.SUBSCRIPTION_REACTIVATED: TemplateFacts(
        "Subscription active again",
        ("friendly_name", "change", "effective_date", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.USAGE_MISSING: TemplateFacts(
        "Usage is missing",
        ("subscription_code", "friendly_name", "account_name", "period", "usage_url"),
        ("usage_url", "Upload usage"),
        is_to_customers=False,
    ),
    MailTemplate.BUDGET_REACHED: TemplateFacts(
        "Budget reached",
        (
            "subscription_code",
            "friendly_name",
            "account_name",
            "period",
            "spent",
            "budget",
            "percent",
            "subscription_url",
        ),
        ("subscription_url", "View usage"),
        is_to_customers=False,
    ),
    MailTemplate.IMPORT_FINISHED: TemplateFacts(
        "Import finished", ("file_name", "outcome", "import_url"), ("import_url", "View result"), is_to_customers=False
    ),
    MailTemplate.PRICE_LIST_ENDING: TemplateFacts(
        "Price list ends soon", LIST_FIELDS, ("price_list_url", "Open price list"), is_to_customers=False
    ),
    MailTemplate.PRICE_LIST_ENDED: TemplateFacts(
        "Price list has ended", LIST_FIELDS, ("price_list_url", "Open price list"), is_to_customers=False
    ),
    MailTemplate.VENDOR_RUN_FAILED: TemplateFacts(
        "Services definition could not be read",
        ("manager_name", "reason", "run_url"),
        ("run_url", "Open run"),
        is_to_customers=False,
    ),
    MailTemplate.ORDER_CANCELED: TemplateFacts(
        "Order canceled", ("order_number", "order_url"), ("order_url", "View order")
    ),
    MailTemplate.ORDER_STATUS: TemplateFacts(
        "Order reaches a status", ("order_number", "status", "order_url"), ("order_url", "View order")
    ),
    MailTemplate.SCHEDULED_ORDER_DONE: TemplateFacts(
        "Scheduled order executed", ("order_number", "order_url"), ("order_url", "View order")
    ),
    MailTemplate.SCHEDULED_ORDER_FAILED: TemplateFacts(
        "Scheduled order failed", ("order_number", "order_url"), ("order_url", "View order")
    ),
    MailTemplate.SCHEDULED_ORDER_STUCK: TemplateFacts(
        "Scheduled order needs attention",
        ("order_number", "reason", "order_url"),
        ("order_url", "Open order"),
        is_to_customers=False,
    ),
    MailTemplate.ORDER_NEEDS_PEOPLE: TemplateFacts(
        "Order to be delivered by people",
        ("order_number", "account_name", "order_url"),
        ("order_url", "Open order"),
        is_to_customers=False,
    ),
    MailTemplate.ORDER_SHARED: TemplateFacts(
        "Order shared",
        ("seller_name", "order_number", "account_name", "lines", "total", "valid_until", "share_url"),
        ("share_url", "View order"),
        is_to_customers=False,
    ),
    MailTemplate.OFFER_SENT: TemplateFacts(
        "Offer",
        ("contact_name", "seller_name", "offer_number", "lines", "total", "valid_until", "share_url"),
        ("share_url", "View offer"),
        is_to_customers=False,
    ),
    MailTemplate.OFFER_DECIDED: TemplateFacts(
        "Offer decided",
        ("offer_number", "account_name", "decision", "reason", "offer_url"),
        ("offer_url", "Open offer"),
        is_to_customers=False,
    ),
    MailTemplate.OFFER_EXPIRES: TemplateFacts(
        "Offer expires soon",
        ("offer_number", "account_name", "valid_until", "offer_url"),
        ("offer_url", "Open offer"),
        is_to_customers=False,
    ),
    MailTemplate.PRICES_BELOW_COST: TemplateFacts(
        "Prices below cost", ("products", "prices_url"), ("prices_url", "Review prices"), is_to_customers=False
    ),
    MailTemplate.MAIL_SETTINGS_FAIL: TemplateFacts(
        "Your mail settings fail",
        ("error", "settings_url"),
        ("settings_url", "Open mail settings"),
        is_to_customers=False,
    ),
    MailTemplate.TRIAL_ENDING: TemplateFacts(
        "Trial ends soon",
        ("product_name", "quantity", "trial_ends_on", "trial_url"),
        ("trial_url", "View trial"),
    ),
    MailTemplate.TRIAL_ENDED: TemplateFacts(
        "Trial ended",
        ("product_name", "quantity", "trial_ends_on", "trial_url"),
        ("trial_url", "Upgrade to paid"),
    ),
    MailTemplate.ASSET_READY: TemplateFacts(
        "Asset ready", ("asset_name", "asset_code", "quantity", "asset_url"), ("asset_url", "View asset")
    ),
    MailTemplate.ASSET_EXPIRING: TemplateFacts(
        "Asset expires soon",
        ("asset_name", "asset_code", "expires_on", "asset_url"),
        ("asset_url", "View asset"),
    ),
    MailTemplate.PROTECTION_ENDING: TemplateFacts(
        "Price protection ends soon",
        ("product_name", "quantity", "protected_until", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.PROTECTION_ENDED: TemplateFacts(
        "Price protection has ended",
        ("product_name", "quantity", "protected_until", "subscription_url"),
        ("subscription_url", "View subscription"),
    ),
    MailTemplate.EXTERNAL_PRICE_FAILED: TemplateFacts(
        "Vendor's price is missing",
        ("subscription_code", "product_name", "reason", "subscription_url"),
        ("subscription_url", "Open subscription"),
        is_to_customers=False,
    ),
    MailTemplate.USER_LOCKED: TemplateFacts(
        "Account locked", ("user_first_name", "reset_url", "login_url"), ("login_url", "Sign in"), is_required=True
    ),
    MailTemplate.SIGN_IN_CODE: TemplateFacts(
        "Code to sign in", ("user_first_name", "sign_in_code", "minutes"), is_required=True
    ),
    MailTemplate.NEW_DEVICE: TemplateFacts(
        "New sign-in",
        ("user_first_name", "browser", "address", "signed_in_at", "reset_url"),
        ("reset_url", "Set a new password"),
    ),
    MailTemplate.EMAIL_CODE: TemplateFacts("Verify an e-mail address", ("user_first_name", "email_code", "minutes")),
    MailTemplate.EMAIL_CHANGED: TemplateFacts("E-mail changed", ("user_first_name", "new_email")),
    MailTemplate.LOGIN_OPTIONS: TemplateFacts("Login options changed", ("user_first_name", "what_changed")),
    MailTemplate.COMPANY_SIGN_IN: TemplateFacts(
        "Single sign-on changed",
        ("user_first_name", "what_changed", "sign_in_url"),
        ("sign_in_url", "Open single sign-on"),
    ),
    MailTemplate.SECOND_FACTOR: TemplateFacts("Second factor changed", ("user_first_name", "what_changed")),
    MailTemplate.PROVIDER_NOTICE: TemplateFacts(
        "Sign-in provider needs attention",
        ("user_first_name", "provider_name", "what", "settings_url"),
        ("settings_url", "Open sign-in providers"),
        is_required=True,
        is_to_customers=False,
    ),
    MailTemplate.LOCAL_LOGIN_SWITCHED: TemplateFacts(
        "Passwords switched on or off",
        ("user_first_name", "place", "what", "by", "settings_url"),
        ("settings_url", "Open sign-in providers"),
        is_required=True,
        is_to_customers=False,
    ),
    MailTemplate.ADMINISTRATORS_CHANGED: TemplateFacts(
        "Administrators changed",
        ("user_first_name", "person_name", "person_email", "what", "by"),
        is_required=True,
        is_to_customers=False,
    ),
    MailTemplate.API_CREDENTIALS: TemplateFacts(
        "API credentials changed",
        ("user_first_name", "client_name", "client_event", "settings_url"),
        ("settings_url", "Open API credentials"),
        is_required=True,
        is_to_customers=False,
    ),
    MailTemplate.TEST: TemplateFacts("Test mail", ("sender_name",), is_required=True),
}


def templates_of(*, is_distributor: bool) -> tuple[MailTemplate, ...]:
    """Return the mails an owner may change: a reseller those to its customers, the distributor all of them."""
    return tuple(
        template
        for template, facts in FACTS.items()
        if template is not MailTemplate.TEST and (is_distributor or facts.is_to_customers)
    )
