import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// The worker that docs/queue-protocol.md shows works as it stands there.
@Suite struct PythonWorkerTests {
    @Test func `the documented worker is thirty lines at most, sees every message, and survives the gateway's restart`()
        async throws
    {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/queue-protocol.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let code = try #require(text.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first)
        #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 31)

        let stack = try await Stack()
        let first = try await stack.gateway()
        let worker = try ChildProcess(
            "/usr/bin/env", ["python3", "-c", code], environment: stack.environment, in: stack.directory.path)
        try await stack.control.post("/simulator/messages", ["content": "before the restart"])
        try await worker.waitForLine(containing: "before the restart")

        first.signal(SIGTERM)
        #expect(try await first.waitForTermination() == .exited(0), "\(first.tail)")
        _ = try await stack.gateway()
        try await stack.control.post("/simulator/messages", ["content": "after the restart"])
        try await worker.waitForLine(containing: "after the restart")
        #expect(worker.lines().count == 2, "\(worker.lines())")
    }
}
