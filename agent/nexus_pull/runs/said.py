"""What ansible said went wrong, out of all that it printed. Pure.

The cause is what follows the last [ERROR] or ERROR!, up to where it begins to show the source. A warning is no cause, nor is a
line of the source that it shows, nor what -v makes it say.
"""

import re

ERROR = re.compile(r"^(?:\[ERROR\]:|ERROR!|ERROR:)")
MOST_LINES = 12
# ansible-playbook's own parser of arguments.
OF_ARGUMENTS = re.compile(r"^ansible[a-z-]*: error: ")
ORIGIN = re.compile(r"^Origin: (.+?):(\d+)(?::\d+)?\s*$")
APPEARS = re.compile(r"^The error appears to be in '(.+?)': line (\d+)")
# After one of these nothing more belongs to the error.
NEXT = re.compile(r"^(?:\[WARNING\]|\[DEPRECATION|PLAY |TASK \[|RUNNING HANDLER|fatal: |failed: |ok: |changed: |skipping: |included: )")
CAUSED = "<<< caused by >>>"
WARNING = re.compile(r"^\[(?:WARNING|DEPRECATION WARNING)\]")
# What -v makes it say about itself.
CHATTER = re.compile(r"^(?:Using |Load(?:ing|ed) |Skipping callback|Parsed |redirecting |Read vars_file|setting up |\w+ declined parsing)")


class Said:
    """`text`: the error in one line; `place`: file:line or None; `found`: whether ansible marked it as an error."""

    def __init__(self, text, place, found):
        self.text, self.place, self.found = text, place, found

    def sentence(self):
        return self.text if self.place is None or self.place in self.text else "%s (%s)" % (self.text, self.place)


def error(lines, checkout=""):
    """The last error that ansible marked as one, else the last words that are no warning and no chatter."""
    for number in range(len(lines) - 1, -1, -1):
        if ERROR.match(lines[number]) or OF_ARGUMENTS.match(lines[number]):
            return _marked(lines[number], lines[number + 1 :], checkout)
    rest = without_warnings(lines)
    return Said(" ".join(" ".join(rest[-3:]).split()), None, False)


def without_warnings(lines):
    """Lines that may say a cause where nothing is marked: a warning goes on in lines that are not blank."""
    kept, inside = [], False
    for line in lines:
        inside = bool(WARNING.match(line)) or (inside and bool(line.strip()) and not ERROR.match(line))
        if line.strip() and not inside and not CHATTER.match(line):
            kept.append(line)
    return kept


def _marked(first, rest, checkout):
    words, place, reading = [first], None, True
    for line in rest:
        if ERROR.match(line) or NEXT.match(line) or len(words) > MOST_LINES:
            break
        where = ORIGIN.match(line) or APPEARS.match(line)
        if where is not None:
            place = place or "%s:%s" % (_below(where.group(1), checkout), where.group(2))
        if where is not None or line.startswith(("Origin:", "The offending line", "Traceback (", "to see the full traceback")):
            # From here on it shows the source, until it names a cause.
            reading = False
        elif line.startswith(CAUSED):
            words.append("caused by:")
            reading = True
        elif reading and line.strip():
            words.append(line)
    return Said(" ".join(" ".join(words).split()), place, True)


def _below(path, checkout):
    return path[len(checkout) + 1 :] if checkout and path.startswith(checkout + "/") else path
