import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// Discord's gateway as far as it matters here: sessions, sequence numbers and replay, heartbeats, invalid sessions, close
/// codes, limits of identifies (gateway.mdx).
final class DiscordModel {
    let world: World
    let book: Promises
    /// Where to tell the gateway of an opened connection.
    unowned var gateway: GatewayModel!
    private(set) var links: [DiscordLink?] = []
    private(set) var sessions: [DiscordSession] = []
    /// The session that a shard's dispatches go to.
    private(set) var current = [DiscordSession?](repeating: nil, count: Rules.shards)
    private var lastIdentify: [Int: NIODeadline] = [:]
    private var identifies: Deque<NIODeadline> = []

    // Troubles.
    /// No connection comes about before.
    var refusesUntil = NIODeadline.distantPast
    /// The same for connections to a resume URL.
    var resumeURLDeadUntil = NIODeadline.distantPast
    /// Connections do not even fail.
    var hangsUntil = NIODeadline.distantPast
    /// `GET /gateway/bot` is not answered.
    var botFailsUntil = NIODeadline.distantPast
    /// Much more happens than usual.
    var floodUntil = NIODeadline.distantPast
    /// Nothing happens.
    var isQuiet = false
    private var emits = [Bool](repeating: false, count: Rules.shards)

    init(world: World, book: Promises) {
        self.world = world
        self.book = book
    }

    // MARK: Dispatches

    func wake() {
        for shard in 0..<Rules.shards where !emits[shard] {
            emits[shard] = true
            world.after(.zero, .emission(shard: shard))
        }
    }

    func emission(shard: Int) {
        guard !isQuiet else { return emits[shard] = false }
        let isFlood = floodUntil > world.now
        world.after(
            isFlood ? .microseconds(500) : world.milliseconds(world.rules.emissionPause), .emission(shard: shard))
        guard let session = current[shard], session.isAlive(now: world.now), session.sequence > 0 else { return }
        let (kind, key) = somethingNew(shard: shard)
        // Numbers may have gaps.
        if world.chance(4) { session.sequence += world.number(1...3) }
        emit(
            kind, key: key, nature: nature(of: kind), bytes: world.chance(2) ? 1500 : world.number(8...60), in: session)
    }

    private func somethingNew(shard: Int) -> (Kind, Int) {
        let guild = Promises.guildKey(shard, world.number(0...Rules.guilds - 1))
        switch world.number(0...99) {
        case 0..<10: return (.interaction, book.interactionKey())
        case 10..<20: return (.typing, guild)
        case 20..<24: return (.seldomWanted, guild)
        case 24..<26: return (.unwanted, guild)
        case 26..<45: return (.guildUpdate, guild)
        case 45..<50 where shard == 0: return (.direct, book.directKey(world.number(0...Rules.directChannels - 1)))
        default: return (.message, guild)
        }
    }

    private func nature(of kind: Kind) -> Nature {
        switch world.number(0...4999) {
        case 0..<60: .failsTwice
        case 60..<80: .poison
        case 80..<110: .hangsOnce
        case 110..<130: .extending
        case 130..<180: .putOff
        case 180..<184: .deadly
        default: .ordinary
        }
    }

    private func emit(_ kind: Kind, key: Int, nature: Nature, bytes: Int, in session: DiscordSession) {
        session.sequence += 1
        let number = book.emitted(
            Occurrence(
                shard: session.shard, kind: kind, key: key, nature: nature, bytes: bytes, session: session.number,
                sequence: session.sequence, hasWork: !kind.hasWrite || world.chance(30)))
        let sent = Sent(
            number: number, kind: kind, key: book.keys[key].key, bytes: bytes, session: session.number,
            sequence: session.sequence)
        session.kept.append(sent)
        if session.kept.count > world.rules.replayBuffer { session.dropped = session.kept.removeFirst().sequence }
        if let link = session.link { send(.dispatch(sent), on: link) }
    }

    // MARK: Connections

