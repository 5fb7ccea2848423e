"""The installation's books: whose they are, and whether anything is delivered by them."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Books(models.Model):
    """One row: the books' own name, which a restored backup has too, and who stopped deliveries, when and why."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    installation = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is delivered while this is set.")
    stopped_by = models.CharField(max_length=200, blank=True)
    stopped_reason = models.TextField(blank=True)
    # What Stripe has from before then, a person has looked at.
    resumed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "books"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="billing_books_one")]

    def __str__(self) -> str:
        return "Books"
