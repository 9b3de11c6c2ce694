internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Shared

/// Carries one request to Discord and its answer back, over async-http-client, and says of each failure whether Discord
/// can have seen the request.
struct HTTPTransport: Sendable {
    /// How one exchange ended.
    enum Outcome: Sendable {
        case answered(Answer)
        case failed(RetryPolicy.Failure, reason: String)
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: ByteBuffer
        /// The body ended early or was longer than allowed.
        let isCut: Bool
    }

    /// Longest body read, in bytes. The list of 130 commands with all localisations is the largest by far, and below 8 MiB.
    static let maximumBodyBytes = 8 << 20
    /// Longest body read of an answer that is no success: JSON of a few hundred bytes, or somebody's HTML page.
    static let maximumErrorBodyBytes = 64 << 10
    /// Discord is near everywhere; what takes longer than this to connect is down.
    static let connectTimeout: TimeAmount = .seconds(5)
    /// Connections at once; with answers in 100 ms far more than the global limit of 50 requests per second needs.
    static let maximumConnections = 32
    /// Idle connections are closed before something in between forgets them.
    static let idleTimeout: TimeAmount = .seconds(45)

    private let client: HTTPClient

    /// - Throws: `RESTSetupError` if the file of certificates cannot be used.
    init(certificateFile: String?, group: any EventLoopGroup) throws(RESTSetupError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let certificateFile {
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(certificateFile))]
            } catch {
                throw RESTSetupError("DISCORD_CA_FILE: no certificates in PEM form can be read from \(certificateFile)")
            }
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        // Over HTTP/2 all requests share one connection, and a request that times out does not end it: a path that has
        // silently died would take every call with it until TCP gives up, many minutes later.
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: Self.connectTimeout)
        configuration.connectionPool.idleTimeout = Self.idleTimeout
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.maximumConnections
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Ends all connections; requests under way fail.
    func shutdown() async {
        try? await client.shutdown()
    }

    /// Sends a request and reads the whole answer, within `timeout` in all.
    func exchange(_ request: HTTPClientRequest, timeout: Duration) async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            group.addTask { await exchange(request) }
            group.addTask {
                // An answer that came while the process stood still is taken before the time counts as over.
                try? await Standstill.sleep(for: timeout)
                return .failed(.unknown, reason: "no answer in time")
            }
            let first = await group.next() ?? .failed(.unknown, reason: "no answer")
            group.cancelAll()
            return first
        }
    }

    private func exchange(_ request: HTTPClientRequest) async -> Outcome {
        do {
            // The timeout is the caller's; this deadline only has to be further away.
            let response = try await client.execute(request, timeout: .hours(1))
            let status = Int(response.status.code)
            let limit = status < 300 ? Self.maximumBodyBytes : Self.maximumErrorBodyBytes
            let (body, isCut) = await Self.read(response.body, upTo: limit)
            return .answered(Answer(status: status, headers: response.headers, body: body, isCut: isCut))
        } catch {
            return .failed(Self.failure(for: error), reason: Self.reason(for: error))
        }
    }

    /// Reads as much as there is. A body that breaks off is no failure: the status line says what happened.
    private static func read(
        _ body: HTTPClientResponse.Body, upTo limit: Int
    ) async -> (body: ByteBuffer, isCut: Bool) {
        var buffer = ByteBuffer()
        do {
            for try await var chunk in body {
                guard buffer.readableBytes + chunk.readableBytes <= limit else { return (buffer, true) }
                buffer.writeBuffer(&chunk)
            }
            return (buffer, false)
        } catch {
            return (buffer, true)
        }
    }

    private static func failure(for error: any Error) -> RetryPolicy.Failure {
        switch error {
        case is NIOConnectionError, is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: .notSent
        case let error as HTTPClientError:
            [
                .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout, .alreadyShutdown, .emptyHost,
                .emptyScheme, .socksHandshakeTimeout,
            ].contains(error) ? .notSent : .unknown
        case let error as IOError: unreachable.contains(error.errnoCode) ? .notSent : .unknown
        default: .unknown
        }
    }

    /// Errors of connect(2), after which nothing can have been sent.
    private static let unreachable: Set<CInt> = [
        ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EAFNOSUPPORT,
    ]

    /// What may be shown of an error: libraries' errors could quote a URL, and so an interaction's token.
    private static func reason(for error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: "\(error.shortDescription)"
        case let error as NIOConnectionError:
            "no connection to \(error.host):\(error.port)"
                + (error.connectionErrors.first.map { " (\($0.error))" } ?? "")
        case let error as NIOSSLError: "TLS: \(error)"
        case let error as BoringSSLError: "TLS: \(error)"
        case let error as IOError: "\(error)"
        default: "\(type(of: error))"
        }
    }
}

/// Why the REST client cannot be made: a setting is wrong.
struct RESTSetupError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
