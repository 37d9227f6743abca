"""Mail settings, what mails say, and the mail log, for the owner of a storefront (RS-17)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField, TextAreaField

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import session, unit_of_work
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.notifications.errors import MailNotSent
from app.notifications.facts import FACTS, templates_of
from app.notifications.models import MailState
from app.notifications.queries import MailLogFilter, count_mail_log, list_mail_log
from app.notifications.rendering import render_template
from app.notifications.samples import sample_fields
from app.notifications.settings import (
    NewMailSettings,
    TemplateChange,
    checked_server,
    clean_body,
    find_mail_settings,
    reset_template,
    save_mail_settings,
    save_template,
    takes_copies,
    template_errors,
    template_settings,
)
from app.notifications.smtp import Letter, MailServer, send
from app.notifications.templates import MailTemplate
from app.owner.lists import chosen, with_args
from app.owner.scopes import Owner, Rights, acting, frame_of, owner_of_request
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface
from tenants.context import current_scope
from tenants.models import Distributor
from themes.frames import Crumb
from themes.mails import RenderedMail

STATE_WORDS = {
    MailState.SENT: "Sent",
    MailState.FAILED: "Failed",
    MailState.NOT_SENT: "Not sent",
    MailState.PENDING: "Pending",
}
REASON_WORDS = {
    "not_sent_no_settings": "There are no mail settings",
    "not_sent_switched_off": "This mail is switched off",
}
# A preview is a mail: it has styles in it and nothing that runs. It stands alone, outside our pages.
PREVIEW_POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


class ServerForm(Form):
    """Where mail leaves. The password is never sent back to a browser."""

    sender_name = StringField("Sender name", description="What people see as sender.")
    sender_email = StringField("Sender address", description="Answers go there.")
    host = StringField("Mail server", description="Such as smtp.example.com.")
    port = IntegerField("Port")
    encryption = SelectField("Encryption", validate_choice=False)
    username = StringField("User name", description="Empty: the sender address.")
    password = PasswordField("Password")

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Offer mail without encryption only where the installation allows such targets."""
        super().__init__(*args, **kwargs)
        choices = [("ssl", "SSL (port 465)"), ("tls", "TLS (STARTTLS, port 587)")]
        if settings().allowed_private_targets:
            choices.append(("none", "None"))
        self.encryption.choices = choices

    def to_settings(self) -> NewMailSettings:
        """Return what was typed; a port that is no number counts as 0."""
        return NewMailSettings(
            self.sender_name.data or "",
            self.sender_email.data or "",
            self.host.data or "",
            self.port.data or 0,
            self.encryption.data or "",
            self.username.data or None,
            self.password.data or None,
        )


class TemplateForm(Form):
    """What one mail says, and who else gets it."""

    is_enabled = BooleanField("Send this mail")
    subject = StringField("Subject", description="Empty: our words. Up to 200 characters.")
    body_html = TextAreaField("Text", description="Empty: our words. HTML; the button below the text stays.")
    extra_recipients = TextAreaField("Copies to", description="Up to 5 addresses, one per line.")

    def to_change(self) -> TemplateChange:
        """Return what was typed."""
        copies = (self.extra_recipients.data or "").replace(",", "\n").split()
        return TemplateChange(
            bool(self.is_enabled.data),
            (self.subject.data or "").strip() or None,
            self.body_html.data or None,
            tuple(copies),
        )


def mail_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the mail pages to a blueprint of the owner's scope."""
    _server_pages(blueprint, surface, rights)
    _template_pages(blueprint, surface, rights)

    @blueprint.get("/log", endpoint="log")
    @permission_required(rights.view)
    def log() -> ResponseReturnValue:
        """List what became of the owner's mails."""
        owner, asked = owner_of_request(), requested_page()
        wanted = MailLogFilter(
            request.args.get("q", "")[:100], chosen(MailState, "state"), chosen(MailTemplate, "template")
        )
        rows = list_mail_log(owner.reseller_id, wanted, limit=asked.size, offset=asked.offset)
        return page(
            "manage/mail/log.html",
            title="Mail log",
            breadcrumbs=[Crumb("Mail", url_for(".index")), Crumb("Log")],
            frame=frame_of(surface),
            found=Page(rows, count_mail_log(owner.reseller_id, wanted), asked.number, asked.size),
            wanted=wanted,
            states=STATE_WORDS,
            reasons=REASON_WORDS,
            labels={template.value: facts.label for template, facts in FACTS.items()},
            with_args=with_args,
        )


