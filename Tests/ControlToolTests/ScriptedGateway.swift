import Foundation
import NIOCore
import Shared
import Synchronization

/// A control socket whose answers a test writes. It notes each request.
final class ScriptedGateway: Sendable {
    /// What follows a request.
    enum Answer: Sendable {
        /// Members of a result, as JSON text: `"count":1`.
        case result(String)
        /// `"ok":false` with this message.
        case refusal(String)
        /// Several results, then the connection closes.
        case stream([String])
        /// These bytes as they are, then the connection closes.
        case raw(String)
    }

    let path: String
    private let descriptor: Int32
    private let script: [String: Answer]
    private let storage = Mutex<[JSON]>([])

    /// The requests so far, without `op` and `ref`.
    var requests: [JSON] { storage.withLock { $0 } }

    init(at path: String, _ script: [String: Answer]) throws {
        self.path = path
        self.script = script
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard isBound == 0, listen(descriptor, 8) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread { [weak self, descriptor] in
            while case let connection = accept(descriptor, nil, nil), connection >= 0 {
                self?.serve(connection)
                close(connection)
            }
            // Here and nowhere else: its number may be another test's socket at once.
            close(descriptor)
        }.start()
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func serve(_ connection: Int32) {
        var splitter = LineSplitter()
        while true {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(connection, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            splitter.append(ByteBuffer(bytes: bytes[..<count]))
            while let line = try? splitter.nextLine() {
                guard answer(line, on: connection) else { return }
            }
        }
    }

    /// Returns whether the connection goes on.
    private func answer(_ line: ByteBuffer, on connection: Int32) -> Bool {
        guard let request = try? JSON(ofText: line) else { return false }
        // As on the queue socket.
        if request["op"] == "status", case .raw(let text) = script["status"] {
            write(text, to: connection)
            return true
        }
        guard request["op"] == "request" else { return false }
        storage.withLock { $0.append(["do": request["do"] ?? .null, "args": request["args"] ?? .null]) }
        let head = #"{"op":"result","ref":\#(request["ref"]?.text ?? "null"),"ok":"#
        switch script[request["do"]?.string ?? ""] {
        case .result(let members):
            write("{\"op\":\"news\"}\n" + head + "true,\(members)}\n", to: connection)
            return true
        case .refusal(let message):
            write(head + "false,\"message\":\(JSON.string(message).text)}\n", to: connection)
            return true
        case .stream(let results):
            for members in results { write(head + "true,\(members)}\n", to: connection) }
        case .raw(let text): write(text, to: connection)
        case nil: break
        }
        return false
    }

    private func write(_ text: String, to connection: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
