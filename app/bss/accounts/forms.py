"""Forms of accounts: what staff type becomes what the services take."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal

from wtforms import BooleanField, DecimalField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from app.accounts.contacts import NewContact
from app.accounts.details import AccountDetails, NewAccount, NewEndCustomer
from app.accounts.models import Account, AccountStatus, BillingDayRule, PartialCharges, PaymentMethod
from app.accounts.rules import countries
from app.bss.records.forms import NewRecordForm
from app.pricing.currencies import usable_currencies
from app.web.forms import Form

STATUS_WORDS = {
    AccountStatus.PENDING_APPROVAL: "Pending approval",
    AccountStatus.ACTIVE: "Active",
    AccountStatus.SUSPENDED: "Suspended",
    AccountStatus.INACTIVE: "Inactive",
}
PAYMENT_WORDS = {
    PaymentMethod.CASH: "Cash or bank transfer",
    PaymentMethod.DEPOSIT: "Deposit",
    PaymentMethod.CARD: "Card",
}
BILLING_DAY_WORDS = {
    BillingDayRule.FIRST_DAY: "First day of the month",
    BillingDayRule.LAST_DAY: "Last day of the month",
    BillingDayRule.FIRST_ORDER: "Day of the first order",
    BillingDayRule.CHOSEN: "A chosen day",
}
PARTIAL_CHARGES_WORDS = {
    PartialCharges.ORDER_DAY: "Invoiced at once",
    PartialCharges.BILLING_DAY: "Invoiced on the next billing day",
}
EDITION_WORDS = {"none": "None", "basic": "Basic", "free": "Free", "standard": "Standard"}


class AddressFields(Form):
    """What every account has: a name, ways to reach it, an address."""

    name = StringField("Account name", validators=[InputRequired("Enter the account's name")])
    email = StringField("E-mail", validators=[InputRequired("Enter an e-mail address")], render_kw={"type": "email"})
    phone = StringField("Phone", validators=[Optional()])
    website = StringField("Website", validators=[Optional()], description="Such as https://company.com")
    tax_id = StringField("Tax id", validators=[Optional()])
    street = StringField("Street", validators=[Optional()])
    postcode = StringField("Postcode", validators=[Optional()])
    city = StringField("City", validators=[Optional()])
    region = StringField("Region", validators=[Optional()])
    country = SelectField("Country", validators=[InputRequired("Choose a country")])

    def choose_countries(self) -> None:
        """Offer all countries; the empty choice comes first, so that none is taken by accident."""
        self.country.choices = [("", "Choose a country"), *((each.code, each.name) for each in countries())]


class AccountForm(AddressFields, NewRecordForm):
    """A direct customer or a reseller."""

    currency = SelectField(
        "Currency", validators=[InputRequired("Choose a currency")], description="Fixed after the first order."
    )
    ordering_enabled = BooleanField("Enable ordering", default=True)
    is_reseller = BooleanField("Enable reselling", description="Makes the account a Basic reseller.")
    restrict_to_price_lists = BooleanField(
        "Sell from price lists only", description="What is in none of the account's price lists is not offered to it."
    )
    unlimited_credit = BooleanField("Unlimited credit", description="Orders are executed whatever is owed.")
    credit_limit = DecimalField(
        "Credit limit", validators=[Optional()], default=Decimal(0), description="0: the account may never owe."
    )
    payment_method = SelectField(
        "Payment method",
        validators=[InputRequired("Choose how the account pays")],
    )
    payment_days = IntegerField(
        "Payment days",
        validators=[InputRequired("Enter 0 to 365 days")],
        default=30,
        description="Invoices are due after so many days.",
    )
    prorated_billing = BooleanField(
        "Prorated billing",
        description="Subscriptions begin their cycles on the billing day; a shorter first one leads there.",
    )
    billing_day_rule = SelectField("Billing day", default=BillingDayRule.FIRST_DAY.value)
    billing_day = IntegerField(
        "Chosen day", validators=[Optional()], description="1 to 31; of a shorter month, its last day."
    )
    partial_charges = SelectField("Partial charges", default=PartialCharges.ORDER_DAY.value)

    def choose(self, own_currency: str) -> None:
        """Fill the lists; the distributor's own currency stands first."""
        self.choose_countries()
        self.billing_day_rule.choices = [(rule.value, words) for rule, words in BILLING_DAY_WORDS.items()]
        self.partial_charges.choices = [(when.value, words) for when, words in PARTIAL_CHARGES_WORDS.items()]
        self.payment_method.choices = [(method.value, words) for method, words in PAYMENT_WORDS.items()]
        ordered = dict.fromkeys((own_currency, *usable_currencies()))
        self.currency.choices = [(code, code) for code in ordered]

    def show(self, account: Account) -> None:
        """Fill the form with an account as it stands."""
        self.process(
            obj=account,
            payment_method=account.payment_method.value,
            billing_day_rule=account.billing_day_rule.value,
            partial_charges=account.partial_charges.value,
            unlimited_credit=account.credit_limit is None,
        )
        self.payment_method.data = account.payment_method.value
        self.billing_day_rule.data = account.billing_day_rule.value
        self.partial_charges.data = account.partial_charges.value
        self.unlimited_credit.data = account.credit_limit is None

    def to_details(self) -> AccountDetails:
        """Return what was typed; call it after validate_on_submit()."""
        return AccountDetails(
            name=self.name.data or "",
            email=self.email.data or "",
            country=self.country.data or "",
            currency=self.currency.data or "",
            phone=self.phone.data,
            website=self.website.data,
            tax_id=self.tax_id.data,
            street=self.street.data,
            city=self.city.data,
            postcode=self.postcode.data,
            region=self.region.data,
            ordering_enabled=self.ordering_enabled.data,
            is_reseller=self.is_reseller.data,
            credit_limit=None if self.unlimited_credit.data else self.credit_limit.data or Decimal(0),
            payment_method=PaymentMethod(self.payment_method.data),
            payment_days=self.payment_days.data or 0,
            prorated_billing=self.prorated_billing.data,
            billing_day_rule=BillingDayRule(self.billing_day_rule.data),
            billing_day=self.billing_day.data,
            partial_charges=PartialCharges(self.partial_charges.data),
            restrict_to_price_lists=self.restrict_to_price_lists.data,
        )

    def to_new_account(self) -> NewAccount:
        """Return what was typed for a new account; call it after validate_on_submit()."""
        return NewAccount(**asdict(self.to_details()))


