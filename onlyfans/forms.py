"""Forms of the creators' admin: what staff are asked before something is done."""

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget


class ReasonForm(forms.Form):
    """Why something is done; the reason is kept."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Kept with what you do, for everybody to read.",
    )
