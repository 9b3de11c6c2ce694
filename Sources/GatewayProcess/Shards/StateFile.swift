internal import Shared

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A file or directory that cannot be used as needed.
struct FileFailure: Error, Equatable, CustomStringConvertible {
    let description: String

    /// What `call` did not do with `path`, by `errno`.
    init(_ call: String, _ path: String, code: Int32 = errno) {
        description = "cannot \(call) \(path): \(String(cString: strerror(code)))"
    }
}

/// Small files in the state directory, replaced whole.
enum StateFile {
    /// Longer files are not ours.
    static let maximumBytes = 16 << 20

    /// Makes a directory, and those above it, for this user only.
    static func makeDirectory(_ path: String) throws(FileFailure) {
        do throws(Directories.Failure) {
            try Directories.make(path, mode: 0o700)
        } catch {
            throw FileFailure("make the directory", error.path, code: error.code)
        }
    }

    /// The file's text; nil if there is none.
    static func read(_ path: String) throws(FileFailure) -> String? {
        do throws(WholeFile.Failure) {
            return String(decoding: try WholeFile.read(path, maximumBytes: maximumBytes), as: UTF8.self)
        } catch {
            switch error {
            case .missing: return nil
            case .unreadable(let code): throw FileFailure("read", path, code: code)
            case .larger: throw FileFailure("read", path, code: EFBIG)
            }
        }
    }

    /// Replaces the file so that after a crash either the old or the new content is there, whole.
    /// - Parameter suffix: of the file's name while it is written; two who may write at once need two.
    static func replace(_ path: String, with text: String, suffix: String = ".new") throws(FileFailure) {
        let temporary = path + suffix
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFailure("write", temporary) }
        var isOpen = true
        defer { if isOpen { close(descriptor) } }
        try write(text, to: descriptor, path: temporary)
        guard fsync(descriptor) == 0 else { throw FileFailure("sync", temporary) }
        isOpen = false
        guard close(descriptor) == 0 else { throw FileFailure("write", temporary) }
        guard rename(temporary, path) == 0 else { throw FileFailure("replace", path) }
        // The new name is durable once the directory is.
        let directory = open(
            path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) + "/" : ".",
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    private static func write(_ text: String, to descriptor: Int32, path: String) throws(FileFailure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileFailure("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Removes the file if it is there.
    static func remove(_ path: String) throws(FileFailure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileFailure("remove", path) }
    }

    /// Renames what cannot be understood, so that it is neither used nor destroyed; returns the new name.
    static func setAside(_ path: String) throws(FileFailure) -> String {
        let aside = path + ".unreadable"
        guard rename(path, aside) == 0 else { throw FileFailure("rename", path) }
        return aside
    }
}
