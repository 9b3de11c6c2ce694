/// Finds the settings' texts and collects everything that is wrong with them.
struct SettingsReader {
    /// A setting's text and where it comes from.
    struct Found {
        let text: String
        /// The variable and, unless that is the environment, where it was set.
        let origin: String
    }

    let source: SettingsSource
    /// What stops the start, in the order found.
    private(set) var problems: [String] = []
    /// What does not.
    private(set) var warnings: [String] = []

    private var file: [String: EnvironmentFile.Entry] = [:]

    init(_ source: SettingsSource) {
        self.source = source
        readEnvironmentFile()
    }

    mutating func report(_ problem: String) {
        problems.append(problem)
    }

    /// A setting's text: from the environment, else from `.env`, else from a systemd credential; nil if it is set nowhere.
    /// An empty text counts as not set, since `NAME=${NAME:-}` is how Compose writes that. Reports what cannot be read.
    mutating func text(_ name: String) -> Found? {
        let environment = source.environment
        if let found = layer(name, place: "", { environment[$0] }) { return found.value }
        let file = file
        if let found = layer(name, place: " in .env", { file[$0]?.value }) { return found.value }
        return credential(name)
    }

    /// The variable itself, never a file: for those that systemd sets, such as `STATE_DIRECTORY`.
    func plain(_ name: String) -> String? {
        if let value = source.environment[name], !value.isEmpty { return value }
        if let value = file[name]?.value, !value.isEmpty { return value }
        return nil
    }

    /// What one layer says: nil if nothing, else the value, which is nil if it is wrong and that was reported.
    private mutating func layer(
        _ name: String, place: String, _ lookup: (String) -> String?
    ) -> (value: Found?, Void)? {
        let value = lookup(name).flatMap { $0.isEmpty ? nil : $0 }
        let path = lookup(name + "_FILE").flatMap { $0.isEmpty ? nil : $0 }
        switch (value, path) {
        case (nil, nil): return nil
        case (let value?, nil): return (Found(text: value, origin: name + place), ())
        case (_?, _?):
            report("\(name) and \(name)_FILE are both set\(place); keep one of them")
            return (nil, ())
        case (nil, let path?): return (contents(of: path, for: name, place: place), ())
        }
    }

    private mutating func credential(_ name: String) -> Found? {
        guard let directory = source.environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else { return nil }
        let path = directory + "/" + name.lowercased()
        do throws(SettingsSource.FileError) {
            return decode(try source.readFile(path), path: path, name: name)
        } catch .missing {
            return nil
        } catch {
            report("\(name): \(cannotRead(path, error))")
            return nil
        }
    }

    private mutating func contents(of path: String, for name: String, place: String) -> Found? {
        do throws(SettingsSource.FileError) {
            return decode(try source.readFile(path), path: path, name: name)
        } catch {
            report("\(name)_FILE\(place): \(cannotRead(path, error))")
            return nil
        }
    }

    /// A file's text, less one trailing line break.
    private mutating func decode(_ bytes: [UInt8], path: String, name: String) -> Found? {
        guard var text = String(validating: bytes, as: UTF8.self) else {
            report("\(name): the file \(quoted(path)) is not UTF-8 text")
            return nil
        }
        if text.utf8.last == UInt8(ascii: "\n") {
            var bytes = Array(text.utf8.dropLast())
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            text = String(decoding: bytes, as: UTF8.self)
        }
        guard !text.isEmpty else {
            report("\(name): the file \(quoted(path)) is empty")
            return nil
        }
        return Found(text: text, origin: "\(name) from the file \(quoted(path))")
    }

    func cannotRead(_ path: String, _ error: SettingsSource.FileError) -> String {
        switch error {
        case .missing: "cannot read \(quoted(path)): there is no such file"
        case .unreadable(let reason): "cannot read \(quoted(path)): \(reason)"
        }
    }

    private mutating func readEnvironmentFile() {
        let name = SettingsSource.environmentFileName
        let bytes: [UInt8]
        do throws(SettingsSource.FileError) {
            bytes = try source.readFile(name)
        } catch .missing {
            return
        } catch {
            return report(cannotRead(name, error))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return report("\(name) is not UTF-8 text")
        }
        let parsed = EnvironmentFile(parsing: text)
        problems += parsed.problems.map { "\(name) \($0)" }
        for entry in parsed.entries {
            warnAboutTypo(entry)
            if let earlier = file[entry.name] {
                warnings.append(
                    "\(name) line \(entry.line): \(entry.name) is already set on line \(earlier.line); this line counts"
                )
            }
            file[entry.name] = entry
        }
    }

    private mutating func warnAboutTypo(_ entry: EnvironmentFile.Entry) {
        let known = SettingsTable.rows.flatMap { [$0.name, $0.name + "_FILE"] }
        guard !known.contains(entry.name), !SettingsTable.inheritedNames.contains(entry.name),
            let meant = known.nearest(to: entry.name.uppercased(), within: 2)
        else { return }
        warnings.append(
            "\(SettingsSource.environmentFileName) line \(entry.line): \(entry.name) is not a setting; did you mean \(meant)?"
        )
    }
}

/// A text in quotes for a message of one line: control characters as escapes, and not more of it than helps.
func quoted(_ text: String) -> String {
    let limit = 100
    var shown = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        shown += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return "\"\(shown)\(text.unicodeScalars.count > limit ? "…" : "")\""
}
