import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// `sslmode` against a server with certificates made for the test.
@Suite struct PostgresTLSTests {
    /// The host in the URI, the authority it trusts (`good`, `other` or none), and what comes of it.
    static let cases: [(host: String, mode: String, authority: String?, outcome: StoreError.Kind?)] = [
        ("localhost", "verify-full", "good", nil),
        ("127.0.0.1", "verify-ca", "good", nil),
        ("127.0.0.1", "verify-full", "good", .misconfigured),
        ("localhost", "verify-full", "other", .misconfigured),
        ("localhost", "verify-full", nil, .misconfigured),
        ("localhost", "require", nil, nil),
    ]

    @Test func `the certificate is checked as sslmode says`() async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.start(in: directory)
        for (host, mode, authority, outcome) in Self.cases {
            let root = authority.map { directory.path("\($0)-ca.pem") } ?? directory.path("missing.pem")
            let parameters = "sslmode=\(mode)" + (authority == nil && mode == "require" ? "" : "&sslrootcert=\(root)")
            let store = try PostgresStore(
                uri: Secret(server.tcpURL(database: "postgres", host: host, parameters: parameters)), poolSize: 1,
                limits: .patient, logger: .silent)
            do throws(StoreError) {
                let encrypted = try await store.perform(.single) { session throws(PostgresError) in
                    try session.rows(Self.isEncrypted, ())
                }
                #expect(encrypted == [true])
                #expect(outcome == nil, "\(host) \(mode) \(authority ?? "-") was let in")
            } catch {
                #expect(error.kind == outcome, "\(host) \(mode) \(authority ?? "-"): \(error.description)")
                #expect(!error.description.contains(PostgresServer.password))
            }
            await store.close()
        }
        try await server.stop()
    }

    private static let isEncrypted = statement(
        "is_encrypted", gives: Bool.self, sql: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")

    @Test func `a server without TLS is refused where TLS is required`() async throws {
        let server = try await PostgresServer.shared()
        let store = try PostgresStore(
            uri: Secret(server.tcpURL(database: "postgres", parameters: "sslmode=require")), poolSize: 1,
            limits: .patient, logger: .silent)
        let error = await #expect(throws: StoreError.self) { try await store.ping() }
        #expect(error?.kind == .misconfigured)
        await store.close()
    }

    /// Two authorities; the server has a certificate of the good one for `localhost`.
    private static func start(in directory: TemporaryDirectory) async throws -> PostgresServer {
        let script = """
            set -e
            for ca in good other; do
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca authority" \
                    -keyout $ca-ca.key -out $ca-ca.pem
            done
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
                -keyout server.key -out server.csr
            printf 'subjectAltName=DNS:localhost\\n' > extensions
            openssl x509 -req -in server.csr -CA good-ca.pem -CAkey good-ca.key -CAcreateserial -days 2 \
                -extfile extensions -out server.pem
            """
        let openssl = try ChildProcess("/bin/sh", ["-c", script], in: directory.path)
        guard try await openssl.waitForTermination() == .exited(0) else {
            throw PostgresServer.Failure(openssl.tail)
        }
        var options = PostgresServer.Options()
        options.tls = (directory.path("server.pem"), directory.path("server.key"))
        return try await PostgresServer.start(options)
    }
}
