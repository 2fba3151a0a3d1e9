#!/usr/bin/env python3
"""Lists the public items of the crate, with all features on, and compares the list with docs/api.txt.

    .ci/api.py            prints a diff and fails if docs/api.txt is not what the source has
    .ci/api.py --update   writes docs/api.txt

The list is made from rustdoc's JSON, so it has what macros and re-exports add. Each line stands alone: the kind, the path within
the crate, the signature. An item is listed once, at its shortest path; other paths to it are lines that begin with
`use`. Types of this crate are named by that path, the well-known ones of the standard library by their last name, and
others in full. Plain traits of a type share a line. Send, Sync and other auto traits are listed if a type lacks them.
Methods of implemented traits, and all that blanket implementations add, are left out.
"""

import difflib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "api.txt"
CRATE = "amqp_proto"

# Versions of rustdoc's format whose fields were compared with what is read here.
FORMATS = {57}

# What goes by its last name in the standard library. `fmt::Result` and the like keep their module.
WITHOUT_PATH = re.compile(
    r"(?:core|alloc|std)::(?:any|borrow|boxed|clone|cmp|convert|default|fmt|hash|iter|marker|ops|option|panic|result|"
    r"string|sync|vec)(?:::\w+)*::(\w+)(?<!fmt::Result)(?<!fmt::Error)"
)

# Traits that only the compiler uses.
INTERNAL_TRAITS = {"Freeze", "StructuralPartialEq"}

# Longest constant that is listed with its value.
LONGEST_VALUE = 60


def documented():
    """Returns rustdoc's JSON for the crate."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "api"
    command = ["cargo", "rustdoc", "--quiet", "--lib", "--all-features", "--target-dir", target]
    # JSON is unstable. The gate's stable compiler is allowed to write it, so that the list depends on no second one.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    output = ["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]
    subprocess.run([*command, *output], check=True, cwd=ROOT, env=environment)
    return json.loads((target / "doc" / f"{CRATE}.json").read_text())


def only(tagged):
    """Returns the name and content of an enum's value in JSON: a string, or an object with one key."""
    return (tagged, None) if isinstance(tagged, str) else next(iter(tagged.items()))


