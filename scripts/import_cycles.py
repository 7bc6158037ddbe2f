#!/usr/bin/env python3
"""Finds circles of imports between the files of each crate: none may span two folders, none may have more than five files.

    scripts/import_cycles.py [ROOT]          fails and prints the circles that break the rule
    scripts/import_cycles.py --all [ROOT]    prints every circle
    scripts/import_cycles.py --edges [ROOT]  prints every import, one `from -> to` a line

A file imports another when it names it, or an item in it, by a path: in a `use`, or in code (`super::limits::MAX`, `child::run()`).
A path that goes through a re-export leads to the file that defines the item, and a re-export by itself is no import. Test modules
do not count. Macros that make paths are not seen; there are none in this workspace.
"""

import argparse
import pathlib
import re
import sys
from collections import defaultdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from count_lines import TEST_ITEM, TEST_MODULE, blank_out, closing  # noqa: E402

LARGEST = 5
# Where circles are still too large. May only become shorter. In `classroom` it is a closed list of frames and the state that they act on.
KNOWN = ("crates/m4sh-domain/src/classroom",)
MODULE = re.compile(r"(?:^|[\s;}\])])mod\s+(\w+)\s*([;{])")
USE = re.compile(r"(?:^|[;{}\]]|\n)\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
PATH = re.compile(r"(?<![\w:$'.])(?:::)?((?:r#)?[A-Za-z_]\w*(?:\s*::\s*(?:r#)?[A-Za-z_]\w*)+)")


class Crate:
    """The modules of one crate: the file of each, what it declares and what it re-exports."""

    def __init__(self, top):
        self.files, self.text, self.children = {}, {}, defaultdict(set)
        self.exports, self.globs = defaultdict(dict), defaultdict(list)
        for root in (top / "lib.rs", top / "main.rs"):
            if root.exists():
                self.load((), root)
                break

    def load(self, module, file):
        text = blank_out(file.read_text())
        for test in reversed(list(TEST_MODULE.finditer(text))):
            text = text[: test.start()] + text[closing(text, test.end() - 1) :]
        while item := TEST_ITEM.search(text):
            text = text[: item.start()] + text[closing(text, item.end()) :]
        self.files[module], self.text[module] = file, text
        folder = file.parent if file.name in ("mod.rs", "lib.rs", "main.rs") else file.with_suffix("")
        for found in MODULE.finditer(text):
            name = found.group(1)
            self.children[module].add(name)
            if found.group(2) == ";":
                for path in (folder / f"{name}.rs", folder / name / "mod.rs"):
                    if path.exists():
                        self.load((*module, name), path)
            else:  # an inline module lives in this file; its own imports are this file's
                self.files[(*module, name)] = file
        for public, tree in USE.findall(text):
            for path, name in leaves(tree):
                if not public.strip():
                    continue
                if name == "*":
                    self.globs[module].append(path)
                else:
                    self.exports[module][name] = path

    def absolute(self, module, path):
        """The module and the rest that a path written in `module` leads to; None when it leaves the crate."""
        path = list(path)
        if path[0] == "crate":
            return (), path[1:]
        if path[0] == "self":
            return module, path[1:]
        if path[0] == "super":
            while path and path[0] == "super":
                module, path = module[:-1], path[1:]
            return module, path
        if path[0] in self.children[module]:
            return module, path
        return None

    def resolve(self, module, path, depth=0):
        """The modules whose files a path leads to: past re-exports, to where the item is defined."""
        start = self.absolute(module, path)
        if start is None or depth > 8:
            return None
        module, rest = start
        while rest:
            if rest[0] in self.children[module] and (*module, rest[0]) in self.files:
                module, rest = (*module, rest[0]), rest[1:]
                continue
            if rest[0] in self.exports[module]:
                further = self.resolve(module, [*self.exports[module][rest[0]], *rest[1:]], depth + 1)
                return further
            for glob in self.globs[module]:
                target = self.resolve(module, glob, depth + 1)
                if target is not None and (rest[0] in self.exports[target] or re.search(rf"\b{re.escape(rest[0])}\b", self.text.get(target, ""))):
                    return self.resolve(target, ["self", *rest], depth + 1)
            break
        return module

    def imports(self):
        edges = defaultdict(set)
        for module, text in self.text.items():
            paths = []
            for public, tree in USE.findall(text):
                paths += [path for path, _ in leaves(tree) if not public.strip()]
            # A visibility such as `pub(in crate::http)` is no import.
            rest = re.sub(r"pub\s*\([^)]*\)", "pub", USE.sub(lambda found: ";", text))
            paths += [re.sub(r"\s+", "", path).split("::") for path in PATH.findall(rest)]
            for path in paths:
                target = self.resolve(module, path)
                if target is not None and target in self.files and self.files[target] != self.files[module]:
                    edges[self.files[module]].add(self.files[target])
        return edges


def leaves(tree):
    """Every path of a use tree with the name that it brings in."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace >= 0:
        head = [part for part in re.sub(r"\s+", "", tree[:brace]).split("::") if part]
        inner, depth, start = tree[brace + 1 : tree.rindex("}")], 0, 0
        for at, char in enumerate(inner + ","):
            depth += (char == "{") - (char == "}")
            if char == "," and depth == 0:
                if inner[start:at].strip():
                    for path, name in leaves(inner[start:at]):
                        path = [*head, *path]
                        if path[-1] == "self" and len(path) > 1:
                            path = path[:-1]
                            name = path[-1] if name == "self" else name
                        yield path, name
                start = at + 1
        return
    path, _, alias = (part.strip() for part in re.sub(r"\s+as\s+", " as ", tree).partition(" as "))
    parts = [part for part in re.sub(r"\s+", "", path).split("::") if part]
    if parts and parts[-1] == "*":
        yield parts[:-1], "*"
    elif parts:
        yield parts, alias or parts[-1]


def circles(edges):
    """The strongly connected components of more than one file (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(edges[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    options.add_argument("--all", action="store_true")
    options.add_argument("--edges", action="store_true")
    chosen = options.parse_args()
    sys.setrecursionlimit(10000)
    wrong = 0
    for top in [chosen.root / "src", *sorted(chosen.root.glob("crates/*/src"))]:
        edges = Crate(top).imports()
        edges = defaultdict(set, edges)
        name = lambda file: str(file.relative_to(chosen.root))
        if chosen.edges:
            for file, targets in sorted(edges.items()):
                for target in sorted(targets):
                    print(f"{name(file)} -> {name(target)}")
            continue
        for group in circles(edges):
            folders = {file.parent for file in group}
            bad = len(folders) > 1 or len(group) > LARGEST
            bad = bad and not (all(name(file).startswith(KNOWN) for file in group) and not chosen.all)
            wrong += bad
            if bad or chosen.all:
                print(f"{len(group)} files in {len(folders)} folder(s):")
                for file in group:
                    targets = " ".join(name(target) for target in sorted(edges[file]) if target in group)
                    print(f"  {name(file)} -> {targets}")
    if wrong:
        print(f"{wrong} circle(s) of imports span two folders or have more than {LARGEST} files")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
