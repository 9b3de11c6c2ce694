internal import Foundation
internal import Glibc

/// A real PostgreSQL server of the tests' own, in a temporary directory, gone with the test process.
///
/// It is reached over a Unix socket without a password, and over TCP on loopback with one. Run as root, which PostgreSQL
/// refuses, it becomes the user `postgres`, or `nobody` where that does not exist.
public actor PostgresServer {
    /// What a server is started with.
    public struct Options: Sendable {
        /// PEM files: TLS is on for TCP if there is one.
        public var tls: (certificate: String, key: String)?
        /// Lines for `postgresql.conf`.
        public var settings: [String: String] = [:]

        /// The plain server.
        public init() {}
    }

    /// Why there is no server.
    public struct Failure: Error, CustomStringConvertible {
        /// What went wrong and what to do.
        public let description: String

        /// Says it.
        public init(_ description: String) { self.description = description }
    }

    /// The password of the superuser `postgres` over TCP.
    public static let password = "olim-test-password"

    /// One server for all suites of the test process; each test makes a database of its own in it.
    public static func shared() async throws -> PostgresServer { try await sharedServer.value }

    private static let sharedServer = Task { try await PostgresServer.start() }

    /// TCP port on 127.0.0.1 and ::1.
    public nonisolated let port: Int
    /// The directory of the Unix socket.
    public nonisolated let socketDirectory: String
    private let directory: TemporaryDirectory
    private let programs: String
    private let account: String?
    private let options: Options
    private var process: ChildProcess?
    private var databases = 0

    private init(directory: TemporaryDirectory, programs: String, account: String?, port: Int, options: Options) {
        self.directory = directory
        self.programs = programs
        self.account = account
        self.port = port
        self.options = options
        socketDirectory = directory.path
    }

    /// Makes a cluster and starts it; ready for connections on return.
    public static func start(_ options: Options = Options()) async throws -> PostgresServer {
        let programs = try findPrograms()
        let directory = try TemporaryDirectory("olim-pg")
        let account = try geteuid() == 0 ? handOver(directory) : nil
        let server = PostgresServer(
            directory: directory, programs: programs, account: account, port: try freePort(), options: options)
        try await server.initialize()
        try await server.launch()
        return server
    }

    // MARK: Using it

    /// A libpq URI over the Unix socket, as superuser.
    public nonisolated func url(database: String) -> String {
        "postgresql://postgres@/\(database)?host=\(socketDirectory)&port=\(port)"
    }

    /// A libpq URI over TCP with the password.
    public nonisolated func tcpURL(
        database: String, host: String = "127.0.0.1", password: String = PostgresServer.password,
        parameters: String = ""
    ) -> String {
        "postgresql://postgres:\(password)@\(host):\(port)/\(database)" + (parameters.isEmpty ? "" : "?\(parameters)")
    }

    /// Makes an empty database and returns its name.
    public func createDatabase() async throws -> String {
        databases += 1
        let name = "test_\(databases)"
        try await run(sql: "CREATE DATABASE \(name)")
        return name
    }

    /// Runs statements with psql and returns what they print, unaligned, one row per line.
    @discardableResult
    public func run(sql: String, database: String = "postgres") async throws -> [String] {
        let psql = try command("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url(database: database), "-c", sql])
        // Some tests fill tables with a million rows, on a machine that runs everyone else's tests too.
        guard try await psql.waitForTermination(within: .seconds(180)) == .exited(0) else { throw Failure(psql.tail) }
        return psql.lines()
    }

    // MARK: Its life

    /// Stops it: `fast` breaks connections off with 57P01, `immediate` is like a crash of the whole server.
    public func stop(immediately: Bool = false) async throws {
        guard let process else { return }
        // postmaster: SIGINT is a fast shutdown, SIGQUIT an immediate one (postgres(1)).
        process.signal(immediately ? SIGQUIT : SIGINT)
        try await process.waitForTermination()
        self.process = nil
    }

    /// Starts it again on the same data and port.
    public func restart(immediately: Bool = false) async throws {
        try await stop(immediately: immediately)
        try await launch()
    }

    private func initialize() async throws {
        let passwordFile = try directory.write(Self.password, to: "password", mode: 0o644)
        let initdb = try command(
            "initdb",
            [
                "-D", directory.path("data"), "-U", "postgres", "--no-locale", "-E", "UTF8", "--no-sync",
                "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile=\(passwordFile)",
            ])
        guard try await initdb.waitForTermination(within: .seconds(60)) == .exited(0) else {
            throw Failure("initdb failed.\n\(initdb.tail)")
        }
    }

    private func launch() async throws {
        var settings = options.settings
        settings["unix_socket_directories"] = socketDirectory
        settings["port"] = String(port)
        settings["listen_addresses"] = "localhost"
        settings["logging_collector"] = "off"
        if settings["max_connections"] == nil {
            // Dozens of tests at once, each with a pool or two.
            settings["max_connections"] = "400"
        }
        if settings["fsync"] == nil {
            // What is tested is crashes of processes, not of the machine.
            settings["fsync"] = "off"
        }
        if let tls = options.tls {
            settings["ssl"] = "on"
            settings["ssl_cert_file"] = try install(tls.certificate, as: "server.pem")
            settings["ssl_key_file"] = try install(tls.key, as: "server.key")
        }
        let arguments = settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
        let process = try command("postgres", ["-D", directory.path("data")] + arguments)
        try await process.waitForLine(
            containing: "database system is ready to accept connections", on: .error, within: .seconds(60))
        self.process = process
    }

    /// Copies a file to where the server's user can read it, and nobody else.
    private func install(_ file: String, as name: String) throws -> String {
        let copy = try directory.write(String(contentsOfFile: file, encoding: .utf8), to: name)
        if let account, let entry = getpwnam(account) {
            guard chown(copy, entry.pointee.pw_uid, entry.pointee.pw_gid) == 0 else {
                throw SystemError("chown \(copy)")
            }
        }
        return copy
    }

    /// Starts one of PostgreSQL's programs as the server's user.
    private func command(_ program: String, _ arguments: [String]) throws -> ChildProcess {
        let executable = "\(programs)/\(program)"
        // Messages in English, whatever the developer speaks: they are waited for.
        let environment = ["LC_ALL": "C", "TZ": "UTC"]
        guard let account else {
            return try ChildProcess(executable, arguments, environment: environment, in: directory.path)
        }
        // By number: nobody's group has another name.
        let group = getpwnam(account)?.pointee.pw_gid ?? 65_534
        return try ChildProcess(
            "/usr/bin/setpriv",
            ["--reuid=\(account)", "--regid=\(group)", "--clear-groups", executable] + arguments,
            environment: environment, in: directory.path)
    }

    /// The newest version's programs under Debian's path, or those beside `initdb` on the `PATH`.
    private static func findPrograms() throws -> String {
        let root = "/usr/lib/postgresql"
        var versions: [Int] = []
        if let listing = opendir(root) {
            defer { closedir(listing) }
            while let entry = readdir(listing) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                versions += [Int(name)].compactMap { $0 }
            }
        }
        let inPath = getenv("PATH").map { String(cString: $0) } ?? ""
        let candidates =
            versions.sorted(by: >).map { "\(root)/\($0)/bin" } + inPath.split(separator: ":").map(String.init)
        guard let found = candidates.first(where: { access("\($0)/initdb", X_OK) == 0 }) else {
            throw Failure(
                """
                No PostgreSQL server is installed (no initdb in \(root)/*/bin or the PATH), and the tests run a real \
                one: apt-get install postgresql
                """)
        }
        return found
    }

    /// Gives the directory to an unprivileged user and returns that one's name.
    private static func handOver(_ directory: TemporaryDirectory) throws -> String {
        for name in ["postgres", "nobody"] {
            guard let entry = getpwnam(name) else { continue }
            let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
            guard chown(directory.path, uid, gid) == 0 else { throw SystemError("chown \(directory.path)") }
            return name
        }
        throw Failure("The tests run as root, and there is neither a user postgres nor nobody to run as.")
    }

    /// A TCP port that is free, and that no other test's server or connection is given meanwhile: below what the kernel hands out
    /// (ip_local_port_range).
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = UInt16.random(in: 20_000..<32_768)
            if try isFree(port) { return Int(port) }
        }
        throw Failure("No port between 20000 and 32767 is free.")
    }

    private static func isFree(_ port: UInt16) throws -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
