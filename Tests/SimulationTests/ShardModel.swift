import NIOCore
import Shared

@testable import GatewayProcess

/// Leads the real `SessionStateMachine` as `GatewaySession` does, only that messages come without their bytes.
final class ShardModel {
    let shard: Int
    private let world: World
    private let book: Promises
    private unowned let gateway: GatewayModel

    private(set) var machine: SessionStateMachine
    private(set) var link: DiscordLink?
    private var pendingTarget: SessionAction.Target?
    private var timerDeadline: NIODeadline?
    private var ticket = 0
    private var burst: [Dispatch] = []
    private var floor: Int?
    private var readySequence: Int?
    /// The event that READY is.
    private var readyNumber: Int?
    private var lastReceived: Int?
    private var isDead = false

    init(shard: Int, stored: StoredSession?, gateway: GatewayModel) {
        self.shard = shard
        self.gateway = gateway
        world = gateway.world
        book = gateway.book
        machine = SessionStateMachine(
            session: stored.map { ResumableSession(id: $0.id, resumeURL: $0.resumeURL) })
        guard !gateway.keepsSequences else { return }
        if let ready = stored?.ready {
            readySequence = stored?.sequence
            readyNumber = Int(ready)
        } else {
            floor = stored?.sequence
        }
    }

    // MARK: Orders

    func start() {
        if let session = machine.session?.id, let floor {
            gateway.queue.ledger.finish(shard: shard, session: session, upTo: floor)
        }
        redeliverReady()
        handle(.start)
    }

    private func redeliverReady() {
        guard let session = machine.session?.id, let readySequence, let readyNumber else { return }
        burst.append(
            Dispatch(
                shard: shard, session: session, sequence: readySequence, type: "READY",
                key: QueueKey(keyClass: .shard, number: UInt64(shard)), guildID: nil, interaction: nil,
                receivedAt: world.wall, data: Self.payload(readyNumber, bytes: 40)))
        deliver()
    }

    func permitGranted() { handle(.permitGranted) }

    func reidentify() { handle(.reidentify) }

    func setIntake(_ intake: Intake) { handle(.intake(intake)) }

    func generalURLKnown() {
        if let target = pendingTarget { connect(target) }
    }

    func shutdown() {
        deliver()
        handle(.shutdown)
    }

    func extendDeadlines(by gap: TimeAmount) {
        machine.extend(by: gap)
        rearm()
    }

    /// The process is killed: the kernel ends the connection.
    func die() {
        if let link { send(.end(code: nil), on: link) }
        link = nil
        isDead = true
    }

    // MARK: State

    func stored() -> StoredSession? {
        guard let session = machine.session else { return nil }
        guard !gateway.keepsSequences else {
            return StoredSession(shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: 0)
        }
        if let sequence = durableSequence(of: session.id) {
            readyNumber = nil
            return StoredSession(shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: sequence)
        }
        guard let readySequence, let readyNumber else { return nil }
        return StoredSession(
            shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: readySequence, ready: "\(readyNumber)"
        )
    }

    private func durableSequence(of session: String) -> Int? {
        let received = gateway.durableSequence(shard: shard, session: session)
        guard let received, let floor else { return received ?? floor }
        return max(received, floor)
    }

    private func sentSequence(of session: String) -> Int? {
        durableSequence(of: session) ?? (gateway.keepsSequences ? nil : readySequence)
    }

    // MARK: Carrying out decisions

    private func handle(_ event: SessionEvent) {
        guard !isDead else { return }
        for action in machine.handle(event, now: world.now, using: &world.random) { perform(action) }
        rearm()
    }

    private func perform(_ action: SessionAction) {
        switch action {
        case .requestPermit: gateway.requestPermit(for: shard)
        case .withdrawPermit: gateway.withdrawPermit(of: shard)
        case .connect(let target): connect(target)
        case .identify: identify()
        case .resume(let session): resume(session)
        case .heartbeat: heartbeat()
        case .close(let code): close(code: code)
        case .forget(let session, _, _): forget(session)
        case .live:
            if let session = machine.session { gateway.sessionBegan(shard: shard, session: session.id) }
        case .warn, .ended: break
        }
    }

    private func connect(_ target: SessionAction.Target) {
        pendingTarget = nil
        if target == .general, !gateway.knowsGeneralURL() { return pendingTarget = target }
        link = gateway.discord.connect(shard: shard, toResumeURL: target != .general, life: gateway.life)
    }

    private func identify() {
        floor = nil
        readySequence = nil
        readyNumber = nil
        lastReceived = nil
        world.trace.note("identify: shard", shard)
        send(.identify)
        gateway.identified(shard)
    }

    private func resume(_ session: String) {
        let number = Self.number(ofSession: session)
        let sequence = sentSequence(of: session) ?? 0
        world.trace.note("resume: shard, session, sequence", shard, number, sequence)
        book.told(session: number, sequence: sequence)
        send(.resume(session: number, sequence: sequence))
    }

