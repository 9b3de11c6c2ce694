import NIOCore
import Shared

@testable import GatewayProcess

/// The kinds of dispatches that there are here.
enum Kind: Int, CaseIterable {
    case ready, resumed, message, guildUpdate, typing, interaction, seldomWanted, unwanted, direct

    var name: String {
        switch self {
        case .ready: "READY"
        case .resumed: "RESUMED"
        case .message, .direct: "MESSAGE_CREATE"
        case .guildUpdate: "GUILD_UPDATE"
        case .typing: "TYPING_START"
        case .interaction: "INTERACTION_CREATE"
        case .seldomWanted: "GUILD_ROLE_CREATE"
        case .unwanted: "VOICE_STATE_UPDATE"
        }
    }

    /// Counted by the write-behind.
    var hasWrite: Bool { self == .message || self == .direct }

    /// Whether there may be no worker that wants it.
    var mayBeUnwanted: Bool { self == .seldomWanted || self == .unwanted }
}

/// How the handling of an event goes.
enum Nature {
    case ordinary
    /// Fails, or is rejected by the database, twice.
    case failsTwice
    case poison
    /// Takes longer than any ack timeout, once.
    case hangsOnce
    /// Takes long and says so.
    case extending
    /// Waits for a rate limit, once.
    case putOff
    /// Kills its worker, always.
    case deadly
}

/// What became of an event.
enum Fate {
    case open
    case done
    case deadLetter
    case shed
    case unwanted
    /// In a gap between two sessions, or with a queue in memory.
    case lost
}

/// A count whose last changes may be undone by a kill of the gateway.
struct Tally {
    private(set) var highest = 0
    private(set) var lowest = 0
    private var changes: [(at: NIODeadline, isCertain: Bool)] = []

    /// - Parameter isCertain: whether it is known to have counted.
    mutating func count(isCertain: Bool = true, at now: NIODeadline) {
        highest += 1
        if isCertain { lowest += 1 }
        changes.append((now, isCertain))
    }

    /// What was written before `safe` is still known. The others may be, also to the process after the next: a loss of power
    /// can follow a kill.
    mutating func survive(safe: NIODeadline) {
        for place in changes.indices where changes[place].at >= safe && changes[place].isCertain {
            changes[place].isCertain = false
            lowest = max(0, lowest - 1)
        }
    }

    /// It shows how many there are.
    mutating func settle(_ value: Int) {
        changes.removeLast(min(max(0, highest - value), changes.count))
        for place in changes.indices { changes[place].isCertain = true }
        highest = value
        lowest = value
    }
}

/// Whether a record is found again.
enum Survival {
    case no
    /// A kill or a loss of power came while it was being written.
    case maybe
    case yes
}

/// One dispatch that Discord sent in some session, and all that is known of it.
struct Occurrence {
    let shard: Int
    let kind: Kind
    let key: Int
    let nature: Nature
    /// Bytes of `d`.
    let bytes: Int
    let session: Int
    let sequence: Int
    let hasWork: Bool

    // The gateway's side, as its answers tell it.
    var id: EventID?
    /// The gateway has it, in memory or in its journal.
    var isHeld = false
    /// It is written and does not count before it is synced.
    var awaitsSync = false
    /// Its record in the journal, and the disk's operation after which that was written.
    var position: JournalPosition?
    var writtenAt = 0
    /// Whether a process that starts finds its record.
    var survival = Survival.no
    /// A process died while it took this in, and may have shed it or found nobody to want it.
    var mayBePassedOver = false
    var fate = Fate.open
    /// A kill of the gateway may have undone what became of it, or that the gateway knows of its delivery.
    var fateIsUndone = false
    var deliveryIsUndone = false
    /// The present process does not know that an earlier one delivered it, since that could not be written.
    var deliveryIsForgotten = false
    /// When a copy was first written to a worker.
    var firstDelivery: NIODeadline?
    /// The connection on which it is in flight.
    var holder: Int?
    /// Since when it is the oldest of its key at its holder.
    var since: NIODeadline?
    var failures = Tally()
    var deaths = Tally()
    /// In its backoff until then, and certainly not any more from `surelyReady` on.
    var notBefore = NIODeadline.distantPast
    var surelyReady = NIODeadline.distantPast
    /// The connection on which its acknowledgement was last sent.
    var claimedOn: Int?
    /// It came again under another id: the first one was lost with a gateway whose queue is in memory.
    var hasNewID = false

    // The workers' side.
    /// Runs of its handler that took effect.
    var works = 0
    /// Transactions that counted it.
    var writes = 0
    /// Runs and writes begun.
    var runs = 0

    var hasWrite: Bool { kind.hasWrite }
    var isInteraction: Bool { kind == .interaction }
    var hasAllEffects: Bool { (!hasWork || works > 0) && (!hasWrite || writes > 0) }
    var isSurelySuspect: Bool { deaths.lowest >= 2 }
    var isMaybeSuspect: Bool { deaths.highest >= 2 }
}
