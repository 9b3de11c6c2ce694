internal import Foundation
internal import Glibc

/// A directory of a test's own under `/tmp`, removed with everything in it when the last reference or the test process goes.
///
/// The path is short, so that Unix sockets (107 bytes at most, unix(7)) fit into it.
public final class TemporaryDirectory: Sendable {
    /// Its absolute path, without a slash at the end.
    public let path: String

    /// Makes one, with mode 0700.
    public init(_ prefix: String = "olim") throws {
        var template = Array("/tmp/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp /tmp/\(prefix)-XXXXXX") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try ProcessReaper.shared.get().came(path)
    }

    /// The path of an entry, which need not exist.
    public func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file of the directory.
    @discardableResult
    public func write(_ text: String, to name: String, mode: UInt32 = 0o600) throws -> String {
        let file = path(name)
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw SystemError("open \(file)") }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { throw SystemError("write \(file)") }
            rest = rest.dropFirst(written)
        }
        return file
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        try? ProcessReaper.shared.get().went(path)
    }
}

/// A system call failed.
public struct SystemError: Error, CustomStringConvertible {
    /// The call, its object and the reason.
    public let description: String

    /// Takes the reason from `errno`.
    init(_ call: String) { self.init(call, code: errno) }

    init(_ call: String, code: CInt) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
