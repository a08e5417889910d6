#!/usr/bin/env python3
"""Writes data/services.bin and data/bounds.bin from the service models in botocore.

    pip install botocore==1.44.5
    python3 crates/catalogue/generate.py        # or: just catalogue

The layout of the files is described in src/format.rs and src/bounds.rs, which read them; why it looks like this stands in
docs/decisions/catalogue.md. Run twice over the same botocore it writes the same bytes.
"""

import gzip
import json
import os
import re
import struct
import sys
import zlib

import botocore

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
TARGET = os.path.join(DATA, "services.bin")
BOUNDS_TARGET = os.path.join(DATA, "bounds.bin")

# Where Step Functions was seen to check answers by an older model than today's.
OLDER_BOUNDS = {("lambda", "MemorySize"): {"max": 10240}}

# Protocols this project speaks, the ones that need the least first. A model may offer several.
PROTOCOLS = ["json", "query", "rest-json", "rest-xml", "ec2", "smithy-rpc-v2-cbor"]

# Actions Step Functions does not offer (developer guide, "Unsupported API actions for supported services"), besides
# those that stream events.
UNSUPPORTED = {
    "applicationdiscovery": {"DescribeExportConfigurations", "ExportConfigurations"},
    "codedeploy": {"BatchGetDeploymentInstances", "GetDeploymentInstance", "ListDeploymentInstances",
                   "SkipWaitTimeForInstanceTermination"},
    "comprehendmedical": {"DetectEntities"},
    "directconnect": {"AllocateConnectionOnInterconnect", "DescribeConnectionLoa",
                      "DescribeConnectionsOnInterconnect", "DescribeInterconnectLoa"},
    "efs": {"CreateTags"},
    "elastictranscoder": {"TestRole"},
    "emr": {"DescribeJobFlows"},
    "iot": {"AttachPrincipalPolicy", "DetachPrincipalPolicy", "ListPolicyPrincipals", "ListPrincipalPolicies"},
    "iotdeviceadvisor": {"ListTestCases"},
    "lambda": {"InvokeAsync"},
    "mediapackage": {"RotateChannelCredentials"},
    "rdsdata": {"ExecuteSql"},
    "shield": {"DeleteSubscription"},
    "sts": {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
}

# The words that a getter of the SDK for Java can't have as its name; Step Functions shows them with "Value" behind.
JAVA_WORDS = set(
    "abstract assert boolean break byte case catch char class const continue default do double else enum extends false "
    "final finally float for goto if implements import instanceof int interface long native new null package private "
    "protected public return short static strictfp super switch synchronized this throw throws transient true try void "
    "volatile while equals hashCode toString notify notifyAll wait getClass clone finalize".split()
)

# Scalars have fixed numbers: the order of Scalar::ALL in src/shape.rs.
SCALARS = ["string", "blob", "boolean", "integer", "long", "float", "double", "timestamp",
           "timestamp:iso8601", "timestamp:unixTimestamp", "timestamp:rfc822", "document"]


def words(text):
    """A name in words, as the code generator of the SDK for Java takes it apart."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = " ".join(re.split(r"(?<=[a-z])(?=[A-Z](?:[a-zA-Z]|[0-9]))", text))
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return text.split()


def pascal(text):
    return "".join(word[:1].upper() + word[1:].lower() for word in words(text))


def small_start(name):
    """`DBInstance` -> `dbInstance`, as the getters of the SDK for Java begin."""
    result, at = "", 0
    while True:
        result += name[at].lower()
        at += 1
        if at >= len(name) or not name[at].isupper():
            break
        if at < len(name) - 1 and name[at + 1].islower():
            break
    return result + name[at:]


def prefix_of(service_id):
    """The name of the client in the SDK for Java, which is what error names begin with: `DynamoDb`."""
    name = pascal(service_id)
    for start in ("Amazon", "Aws"):
        if name.startswith(start):
            name = name[len(start):]
    return name[: -len("Service")] if name.endswith("Service") else name


def member_name(name):
    """As Step Functions spells a member: `DBInstanceIdentifier` -> `DbInstanceIdentifier`."""
    small = small_start(name)
    if small in JAVA_WORDS:
        small += "Value"
    return small[:1].upper() + small[1:]


def exception_name(shape):
    if shape.endswith("Fault"):
        return pascal(shape[: -len("Fault")]) + "Exception"
    name = pascal(shape)
    return name if name.endswith("Exception") else name + "Exception"


class Model:
    """One service's model, written as lines."""

    def __init__(self, name, model, protocol):
        self.name = name
        self.shapes = model["shapes"]
        self.operations = model["operations"]
        self.protocol = protocol
        self.numbers = {}
        self.order = []

    def number(self, reference):
        """The number of a shape; scalars have theirs already."""
        shape = self.shapes[reference["shape"]]
        kind = shape["type"]
        if kind == "structure" and shape.get("document"):
            return SCALARS.index("document")
        if kind == "timestamp":
            form = reference.get("timestampFormat") or shape.get("timestampFormat")
            return SCALARS.index(f"timestamp:{form}" if form else "timestamp")
        if kind == "character":
            kind = "string"
        if kind in SCALARS:
            return SCALARS.index(kind)
        if reference["shape"] not in self.numbers:
            self.numbers[reference["shape"]] = len(SCALARS) + len(self.order)
            self.order.append(reference["shape"])
        return self.numbers[reference["shape"]]

    def streams_events(self, reference):
        if not reference:
            return False
        shape = self.shapes[reference["shape"]]
        return any(self.shapes[m["shape"]].get("eventstream") for m in shape.get("members", {}).values())

    def lines(self):
        for name, operation in sorted(self.operations.items()):
            if name in UNSUPPORTED.get(self.name, ()):
                continue
            if self.streams_events(operation.get("input")) or self.streams_events(operation.get("output")):
                continue
            http = operation.get("http", {})
            given, answered = operation.get("input"), operation.get("output")
            method, uri = http.get("method", "POST"), http.get("requestUri", "/")
            yield self.row(
                "O",
                small_start(name),
                name,
                "" if method == "POST" else method,
                "" if uri == "/" else uri,
                self.number(given) if given else "",
                self.number(answered) if answered else "",
                (answered or {}).get("resultWrapper", ""),
                operation.get("endpoint", {}).get("hostPrefix", ""),
                (given or {}).get("locationName", ""),
                self.namespace(given),
                self.checksum(operation),
            )
        seen = set()
        for name, shape in sorted(self.shapes.items()):
            if shape.get("exception"):
                code = shape.get("error", {}).get("code") or name
                if code not in seen:
                    seen.add(code)
                    shown = exception_name(name)
                    yield self.row("E", code, "" if shown == code else shown)
        at = 0
        while at < len(self.order):
            yield from self.shape(self.shapes[self.order[at]])
            at += 1

    @staticmethod
    def checksum(operation):
        """`c` for CRC-32, which is what the SDK takes where it may choose; `m` for MD5."""
        if operation.get("httpChecksum", {}).get("requestAlgorithmMember"):
            return "c"
        return "m" if operation.get("httpChecksumRequired") else ""

    def shape(self, shape):
        kind = shape["type"]
        if kind == "structure":
            payload = shape.get("payload")
            yield self.row("S", member_name(payload) if payload else "", "u" if shape.get("union") else "")
            required = set(shape.get("required", ()))
            for name, member in shape.get("members", {}).items():
                yield self.member(name, member, name in required)
        elif kind == "list":
            member = shape["member"]
            flags = "f" if shape.get("flattened") else ""
            yield self.row("L", self.number(member), member.get("locationName", ""), flags)
        elif kind == "map":
            key, value = shape["key"], shape["value"]
            flags = "f" if shape.get("flattened") else ""
            yield self.row("M", self.number(key), key.get("locationName", ""),
                           self.number(value), value.get("locationName", ""), flags)
        else:
            raise SystemExit(f"{self.name}: a shape of type {kind}")

    def bounds(self):
        """What values in answers are bounded by; after `lines`, which numbers the shapes."""
        todo = [operation["output"]["shape"] for _, operation in sorted(self.operations.items())
                if operation.get("output", {}).get("shape") in self.numbers]
        seen = set()
        while todo:
            name = todo.pop()
            if name in seen or name not in self.numbers:
                continue
            seen.add(name)
            shape = self.shapes[name]
            parts = {"": shape["member"]} if shape["type"] == "list" else {
                "": shape["value"]} if shape["type"] == "map" else shape.get("members", {})
            for part, reference in parts.items():
                target = self.shapes[reference["shape"]]
                if reference["shape"] in self.numbers:
                    todo.append(reference["shape"])
                    continue
                bound = {**target, **OLDER_BOUNDS.get((self.name, reference["shape"]), {})}
                if target["type"] not in ("string", "blob", "integer", "long", "float", "double"):
                    continue
                low, high, values = bound.get("min", ""), bound.get("max", ""), bound.get("enum", ())
                low = "" if low == 0 and target["type"] in ("string", "blob") else low
                if values or low != "" or high != "":
                    yield self.numbers[name], self.row(self.numbers[name], member_name(part) if part else "",
                                                       low, high, "|".join(values))

    def member(self, name, member, required):
        target = self.shapes[member["shape"]]
        flags = "r" if required else ""
        flags += {"header": "h", "headers": "H", "uri": "u", "querystring": "q", "statusCode": "s"}.get(
            member.get("location"), "")
        flags += "f" if member.get("flattened") else ""
        flags += "i" if member.get("idempotencyToken") else ""
        flags += "j" if member.get("jsonvalue") else ""
        flags += "x" if member.get("xmlAttribute") else ""
        flags += "l" if member.get("hostLabel") else ""
        flags += "b" if member.get("streaming") or target.get("streaming") else ""
        shown = member_name(name)
        wire = member.get("locationName", name)
        original = name[:1].upper() + name[1:]
        return self.row("", shown, "" if wire == shown else wire, self.number(member), flags,
                        member.get("queryName", ""), self.namespace(member), "" if original == shown else original)

    @staticmethod
    def namespace(reference):
        """`uri`, or `prefix=uri`."""
        space = (reference or {}).get("xmlNamespace", {})
        if isinstance(space, str):
            return space
        return "=".join(filter(None, [space.get("prefix"), space.get("uri")]))

    @staticmethod
    def row(*cells):
        text = [str(cell) for cell in cells]
        if any("\t" in cell or "\n" in cell for cell in text):
            raise SystemExit(f"a tab or a line's end within {text}")
        return "\t".join(text).rstrip("\t")


def read(path):
    for ending, opens in ((".gz", gzip.open), ("", open)):
        if os.path.exists(path + ending):
            with opens(path + ending, "rb") as file:
                return json.load(file)
    return None


def models(root):
    """The newest version of every service's model."""
    for folder in sorted(os.listdir(root)):
        below = os.path.join(root, folder)
        if not os.path.isdir(below):
            continue
        for version in sorted(os.listdir(below), reverse=True):
            model = read(os.path.join(below, version, "service-2.json"))
            if model:
                yield model
                break


def one_place(endpoints, prefix):
    """Host and region of a service that is in one place for the whole partition."""
    service = endpoints.get(prefix, {})
    if service.get("isRegionalized", True) or "partitionEndpoint" not in service:
        return "", ""
    endpoint = service["endpoints"][service["partitionEndpoint"]]
    region = endpoint.get("credentialScope", {}).get("region", "us-east-1")
    return endpoint.get("hostname", f"{prefix}.amazonaws.com"), region


def squeeze(text):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(text.encode()) + squeezer.flush()


def main():
    root = os.path.join(os.path.dirname(botocore.__file__), "data")
    endpoints = read(os.path.join(root, "endpoints.json"))["partitions"][0]["services"]
    index, blocks, at, operations = {}, [], 0, 0
    bounds = {}
    for model in models(root):
        about = model["metadata"]
        offered = about.get("protocols") or [about["protocol"]]
        protocol = next(known for known in PROTOCOLS if known in offered)
        prefix = prefix_of(about["serviceId"])
        name = prefix.lower()
        if name in index:
            # pinpoint-sms-voice is there twice; the first has more actions
            print(f"left out: a second {name} ({len(model['operations'])} actions)", file=sys.stderr)
            continue
        of_service = Model(name, model, protocol)
        lines = list(of_service.lines())
        bounds[name] = "\n".join(row for _, row in sorted(of_service.bounds()))
        operations += sum(line.startswith("O\t") for line in lines)
        text = "\n".join(lines)
        block = squeeze(text)
        space = about.get("xmlNamespace", "")
        index[name] = Model.row(
            name, prefix, about["serviceId"], protocol, about["endpointPrefix"],
            about.get("signingName", about["endpointPrefix"]), about.get("targetPrefix", ""),
            about.get("jsonVersion", "1.0" if protocol == "json" else ""), about["apiVersion"],
            space if isinstance(space, str) else space.get("uri", ""),
            *one_place(endpoints, about["endpointPrefix"]), at, len(block), len(text.encode()), ".",
        )
        blocks.append(block)
        at += len(block)
    head = f"botocore {botocore.__version__}\n" + "\n".join(index[name] for name in sorted(index))
    packed = squeeze(head)
    os.makedirs(os.path.dirname(TARGET), exist_ok=True)
    with open(TARGET, "wb") as file:
        file.write(struct.pack("<II", len(packed), len(head.encode())))
        file.write(packed)
        file.write(b"".join(blocks))
    write_bounds(bounds)
    sizes = " + ".join(f"{os.path.getsize(path):,}" for path in (TARGET, BOUNDS_TARGET))
    print(f"{len(index)} services, {operations} actions, {sizes} bytes", file=sys.stderr)


def write_bounds(bounds):
    """The same form as services.bin: an index of names, offsets and lengths, then each service's block."""
    rows, blocks, at = [], [], 0
    for name in sorted(name for name in bounds if bounds[name]):
        block = squeeze(bounds[name])
        rows.append(Model.row(name, at, len(block), len(bounds[name].encode()), "."))
        blocks.append(block)
        at += len(block)
    head = "\n".join(rows)
    packed = squeeze(head)
    with open(BOUNDS_TARGET, "wb") as file:
        file.write(struct.pack("<II", len(packed), len(head.encode())))
        file.write(packed)
        file.write(b"".join(blocks))


main()
