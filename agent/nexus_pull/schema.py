"""The part of JSON Schema that contract/ uses, so that the agent holds input to the contract itself, not to a copy.

build.py puts the contract's schemas beside this module. An unknown keyword is an error: nothing is skipped in silence.
"""

import json
import re

from nexus_pull import files

ANNOTATIONS = {"$schema", "$id", "title", "description", "$defs", "then"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class SchemaError(ValueError):
    """Says where and what; never shows the value, which may be a secret."""


def check(value, name):
    """Raise SchemaError, which names everything that is wrong, unless `value` is what contract/`name` says."""
    document = load(name)
    _check(value, document, document, "$")


def load(name):
    return json.loads(files.shipped("schemas/" + name).decode())


def matches(pattern, text):
    # In JSON Schema `$` is the end; Python's also matches before a final newline.
    return re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), text) is not None


def _check(value, schema, document, where):
    _every((_keyword, value, keyword, schema, document, where) for keyword in schema if keyword not in ANNOTATIONS)


def _keyword(value, keyword, schema, document, where):
    if keyword not in KEYWORDS:
        raise SchemaError("the agent does not know the schema keyword " + keyword)
    KEYWORDS[keyword](value, schema[keyword], schema, document, where)


def _every(calls):
    """All of them, so that somebody who mends a file sees all that is wrong with it at once."""
    wrong = []
    for function, *arguments in calls:
        try:
            function(*arguments)
        except SchemaError as error:
            wrong.append(str(error))
    if wrong:
        raise SchemaError("; ".join(dict.fromkeys(wrong)))


def _fail(where, what):
    raise SchemaError("%s: %s" % (where, what))


def _holds(value, schema, document, where):
    try:
        _check(value, schema, document, where)
    except SchemaError:
        return False
    return True


def _type(value, argument, schema, document, where):
    if argument in ("integer", "number"):
        fits = isinstance(value, int if argument == "integer" else (int, float)) and not isinstance(value, bool)
    else:
        fits = isinstance(value, TYPES[argument])
    if not fits:
        _fail(where, "is not of type " + argument)


def _ref(value, argument, schema, document, where):
    name, _, pointer = argument.partition("#")
    target = document = load(name) if name else document
    for part in pointer.strip("/").split("/") if pointer.strip("/") else []:
        target = target[part]
    _check(value, target, document, where)


def _properties(value, argument, schema, document, where):
    present = [key for key in argument if isinstance(value, dict) and key in value]
    _every((_check, value[key], argument[key], document, where + "." + key) for key in present)


def _required(value, argument, schema, document, where):
    missing = [key for key in argument if isinstance(value, dict) and key not in value]
    if missing:
        _fail(where, "lacks " + ", ".join(missing))


def _additional(value, argument, schema, document, where):
    if argument is False and isinstance(value, dict):
        unknown = sorted(set(value) - set(schema.get("properties", {})))
        if unknown:
            _fail(where, "has unknown keys: " + ", ".join(key[:64] for key in unknown))


def _property_names(value, argument, schema, document, where):
    for key in value if isinstance(value, dict) else ():
        _check(key, argument, document, where + " (a key)")


def _items(value, argument, schema, document, where):
    items = enumerate(value if isinstance(value, list) else ())
    _every((_check, item, argument, document, "%s[%d]" % (where, index)) for index, item in items)


def _pattern(value, argument, schema, document, where):
    if isinstance(value, str) and not matches(argument, value):
        _fail(where, "does not match " + argument)


def _limit(kind, measure, fits):
    def check_limit(value, argument, schema, document, where):
        if isinstance(value, kind) and not isinstance(value, bool) and not fits(measure(value), argument):
            _fail(where, "is beyond the limit %s" % argument)

    return check_limit


def _same(value):
    return value


def _at_least(value, limit):
    return value >= limit


def _at_most(value, limit):
    return value <= limit


def _one_of(value, argument, schema, document, where):
    if sum(_holds(value, sub, document, where) for sub in argument) != 1:
        # The deepest reason is in the branch that is meant: the last one, by the contract's habit of null first.
        _check(value, argument[-1], document, where)
        _fail(where, "fits more than one form")


def _any_of(value, argument, schema, document, where):
    if not any(_holds(value, sub, document, where) for sub in argument):
        _fail(where, "fits none of the forms")


def _all_of(value, argument, schema, document, where):
    _every((_check, value, sub, document, where) for sub in argument)


def _if(value, argument, schema, document, where):
    if _holds(value, argument, document, where):
        _check(value, schema.get("then", {}), document, where)


def _const(value, argument, schema, document, where):
    if value != argument or type(value) is not type(argument):
        _fail(where, "is not %s" % json.dumps(argument))


def _enum(value, argument, schema, document, where):
    if value not in argument:
        _fail(where, "is none of " + ", ".join(map(str, argument)))


KEYWORDS = {
    "type": _type,
    "$ref": _ref,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "items": _items,
    "pattern": _pattern,
    "minLength": _limit(str, len, _at_least),
    "maxLength": _limit(str, len, _at_most),
    "minItems": _limit(list, len, _at_least),
    "maxItems": _limit(list, len, _at_most),
    "maxProperties": _limit(dict, len, _at_most),
    "minimum": _limit((int, float), _same, _at_least),
    "maximum": _limit((int, float), _same, _at_most),
    "oneOf": _one_of,
    "anyOf": _any_of,
    "allOf": _all_of,
    "if": _if,
    "const": _const,
    "enum": _enum,
}
