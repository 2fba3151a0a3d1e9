"""Typed AMQP values to and from the notation of values.json: ["uint", "5"], ["list", [...]] and so on."""

import struct
import uuid

from proton import (UNDESCRIBED, Array, Data, Described, byte, char, decimal32, decimal64, decimal128, float32, int32,
                    short, symbol, timestamp, ubyte, uint, ulong, ushort)

ELEMENT = {
    "boolean": Data.BOOL, "uint": Data.UINT, "ulong": Data.ULONG, "int": Data.INT, "double": Data.DOUBLE,
    "uuid": Data.UUID, "binary": Data.BINARY, "string": Data.STRING, "symbol": Data.SYMBOL,
}
ELEMENT_NAME = {code: name for name, code in ELEMENT.items()}

WHOLE = {
    ubyte: "ubyte", ushort: "ushort", uint: "uint", ulong: "ulong", byte: "byte", short: "short", int32: "int",
    int: "long", timestamp: "timestamp",
}

MAKE = {
    **{name: (lambda v, kind=kind: kind(int(v))) for kind, name in WHOLE.items()},
    "null": lambda: None,
    "boolean": bool,
    "float": lambda v: float32(struct.unpack(">f", bytes.fromhex(v))[0]),
    "double": lambda v: struct.unpack(">d", bytes.fromhex(v))[0],
    "decimal32": lambda v: decimal32(int(v, 16)),
    "decimal64": lambda v: decimal64(int(v, 16)),
    "decimal128": lambda v: decimal128(bytes.fromhex(v)),
    "char": lambda v: char(chr(int(v))),
    "uuid": lambda v: uuid.UUID(v),
    "binary": bytes.fromhex,
    "string": str,
    "symbol": symbol,
    "list": lambda v: [make(item) for item in v],
    "map": lambda v: {make(key): make(value) for key, value in v},
    "array": lambda element, v: Array(UNDESCRIBED, ELEMENT[element], *(make(item) for item in v)),
    "described": lambda descriptor, v: Described(make(descriptor), make(v)),
}


def make(notation):
    name, *rest = notation
    return MAKE[name](*rest)


SHOW = {
    **{kind: (lambda v, name=name: [name, str(int(v))]) for kind, name in WHOLE.items()},
    type(None): lambda v: ["null"],
    bool: lambda v: ["boolean", v],
    float32: lambda v: ["float", struct.pack(">f", v).hex()],
    float: lambda v: ["double", struct.pack(">d", v).hex()],
    decimal32: lambda v: ["decimal32", f"{int(v) & 0xffffffff:08x}"],
    decimal64: lambda v: ["decimal64", f"{int(v) & 0xffffffffffffffff:016x}"],
    decimal128: lambda v: ["decimal128", bytes(v).hex()],
    char: lambda v: ["char", str(ord(v))],
    uuid.UUID: lambda v: ["uuid", v.hex],
    bytes: lambda v: ["binary", v.hex()],
    memoryview: lambda v: ["binary", v.hex()],
    str: lambda v: ["string", v],
    symbol: lambda v: ["symbol", str(v)],
    list: lambda v: ["list", [show(item) for item in v]],
    dict: lambda v: ["map", [[show(key), show(value)] for key, value in v.items()]],
    Array: lambda v: ["array", ELEMENT_NAME.get(v.type, str(v.type)), [show(item) for item in v]],
    Described: lambda v: ["described", show(v.descriptor), show(v.value)],
}


def show(value):
    """What a value that Proton has read looks like in the notation."""
    return SHOW[type(value)](value)
