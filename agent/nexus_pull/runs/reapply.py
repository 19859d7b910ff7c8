"""When the timer runs a commit again that has succeeded already: what somebody changed by hand is corrected then. Pure."""


def is_due(after_s, success, now):
    """`after_s`: schedule.reapply_s, 0 for always, None for never; `success`: the last one, by its own clock."""
    if after_s is None or not success:
        return False
    at = success.get("at")
    # A success in the future: the clock was or is wrong. To run once too often does no harm.
    return at is None or not 0 <= now - at < after_s
