"""Text from elsewhere, made safe for a terminal; sizes and counts as people write them."""

MAX_LENGTH = 300
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def printable(text: str) -> str:
    """Return a text without what could steer a terminal: names of songs are anybody's."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def in_one_line(text: str) -> str:
    """Return a text as one line that isn't endless."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"


def counted(number: int, thing: str) -> str:
    """Return how many there are of something, such as "1 object" or "1,200 objects"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def sized(size_bytes: int) -> str:
    """Return a size, such as "4.3 MB"."""
    size = float(size_bytes)
    for unit in UNITS:
        if size < 1000 or unit == UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == UNITS[0] else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
