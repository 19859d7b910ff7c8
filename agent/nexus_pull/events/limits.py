"""Texts and lists cut to what contract/event.schema.json allows: an event is never refused for its length."""

import json

EVENT_BYTES = 65536  # rejections.json, limits.event_bytes
TEXTS = {"message": 2000, "command": 512, "url": 2048, "playbook": 512, "play": 256, "task": 256, "hostname": 253}
TASK_TEXTS = {"task": 256, "role": 256, "host": 253, "path": 512, "message": 1000}
TASK_LISTS = {"changed_tasks": 50, "drifted_tasks": 50, "failed_tasks": 20}
TEXT_LISTS = {"tail": (40, 512), "installed": (64, 128)}
DIFF_FILES = (20, 512)
KEPT_LAST = ("tail",)  # of these the end says more than the beginning


def fit(data):
    """A copy of an event's data that keeps the contract's lengths."""
    return {key: _fit_value(key, value) for key, value in data.items()}


def _fit_value(key, value):
    if key in TEXTS and isinstance(value, str):
        return value[: TEXTS[key]]
    if key in TASK_LISTS:
        return [_fit_task(task) for task in value[: TASK_LISTS[key]]]
    if key == "last_task":
        return _fit_task(value)
    if key in TEXT_LISTS:
        return _fit_texts(value, *TEXT_LISTS[key], last=key in KEPT_LAST)
    if key == "diff_summary":
        return {**value, "files": _fit_texts(value["files"], *DIFF_FILES)}
    return value


def _fit_texts(texts, most, longest, last=False):
    return [text[:longest] for text in (texts[-most:] if last else texts[:most])]


def _fit_task(task):
    return {key: text[: TASK_TEXTS[key]] if key in TASK_TEXTS else text for key, text in task.items()}


def encode(event):
    """Compact JSON of at most EVENT_BYTES: the longest list or text of its data is halved until it fits."""
    while True:
        content = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        if len(content) <= EVENT_BYTES:
            return content
        data = event["data"]
        longest = max((key for key in data if isinstance(data[key], (str, list))), key=lambda key: _size(data[key]))
        value, half = data[longest], len(data[longest]) // 2
        shorter = value[-half:] if longest in KEPT_LAST else value[:half]
        event = {**event, "data": {**data, longest: shorter}}


def _size(value):
    return len(json.dumps(value))
