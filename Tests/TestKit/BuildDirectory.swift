internal import Glibc

/// Where the products of this build are.
public enum BuildDirectory {
    /// The directory of the running test bundle, which is where `swift build` puts executables too.
    public static let path: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let executable = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return executable.lastIndex(of: "/").map { String(executable[..<$0]) } ?? "."
    }()

    /// The path of one of the package's executables, such as `olim-gateway`.
    public static func executable(_ product: String) -> String { "\(path)/\(product)" }
}
