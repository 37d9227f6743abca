"""A mail as it leaves: its words and fields in the look of the storefront it speaks for, days as the owner writes them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.core.days import write_out
from app.notifications.facts import FACTS
from app.notifications.looks import mail_look
from app.notifications.templates import MailTemplate
from themes.chosen import skin_of
from themes.mails import MailWords, RenderedMail, render_mail


def render_template(
    template: MailTemplate,
    fields: Mapping[str, str],
    *,
    reseller_id: UUID | None,
    storefront_id: UUID | None,
    owner_name: str,
    subject: str | None = None,
    body_html: str | None = None,
) -> RenderedMail:
    """Render a mail in the name of a reseller, or of the distributor where `reseller_id` is None.

    `fields` keep days as ISO 8601. `owner_name` stands where the storefront has no company name of its own; `subject`
    and `body_html` are the owner's words instead of ours.
    """
    look, chosen = mail_look(reseller_id, storefront_id, owner_name=owner_name)
    culture = chosen.language.replace("-", "_")
    action = FACTS[template].action
    return render_mail(
        look,
        skin_of(chosen),
        MailWords(
            template.value,
            {name: write_out(value, culture=culture, style=chosen.date_format) for name, value in fields.items()},
            action_url=fields.get(action[0]) if action else None,
            action_label=action[1] if action else None,
            subject=subject,
            body_html=body_html,
        ),
    )
