"""The bell for those who send: lost, it is rung again by the next tick."""

from workqueue.services.bells import Bell

SEND_TASK = "alerts.send"
QUEUE = "notifications"
BELL = Bell(SEND_TASK, QUEUE)