def _server_pages(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("", endpoint="index")
    @permission_required(rights.view)
    def index() -> ResponseReturnValue:
        """Show the mail server and the list of mails."""
        stored = find_mail_settings(owner_of_request().reseller_id)
        return _index_page(ServerForm(formdata=None, obj=stored), surface)

    @blueprint.post("", endpoint="save")
    @permission_required(rights.edit)
    def save() -> ResponseReturnValue:
        """Store the mail server; mail goes out through it from now on."""
        form, owner = ServerForm(), owner_of_request()
        form.validate_on_submit()
        try:
            with unit_of_work():
                server = _checked(form, owner)
                save_mail_settings(server, reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
            return _index_page(form, surface)
        flash("Mail settings saved. Send a test mail to be sure.", "success")
        return redirect(url_for(".index"), code=303)

    @blueprint.post("/test", endpoint="test")
    @permission_required(rights.edit)
    def test() -> ResponseReturnValue:
        """Send a test mail to the signed-in person with what stands in the form; nothing is stored (RS-F44)."""
        form, owner, viewer = ServerForm(), owner_of_request(), signed_in_viewer()
        form.validate_on_submit()
        try:
            with unit_of_work():
                server = _checked(form, owner)
                rendered = _rendered(owner, MailTemplate.TEST, TemplateChange(), {"sender_name": server.sender_name})
        except Invalid as refusal:
            form.take(refusal)
            return _index_page(form, surface)
        answer = _send_test(server, rendered, viewer.email, viewer.name)
        return _index_page(form, surface, tested_to=viewer.email, test_error=answer)


def _template_pages(blueprint: Blueprint, surface: Surface, rights: Rights) -> None:
    @blueprint.get("/templates/<name>", endpoint="template")
    @permission_required(rights.view)
    def template(name: str) -> ResponseReturnValue:
        """Show what one mail says."""
        owner = owner_of_request()
        found = _named(name, owner)
        stored = template_settings(owner.reseller_id).get(found)
        form = TemplateForm(formdata=None, obj=stored, **({} if stored else {"is_enabled": True}))
        form.extra_recipients.data = "\n".join(stored.extra_recipients) if stored else ""
        return _template_page(form, found, surface)

    @blueprint.post("/templates/<name>", endpoint="save_template")
    @permission_required(rights.edit)
    def save_words(name: str) -> ResponseReturnValue:
        """Store changes to one mail."""
        form, owner = TemplateForm(), owner_of_request()
        found = _named(name, owner)
        form.validate_on_submit()
        try:
            with unit_of_work():
                save_template(found, form.to_change(), reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
            return _template_page(form, found, surface)
        flash(f"“{FACTS[found].label}” saved.", "success")
        return redirect(url_for(".index"), code=303)

    @blueprint.post("/templates/<name>/preview", endpoint="preview")
    @permission_required(rights.view)
    def preview(name: str) -> ResponseReturnValue:
        """Show a mail with made-up values, as typed and not yet stored."""
        form, owner = TemplateForm(), owner_of_request()
        found, change = _named(name, owner), form.to_change()
        if errors := tuple(template_errors(found, change)):
            form.take(Invalid(*errors))
            return _template_page(form, found, surface)
        response = Response(_rendered(owner, found, change, sample_fields(found)).html)
        response.headers["Content-Security-Policy"] = PREVIEW_POLICY
        return response

    @blueprint.post("/templates/<name>/reset", endpoint="reset")
    @permission_required(rights.edit)
    def reset(name: str) -> ResponseReturnValue:
        """Go back to our words."""
        owner = owner_of_request()
        found = _named(name, owner)
        with unit_of_work():
            reset_template(found, reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
        flash(f"“{FACTS[found].label}” says what it said first.", "success")
        return redirect(url_for(".template", name=name), code=303)


def _named(name: str, owner: Owner) -> MailTemplate:
    """Return the mail of a name, where the owner may change it."""
    for each in templates_of(is_distributor=owner.reseller_id is None):
        if each.value == name:
            return each
    raise NotFound("There is no such mail")


def _checked(form: ServerForm, owner: Owner) -> MailServer:
    return checked_server(
        form.to_settings(), reseller_id=owner.reseller_id, allowed_private=settings().allowed_private_targets
    )


def _send_test(server: MailServer, rendered: RenderedMail, email: str, name: str) -> str:
    """Send the test mail; return the server's answer where it did not take it, else nothing."""
    domain = server.sender_email.rpartition("@")[2]
    letter = Letter(f"<{new_id()}@{domain}>", email, name, rendered.subject, rendered.text, rendered.html)
    try:
        send(
            server,
            letter,
            timeout_seconds=settings().mail_timeout_seconds,
            allowed_private=settings().allowed_private_targets,
        )
    except MailNotSent as error:
        return str(error)
    return ""


def _rendered(owner: Owner, template: MailTemplate, change: TemplateChange, fields: dict[str, str]) -> RenderedMail:
    return render_template(
        template,
        fields,
        reseller_id=owner.reseller_id,
        storefront_id=owner.storefront_id,
        owner_name=_owner_name(owner),
        subject=change.subject,
        body_html=clean_body(change.body_html),
    )


def _owner_name(owner: Owner) -> str:
    if owner.reseller_id is not None:
        return get_account(owner.reseller_id).name
    return session.get_one(Distributor, current_scope().distributor_id).name


def _index_page(
    form: ServerForm, surface: Surface, *, tested_to: str = "", test_error: str = ""
) -> ResponseReturnValue:
    owner = owner_of_request()
    changes = template_settings(owner.reseller_id)
    stored = find_mail_settings(owner.reseller_id)
    return page(
        "manage/mail/index.html",
        title="Mail",
        frame=frame_of(surface),
        form=form,
        has_settings=stored is not None,
        has_password=stored is not None and stored.password_encrypted is not None,
        failures=stored.failures_in_a_row if stored is not None else 0,
        tested_to=tested_to,
        test_error=test_error,
        mails=[
            {"name": each.value, "facts": FACTS[each], "change": changes.get(each)}
            for each in templates_of(is_distributor=owner.reseller_id is None)
        ],
    ), form.status


def _template_page(form: TemplateForm, template: MailTemplate, surface: Surface) -> ResponseReturnValue:
    owner = owner_of_request()
    ours = _rendered(owner, template, TemplateChange(), sample_fields(template))
    return page(
        "manage/mail/template.html",
        title=FACTS[template].label,
        breadcrumbs=[Crumb("Mail", url_for(".index")), Crumb(FACTS[template].label)],
        frame=frame_of(surface),
        form=form,
        name=template.value,
        facts=FACTS[template],
        takes_copies=takes_copies(template),
        samples=sample_fields(template),
        ours=ours,
        is_changed=template in template_settings(owner.reseller_id),
    ), form.status
