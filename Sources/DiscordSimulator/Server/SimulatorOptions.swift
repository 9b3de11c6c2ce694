internal import Shared

/// Everything that the command line decides.
struct SimulatorOptions: Sendable {
    var host = "127.0.0.1"
    var port = 0
    /// Port of the second listener, which READY names for resuming.
    var resumePort = 0
    /// Files of the certificate chain and its key; both or none.
    var certificate: String?
    var key: String?
    /// URLs that are told to clients instead of the listeners' own.
    var gatewayURL: String?
    var resumeURL: String?
    /// Name that is told to clients instead of the host listened on.
    var publicHost: String?
    var token = "simulated-token"
    var allowedIntents = Application.privilegedIntents
    var plan = Founding.Plan()
    var recommendedShards = 1
    var maxConcurrency = 1
    var sessionLimit = 1000
    /// Identifies left at the start.
    var sessionRemaining: Int?
    var limits = TimeLimits()
    var gateway = GatewayServer.Settings()
    /// REST requests per second for the bot.
    var globalLimit = 50
    /// Whether rate limits are enforced at all; load tests of something else turn them off.
    var hasRateLimits = true
    /// Orders in the control API's form.
    var faults: [JSON] = []
    var seed: UInt64 = 1
}

/// Why the simulator cannot start.
struct SimulatorError: Error, CustomStringConvertible {
    let description: String
}