    private func heartbeat() {
        let session = machine.session?.id
        let sequence = session.flatMap { sentSequence(of: $0) }
        if let session, let sequence { book.told(session: Self.number(ofSession: session), sequence: sequence) }
        send(.heartbeat(sequence: sequence))
    }

    private func send(_ message: SessionMessage) {
        if let link { send(message, on: link) }
    }

    private func send(_ message: SessionMessage, on link: DiscordLink) {
        if let look = link.toDiscord.send(message, arrival: world.now + gateway.discord.delay()) {
            world.at(look, .discordReads(link: link.number))
        }
    }

    private func close(code: UInt16) {
        pendingTarget = nil
        guard let link else { return }
        send(.end(code: code), on: link)
        gateway.discord.release(link)
        self.link = nil
    }

    private func forget(_ session: String) {
        let number = Self.number(ofSession: session)
        world.trace.note("forget: shard, session", shard, number)
        book.check(book.sessions[number].mayBeGivenUp, "session \(number) is given up without need")
        floor = nil
        readySequence = nil
        readyNumber = nil
        lastReceived = nil
        gateway.sessionChanged()
    }

    private func rearm() {
        let deadline = machine.nextDeadline
        guard deadline != timerDeadline else { return }
        ticket += 1
        timerDeadline = deadline
        if let deadline { world.at(deadline, .sessionDeadline(shard: shard, life: gateway.life, ticket: ticket)) }
    }

    func deadlineCame(ticket: Int) {
        guard ticket == self.ticket else { return }
        timerDeadline = nil
        guard !gateway.holdsDeadlines else { return }
        handle(.deadline)
    }

    // MARK: What arrives

    func connected() { handle(.connected) }

    func connectionEnded(code: UInt16?) {
        guard let ended = link else { return }
        gateway.discord.release(ended)
        link = nil
        handle(.disconnected(code: code))
    }

    /// Takes what has arrived as one burst.
    func reads() {
        guard let reading = link else { return }
        // What comes behind the end of this connection comes again after the resume.
        while link === reading, !isDead, let message = reading.toGateway.receive(now: world.now) { take(message) }
        deliver()
        if link === reading, let look = reading.toGateway.looked() {
            world.at(look, .gatewayReads(link: reading.number))
        }
    }

    private func take(_ message: DiscordMessage) {
        switch message {
        case .hello: control(.hello(interval: world.rules.heartbeatInterval))
        case .dispatch(let sent): dispatch(sent)
        case .heartbeatRequest: control(.heartbeatRequested)
        case .heartbeatAcknowledgement: control(.heartbeatAcknowledged)
        case .reconnect: control(.reconnectRequested)
        case .invalidSession(let resumable): control(.invalidSession(resumable: resumable))
        case .unreadable:
            deliver()
            handle(.unreadable(sequence: lastReceived))
        case .end(let code):
            deliver()
            connectionEnded(code: code)
        }
    }

    private func control(_ event: SessionEvent) {
        deliver()
        handle(event)
    }

    private func dispatch(_ sent: Sent) {
        guard !isDead, machine.takesDispatches else { return }
        switch sent.kind {
        case .ready: ready(sent)
        case .resumed: control(.resumed)
        default: break
        }
        lastReceived = sent.sequence
        guard let session = machine.session?.id else { return }
        burst.append(
            Dispatch(
                shard: shard, session: session, sequence: sent.sequence, type: sent.kind.name,
                key: sent.key, guildID: nil, interaction: nil, receivedAt: world.wall,
                data: Self.payload(sent.number, bytes: sent.bytes)))
    }

    private func ready(_ sent: Sent) {
        deliver()
        floor = nil
        readySequence = sent.sequence
        readyNumber = sent.number
        book.readyArrived(shard: shard, session: sent.session)
        world.trace.note("READY: shard, session", shard, sent.session)
        handle(.ready(ResumableSession(id: Self.name(ofSession: sent.session), resumeURL: "wss://resume")))
    }

    private func deliver() {
        guard !burst.isEmpty else { return }
        let isTaken = gateway.receive(burst)
        burst.removeAll(keepingCapacity: true)
        guard !isTaken, !isDead, let session = machine.session?.id else { return }
        // Nothing behind it may be taken before it has come again.
        handle(.refused(isResumable: durableSequence(of: session) != nil))
    }

    // MARK: Names

    static func name(ofSession number: Int) -> String { "s\(number)" }

    static func number(ofSession name: String) -> Int { Int(name.dropFirst()) ?? -1 }

    /// `d`: the event's number, and something to make it long.
    static func payload(_ number: Int, bytes: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes)
        buffer.writeInteger(number)
        buffer.writeRepeatingByte(UInt8(truncatingIfNeeded: number), count: max(0, bytes - 8))
        return buffer
    }
}
