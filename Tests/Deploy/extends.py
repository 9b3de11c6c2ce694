"""Ends with 1 if a service of the compose file extends one that its file does not have."""

import pathlib
import sys

import yaml

path = pathlib.Path(sys.argv[1])
for name, service in yaml.safe_load(path.read_text())["services"].items():
    extended = service.get("extends")
    if not extended:
        continue
    there = yaml.safe_load((path.parent / extended["file"]).read_text())["services"]
    if extended["service"] not in there:
        sys.exit(f"{path}: {name} extends {extended['service']}, which {extended['file']} does not have")
