internal import Shared

/// Handles one kind of event. To add one, write a file like GuildDelete.swift and name it in `EventHandlers.standard`.
protocol EventHandler: Sendable {
    /// Discord's name of the dispatch.
    static var event: String { get }

    /// All dispatches that it handles; nearly always that one alone.
    static var events: [String] { get }

    /// Called on the queue's event loop, so it must not wait; what takes time goes into the plan's `work`.
    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan
}

extension EventHandler {
    static var events: [String] { [event] }
}

/// The handlers by event.
struct EventHandlers: EventPlanner {
    private let handlers: [String: any EventHandler]

    init(_ all: [any EventHandler]) {
        let pairs = all.flatMap { handler in type(of: handler).events.map { ($0, handler) } }
        handlers = Dictionary(pairs) { first, _ in first }
    }

    /// All handlers of the bot.
    static func standard(_ services: Services) -> EventHandlers {
        EventHandlers([
            Ready(services: services),
            GuildCreate(store: services.store),
            GuildUpdate(services: services),
            GuildDelete(store: services.store),
            GuildMemberAdd(services: services),
            GuildMemberRemove(store: services.store),
            MessageCreate(services: services),
            InteractionCreate(services: services),
            RoleChange(permissions: services.permissions),
            ChannelChange(permissions: services.permissions),
        ])
    }

    var wantedEvents: Set<String> { Set(handlers.keys) }

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        guard let handler = handlers[event.type] else { return EventPlan() }
        return try handler.plan(event, data)
    }
}
