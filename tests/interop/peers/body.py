"""The body of message number n: its number, then a run of letters that depends on it, SIZE bytes in all.
Short ones go as an amqp-value string, long ones as a data section. The same as body.js."""

LETTERS = b"abcdefghijklmnopqrstuvwxyz" * 2
SHORT = 64


def text(n, size):
    number = b"%010d" % n
    number = number[-size:]
    start = n % 26
    run = LETTERS[start:start + 26]
    rest = size - len(number)
    return number + (run * (rest // 26 + 1))[:rest]


def body(n, size):
    return text(n, size).decode() if size <= SHORT else text(n, size)


def wrong(content, n, size, any_text=False):
    """What is wrong with a message body, if anything, when number n is expected.
    Of one that another program made up only the size is known, and that it begins with its number."""
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, (bytes, memoryview)):
        return f"message {n}: a body that is neither string nor binary"
    content = bytes(content)
    if len(content) != size:
        return f"message {n}: {len(content)} bytes where {size} were due"
    same = 10 if any_text else size
    if content[:same] != text(n, size)[:same]:
        return f"message {n}: wrong bytes, {content[:16]!r}..."
    return None
