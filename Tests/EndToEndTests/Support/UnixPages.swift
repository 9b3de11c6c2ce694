import TestKit
import Testing

/// Reads pages of a program's `METRICS_LISTEN`, which is a Unix domain socket in the stack's directory.
struct UnixPages {
    let directory: TemporaryDirectory
    let socket: String

    struct Page {
        let status: String
        let headers: [String]
        let text: String
    }

    private static let code = """
        import http.client, socket, sys
        connection = http.client.HTTPConnection("olim")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(sys.argv[1])
        connection.request("GET", sys.argv[2])
        answer = connection.getresponse()
        print(answer.status)
        for name, value in answer.getheaders(): print(f"{name.lower()}: {value}")
        print()
        print(answer.read().decode(), end="")
        """

    func get(_ path: String) async throws -> Page {
        let client = try ChildProcess(
            "/usr/bin/env", ["python3", "-c", Self.code, socket, path], in: directory.path)
        #expect(try await client.waitForTermination() == .exited(0), "\(client.tail)")
        let lines = client.lines()
        let end = lines.firstIndex(of: "") ?? lines.endIndex
        return Page(
            status: lines.first ?? "", headers: Array(lines[..<end].dropFirst()),
            text: lines[end...].dropFirst().map { $0 + "\n" }.joined())
    }
}

extension Stack {
    /// Pages of a program that was started with `metrics(at: name)`.
    func pages(_ name: String) -> UnixPages { UnixPages(directory: directory, socket: "\(name).metrics") }

    /// The setting for that.
    func metrics(at name: String) -> [String: String] {
        ["METRICS_LISTEN": "unix:\(directory.path("\(name).metrics"))"]
    }
}
