import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// The page at `/`, in a real browser.
@Suite(.timeLimit(.minutes(3))) struct StatusPageTests {
    private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "../Browser").standardizedFileURL.path

    /// A port of this machine that nobody uses at the moment.
    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    @Test func `the page and its status say nothing private, and allow the browser nothing else`() async throws {
        let stack = try await Stack()
        let pages = stack.pages("gateway")
        _ = try await stack.gateway(stack.metrics(at: "gateway"))
        _ = try await stack.worker("w1")
        let page = try await pages.get("/")
        #expect(page.status == "200" && page.text.hasPrefix("<!doctype html>"))
        let policy = try #require(page.headers.first { $0.hasPrefix("content-security-policy: ") })
        for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            #expect(policy.contains(part), "\(policy)")
        }
        #expect(!policy.contains("unsafe") && !policy.contains("*"))
        // The namespace of SVG is a name and not an address.
        let addresses = page.text.replacing("http://www.w3.org/2000/svg", with: "")
        #expect(!addresses.contains("http://") && !addresses.contains("https://"))

        let status: JSON = try await eventually("the worker reports", within: .seconds(30)) { () -> JSON? in
            let status = try JSON(ofText: try await pages.get("/status.json").text)
            guard status["workers"]?.elements?.first?["database"] != nil else { return nil }
            return status
        }
        #expect(status["problems"] == ["failures": [], "warnings": []])
        #expect(status["workers"]?.elements?.first?["database"] == ["engine": "sqlite", "ok": true])
        let names = Set((status["workers"]?.elements?.first?.members ?? []).map(\.key))
        #expect(names == ["name", "version", "capacity", "in_flight", "acked", "draining", "database"])
        #expect(
            Set((status.members ?? []).map(\.key)) == [
                "version", "uptime_s", "problems", "shards", "queue", "workers", "counters",
            ])
    }

    @Test(.enabled(if: Browser.isThere, "no browser here: apt-get install chromium-headless-shell"))
    func `a browser shows it live, in light and dark, on a desk and on a phone`() async throws {
        let stack = try await Stack()
        let port = try Self.freePort()
        let gateway = try await stack.gateway(["METRICS_LISTEN": "127.0.0.1:\(port)"])
        let steps = [
            "document.getElementById('headline').textContent === '1 thing to look at'",
            "document.querySelectorAll('#workers tbody tr').length === 1",
            "document.title === '✓ Olim'",
            "[...document.querySelectorAll('.tile')].some(t => t.children[0].textContent === 'finished / s'"
                + " && parseFloat(t.children[1].textContent) > 0)",
            // The third chart waits for the first heartbeat, which may be most of a minute away.
            "[...document.querySelectorAll('#charts svg')].slice(0, 2).every(c => c.querySelector('polyline')"
                + ".getAttribute('points').split(' ').length > 3)",
        ]
        let browser = try ChildProcess(
            "/usr/bin/env",
            ["python3", "-B", "\(Self.scripts)/check.py", "http://127.0.0.1:\(port)/"] + steps,
            in: stack.directory.path)
        // At first nobody works; then somebody does, and the page learns of it by itself.
        try await browser.waitForLine(containing: "step 0")
        let worker = try await stack.worker("<b><i>w</i></b>".filter { $0.isLetter })
        try await browser.waitForLine(containing: "step 2")
        for _ in 0..<200 where !browser.lines().contains("step 4") {
            try await stack.control.post("/simulator/messages", ["content": "hello {n}", "count": 20])
            try await eventually("they are handled") { try await stack.status()["queue"]?["depth"] == 0 }
        }
        #expect(try await browser.waitForTermination() == .exited(0), "\(browser.tail)")
        let found = try JSON(ofText: try #require(browser.lines().last))

        for look in ["light", "dark", "phone"] {
            let facts = try #require(found[look])
            #expect(facts["headline"] == "All is well", "\(facts)")
            #expect(facts["shards"]?.elements?.first?.elements?.prefix(2).map(\.string) == ["0", "ready"], "\(facts)")
            #expect(facts["workers"]?.elements?.first?.elements?.first == "biwib", "\(facts)")
            #expect(facts["charts"]?.elements?.count == 3, "\(facts)")
            #expect(facts["wider"]?.int ?? 1 <= 0, "\(look) has to be scrolled sideways")
            #expect(facts["smallest"]?.double ?? 0 >= 12, "\(look) has letters that are too small")
            #expect(facts["tiles"]?["dead letters"] == "0")
        }
        #expect(found["light"]?["background"] != found["dark"]?["background"])
        #expect(found["outside"] == "refused" && found["inline"] == "refused")
        let elsewhere = (found["requested"]?.elements ?? []).compactMap(\.string).filter { address in
            !["http://127.0.0.1:\(port)/", "data:", "https://example.invalid/"].contains { address.hasPrefix($0) }
        }
        #expect(elsewhere == [])
        #expect(found["complaints"] == [])
        _ = (gateway, worker)
    }
}

/// Whether Tests/Browser/browser.py finds one.
enum Browser {
    static let isThere: Bool = {
        let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return names.contains { name in
            path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
        }
    }()
}
