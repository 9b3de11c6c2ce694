internal import Shared

extension EventFrame {
    /// What the event is ordered by among those of its key: a dead letter that is tried again has a new id, and says what was
    /// so when it had its first.
    var orderID: EventID { retryOf ?? id }
}

/// Reads what an event must have, naming what it lacks.
extension JSONValue {
    func requiredSnowflake(_ field: StaticString) throws(EventProblem) -> Snowflake {
        guard let id = self[field]?.snowflake else { throw EventProblem(description: "\(field) is no snowflake") }
        return id
    }

    func requiredString(_ field: StaticString) throws(EventProblem) -> String {
        guard let text = self[field]?.string else { throw EventProblem(description: "\(field) is no string") }
        return text
    }

    func requiredObject(_ field: StaticString) throws(EventProblem) -> JSONValue {
        guard let value = self[field], value.kind == .object else {
            throw EventProblem(description: "\(field) is no object")
        }
        return value
    }

    func requiredInteger(_ field: StaticString) throws(EventProblem) -> Int {
        guard let value = self[field]?.int else { throw EventProblem(description: "\(field) is no integer") }
        return value
    }
}
