"""Runs inside the chroot of tools/cloud-init-root.sh: many documents in one Python, as each start of it costs 0.4 s.

Standard input: {"do": "schema" | "yaml", "kind": "cloud-config" | "network-config", "documents": [text, ...]}
            or {"do": "user-data", "documents": [bytes in base64, ...]}
            or {"do": "units", "units": {name: text}, "programs": [path, ...]}
Standard output: one result for each document.
"""

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

import yaml


def portable(value):
    """A value that JSON can hold without loss; what it cannot hold is tagged, so that it equals nothing by accident."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else f"!{key!r}": portable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [portable(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    return {"!python": repr(value)}


def parse(text):
    try:
        return {"value": portable(yaml.safe_load(text))}
    except yaml.YAMLError as error:
        return {"error": str(error)}


def command(path, kind):
    """The command itself: for a cloud-init older than 24.1, whose Python interface is another one."""
    if kind != "cloud-config":
        return {"ok": False, "message": f"this cloud-init is too old to check {kind}"}
    run = subprocess.run(
        ["cloud-init", "schema", "--config-file", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # It also exits 0 when it checked nothing.
    return {"ok": run.returncode == 0 and "Valid " in run.stdout, "message": run.stdout.strip()}


def check(path, kind):
    """What `cloud-init schema --config-file PATH --schema-type KIND` does."""
    from cloudinit.config import schema

    if not hasattr(schema, "SchemaType"):
        return command(path, kind)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            of_kind = schema.SchemaType(kind)
            passed = schema.validate_cloudconfig_file(path, schema.get_schema(of_kind), of_kind)
    except (schema.SchemaValidationError, RuntimeError, ValueError) as error:
        return {"ok": False, "message": f"{error}"}
    # False means that nothing was checked (an empty file, no jsonschema): the command itself exits 0 then.
    return {"ok": passed is True, "message": said.getvalue().strip()}


def verify(units, programs):
    """What systemd-analyze verify says; it refuses a unit whose program does not exist."""
    for path in programs:
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n")
            os.chmod(path, 0o755)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in units]
        for path, text in zip(paths, units.values()):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        command = ["systemd-analyze", "verify", "--man=no", *paths]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    status = f"\nexit status {run.returncode}" if run.returncode != 0 else ""
    return (run.stdout.replace(folder + "/", "") + status).strip()


def parts(document, folder):
    """What cloud-init's handlers get of a user-data, in base64."""
    from cloudinit import helpers, user_data, util

    processor = user_data.UserDataProcessor(helpers.Paths({"cloud_dir": folder, "run_dir": folder}))
    message = processor.process(base64.b64decode(document))
    found = [part for part in message.walk() if part.get_content_maintype() != "multipart"]
    if [part.get_content_type() for part in found] != ["text/cloud-config"]:
        return f"!{[part.get_content_type() for part in found]}"
    return base64.b64encode(util.encode_text(util.fully_decoded_payload(found[0]))).decode()


def main():
    job = json.load(sys.stdin)
    if job["do"] == "units":
        results = [verify(job["units"], job["programs"])]
    elif job["do"] == "user-data":
        with tempfile.TemporaryDirectory() as folder:
            results = [parts(document, folder) for document in job["documents"]]
    elif job["do"] == "yaml":
        results = [parse(text) for text in job["documents"]]
    else:
        results = []
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "document.yaml")
            for text in job["documents"]:
                with open(path, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                results.append(check(path, job.get("kind", "cloud-config")))
    json.dump(results, sys.stdout)


main()
