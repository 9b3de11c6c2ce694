internal import Shared

/// The `custom_id` of a button, a select menu or a modal: which command it belongs to, for whom, and its whole state, so that no
/// worker has to remember anything (components/reference.mdx: at most 100 characters).
///
/// `leaderboard:647709301943042060:week:2`
struct ComponentID: Sendable, Equatable {
    static let maximumLength = 100

    let command: String
    /// Who may press it.
    let owner: Snowflake
    let state: [String]

    init(_ command: String, owner: Snowflake, _ state: String...) {
        self.command = command
        self.owner = owner
        self.state = state
    }

    /// Nil if it is none of ours.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, !parts[0].isEmpty, let owner = Snowflake(parts[1]) else { return nil }
        command = parts[0]
        self.owner = owner
        state = Array(parts.dropFirst(2))
    }

    var text: String { ([command, "\(owner)"] + state).joined(separator: ":") }

    /// A part of the state; empty if there are not so many.
    subscript(position: Int) -> String { state.indices.contains(position) ? state[position] : "" }
}

/// A button (components/reference.mdx, Button).
struct Button: Sendable, Equatable {
    enum Style: Int, Sendable {
        case primary = 1
        case secondary = 2
        case danger = 4
    }

    let id: ComponentID
    let label: String
    var style = Style.secondary
    var isDisabled = false

    /// Buttons next to each other; at most five.
    static func row(_ buttons: [Button]) -> JSON {
        ["type": 1, "components": .array(buttons.map(\.json))]
    }

    private var json: JSON {
        [
            "type": 2, "style": .integer(style.rawValue), "label": .string(String(label.prefix(80))),
            "custom_id": .string(id.text), "disabled": .bool(isDisabled),
        ]
    }
}

/// A form of one text field or more (components/reference.mdx, Text Input).
struct Modal: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        let name: String
        let label: String
        var value: String?
        var length = 0...4000
        var isRequired = true
    }

    let id: ComponentID
    let title: String
    let fields: [Field]

    var json: JSON {
        [
            "custom_id": .string(id.text), "title": .string(String(title.prefix(45))),
            "components": .array(
                fields.map { field in
                    [
                        "type": 1,
                        "components": [
                            .compact([
                                "type": 4, "custom_id": .string(field.name), "style": 2,
                                "label": .string(String(field.label.prefix(45))),
                                "value": field.value.map { .string($0) },
                                "min_length": .integer(field.length.lowerBound),
                                "max_length": .integer(field.length.upperBound), "required": .bool(field.isRequired),
                            ])
                        ],
                    ]
                }),
        ]
    }
}