    /// A session wants to connect.
    func connect(shard: Int, toResumeURL: Bool, life: Int) -> DiscordLink {
        let link = DiscordLink(number: links.count, shard: shard, isResumeURL: toResumeURL, life: life)
        links.append(link)
        world.after(world.milliseconds(world.chance(5) ? 500...4000 : 5...60), .linkOpens(link: link.number))
        return link
    }

    /// - Returns: whether the connection was made; nil if nothing is heard of it.
    func opens(_ link: DiscordLink) -> Bool? {
        if hangsUntil > world.now { return nil }
        if refusesUntil > world.now || (link.isResumeURL && resumeURLDeadUntil > world.now) { return false }
        link.isOpenAtDiscord = true
        link.lastHeartbeat = world.now
        send(.hello, on: link)
        world.after(world.rules.heartbeatInterval, .discordChecksHeartbeat(link: link.number))
        return true
    }

    func send(_ message: DiscordMessage, on link: DiscordLink) {
        if let look = link.toGateway.send(message, arrival: world.now + delay()) {
            world.at(look, .gatewayReads(link: link.number))
        }
    }

    func delay() -> TimeAmount {
        world.permille(10) ? world.milliseconds(20...400) : .microseconds(Int64(world.number(100...3000)))
    }

    /// Discord ends a connection. The session stays.
    func end(_ link: DiscordLink, code: UInt16?) {
        guard link.isOpenAtDiscord else { return }
        send(.end(code: code), on: link)
        detach(link)
    }

    private func detach(_ link: DiscordLink) {
        link.isOpenAtDiscord = false
        guard let session = link.session else { return }
        link.session = nil
        guard session.link === link else { return }
        session.link = nil
        session.detachedAt = world.now
        session.life = world.milliseconds(world.rules.sessionLife)
    }

    /// Whoever is on neither side of it any more need not be kept.
    func release(_ link: DiscordLink) {
        if !link.isOpenAtDiscord { links[link.number] = nil }
    }

    func checkHeartbeat(of number: Int) {
        guard let link = links[number], link.isOpenAtDiscord else { return }
        guard world.now - link.lastHeartbeat < world.rules.heartbeatInterval + world.rules.heartbeatInterval else {
            return end(link, code: nil)
        }
        world.after(world.rules.heartbeatInterval, .discordChecksHeartbeat(link: number))
    }

    // MARK: What sessions say

    func reads(_ number: Int) {
        guard let link = links[number] else { return }
        while let message = link.toDiscord.receive(now: world.now) { take(message, from: link) }
        if let look = link.toDiscord.looked() { world.at(look, .discordReads(link: number)) }
    }

    private func take(_ message: SessionMessage, from link: DiscordLink) {
        guard link.isOpenAtDiscord else { return }
        switch message {
        case .heartbeat(let sequence):
            link.lastHeartbeat = world.now
            if let sequence, let session = link.session { told(sequence, of: session) }
            send(.heartbeatAcknowledgement, on: link)
        case .identify: identify(on: link)
        case .resume(let session, let sequence): resume(sessions[session], from: sequence, on: link)
        case .end(let code):
            if code == 1000 || code == 1001 { link.session?.isDead = true }
            detach(link)
        }
    }

    private func told(_ sequence: Int, of session: DiscordSession) {
        book.check(sequence <= session.sequence, "sequence \(sequence) was never sent in session \(session.number)")
        session.told = max(session.told, sequence)
        guard world.rules.forgetsAtHeartbeat else { return }
        while let first = session.kept.first, first.sequence <= sequence { session.kept.removeFirst() }
    }

