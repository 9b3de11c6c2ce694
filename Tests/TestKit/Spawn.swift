internal import Glibc

/// One call of posix_spawn(3).
struct Spawn {
    /// An absolute path.
    var executable: String
    /// Without the program's own name.
    var arguments: [String]
    var environment: [String: String]
    var directory: String
    /// Descriptors for the three standard streams; nil is `/dev/null`.
    var input: CInt?
    var output: CInt?
    var error: CInt?
    /// Whether signals from the terminal should pass it by.
    var newSession = false

    /// Above what a test run opens at once.
    private static let maximumDescriptors = 4096

    /// Starts the program. Its signals are as a fresh process has them, whatever this process has blocked or ignored.
    func run() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, target) in [(input, CInt(0)), (output, 1), (error, 2)] {
            if let descriptor {
                posix_spawn_file_actions_adddup2(&actions, descriptor, target)
            } else {
                posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
            }
        }
        // Sockets of tests that run beside this one would stay open in the program, and their ends go unnoticed. To close what
        // is not open is no error here; closefrom is hidden from Swift by glibc's feature macros.
        for descriptor in 3..<CInt(min(sysconf(CInt(_SC_OPEN_MAX)), Self.maximumDescriptors)) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (newSession ? 0x80 /* POSIX_SPAWN_SETSID */ : 0)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        // posix_spawn has no way to change the directory that Swift could call; env has, and becomes the program.
        guard access(executable, X_OK) == 0 else { throw SystemError("start \(executable)") }
        let status = withCStrings(["env", "-C", directory, executable] + arguments) { arguments in
            withCStrings(environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&pid, "/usr/bin/env", &actions, &attributes, arguments, environment)
            }
        }
        guard status == 0 else { throw SystemError("start \(executable)", code: status) }
        return pid
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies + [nil])
}
