import NIOCore
import Shared

@testable import GatewayProcess

/// The workers' database: one cursor for each key, moved in the transaction that counts.
final class Database {
    private let world: World
    private let book: Promises
    private var cursors: [EventID]
    var downUntil = NIODeadline.distantPast
    var slowUntil = NIODeadline.distantPast

    init(world: World, book: Promises) {
        self.world = world
        self.book = book
        cursors = Array(repeating: EventID(0), count: book.lastingKeys)
    }

    var isDown: Bool { downUntil > world.now }

    var delay: TimeAmount { world.milliseconds(slowUntil > world.now ? 50...800 : 1...10) }

    /// Counts an event unless the cursor says that it has been counted.
    func count(_ number: Int, id: EventID, key: Int) {
        guard id > cursors[key] else { return }
        cursors[key] = id
        book.counted(number)
    }
}
