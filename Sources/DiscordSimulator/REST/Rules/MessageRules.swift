internal import Shared

/// What resources/message.mdx asks of a message beyond its form.
struct MessageRules {
    /// Which request carries the message.
    enum Purpose: Equatable {
        case create, edit, interactionAnswer, interactionEdit, followUp, deferral
    }

    /// Bits of `flags` (resources/message.mdx, Message Flags).
    enum Flags {
        static let suppressEmbeds = 1 << 2
        static let ephemeral = 1 << 6
        static let loading = 1 << 7
        static let suppressNotifications = 1 << 12
        static let isVoiceMessage = 1 << 13
        static let isComponentsV2 = 1 << 15
    }

    /// Characters of all embeds of a message together (Embed Limits).
    static let maximumEmbedCharacters = 6000
    /// Action rows without IS_COMPONENTS_V2, and components with it (components/reference.mdx).
    static let maximumRows = 5, maximumComponents = 40
    /// Bytes of one file and of a whole request (reference.mdx, Uploading Files).
    static let maximumFileBytes = 10 << 20, maximumRequestBytes = 25 << 20

    let purpose: Purpose
    private(set) var errors = FormErrors()

    init(_ purpose: Purpose) {
        self.purpose = purpose
    }

    /// Whether nothing that the message could show is in it (the "at least one of" rule; code 50006).
    static func isEmpty(_ message: JSON, files: Int) -> Bool {
        if let text = message["content"]?.string, !text.trimmed.isEmpty { return false }
        for field in ["embeds", "sticker_ids", "components"] {
            if let list = message[field]?.elements, !list.isEmpty { return false }
        }
        for field in ["poll", "shared_client_theme"] {
            if let value = message[field], value != .null { return false }
        }
        return files == 0
    }

    /// Checks a message whose form is right.
    /// - Parameters:
    ///   - flags: those it has, for an edit, else those it asks for.
    ///   - path: where the message stands in the request.
    mutating func check(_ message: JSON, flags: Int, at path: [String] = []) {
        checkFlags(message["flags"]?.int ?? 0, at: path + ["flags"])
        checkEmbeds(message["embeds"]?.elements ?? [], at: path + ["embeds"])
        checkMentions(message["allowed_mentions"] ?? .null, at: path + ["allowed_mentions"])
        checkComponents(message, isVersion2: flags & Flags.isComponentsV2 != 0, at: path)
    }

    private mutating func checkFlags(_ flags: Int, at path: [String]) {
        var allowed = Flags.suppressEmbeds | Flags.suppressNotifications | Flags.isVoiceMessage | Flags.isComponentsV2
        switch purpose {
        case .create: break
        // Ephemeral is fixed by the first answer; a client that repeats it in an edit does no harm.
        case .interactionAnswer, .followUp, .interactionEdit: allowed |= Flags.ephemeral
        case .edit: break
        case .deferral: allowed = Flags.ephemeral
        }
        let wrong = flags & ~allowed
        if wrong != 0 {
            errors.add("MESSAGE_FLAGS_INVALID", "These flags cannot be set: \(wrong).", at: path)
        }
    }

    private mutating func checkEmbeds(_ embeds: [JSON], at path: [String]) {
        var total = 0
        for (index, embed) in embeds.enumerated() {
            total += Self.size(of: embed)
            if total > Self.maximumEmbedCharacters {
                let place = path + [String(index)]
                let message = "Embed size exceeds maximum size of \(Self.maximumEmbedCharacters)"
                return errors.add("MAX_EMBED_SIZE_EXCEEDED", message, at: place)
            }
            for (position, field) in (embed["fields"]?.elements ?? []).enumerated() {
                for part in ["name", "value"] where (field[part]?.string ?? "").trimmed.isEmpty {
                    errors.addRequired(at: path + [String(index), "fields", String(position), part])
                }
            }
        }
    }

    /// Title, description, fields, footer and author's name, each without the space around it.
    static func size(of embed: JSON) -> Int {
        func length(_ value: JSON?) -> Int { (value?.string ?? "").trimmed.unicodeScalars.count }
        var size = length(embed["title"]) + length(embed["description"])
        size += length(embed["footer"]?["text"]) + length(embed["author"]?["name"])
        for field in embed["fields"]?.elements ?? [] { size += length(field["name"]) + length(field["value"]) }
        return size
    }

