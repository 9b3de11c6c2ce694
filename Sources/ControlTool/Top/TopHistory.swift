internal import Shared

/// What the last statuses were like, for charts.
struct TopHistory {
    /// One status in figures.
    struct Sample: Equatable {
        /// Events per second since the sample before; nil for the first one, and where the gateway began anew in between.
        var received: Double?
        var acknowledged: Double?
        var depth: Double?
        /// In milliseconds.
        var oldest: Double?
        /// Of the slowest shard, in milliseconds.
        var latency: Double?
    }

    /// As many as the widest terminal shows.
    static let kept = 500

    private(set) var samples: [Sample] = []
    private var last: (received: Int, acknowledged: Int, at: Double)?

    /// Takes a status in.
    /// - Parameter at: seconds of a clock that never goes back.
    mutating func add(_ status: JSON, at now: Double) {
        var sample = Sample()
        let received = status["counters"]?["received"]?.int
        let acknowledged = status["counters"]?["acked"]?.int
        if let received, let acknowledged {
            if let last, received >= last.received, acknowledged >= last.acknowledged, now > last.at {
                sample.received = Double(received - last.received) / (now - last.at)
                sample.acknowledged = Double(acknowledged - last.acknowledged) / (now - last.at)
            }
            last = (received, acknowledged, now)
        }
        sample.depth = status["queue"]?["depth"]?.int.map(Double.init)
        sample.oldest = status["queue"]?["oldest_ms"]?.int.map(Double.init)
        sample.latency = (status["shards"]?.elements ?? []).compactMap { $0["latency_ms"]?.int }.max().map(Double.init)
        append(sample)
    }

    /// The gateway did not answer.
    mutating func addGap() {
        last = nil
        append(Sample())
    }

    private mutating func append(_ sample: Sample) {
        samples.append(sample)
        if samples.count > Self.kept { samples.removeFirst() }
    }
}
