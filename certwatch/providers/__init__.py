"""The e-mail services that certwatch knows, one a file.

Where several share a CNAME target, the one that runs it comes first: it is taken for the provider
of a domain that declares none.
"""

from certwatch.providers.braze import BRAZE
from certwatch.providers.clevertap import CLEVERTAP
from certwatch.providers.customerio import CUSTOMERIO
from certwatch.providers.iterable import ITERABLE
from certwatch.providers.jangomail import JANGOMAIL
from certwatch.providers.klaviyo import KLAVIYO
from certwatch.providers.mailgun import MAILGUN
from certwatch.providers.mailjet import MAILJET
from certwatch.providers.postmark import POSTMARK
from certwatch.providers.sendgrid import SENDGRID
from certwatch.providers.ses import SES
from certwatch.providers.sparkpost import SPARKPOST

PROVIDERS = (
    SPARKPOST,
    MAILGUN,
    SENDGRID,
    SES,
    CUSTOMERIO,
    ITERABLE,
    KLAVIYO,
    MAILJET,
    POSTMARK,
    JANGOMAIL,
    BRAZE,
    CLEVERTAP,
)