    private mutating func checkMentions(_ mentions: JSON, at path: [String]) {
        let parsed = (mentions["parse"]?.elements ?? []).compactMap(\.string)
        for kind in ["users", "roles"] where parsed.contains(kind) {
            guard let ids = mentions[kind]?.elements, !ids.isEmpty else { continue }
            errors.add(
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                "parse:[\"\(kind)\"] and \(kind): [ids...] are mutually exclusive.", at: path)
        }
    }
}

// MARK: - Components

extension MessageRules {
    private mutating func checkComponents(_ message: JSON, isVersion2: Bool, at path: [String]) {
        let components = message["components"]?.elements ?? []
        if isVersion2 {
            for field in ["content", "embeds", "sticker_ids", "poll"] {
                guard let value = message[field], value != .null, value.string != "", value.elements?.isEmpty != true
                else { continue }
                errors.add(
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    "The '\(field)' field cannot be used when using MessageFlags.IS_COMPONENTS_V2", at: path + [field])
            }
            if Self.count(of: components) > Self.maximumComponents {
                errors.addLength(minimum: nil, maximum: Self.maximumComponents, at: path + ["components"])
            }
        } else {
            if components.count > Self.maximumRows {
                errors.addLength(minimum: nil, maximum: Self.maximumRows, at: path + ["components"])
            }
            for (index, component) in components.enumerated() where component["type"]?.int != 1 {
                errors.add(
                    "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).",
                    at: path + ["components", String(index), "type"])
            }
        }
        var seen: Set<String> = []
        for (index, component) in components.enumerated() {
            checkComponent(component, seen: &seen, at: path + ["components", String(index)])
        }
    }

    private static func count(of components: [JSON]) -> Int {
        components.reduce(0) { sum, component in
            let accessory = component["accessory"].map { [$0] } ?? []
            return sum + 1 + count(of: (component["components"]?.elements ?? []) + accessory)
        }
    }

    private mutating func checkComponent(_ component: JSON, seen: inout Set<String>, at path: [String]) {
        if let id = component["custom_id"]?.string {
            if id.isEmpty { errors.addLength(minimum: 1, maximum: 100, at: path + ["custom_id"]) }
            if !seen.insert(id).inserted {
                errors.add(
                    "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated",
                    at: path + ["custom_id"])
            }
        }
        let children = component["components"]?.elements ?? []
        switch component["type"]?.int {
        case 1: checkRow(children, at: path)
        case 2: checkButton(component, at: path)
        default: break
        }
        for (index, child) in children.enumerated() {
            checkComponent(child, seen: &seen, at: path + ["components", String(index)])
        }
        if let accessory = component["accessory"] {
            checkComponent(accessory, seen: &seen, at: path + ["accessory"])
        }
    }

    private mutating func checkRow(_ children: [JSON], at path: [String]) {
        let selects = children.count { $0["type"]?.int != 2 }
        if children.isEmpty || children.count > 5 || (selects > 0 && children.count > 1) {
            errors.add(
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "An action row holds one to five buttons or one select.",
                at: path + ["components"])
        }
    }

    private mutating func checkButton(_ button: JSON, at path: [String]) {
        let hasURL = button["url"]?.string != nil
        let hasID = button["custom_id"]?.string != nil
        switch button["style"]?.int {
        case 5:
            if !hasURL { errors.addRequired(at: path + ["url"]) }
            if hasID {
                errors.add(
                    "BUTTON_COMPONENT_CUSTOM_ID_AND_URL_MUTUALLY_EXCLUSIVE",
                    "A custom id and url cannot both be specified", at: path)
            }
        case 6:
            if button["sku_id"] == nil { errors.addRequired(at: path + ["sku_id"]) }
        default:
            if !hasID { errors.addRequired(at: path + ["custom_id"]) }
            if hasURL {
                errors.add(
                    "BUTTON_COMPONENT_CUSTOM_ID_AND_URL_MUTUALLY_EXCLUSIVE",
                    "A custom id and url cannot both be specified", at: path)
            }
        }
    }
}
