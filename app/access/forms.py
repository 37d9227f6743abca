"""Forms of the doors: sign in, ask for a link, choose a password."""

from __future__ import annotations

from wtforms import BooleanField, EmailField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from app.web.forms import Form


class SignInForm(Form):
    """E-mail and password. Nothing about them is checked here: every refusal reads the same."""

    email = EmailField(
        "E-mail",
        validators=[InputRequired("Enter your e-mail")],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password")],
        render_kw={"autocomplete": "current-password"},
    )

    remember = BooleanField("Stay signed in on this device")


class AddressForm(Form):
    """The address alone: it tells where its people sign in, not whether there is such a person."""

    email = EmailField(
        "E-mail",
        validators=[InputRequired("Enter your e-mail"), Length(max=254, message="Use at most 254 characters")],
        render_kw={"autocomplete": "username", "autofocus": True},
    )


class PasswordForm(SignInForm):
    """The second step after the address."""

    email = EmailField(
        "E-mail", validators=[InputRequired("Enter your e-mail")], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password")],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )


class CodeForm(Form):
    """A code of an app, of a mail, or a recovery code."""

    code = StringField(
        "Code",
        validators=[InputRequired("Enter the code"), Length(max=20, message="A code has at most 20 characters")],
        render_kw={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True, "autocapitalize": "none"},
    )
    trust = BooleanField("Trust this device for 30 days", description="You are not asked for a code on it.")


class PresentPasswordForm(Form):
    """A change that asks for the password once more."""

    current = PasswordField(
        "Present password",
        validators=[InputRequired("Enter your present password")],
        render_kw={"autocomplete": "current-password"},
    )


class ChosenPasswordForm(Form):
    """The password of a registration, to activate it."""

    password = PasswordField(
        "Your password",
        description="The one you chose when you registered.",
        validators=[InputRequired("Enter the password you chose")],
        render_kw={"autocomplete": "current-password"},
    )


class NewEmailForm(PresentPasswordForm):
    """The address somebody wants to sign in with (SF-16)."""

    new_email = EmailField(
        "New e-mail",
        validators=[InputRequired("Enter the new e-mail"), Length(max=254, message="Use at most 254 characters")],
        render_kw={"autocomplete": "email"},
    )


class ForgotForm(Form):
    """Where the link for a new password goes."""

    email = EmailField(
        "E-mail",
        validators=[InputRequired("Enter your e-mail"), Length(max=254, message="Use at most 254 characters")],
        render_kw={"autocomplete": "username"},
    )


class NewPasswordForm(Form):
    """A password, twice. The realm's policy is the service's to check."""

    email = StringField("E-mail", render_kw={"readonly": True, "autocomplete": "username"})
    password = PasswordField(
        "New password",
        validators=[InputRequired("Choose a password")],
        render_kw={"autocomplete": "new-password"},
    )
    repeat = PasswordField(
        "Repeat the password",
        validators=[
            InputRequired("Repeat the password"),
            EqualTo("password", "The two passwords are not the same"),
        ],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(NewPasswordForm):
    """One's own password: the present one first."""

    current = PasswordField(
        "Present password",
        validators=[InputRequired("Enter your present password")],
        render_kw={"autocomplete": "current-password"},
    )
