internal import Glibc

/// Making the directories that a file needs.
public enum Directories {
    /// Which directory could not be made, and `errno`.
    public struct Failure: Error, CustomStringConvertible {
        /// The directory.
        public let path: String
        /// `errno`.
        public let code: Int32

        /// The reason in the system's words.
        public var description: String { String(cString: strerror(code)) }
    }

    /// Makes a directory, and those above it that are missing.
    /// - Parameter mode: of those that are made, before the umask.
    public static func make(_ path: String, mode: UInt32) throws(Failure) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/\(part)"
            guard mkdir(made, mode) != 0, errno != EEXIST else { continue }
            let code = errno
            // Above what we may write there is what is there already, and a file system may say so in another way.
            guard access(made, F_OK) != 0 else { continue }
            throw Failure(path: made, code: code)
        }
    }

    /// What a path names the place of: everything before its last slash; nil if that is the working directory or the root.
    public static func parent(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
        return String(path[..<slash])
    }
}
