internal import Shared

extension JSON {
    /// Replaces, adds or (with nil) removes a member; anything but an object stays as it is.
    mutating func set(_ key: String, _ value: JSON?) {
        guard case .object(var members) = self else { return }
        if let index = members.firstIndex(where: { $0.key == key }) {
            if let value { members[index].value = value } else { members.remove(at: index) }
        } else if let value {
            members.append(Member(key, value))
        }
        self = .object(members)
    }

    /// A copy with that member.
    func with(_ key: String, _ value: JSON?) -> JSON {
        var copy = self
        copy.set(key, value)
        return copy
    }

    /// The id, if this is one.
    var id: Snowflake? {
        string.flatMap { Snowflake($0) } ?? int.flatMap { $0 >= 0 ? Snowflake(UInt64($0)) : nil }
    }

    /// The value unless it is null.
    var nonNull: JSON? { self == .null ? nil : self }
}
