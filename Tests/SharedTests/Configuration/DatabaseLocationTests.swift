import Testing

@testable import Shared

@Suite struct DatabaseLocationTests {
    @Test(
        arguments: [
            ("sqlite:/var/lib/olim/olim.sqlite", nil), ("postgresql:///olim", nil),
            ("postgresql://olim@localhost/olim", nil),
            ("postgresql://olim@127.0.0.1/olim", nil), ("postgresql://olim@[::1]:5432/olim", nil),
            ("postgresql://olim@postgres/olim", nil), ("postgresql://olim@10.0.0.5/olim?sslmode=disable", nil),
            ("postgresql://olim@db.example/olim", "db.example"),
            ("postgresql://olim@db.example:5433/olim", "db.example"),
            ("postgres://olim@db.example/olim?sslmode=require", "db.example"),
            ("postgres://olim@near,db.example/olim?connect_timeout=5", "db.example"),
            ("postgresql://olim@db.example/olim?sslmode=verify-full&sslrootcert=/ca.pem", nil),
            ("postgresql://olim@db.example/olim?sslmode=verify-ca", nil),
        ] as [(String, String?)])
    func `a server on another network whose certificate is not checked is warned about`(
        url: String, host: String?
    ) throws {
        let warning = try DatabaseLocation(parsing: url).warning
        #expect((warning == nil) == (host == nil), "\(url): \(warning ?? "no warning")")
        if let host { #expect(warning?.contains("whether \(host) is") == true) }
    }

    @Test func `a worker's check shows the warning`() throws {
        let source = SettingsSource(environment: [
            "DISCORD_TOKEN": "x", "DATABASE_URL": "postgresql://olim:secret@db.example/olim",
        ])
        let warnings = try WorkerSettings.load(from: source).common.warnings
        #expect(warnings.contains { $0.contains("db.example") && !$0.contains("secret") })
    }
}