class CustomerForm(AddressFields, NewRecordForm):
    """A reseller's customer, kept by the distributor's staff on the reseller's behalf."""

    customer_code = StringField("Customer code", validators=[Optional()])

    def to_customer(self) -> NewEndCustomer:
        """Return what was typed; call it after validate_on_submit()."""
        return NewEndCustomer(
            name=self.name.data or "",
            email=self.email.data or "",
            country=self.country.data or "",
            phone=self.phone.data,
            website=self.website.data,
            tax_id=self.tax_id.data,
            customer_code=self.customer_code.data,
            street=self.street.data,
            city=self.city.data,
            postcode=self.postcode.data,
            region=self.region.data,
        )


class ContactForm(Form):
    """A person of an account."""

    first_name = StringField("First name", validators=[InputRequired("Enter a first name")])
    last_name = StringField("Last name", validators=[InputRequired("Enter a last name")])
    email = StringField("E-mail", validators=[InputRequired("Enter an e-mail address")], render_kw={"type": "email"})
    phone = StringField("Phone", validators=[Optional()])
    is_primary_contact = BooleanField("Primary contact", description="Mails about the account go to this person.")
    may_sign_in = BooleanField(
        "Storefront access", default=True, description="The person becomes an Admin and gets an activation mail."
    )

    def to_contact(self) -> NewContact:
        """Return what was typed; call it after validate_on_submit()."""
        return NewContact(
            first_name=self.first_name.data or "",
            last_name=self.last_name.data or "",
            email=self.email.data or "",
            phone=self.phone.data,
            is_primary_contact=self.is_primary_contact.data,
            may_sign_in=self.may_sign_in.data,
        )


class UpgradeForm(Form):
    """The "Upgrade reseller" page: plan with cycle, and the alias where one is needed (RS-06)."""

    plan = SelectField("Plan", validators=[InputRequired("Choose a plan")])
    alias = StringField("Storefront alias", validators=[Optional()])


class ActionForm(Form):
    """A button that changes something: nothing but its token."""