class Api:
    def __init__(self, crate):
        self.index = crate["index"]
        self.paths = crate["paths"]
        self.lines = []
        # The traits without parameters of each type, by the place of the line, the generics and the type.
        self.plain_traits = {}
        # The public paths of each item of this crate, in modules.
        self.public = {}
        self.find(crate["root"], (), frozenset())
        self.shortest = {number: min(paths, key=lambda path: (len(path), path)) for number, paths in self.public.items()}

    def item(self, number):
        return self.index.get(str(number))

    # ---- Where the items are

    def find(self, number, path, inside):
        """Notes the public paths below a module; `inside` are the modules that are being walked, against circles."""
        if number in inside:
            return
        for child in self.item(number)["inner"]["module"]["items"]:
            item = self.item(child)
            if item is None or item["visibility"] != "public":
                continue
            kind, inner = only(item["inner"])
            if kind != "use":
                self.note(child, (*path, item["name"]), inside | {number})
            elif inner["is_glob"]:
                self.find_glob(inner["id"], path, inside | {number})
            elif self.item(inner["id"]) is not None and self.item(inner["id"])["crate_id"] == 0:
                self.note(inner["id"], (*path, inner["name"]), inside | {number})
            else:
                self.add(path + (inner["name"],), f"use {'::'.join((*path, inner['name']))} = {inner['source']}")

    def find_glob(self, number, path, inside):
        kind, inner = only(self.item(number)["inner"])
        if kind == "module":
            self.find(number, path, inside)
        elif kind == "enum":
            for variant in inner["variants"]:
                self.note(variant, (*path, self.item(variant)["name"]), inside)

    def note(self, number, path, inside):
        self.public.setdefault(number, []).append(path)
        if "module" in self.item(number)["inner"]:
            self.find(number, path, inside)

    # ---- Types as text

    def name(self, number, written):
        """Returns the name by which a type or trait is listed; `written` is how the source has it."""
        if number in self.shortest:
            return "::".join(self.shortest[number])
        known = self.paths.get(str(number))
        if known is None:
            return written
        path = known["path"]
        if known["crate_id"] == 0:
            # Public, but in no public module: reachable through a signature alone.
            return "::".join(path[1:])
        full = "::".join(path)
        short = WITHOUT_PATH.fullmatch(full)
        return short[1] if short else full

    def path(self, path):
        return self.name(path["id"], path["path"]) + self.arguments(path["args"])

    def arguments(self, arguments):
        if arguments is None:
            return ""
        kind, inner = only(arguments)
        if kind == "parenthesized":
            return f"({', '.join(map(self.type, inner['inputs']))}){self.result(inner['output'])}"
        if kind == "return_type_notation":
            return "(..)"
        return self.angles([*map(self.argument, inner["args"]), *map(self.constraint, inner["constraints"])])

    @staticmethod
    def angles(parts):
        return f"<{', '.join(parts)}>" if parts else ""

    def argument(self, argument):
        kind, inner = only(argument)
        match kind:
            case "lifetime":
                return inner
            case "type":
                return self.type(inner)
            case "const":
                return inner["expr"]
            case "infer":
                return "_"
        raise ValueError(f"an unknown generic argument: {kind}")

    def constraint(self, constraint):
        name = constraint["name"] + self.arguments(constraint["args"])
        kind, inner = only(constraint["binding"])
        if kind == "constraint":
            return f"{name}: {self.bounds(inner)}"
        return f"{name} = {self.term(inner)}"

    def term(self, term):
        kind, inner = only(term)
        return self.type(inner) if kind == "type" else inner["expr"]

    def bounds(self, bounds):
        return " + ".join(map(self.bound, bounds))

    def bound(self, bound):
        kind, inner = only(bound)
        match kind:
            case "trait_bound":
                modifier = {"none": "", "maybe": "?", "maybe_const": "~const "}[inner["modifier"]]
                return modifier + self.for_all(inner["generic_params"]) + self.path(inner["trait"])
            case "outlives":
                return inner
            case "use":
                return f"use<{', '.join(next(iter(one.values())) for one in inner)}>"
        raise ValueError(f"an unknown bound: {kind}")

    def for_all(self, parameters):
        return f"for{self.parameters(parameters)} " if parameters else ""

    def type(self, type_):
        kind, inner = only(type_)
        match kind:
            case "resolved_path":
                return self.path(inner)
            case "generic" | "primitive":
                return {"never": "!"}.get(inner, inner)
            case "tuple":
                return f"({', '.join(map(self.type, inner))}{',' if len(inner) == 1 else ''})"
            case "slice":
                return f"[{self.type(inner)}]"
            case "array":
                return f"[{self.type(inner['type'])}; {inner['len']}]"
            case "impl_trait":
                return f"impl {self.bounds(inner)}"
            case "infer":
                return "_"
            case "raw_pointer":
                return f"*{'mut' if inner['is_mutable'] else 'const'} {self.type(inner['type'])}"
            case "borrowed_ref":
                lifetime = f"{inner['lifetime']} " if inner["lifetime"] else ""
                return f"&{lifetime}{'mut ' if inner['is_mutable'] else ''}{self.to(inner['type'])}"
            case "dyn_trait":
                return f"dyn {self.dyn_bounds(inner)}"
            case "qualified_path":
                return self.qualified(inner)
            case "function_pointer":
                inputs = ", ".join(self.type(type_) for _, type_ in inner["sig"]["inputs"])
                head = self.for_all(inner["generic_params"]) + self.qualifiers(inner["header"])
                return f"{head}fn({inputs}){self.result(inner['sig']['output'])}"
        raise ValueError(f"an unknown type: {kind}")

    def to(self, type_):
        """Returns what a reference points to, with parentheses if there are several bounds."""
        kind, inner = only(type_)
        several = kind == "dyn_trait" and len(inner["traits"]) + bool(inner["lifetime"]) > 1
        several = several or (kind == "impl_trait" and len(inner) > 1)
        return f"({self.type(type_)})" if several else self.type(type_)

    def dyn_bounds(self, dyn):
        traits = [self.for_all(one["generic_params"]) + self.path(one["trait"]) for one in dyn["traits"]]
        return " + ".join([*traits, *filter(None, [dyn["lifetime"]])])

    def qualified(self, path):
        own = self.type(path["self_type"])
        name = path["name"] + self.arguments(path["args"])
        # A trait without a name is that of an inherent associated type.
        if not path["trait"] or not path["trait"]["path"]:
            return f"{own}::{name}"
        return f"<{own} as {self.path(path['trait'])}>::{name}"

    def result(self, output):
        return f" -> {self.type(output)}" if output is not None else ""

    # ---- Generics

    def parameters(self, parameters):
        """Returns the parameters in angles; those that stand for `impl Trait` are not written by anybody."""
        return self.angles([text for text in map(self.parameter, parameters) if text])

    def parameter(self, parameter):
        name = parameter["name"]
        kind, inner = only(parameter["kind"])
        match kind:
            case "lifetime":
                return f"{name}: {' + '.join(inner['outlives'])}" if inner["outlives"] else name
            case "const":
                return f"const {name}: {self.type(inner['type'])}" + (f" = {inner['default']}" if inner["default"] else "")
            case "type":
                if inner["is_synthetic"]:
                    return ""
                bounds = f": {self.bounds(inner['bounds'])}" if inner["bounds"] else ""
                return name + bounds + (f" = {self.type(inner['default'])}" if inner["default"] else "")
        raise ValueError(f"an unknown parameter: {kind}")

    def where(self, generics):
        clauses = [self.clause(clause) for clause in generics["where_predicates"]]
        return f" where {', '.join(clauses)}" if clauses else ""

    def clause(self, clause):
        kind, inner = only(clause)
        match kind:
            case "bound_predicate":
                return f"{self.for_all(inner['generic_params'])}{self.type(inner['type'])}: {self.bounds(inner['bounds'])}"
            case "lifetime_predicate":
                return f"{inner['lifetime']}: {' + '.join(inner['outlives'])}"
            case "eq_predicate":
                return f"{self.type(inner['lhs'])} = {self.term(inner['rhs'])}"
        raise ValueError(f"an unknown where clause: {kind}")

    # ---- Items as lines

    def add(self, path, line):
        # A space comes before every character of a name, so a module's own items come before those of deeper ones.
        self.lines.append((" ".join(path), line))

    def list(self):
        for number, paths in self.public.items():
            shortest = self.shortest[number]
            for path in paths:
                if path != shortest:
                    self.add(path, f"use {'::'.join(path)} = {'::'.join(shortest)}")
            self.list_item(self.item(number), shortest)
        for item in self.index.values():
            if item["crate_id"] == 0 and "impl" in item["inner"]:
                self.list_impl(item["inner"]["impl"])
        for (beside, generics, own), traits in self.plain_traits.items():
            self.add(beside, f"impl{generics} {', '.join(sorted(traits))} for {own}")
        return sorted(set(self.lines))

    @staticmethod
    def attributes(item):
        """Returns the attributes that callers depend on, in the order of the source."""
        shown = []
        for attribute in item["attrs"]:
            kind, _ = only(attribute)
            if kind in ("non_exhaustive", "must_use"):
                shown.append(f"#[{kind}] ")
        if item["deprecation"]:
            shown.append("#[deprecated] ")
        return "".join(shown)

    @staticmethod
    def qualifiers(header):
        abi, _ = only(header["abi"])
        return "".join(
            [
                "const " if header["is_const"] else "",
                "async " if header["is_async"] else "",
                "unsafe " if header["is_unsafe"] else "",
                "" if abi == "Rust" else f'extern "{abi}" ',
            ]
        )

    def receiver(self, name, type_):
        """Returns a parameter as it is written: `&mut self` for `self: &mut Self`."""
        written = self.type(type_)
        if name != "self":
            return f"{name}: {written}"
        short = re.fullmatch(r"(&(?:'\w+ )?(?:mut )?)?Self", written)
        return f"{short[1] or ''}self" if short else f"self: {written}"

    def function(self, item, path):
        inner = item["inner"]["function"]
        sig = inner["sig"]
        inputs = ", ".join(self.receiver(name, type_) for name, type_ in sig["inputs"])
        head = f"{self.attributes(item)}{self.qualifiers(inner['header'])}fn {'::'.join(path)}"
        generics = self.parameters(inner["generics"]["params"])
        return f"{head}{generics}({inputs}){self.result(sig['output'])}{self.where(inner['generics'])}"

    def list_item(self, item, path):
        kind, inner = only(item["inner"])
        name = "::".join(path)
        head = f"{self.attributes(item)}{kind} {name}"
        match kind:
            case "module":
                self.add(path, f"{self.attributes(item)}mod {name}")
            case "function":
                self.add(path, self.function(item, path))
            case "constant":
                value = inner["const"]["value"] or inner["const"]["expr"]
                self.add(path, self.constant(f"{self.attributes(item)}const {name}", inner["type"], value))
            case "static":
                self.add(path, f"{head}: {self.type(inner['type'])}")
            case "type_alias":
                generics = self.parameters(inner["generics"]["params"])
                self.add(path, f"{self.attributes(item)}type {name}{generics} = {self.type(inner['type'])}")
            case "macro" | "proc_macro":
                self.add(path, f"{self.attributes(item)}macro {name}!")
            case "struct":
                self.list_struct(inner, path, head)
            case "enum":
                self.add(path, head + self.parameters(inner["generics"]["params"]) + self.where(inner["generics"]))
                for variant in inner["variants"]:
                    self.list_variant(self.item(variant), path)
            case "variant":
                self.list_variant(item, path[:-1])
            case "trait":
                self.list_trait(inner, path, head)
            case _:
                raise ValueError(f"an unknown kind of item: {kind}")

    def constant(self, head, type_, value):
        shown = f" = {value}" if value and value != "_" and len(value) <= LONGEST_VALUE else ""
        return f"{head}: {self.type(type_)}{shown}"

    def list_struct(self, inner, path, head):
        head += self.parameters(inner["generics"]["params"])
        kind, fields = only(inner["kind"])
        if kind == "tuple":
            head += f"({', '.join('_' if field is None else self.field(field) for field in fields)})"
        elif kind == "plain" and fields["has_stripped_fields"]:
            head += " { .. }"
        self.add(path, head + self.where(inner["generics"]))
        if kind == "plain":
            for field in fields["fields"]:
                name = self.item(field)["name"]
                self.add((*path, name), f"field {'::'.join((*path, name))}: {self.field(field)}")

    def field(self, number):
        return self.type(self.item(number)["inner"]["struct_field"])

    def list_variant(self, item, path):
        inner = item["inner"]["variant"]
        path = (*path, item["name"])
        line = f"{self.attributes(item)}variant {'::'.join(path)}"
        kind, fields = only(inner["kind"])
        if kind == "tuple":
            line += f"({', '.join('_' if field is None else self.field(field) for field in fields)})"
        elif kind == "struct":
            named = [f"{self.item(field)['name']}: {self.field(field)}" for field in fields["fields"]]
            line += f" {{ {', '.join(named)} }}"
        if inner["discriminant"]:
            line += f" = {inner['discriminant']['value']}"
        self.add(path, line)

    def list_trait(self, inner, path, head):
        head = ("unsafe " if inner["is_unsafe"] else "") + head + self.parameters(inner["generics"]["params"])
        bounds = f": {self.bounds(inner['bounds'])}" if inner["bounds"] else ""
        self.add(path, head + bounds + self.where(inner["generics"]))
        for number in inner["items"]:
            item = self.item(number)
            if item is not None:
                self.list_associated(item, path, in_trait=True)

    def conditions(self, inner):
        """Returns the head of an inherent impl that does not hold for every value of the type's parameters."""
        arguments = inner["for"]["resolved_path"]["args"]
        parameters, where = self.parameters(inner["generics"]["params"]), self.where(inner["generics"])
        given = [] if arguments is None else map(only, arguments["angle_bracketed"]["args"])
        if where or ":" in parameters or any(kind == "type" and "generic" not in type_ for kind, type_ in given):
            return f" in impl{parameters} {self.type(inner['for'])}{where}"
        return ""

    def list_associated(self, item, path, in_trait=False, of=""):
        kind, inner = only(item["inner"])
        path = (*path, item["name"])
        name = "::".join(path)
        match kind:
            case "function":
                provided = " { .. }" if in_trait and inner["has_body"] else ""
                self.add(path, self.function(item, path) + provided + of)
            case "assoc_const":
                line = self.constant(f"{self.attributes(item)}const {name}", inner["type"], inner["value"])
                self.add(path, line + of)
            case "assoc_type":
                bounds = f": {self.bounds(inner['bounds'])}" if inner["bounds"] else ""
                default = f" = {self.type(inner['type'])}" if inner["type"] else ""
                self.add(path, f"type {name}{self.parameters(inner['generics']['params'])}{bounds}{default}")
            case _:
                raise ValueError(f"an unknown kind of associated item: {kind}")

    def list_impl(self, inner):
        if inner["blanket_impl"] or (inner["is_synthetic"] and not inner["is_negative"]):
            return
        kind, own = only(inner["for"])
        local = self.shortest.get(own["id"]) if kind == "resolved_path" else None
        if inner["trait"] is None:
            if local is None:
                return
            for number in inner["items"]:
                item = self.item(number)
                if item is not None and item["visibility"] == "public":
                    self.list_associated(item, local, of=self.conditions(inner))
            return
        self.list_trait_impl(inner, local)

    def list_trait_impl(self, inner, local):
        trait, own = self.path(inner["trait"]), self.type(inner["for"])
        if trait in INTERNAL_TRAITS:
            return
        generics, where = self.parameters(inner["generics"]["params"]), self.where(inner["generics"])
        types = [
            f"{item['name']} = {self.type(item['inner']['assoc_type']['type'])}"
            for item in map(self.item, inner["items"])
            if item is not None and "assoc_type" in item["inner"]
        ]
        # Below its type, after the type's own items; of a foreign type, below the trait.
        beside = (*(local or self.shortest.get(inner["trait"]["id"], ())), "~impl")
        if not (where or types or inner["trait"]["args"] or inner["is_negative"]):
            self.plain_traits.setdefault((beside, generics, own), set()).add(trait)
            return
        negative = "!" if inner["is_negative"] else ""
        with_types = f" {{ {', '.join(sorted(types))} }}" if types else ""
        self.add(beside, f"impl{generics} {negative}{trait} for {own}{where}{with_types}")


def main():
    crate = documented()
    if crate["format_version"] not in FORMATS:
        print(f"rustdoc writes format {crate['format_version']}: compare it with FORMATS ({FORMATS})", file=sys.stderr)
    made = "".join(f"{line}\n" for _, line in Api(crate).list())
    if sys.argv[1:] == ["--update"]:
        LIST.write_text(made)
        print(f"docs/api.txt has {made.count(chr(10))} lines")
        return 0
    if sys.argv[1:]:
        sys.exit("usage: .ci/api.py [--update]")
    stored = LIST.read_text() if LIST.exists() else ""
    if made == stored:
        print(f"docs/api.txt is what the source has: {made.count(chr(10))} lines")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(stored.splitlines(True), made.splitlines(True), "docs/api.txt", "the source")
    )
    print("docs/api.txt is not what the source has: if the change is meant, run `python3 .ci/api.py --update`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
