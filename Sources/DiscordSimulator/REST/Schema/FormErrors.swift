internal import Shared

/// What is wrong with a request's form, in the nested shape of Discord's code 50035 (reference.mdx, Error Messages).
struct FormErrors: Equatable {
    /// One complaint at one place of the request.
    struct Leaf: Equatable {
        /// Object keys and array indices from the root of the request to the place; empty for the request as a whole.
        var path: [String]
        /// Discord's name for the complaint, such as `BASE_TYPE_REQUIRED`.
        var code: String
        /// The complaint in words.
        var message: String
    }

    private(set) var leaves: [Leaf] = []

    var isEmpty: Bool { leaves.isEmpty }

    mutating func add(_ code: String, _ message: String, at path: [String]) {
        leaves.append(Leaf(path: path, code: code, message: message))
    }

    mutating func append(_ other: FormErrors) {
        leaves += other.leaves
    }

    /// The value of `errors`: the request mirrored, with `_errors` at the places complained about.
    var json: JSON { Self.node(of: leaves[...], depth: 0) }

    private static func node(of leaves: ArraySlice<Leaf>, depth: Int) -> JSON {
        var members: [JSON.Member] = []
        let here = leaves.filter { $0.path.count == depth }
        if !here.isEmpty {
            let complaints = here.map {
                JSON.object([.init("code", .string($0.code)), .init("message", .string($0.message))])
            }
            members.append(.init("_errors", .array(complaints)))
        }
        var order: [String] = []
        var below: [String: [Leaf]] = [:]
        for leaf in leaves where leaf.path.count > depth {
            if below[leaf.path[depth]] == nil { order.append(leaf.path[depth]) }
            below[leaf.path[depth], default: []].append(leaf)
        }
        for key in order {
            members.append(.init(key, node(of: (below[key] ?? [])[...], depth: depth + 1)))
        }
        return .object(members)
    }
}

extension FormErrors {
    /// The field is missing, or null where it must not be.
    mutating func addRequired(at path: [String]) {
        add("BASE_TYPE_REQUIRED", "This field is required", at: path)
    }

    /// The value is none of those allowed.
    mutating func addChoices(_ choices: [JSON], at path: [String]) {
        let list = choices.map { $0.string.map { "'\($0)'" } ?? $0.text }.joined(separator: ", ")
        add("BASE_TYPE_CHOICES", "Value must be one of (\(list)).", at: path)
    }

    /// A text's or list's length is outside its bounds.
    mutating func addLength(minimum: Int?, maximum: Int?, at path: [String]) {
        switch (minimum, maximum) {
        case (let minimum?, let maximum?):
            add("BASE_TYPE_BAD_LENGTH", "Must be between \(minimum) and \(maximum) in length.", at: path)
        case (let minimum?, nil):
            add("BASE_TYPE_MIN_LENGTH", "Must be \(minimum) or more in length.", at: path)
        case (nil, let maximum):
            add("BASE_TYPE_MAX_LENGTH", "Must be \(maximum ?? 0) or fewer in length.", at: path)
        }
    }
}
