internal import CSystemd
internal import Glibc

extension SettingsSource {
    /// What this process was started with. Call it before anything changes the environment.
    public static func process() -> SettingsSource {
        SettingsSource(
            environment: processEnvironment(),
            readFile: { path throws(FileError) in try contents(ofFile: path) },
            userID: { name in systemUserID(named: name) },
            ownUserID: geteuid(),
            hostName: systemHostName(),
            processID: getpid(),
            isTerminal: isatty(STDOUT_FILENO) == 1
        )
    }

    private static func processEnvironment() -> [String: String] {
        var environment: [String: String] = [:]
        guard var entry = olim_environment() else { return [:] }
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // Of a name that appears twice, getenv(3) finds the first.
            if pair.count == 2, environment[String(pair[0])] == nil {
                environment[String(pair[0])] = String(pair[1])
            }
            entry += 1
        }
        return environment
    }

    private static func systemHostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func systemUserID(named name: String) -> UInt32? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        // sysconf(_SC_GETPW_R_SIZE_MAX) is only a hint; 16 KiB holds any entry of files, LDAP or systemd.
        var strings = [CChar](repeating: 0, count: 16 << 10)
        let code = getpwnam_r(name, &entry, &strings, strings.count, &found)
        return code == 0 && found != nil ? entry.pw_uid : nil
    }

    private static func contents(ofFile path: String) throws(FileError) -> [UInt8] {
        do throws(WholeFile.Failure) {
            return try WholeFile.read(path, maximumBytes: maximumFileBytes)
        } catch {
            switch error {
            case .missing: throw .missing
            case .unreadable(let code): throw .unreadable(String(cString: strerror(code)))
            case .larger(let limit): throw .unreadable("the file is larger than \(limit) bytes")
            }
        }
    }
}
