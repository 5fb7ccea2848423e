"""Result files: taken in as rows by whichever door, then read, checked and written, each once."""

from onlyfans.services.results.again import retry_files
from onlyfans.services.results.processing import RESULT_FILES, process_files
from onlyfans.services.results.ringing import POLL_TASK, PROCESS_TASK, QUEUE, ring
from onlyfans.services.results.taking import Taken, keep_unreadable, take_files, take_notification, take_told

__all__ = [
    "POLL_TASK",
    "PROCESS_TASK",
    "QUEUE",
    "RESULT_FILES",
    "Taken",
    "keep_unreadable",
    "process_files",
    "retry_files",
    "ring",
    "take_files",
    "take_notification",
    "take_told",
]
