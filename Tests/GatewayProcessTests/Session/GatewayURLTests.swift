import Shared
import Testing

@testable import GatewayProcess

struct GatewayURLTests {
    @Test(arguments: [
        (
            "wss://gateway.discord.gg", GatewayCompression.zstdStream, "gateway.discord.gg", 443,
            "/?v=10&encoding=json&compress=zstd-stream", "gateway.discord.gg"
        ),
        (
            "wss://gateway.discord.gg/", .zlibStream, "gateway.discord.gg", 443,
            "/?v=10&encoding=json&compress=zlib-stream", "gateway.discord.gg"
        ),
        ("wss://x.gg:8443/path/", .none, "x.gg", 8443, "/path/?v=10&encoding=json", "x.gg:8443"),
        ("wss://x.gg/?own=1", .none, "x.gg", 443, "/?own=1&v=10&encoding=json", "x.gg"),
        ("ws://127.0.0.1:9", .none, "127.0.0.1", 9, "/?v=10&encoding=json", "127.0.0.1:9"),
        ("ws://[::1]:9", .none, "::1", 9, "/?v=10&encoding=json", "[::1]:9"),
        ("WS://LOCALHOST", .none, "LOCALHOST", 80, "/?v=10&encoding=json", "LOCALHOST"),
    ])
    func `A base URL gets the query that both kinds of URL need`(
        text: String, compression: GatewayCompression, host: String, port: Int, target: String, header: String
    ) throws {
        let url = try #require(GatewayURL(text, compression: compression))
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.requestTarget == target)
        #expect(url.hostHeader == header)
    }

    @Test(arguments: [
        "", "gateway.discord.gg", "https://x.gg", "ws://x.gg", "ws://10.0.0.1", "ws://127.0.0.1.evil.gg", "wss://",
        "wss://:1", "wss://x.gg:0", "wss://x.gg:99999", "wss://user@x.gg", "wss://[::1",
    ])
    func `What is no wss URL, or leaves this machine unencrypted, is refused`(text: String) {
        #expect(GatewayURL(text, compression: .none) == nil)
    }
}
