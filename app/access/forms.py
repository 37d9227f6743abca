"""Forms of the doors: sign in, ask for a link, choose a password."""

from __future__ import annotations

from wtforms import EmailField, PasswordField, StringField
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
