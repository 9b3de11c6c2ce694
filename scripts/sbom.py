#!/usr/bin/env python3
"""What the image is made of: `sbom.py spdx` prints SPDX 2.3 (JSON), `sbom.py table` a Markdown table with reasons and licenses."""

import argparse
import json
import re

# Why each dependency of ours is there, and its license as its repository states it. A new one has to be added here.
SWIFT = {
    "swift-nio": ("Apache-2.0", "sockets, HTTP/1 and WebSocket"),
    "swift-nio-ssl": ("Apache-2.0", "TLS to Discord"),
    "async-http-client": ("Apache-2.0", "Discord's REST"),
    "swift-log": ("Apache-2.0", "logging"),
    "swift-argument-parser": ("Apache-2.0", "command lines"),
    "swift-collections": ("Apache-2.0", "queues and ordered tables"),
    "swift-service-lifecycle": ("Apache-2.0", "start, signals and graceful end"),
}
INDIRECT = ("Apache-2.0", "needed by another package")
DEBIAN = {
    "ca-certificates": ("MPL-2.0", "authorities that TLS trusts"),
    "fonts-dejavu-core": ("Bitstream-Vera", "text in charts"),
    "libcairo2": ("LGPL-2.1-only OR MPL-1.1", "charts"),
    "libcctz2": ("Apache-2.0", "time zones of daily posts"),
    "libpq5": ("PostgreSQL", "PostgreSQL"),
    "libsimdjson14": ("Apache-2.0", "reading JSON"),
    "libsqlite3-0": ("blessing", "SQLite"),
    "libssl3": ("Apache-2.0", "hashes"),
    "libstdc++6": ("GPL-3.0-or-later WITH GCC-exception-3.1", "the Swift runtime"),
    "libsystemd0": ("LGPL-2.1-or-later", "readiness, watchdog, journal"),
    "libxxhash0": ("BSD-2-Clause", "checksums of the journal"),
    "libzstd1": ("BSD-3-Clause", "transport compression"),
    "tzdata": ("LicenseRef-public-domain", "time zones"),
    "zlib1g": ("Zlib", "transport compression"),
}


def swift_packages(path):
    with open(path) as file:
        for pin in json.load(file)["pins"]:
            license, reason = SWIFT.get(pin["identity"], INDIRECT)
            yield pin["identity"], pin["state"].get("version", pin["state"]["revision"]), license, reason, pin["location"]


def debian_packages(path):
    with open(path) as file:
        for paragraph in file.read().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.M))
            if fields.get("Status", "").endswith(" installed"):
                license, reason = DEBIAN.get(fields["Package"], ("NOASSERTION", "Debian's base, or needed by another package"))
                yield fields["Package"], fields["Version"], license, reason, f"pkg:deb/debian/{fields['Package']}@{fields['Version']}"


def spdx(packages):
    described = []
    for number, (name, version, license, reason, place) in enumerate(packages):
        package = {
            "SPDXID": f"SPDXRef-{number}", "name": name, "versionInfo": version, "licenseDeclared": license,
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION", "filesAnalyzed": False, "comment": reason,
            "downloadLocation": place if place.startswith("https:") else "NOASSERTION",
        }
        if place.startswith("pkg:"):
            package["externalRefs"] = [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": place}]
        described.append(package)
    identity = "-".join(sorted(f"{package['name']}{package['versionInfo']}" for package in described))
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "olim",
        "documentNamespace": f"https://spdx.org/spdxdocs/olim-{abs(hash_of(identity)):x}",
        # Of the content, not of the clock: the same image has the same inventory.
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: olim-sbom"]},
        "hasExtractedLicensingInfos": [
            {"licenseId": "LicenseRef-public-domain", "extractedText": "This database is in the public domain."}],
        "packages": described,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": package["SPDXID"]}
            for package in described],
    }


def hash_of(text):
    import hashlib
    return int(hashlib.sha256(text.encode()).hexdigest()[:32], 16)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("form", choices=["spdx", "table"])
    parser.add_argument("--resolved", default="Package.resolved", help="of the build")
    parser.add_argument("--dpkg", help="/var/lib/dpkg/status of the image")
    options = parser.parse_args()
    packages = sorted(swift_packages(options.resolved))
    packages += sorted(debian_packages(options.dpkg)) if options.dpkg else []
    if options.form == "spdx":
        print(json.dumps(spdx(packages), indent=1))
        return
    print("| package | version | license | for |\n|---|---|---|---|")
    for name, version, license, reason, _ in packages:
        print(f"| {name} | {version} | {license} | {reason} |")


main()
