internal import ArgumentParser
internal import Glibc
internal import NIOCore
internal import Shared
internal import Synchronization

/// The benchmark's worker: takes events off the queue socket, decodes what a handler would look at, counts, acknowledges.
@main
struct CountingWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "olim-counting-worker", abstract: "Counts events and says what that cost, as one line of JSON.")

    @Option(help: "The gateway's queue socket.")
    var socket: String

    @Option(help: "End after this many events, and say what they cost; without it, go on until killed.")
    var events: Int?

    @Option(help: "Name to give the gateway.")
    var name = "counting"

    @Option(help: "File in which all workers keep their books.")
    var books: String?

    @Option(help: "Which place in that file is this worker's.")
    var index = 0

    @Option(help: "Events in flight at once.")
    var capacity = 4096

    @Flag(help: "Say each event's latency at the end, not only percentiles.")
    var latencies = false

    func run() throws {
        Termination.await()
        let queue = try QueueConnection(path: socket)
        let hello = WorkerHello(
            worker: name, version: Version.current, capacity: capacity, events: ["MESSAGE_CREATE"])
        try queue.send([.hello(hello)])
        var count = Count()
        var tally = try books.map { try SharedTally(path: $0, index: index) }
        var splitter = LineSplitter()
        var decoder = GatewayFrameDecoder()
        var isDraining = false
        var isDrained = false
        while count.events < events ?? Int.max, !isDrained {
            if Termination.isAsked, !isDraining {
                isDraining = true
                try queue.send([.drain])
            }
            guard let bytes = try queue.receive() else { continue }
            splitter.append(bytes)
            var acknowledged: [EventID] = []
            var answers: [WorkerFrame] = []
            while let line = try splitter.nextLine() {
                switch try decoder.decode(line) {
                case .welcome: print(#"{"ready":true}"#)
                case .event(let event):
                    count.add(event, decoder.eventData)
                    tally?.add(number: event.sequence, bytes: event.data.readableBytes)
                    acknowledged.append(event.id)
                case .ping: answers.append(.pong)
                // What is to be handled came before it, and is acknowledged with this read.
                case .draining: isDrained = true
                case .error(let code, let message): throw ValidationError("the gateway says \(code): \(message)")
                default: break
                }
            }
            if !acknowledged.isEmpty { answers.append(.ack(acknowledged)) }
            if !answers.isEmpty { try queue.send(answers) }
            if !acknowledged.isEmpty { tally?.publish() }
            fflush(nil)
        }
        print(count.summary(withLatencies: latencies).text)
    }
}

/// SIGTERM asks for a drain; it interrupts the wait for bytes.
enum Termination {
    private static let flag = Atomic<Bool>(false)

    static var isAsked: Bool { flag.load(ordering: .relaxed) }

    /// Takes the signal from now on.
    static func await() {
        // Made before the signal can come, because a handler may not make it.
        flag.store(false, ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in Termination.flag.store(true, ordering: .relaxed) }
        // Without SA_RESTART.
        sigaction(SIGTERM, &action, nil)
    }
}

/// What was counted, and what it cost this process from the first event on.
struct Count {
    private(set) var events = 0
    private var characters = 0
    private var authors: Set<Snowflake> = []
    private var latencies: [Int64] = []
    private var startedAt = 0.0
    private var startingCPU = 0.0

    /// Looks at what an activity counter and a command parser look at.
    mutating func add(_ event: EventFrame, _ data: JSONValue?) {
        if events == 0 {
            startedAt = Clock.monotonicSeconds
            startingCPU = Clock.cpuSeconds
        }
        events += 1
        if let author = data?["author"]?["id"]?.snowflake { authors.insert(author) }
        characters += data?["content"]?.withStringBytes { $0.count } ?? 0
        latencies.append(Clock.wallMicroseconds - event.receivedAt)
    }

    func summary(withLatencies: Bool) -> JSON {
        guard !latencies.isEmpty else { return ["events": 0, "latencies_us": []] }
        let sorted = latencies.sorted()
        func percentile(_ share: Double) -> JSON {
            .integer(Int(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]))
        }
        let every: JSON = withLatencies ? .array(latencies.map { .integer(Int($0)) }) : .null
        return [
            "events": .integer(events),
            "latencies_us": every,
            "authors": .integer(authors.count),
            "characters": .integer(characters),
            "wall_s": .double(Clock.monotonicSeconds - startedAt),
            "cpu_s": .double(Clock.cpuSeconds - startingCPU),
            "latency_us": ["p50": percentile(0.5), "p99": percentile(0.99), "p999": percentile(0.999)],
        ]
    }
}

/// The clocks a measurement needs.
enum Clock {
    static var monotonicSeconds: Double { seconds(of: CLOCK_MONOTONIC) }
    static var cpuSeconds: Double { seconds(of: CLOCK_PROCESS_CPUTIME_ID) }
    static var wallMicroseconds: Int64 { Int64(seconds(of: CLOCK_REALTIME) * 1e6) }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