    private func identify(on link: DiscordLink) {
        let bucket = link.shard % world.rules.maxConcurrency
        // Under way it may have caught up a little.
        if let last = lastIdentify[bucket], world.now - last < .milliseconds(4900) {
            return send(.invalidSession(resumable: false), on: link)
        }
        lastIdentify[bucket] = world.now
        identifies.append(world.now)
        let left = remaining
        book.check(left >= world.rules.identifyTotal / 10, "only \(left) identifies of the day are left")
        if let old = current[link.shard] { giveUp(old) }
        let session = DiscordSession(number: sessions.count, shard: link.shard)
        sessions.append(session)
        current[link.shard] = session
        book.began(session: session.number, shard: link.shard)
        book.account.sessionsBegun += 1
        attach(session, to: link)
        emit(.ready, key: Promises.shardKey(link.shard), nature: .ordinary, bytes: 40, in: session)
    }

    /// Here a shard has one session at a time; whoever still has a connection with an older one learns of it.
    private func giveUp(_ session: DiscordSession) {
        session.isDead = true
        book.sessions[session.number].mayBeGivenUp = true
        if let link = session.link { end(link, code: 4009) }
    }

    /// Identifies left in this day.
    var remaining: Int {
        while let first = identifies.first, world.now - first >= world.rules.identifies.day { identifies.removeFirst() }
        return world.rules.identifyTotal - identifies.count
    }

    private func attach(_ session: DiscordSession, to link: DiscordLink) {
        if let old = session.link, old !== link { end(old, code: 4000) }
        session.link = link
        session.detachedAt = nil
        link.session = session
    }

    private func resume(_ session: DiscordSession, from sequence: Int, on link: DiscordLink) {
        book.check(sequence <= session.sequence, "resumed from \(sequence), which was never sent")
        guard session.isAlive(now: world.now), sequence >= session.dropped else {
            return refuse(session, on: link)
        }
        book.account.resumes += 1
        // A RESUME can come later than one that was sent after it, on another connection, from which the gateway reads.
        let newer = session.link.flatMap { $0.number > link.number ? $0 : nil }
        attach(session, to: link)
        // Whoever asks for less than was acknowledged before gets what there is.
        let place = session.kept.firstIndex { $0.sequence > sequence } ?? session.kept.endIndex
        // Now and then a replay begins too early.
        let first = world.chance(10) ? max(0, place - world.number(1...5)) : place
        for sent in session.kept[first...] {
            if sent.kind == .resumed, !world.rules.replaysResumed {
                if !(newer?.isUnderWay(sent) ?? false) { book.neverRepeated(sent.number) }
            } else {
                send(.dispatch(sent), on: link)
            }
        }
        told(sequence, of: session)
        emit(.resumed, key: Promises.shardKey(link.shard), nature: .ordinary, bytes: 8, in: session)
    }

    private func refuse(_ session: DiscordSession, on link: DiscordLink) {
        session.isDead = true
        book.sessions[session.number].mayBeGivenUp = true
        send(.invalidSession(resumable: false), on: link)
    }

    // MARK: Troubles

    /// A connection that is open, by chance.
    func someLink() -> DiscordLink? {
        links.suffix(32).compactMap { $0 }.filter(\.isOpenAtDiscord).randomElement(using: &world.random)
    }

    /// Discord gives up a session that is live, with a code or an op 9.
    func kill(_ link: DiscordLink) {
        guard let session = link.session else { return }
        session.isDead = true
        book.sessions[session.number].mayBeGivenUp = true
        if world.chance(50) {
            send(.invalidSession(resumable: false), on: link)
            detach(link)
            link.isOpenAtDiscord = true
        } else {
            end(link, code: world.chance(50) ? 4009 : 4007)
        }
    }

    /// The network breaks: of what is under way only some arrives, and both sides learn of it.
    func reset(_ link: DiscordLink) {
        link.toGateway.cut(keeping: world.number(0...max(0, link.toGateway.count)))
        link.toDiscord.cut(keeping: world.number(0...max(0, link.toDiscord.count)))
        detach(link)
        world.after(world.milliseconds(0...200), .linkBreaks(link: link.number))
    }

    /// The network breaks without a word.
    func silence(_ link: DiscordLink) {
        link.toGateway.cut(keeping: world.number(0...max(0, link.toGateway.count)))
        link.toDiscord.cut(keeping: world.number(0...max(0, link.toDiscord.count)))
    }
}
