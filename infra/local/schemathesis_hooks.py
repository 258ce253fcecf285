"""What schemathesis must know of supportvault beside its description; schemathesis_test.go starts it with this file.

Requests are made from the description alone. That is not enough to reach what is there: ids are of what the test has made
before, a cursor is what an answer said, and a delivery needs its sender's signature. These are put in where the request is
one that the description allows. Requests that it does not allow go out as they were generated.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import time
import uuid

import schemathesis
from requests.auth import AuthBase

# Whether the tokens of this run are of the account.
admitted = os.environ["ADMITTED"] == "true"
tokens = os.environ["TOKENS"].split(" ")
account = os.environ["ACCOUNT"]
# Parameters that lead to something, by operation: {"getChat": [{"id": "…-1"}]}.
known = json.loads(os.environ["KNOWN"])


class StandardWebhooks(AuthBase):
    """Signs the bytes that are sent, as www.standardwebhooks.com says."""

    def __init__(self, secret):
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def __call__(self, request):
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        message, at = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        code = hmac.digest(self.key, b".".join([message.encode(), at.encode(), body]), hashlib.sha256)
        request.headers["webhook-id"] = message
        request.headers["webhook-timestamp"] = at
        request.headers["webhook-signature"] = "v1," + base64.b64encode(code).decode()
        return request


signed = StandardWebhooks(os.environ["CANONICAL_SECRET"])


def digest(value):
    """A number that is the same for the same value in every run."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def delivery(generated):
    """A delivery of the canonical source with whatever was generated as its text."""
    number = digest(generated)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {
        "id": f"entry-{number}",
        "time": now,
        "author": {"role": "visitor", "name": "Iris Vogel"},
        "text": json.dumps(generated, default=repr),
    }
    event = {
        "type": "conversation.message",
        "time": now,
        "kind": ("chat", "ticket")[number % 2],
        "conversation": f"described-{number % 10}",
        "entries": [entry],
    }
    return {"version": "1", "events": [event]}


def writable(address):
    """Whether an address of the form that is described also keeps to the lengths that a pattern cannot say."""
    local, _, domain = address.rpartition("@")
    return len(local) <= 64 and all(len(label) <= 63 and label[2:4] != "--" for label in domain.split("."))


cursors = {}  # by operation
succeeded = set()  # operations


@schemathesis.hook
def before_call(ctx, case, kwargs):
    # An id of an account that is one would only be refused by authorize, which the run of a stranger tries.
    if re.fullmatch("[a-z0-9]{4,32}", str(case.path_parameters.get("account"))):
        case.path_parameters["account"] = account
    if "Authorization" in case.headers and not admitted:
        case.headers["Authorization"] = "Bearer " + tokens[digest([case.path_parameters, case.query]) % len(tokens)]
    operation = case.operation.definition.raw["operationId"]
    # The source by which this test itself delivers.
    if operation in ("deleteSource", "rotateSecret") and case.path_parameters["source"] == "canonical":
        case.path_parameters["source"] = "tawkto"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    choices = known.get(operation, [])
    asked = [case.path_parameters, case.query] + ([case.body] if operation == "destroyRecord" else [])
    # Some are left that lead nowhere, once one has led somewhere.
    if choices and (operation not in succeeded or digest(asked) % 4):
        for name, value in choices[digest(asked[0] if len(asked) == 2 else asked[2]) % len(choices)].items():
            in_body = isinstance(case.body, dict) and name in case.body
            (case.path_parameters if name in case.path_parameters else case.body if in_body else case.query)[name] = value
    if operation == "deliver" and case.path_parameters["source"] == "canonical":
        case.body, case.media_type = delivery(case.body), "application/json"
        kwargs["auth"] = signed
    if operation == "putDestination":
        if case.body.get("name"):  # no description can say that it is the one in the path
            case.body["name"] = case.path_parameters["name"]
        for some in (case.body["to"].get("addresses"), case.body["to"].get("agents")):
            for at, address in list(enumerate(some) if isinstance(some, list) else (some or {}).items()):
                if not writable(address):
                    some[at] = "iris@example.com"
    # No schema says which paths lead straight to something, nor what goes with what of a way to authenticate.
    if operation == "putSource":
        source = case.path_parameters["source"]
        case.body = {"hosts": case.body.get("hosts", [])}
        if source.startswith("mapped"):
            case.body["ready"] = "livehelpnow"
    if operation == "setHold":  # of no conversation: one of every chat would keep what others have to destroy
        case.body["tag"] = "of no conversation"
    if operation == "putAdministrators":
        some = case.body["addresses"]
        some[:] = [address if writable(address) else "iris@example.com" for address in some]
    if case.query and case.query.get("cursor", "") not in cursors.get(operation, ()):
        case.query.pop("cursor", None)


@schemathesis.hook
def after_call(ctx, case, response):
    if response.status_code < 400:
        succeeded.add(case.operation.definition.raw["operationId"])
    if case.method == "HEAD":  # which has no body
        return
    if response.status_code == 200 and response.headers["content-type"][0].startswith("application/json"):
        following = response.json().get("next")
        if following:
            cursors.setdefault(case.operation.definition.raw["operationId"], set()).add(following)


# What succeeds only with the hash that a preview has just answered, or after another. functions/openapi_test.go compares these.
follows_another = {"applyPolicy", "undoPolicy", "reopenAccount"}


@schemathesis.check
class every_operation_succeeds:
    """Where nothing ever succeeds, no answer but errors was compared with the description."""

    def __init__(self):
        self.tried = set()

    def after_response(self, ctx, response, case):
        self.tried.add(case.operation.definition.raw["operationId"])

    def after_run(self, ctx):
        missing = self.tried - succeeded - follows_another
        if admitted and missing:
            raise AssertionError("never succeeded: " + ", ".join(sorted(missing)))


@schemathesis.check
def strangers_are_refused(ctx, response, case):
    """Whatever is asked, without a token of the account, or a link, the answer is API Gateway's."""
    if admitted or not case.path.startswith("/v1/accounts/") or response.status_code in (401, 403):
        return
    # A generated id may have a slash, with which the path is another.
    if response.status_code == 404 and response.json().get("error", {}).get("code") == "route_unknown":
        return
    raise AssertionError(f"{case.operation.label} answered {response.status_code} to a stranger")
