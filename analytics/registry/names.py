"""Names of metrics that dashboards know: a source that measures the same calls it the same."""

FANS = "fans"
EARNED_GROSS = "earned_gross_cents"
EARNED_NET = "earned_net_cents"
MESSAGES_SENT = "messages_sent"
MESSAGES_RECEIVED = "messages_received"
REPLIES = "replies"
