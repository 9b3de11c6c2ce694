internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Shared

/// A simulator that listens.
struct RunningSimulator: Sendable {
    let loop: any EventLoop
    let simulator: NIOLoopBound<Simulator>
    private let listeners: NIOLoopBoundBox<[any NIOCore.Channel]>
    /// Port of REST, gateway and control API.
    let port: Int
    /// Port of the gateway that READY names for resuming.
    let resumePort: Int
    private let isSecure: Bool
    private let host: String

    /// Starts one on an event loop, which must stay its own.
    static func start(_ options: SimulatorOptions, on loop: any EventLoop) async throws -> RunningSimulator {
        let tls = try options.certificate.map { certificate in
            guard let key = options.key else { throw SimulatorError(description: "--tls-key is missing") }
            return try context(certificate: certificate, key: key)
        }
        let simulator = try await loop.submit {
            NIOLoopBound(try Simulator(options, loop: loop), eventLoop: loop)
        }.get()
        let main = Listener(simulator: simulator, isResumeURL: false, tls: tls)
        let resume = Listener(simulator: simulator, isResumeURL: true, tls: tls)
        let first = try await bind(main, options, port: options.port, on: loop)
        let second = try await bind(resume, options, port: options.resumePort, on: loop)
        let running = RunningSimulator(
            loop: loop, simulator: simulator,
            listeners: .makeBoxSendingValue([], as: [any NIOCore.Channel].self, eventLoop: loop),
            port: first.localAddress?.port ?? 0, resumePort: second.localAddress?.port ?? 0, isSecure: tls != nil,
            host: options.publicHost ?? options.host)
        try await loop.submit {
            running.listeners.value = [first, second]
            let world = simulator.value.world
            world.gatewayURL = options.gatewayURL ?? running.url("ws", running.port)
            simulator.value.gateway.resumeURL = options.resumeURL ?? running.url("ws", running.resumePort)
            simulator.value.setResumeListener = { running.setResumeListener($0, resume, options) }
        }.get()
        return running
    }

    private static func bind(
        _ listener: Listener, _ options: SimulatorOptions, port: Int, on loop: any EventLoop
    ) async throws -> any NIOCore.Channel {
        do {
            return try await listener.bind(host: options.host, port: port, on: loop).get()
        } catch {
            throw SimulatorError(description: "cannot listen on \(options.host):\(port): \(error)")
        }
    }

    private static func context(certificate: String, key: String) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(privateKey))
            // reference.mdx, Encryption
            configuration.minimumTLSVersion = .tlsv12
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw SimulatorError(description: "cannot use the certificate \(certificate) with the key \(key): \(error)")
        }
    }

    private func url(_ scheme: String, _ port: Int) -> String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)\(isSecure ? "s" : "")://\(name):\(port)"
    }

    /// Base URL of the REST API.
    var apiURL: String { url("http", port) + RESTService.basePath }

    /// Base URL of the control API.
    var controlURL: String { url("http", port) + "/simulator" }

    /// One line for those who start the simulator from a program.
    func readiness(_ options: SimulatorOptions) -> JSON {
        [
            "ready": true, "port": .integer(port), "resume_port": .integer(resumePort), "api_url": .string(apiURL),
            "gateway_url": .string(options.gatewayURL ?? url("ws", port)),
            "resume_gateway_url": .string(options.resumeURL ?? url("ws", resumePort)),
            "control_url": .string(controlURL),
        ]
    }

    private func setResumeListener(_ isUp: Bool, _ listener: Listener, _ options: SimulatorOptions) {
        if isUp {
            guard listeners.value.count < 2 else { return }
            listener.bind(host: options.host, port: resumePort, on: loop).whenSuccess { channel in
                listeners.value.append(channel)
            }
        } else if listeners.value.count > 1 {
            listeners.value.removeLast().close(promise: nil)
        }
    }

    /// Stops it: listeners first, then connections.
    func stop() async throws {
        try await loop.submit {
            for channel in listeners.value { channel.close(promise: nil) }
            listeners.value = []
            simulator.value.stop()
        }.get()
        // One more turn, so that the close frames go out.
        try await loop.scheduleTask(in: .milliseconds(50)) {}.futureResult.get()
    }
}
