"""Delivery: PDF, storage, Stripe, e-mail; each an effect with a row of its own, resumable by itself."""

from billing.services.delivering.documents import deliver_file, deliver_pdf, open_pdf
from billing.services.delivering.mail import deliver_email
from billing.services.delivering.payments import deliver_stripe, deliver_stripe_void

__all__ = ["deliver_email", "deliver_file", "deliver_pdf", "deliver_stripe", "deliver_stripe_void", "open_pdf"]
