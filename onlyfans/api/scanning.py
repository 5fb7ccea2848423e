"""A JSON list, row by row as its bytes arrive: no more is held of it than a row and a piece of the body."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from common.api.errors import ApiError

# A row as long as a good one can be, each of its characters escaped, takes 22 KiB. A longer one is passed over.
LONGEST_ROW = 64 * 1024
# So many characters of a body may be passed over, or be rows of a thousand parts: both take longer than good rows.
_MOST_WASTED = 4 * 1024 * 1024
# From that length on a row is looked at for what it consists of; names that an object of a good row can have at most.
_LONG, _MOST_NAMES, _DEEPEST = 1024, 20, 3
# A number beyond that is no figure of ours, and may cost memory by its value instead of its length.
_MOST_DIGITS = 40
# What may look like a fault and is only the end of what has arrived: half of a pair of escapes is as long as it gets.
_UNCERTAIN = 16
_BLANK = re.compile(r"[ \t\n\r]*+")
_CLOSING = ("}", "]", '"')
# Whatever is no bracket, with whole texts; the rest of a text; the rest of a number or a word.
_BETWEEN_BRACKETS = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TEXT = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_WORD = re.compile(r"[^\s,\]}]*+")


class Unreadable:
    """Stands where something can't be read: no field takes it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Unread(ApiError):
    """From byte `byte` of the body on nothing was read, and why; the rows before it were."""

    def __init__(self, status: int, why: str, byte: int) -> None:
        super().__init__(status, why)
        self.byte = byte


def _read_integer(text: str) -> int | Unreadable:
    return int(text) if len(text) <= _MOST_DIGITS else Unreadable("This number is beyond reason.")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unreadable:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Unreadable("A name is given twice.")


def _is_plausible(value: Any, depth: int) -> bool:
    """Return whether a value has no more parts than one of a good row, whatever they are."""
    if isinstance(value, dict):
        return (
            depth > 0 and len(value) <= _MOST_NAMES and all(_is_plausible(part, depth - 1) for part in value.values())
        )
    return not isinstance(value, list | Unreadable)


_decoder = json.JSONDecoder(parse_int=_read_integer, object_pairs_hook=_read_object)


class _Window:
    """The piece of the body that is being read, and the place in it."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self.before = 0
        self._fault: Unread | None = None
        self.text, self.at = "", 0

    def byte_of(self, at: int) -> int:
        """Return which byte of the whole body a character of the text is."""
        return self.before + len(self.text[:at].encode())

    def broken(self, why: str, at: int, more: str = "") -> Unread:
        """Make the error for a fault at a character of the text, or after what comes next."""
        return Unread(400, f"The body is not valid JSON: {why}", self.byte_of(at) + len(more.encode()))

    def ended(self) -> Unread:
        """Make the error for a body that ends where it should go on."""
        return self.broken("it ends too early", len(self.text))

    def fill(self) -> bool:
        """Let more arrive and forget what was read; False at the end. Raises Unread where there is no reading on."""
        if self._fault:
            raise self._fault
        part = next(self._parts, b"")
        try:
            more = self._decode(part, not part)
        except UnicodeDecodeError as error:
            more = bytes(error.object[: error.start]).decode()
            why = "there is a byte that is not UTF-8" if part else "it ends within a character"
            self._fault = self.broken(why, len(self.text), more)
            return self._add(more) if more else self.fill()
        return self._add(more) if part else False

    def _add(self, more: str) -> bool:
        self.before, self.text, self.at = self.byte_of(self.at), self.text[self.at :] + more, 0
        return True

    def peek(self) -> str:
        """Go on to what is not blank and return its first character, or nothing at the end."""
        while True:
            self.at = self.match(_BLANK)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def match(self, pattern: re.Pattern[str]) -> int:
        """Return where a pattern, which may match nothing, ends from here."""
        found = pattern.match(self.text, self.at)
        return found.end() if found else self.at


class Scanner:
    """Reads a list's rows, or the one row that stands without a list; `most_rows` of them at most."""

    def __init__(self, parts: Iterator[bytes], most_rows: int) -> None:
        self._window, self._most_rows = _Window(parts), most_rows
        self._wasted = 0

    @property
    def dropped(self) -> int:
        """How many bytes of the body are read and forgotten."""
        return self._window.before

    def tell(self) -> int:
        """Return the byte at which reading stands."""
        return self._window.byte_of(self._window.at)

    def __iter__(self) -> Iterator[Any]:
        """Give each row; Unread, in the end, where the rest of the body can't be read."""
        window = self._window
        first = window.peek()
        if not first:
            raise window.broken("it is empty", 0)
        if first == "[":
            window.at += 1
            if window.peek() != "]":
                yield from self._rows()
            window.at += 1
        else:
            yield self._row()
        if window.peek():
            raise window.broken("something follows after its end", window.at)

    def _rows(self) -> Iterator[Any]:
        window = self._window
        for _ in range(self._most_rows):
            window.peek()
            yield self._row()
            mark = window.peek()
            if mark == "]":
                return
            if mark != ",":
                raise window.broken("a comma is missing", window.at) if mark else window.ended()
            window.at += 1
        raise Unread(413, f"These are too many rows: at most {self._most_rows:,} are taken at once", self.tell())

    def _row(self) -> Any:
        window = self._window
        while True:
            try:
                value, end = _decoder.raw_decode(window.text, window.at)
            except RecursionError:
                return self._pass_over("It nests too deeply.")
            except json.JSONDecodeError as error:
                if long := self._judge(error):
                    return long
            else:
                # A number or a word may go on in what has not arrived: of `1e+` only the 1 is a number so far.
                if end < len(window.text) - 3 or window.text[end - 1] in _CLOSING or not window.fill():
                    if end - window.at > _LONG and not _is_plausible(value, _DEEPEST):
                        self._waste(end - window.at)
                    window.at = end
                    return value

    def _judge(self, error: json.JSONDecodeError) -> Unreadable | None:
        """Let more arrive where a row may only be incomplete; pass over one that is too long, or raise Unread."""
        window = self._window
        is_open = error.msg.startswith("Unterminated") or error.pos >= len(window.text)
        if not is_open and error.pos < len(window.text) - _UNCERTAIN:
            raise window.broken(error.msg, error.pos)
        if len(window.text) - window.at > LONGEST_ROW:
            return self._pass_over(f"It is too long: at most {LONGEST_ROW:,} characters are read of a row.")
        if not window.fill():
            raise window.ended() if is_open else window.broken(error.msg, error.pos)
        return None

    def _pass_over(self, reason: str) -> Unreadable:
        """Go to the end of a row by its brackets alone."""
        window, depth = self._window, 0
        while True:
            mark = window.text[window.at]
            if mark in "[]{}":
                depth += 1 if mark in "[{" else -1
                window.at += 1
            elif mark == '"':
                window.at += 1
                self._run(_TEXT)
                window.at += 1
            else:
                self._run(_WORD)
            if depth == 0:
                return Unreadable(reason)
            self._run(_BETWEEN_BRACKETS)

    def _waste(self, length: int) -> None:
        self._wasted += length
        if self._wasted > _MOST_WASTED:
            raise Unread(413, "Its rows are too long", self.tell())

    def _run(self, pattern: re.Pattern[str]) -> None:
        """Go on to what a pattern does not match, wherever in the body that is."""
        window = self._window
        while True:
            end = window.match(pattern)
            self._waste(end - window.at + 1)
            window.at = end
            # A backslash at the end belongs to what has not arrived.
            if end < len(window.text) and window.text[end] != "\\":
                return
            if not window.fill():
                raise window.ended()
