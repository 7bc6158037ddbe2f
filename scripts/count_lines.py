#!/usr/bin/env python3
"""Counts lines of code below src/ and crates/: Rust and SQL, without blank lines, comments and tests.

    scripts/count_lines.py [ROOT]          a line for each folder, and the sum
    scripts/count_lines.py --files [ROOT]  a line for each file

Tests are modules under `#[cfg(test)]`, inline or in a file of their own, with everything below them, and the folders
`tests/` and `benches/` of a package. A `mod tests;` is found by its declaration, not by its name.
"""

import argparse
import pathlib
import re
from collections import Counter

TEST_MODULE = re.compile(r"#\[cfg\((?:test|any\(test,[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*([;{])")
TEST_ITEM = re.compile(r"#\[cfg\(test\)\]")


def blank_out(text):
    """The text with comments removed and strings emptied, line ends kept, so that braces can be counted."""
    out, at, end = [], 0, len(text)
    while at < end:
        if text.startswith("//", at):
            at = text.find("\n", at) if "\n" in text[at:] else end
        elif text.startswith("/*", at):
            depth, at = 1, at + 2
            while depth and at < end:
                if text.startswith("/*", at):
                    depth, at = depth + 1, at + 2
                elif text.startswith("*/", at):
                    depth, at = depth - 1, at + 2
                else:
                    out.append("\n" if text[at] == "\n" else "")
                    at += 1
        elif raw := re.compile(r'(?:b|c)?r(#*)"').match(text, at) if text[at] in "bcr" and not text[at - 1 : at].isalnum() else None:
            close = text.find('"' + raw.group(1), raw.end())
            close = end if close < 0 else close + 1 + len(raw.group(1))
            out.append(re.sub(r"[^\n]", "s", text[at:close]))
            at = close
        elif text[at] == '"':
            start, at = at, at + 1
            while at < end and text[at] != '"':
                at += 2 if text[at] == "\\" else 1
            at += 1
            out.append(re.sub(r"[^\n]", "s", text[start:at]))
        elif char := re.compile(r"'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'])'").match(text, at):
            out.append("c")
            at = char.end()
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def closing(text, at):
    """Where the item that begins at `at` ends: after its `;`, or after the brace that closes its first one."""
    depth = 0
    for place in range(at, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place + 1
        elif text[place] == ";" and depth == 0:
            return place + 1
    return len(text)


def module_files(path, name):
    folder = path.parent if path.name in ("mod.rs", "lib.rs", "main.rs") else path.with_suffix("")
    return [folder / f"{name}.rs", folder / name]


def count(root):
    sources = [path for top in ("src", "crates") for path in sorted((root / top).rglob("*")) if path.suffix in (".rs", ".sql")]
    sources = [path for path in sources if not {"tests", "benches"} & set(path.relative_to(root).parts[:-1]) or "src" in path.relative_to(root).parts]
    texts = {path: blank_out(path.read_text()) if path.suffix == ".rs" else re.sub(r"--[^\n]*", "", path.read_text()) for path in sources}
    tests = []
    for path, text in texts.items():
        for module in TEST_MODULE.finditer(text):
            if module.group(2) == ";":
                tests += module_files(path, module.group(1))
    lines = Counter()
    for path, text in texts.items():
        if any(path == test or test in path.parents for test in tests):
            continue
        while path.suffix == ".rs" and (item := TEST_ITEM.search(text)):
            text = text[: item.start()] + text[closing(text, item.end()) :]
        lines[path.relative_to(root)] = sum(1 for line in text.splitlines() if line.strip())
    return lines


def folder(path):
    parts = path.parts
    return "/".join(parts[:2]) if len(parts) > 2 or parts[0] == "crates" else parts[0]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    options.add_argument("--files", action="store_true")
    chosen = options.parse_args()
    lines = count(chosen.root)
    groups = Counter()
    for path, number in lines.items():
        groups[str(path) if chosen.files else folder(path)] += number
    for name, number in sorted(groups.items()):
        print(f"{number:7}  {name}")
    print(f"{sum(lines.values()):7}  in {len(lines)} files")


if __name__ == "__main__":
    main()
