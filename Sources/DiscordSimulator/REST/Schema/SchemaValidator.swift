internal import Shared

/// Holds values against schemas and words the complaints as Discord does.
///
/// Members that the schema does not name are let through: Discord ignores them (reference.mdx).
struct SchemaValidator {
    let library: SchemaLibrary
    /// Whether text stands for numbers and truth values, as in queries and forms (reference.mdx, Boolean Query Strings).
    var coercesText = false

    /// Checks `value` and adds to `errors` what is wrong with it.
    func validate(
        _ value: JSON, against schema: Schema, at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) {
        let schema = try library.resolve(schema)
        if value == .null {
            if try !acceptsNull(schema) { errors.addRequired(at: path) }
            return
        }
        let before = errors.leaves.count
        for part in schema.allOf { try validate(value, against: part, at: path, into: &errors) }
        if !schema.alternatives.isEmpty {
            try validateAlternatives(value, of: schema, at: path, into: &errors)
        }
        // A second complaint about the same wrong value helps nobody.
        guard errors.leaves.count == before else { return }
        if let choices = schema.choices, !choices.contains(where: { matches(value, $0) }) {
            return errors.addChoices(choices.filter { $0 != .null }, at: path)
        }
        try validateType(value, schema, at: path, into: &errors)
    }

    private func acceptsNull(_ schema: Schema) throws(OpenAPIError) -> Bool {
        let schema = try library.resolve(schema)
        if schema.types.contains(.null) { return true }
        for alternative in schema.alternatives where try acceptsNull(alternative) { return true }
        return schema.types.isEmpty && schema.alternatives.isEmpty && schema.allOf.isEmpty && schema.choices == nil
    }

    private func matches(_ value: JSON, _ choice: JSON) -> Bool {
        if value == choice { return true }
        if coercesText, let text = value.string, choice.int != nil { return text == choice.text }
        if let left = value.double, let right = choice.double { return left == right }
        return false
    }

    private func validateType(
        _ value: JSON, _ schema: Schema, at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) {
        let types = schema.types
        switch value {
        case .object(let members) where types.isEmpty || types.contains(.object):
            try validate(members, of: value, schema, at: path, into: &errors)
        case .array(let values) where types.isEmpty || types.contains(.array):
            try validate(values, schema, at: path, into: &errors)
        case .string(let text) where types.contains(.string) || types.isEmpty:
            validate(text, schema, at: path, into: &errors)
        case .string(let text) where types.contains(.array) && coercesText:
            try validate([.string(text)], schema, at: path, into: &errors)
        case .string(let text) where coercesText || schema.acceptsDecimalString:
            validate(coercing: text, schema, at: path, into: &errors)
        case .integer where schema.format == "snowflake" && types.contains(.string):
            // reference.mdx, ID Serialization: ids may be integers on the way in.
            validate(value.text, schema, at: path, into: &errors)
        case .integer where types.isEmpty || !types.isDisjoint(with: [.integer, .number]):
            validate(number: value, schema, at: path, into: &errors)
        case .double(let number) where types.contains(.number) || (types.contains(.integer) && number.isWhole):
            validate(number: value, schema, at: path, into: &errors)
        case .bool where types.isEmpty || types.contains(.boolean):
            break
        default:
            addMismatch(of: value, schema, at: path, into: &errors)
        }
    }

    private func addMismatch(of value: JSON, _ schema: Schema, at path: [String], into errors: inout FormErrors) {
        let types = schema.types
        if types.contains(.object) {
            if schema.properties.isEmpty {
                errors.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", at: path)
            } else {
                errors.add("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType", at: path)
            }
        } else if types.contains(.array) {
            errors.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType", at: path)
        } else if schema.format == "snowflake" {
            errors.add("NUMBER_TYPE_COERCE", "Value \"\(value.text)\" is not snowflake.", at: path)
        } else if types.contains(.string) {
            errors.add("STRING_TYPE_CONVERT", "Could not interpret \"\(value.text)\" as string.", at: path)
        } else if types.contains(.boolean) {
            errors.add("BOOLEAN_TYPE_CONVERT", "Must be either true or false.", at: path)
        } else {
            let kind = types.contains(.integer) ? "int" : "float"
            errors.add("NUMBER_TYPE_COERCE", "Value \"\(value.string ?? value.text)\" is not \(kind).", at: path)
        }
    }
}

// MARK: - Scalars

extension SchemaValidator {
    private func validate(_ text: String, _ schema: Schema, at path: [String], into errors: inout FormErrors) {
        if schema.isBinary { return }
        let counted = schema.trimsText ? text.trimmed : text[...]
        let length = counted.unicodeScalars.count
        if length < schema.minimumLength ?? 0 || length > schema.maximumLength ?? .max {
            return errors.addLength(minimum: schema.minimumLength, maximum: schema.maximumLength, at: path)
        }
        switch schema.format {
        case "snowflake":
            if Snowflake(text) == nil {
                errors.add("NUMBER_TYPE_COERCE", "Value \"\(text)\" is not snowflake.", at: path)
            }
            return
        case "date-time":
            if !Timestamp.isISO8601(text) {
                errors.add("DATE_TIME_TYPE_PARSE", "Could not parse \(text). Should be ISO8601.", at: path)
            }
        case "uri":
            validate(url: text, at: path, into: &errors)
        default:
            break
        }
        if let pattern = schema.pattern, (try? pattern.wholeMatch(in: text)) == nil {
            errors.add("STRING_TYPE_REGEX", "String value did not match validation regex.", at: path)
        }
    }

    private func validate(url: String, at path: [String], into errors: inout FormErrors) {
        let parts = url.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasPrefix("//"), parts[1].count > 2, !url.contains(where: \.isWhitespace)
        else {
            return errors.add("URL_TYPE_INVALID_URL", "Not a well formed URL.", at: path)
        }
        if !["http", "https", "attachment", "discord"].contains(parts[0].lowercased()) {
            errors.add(
                "URL_TYPE_INVALID_SCHEME",
                "Scheme \"\(parts[0])\" must be one of ('http', 'https', 'attachment', 'discord').", at: path)
        }
    }

    private func validate(number: JSON, _ schema: Schema, at path: [String], into errors: inout FormErrors) {
        let value = number.double ?? 0
        let isInteger = schema.types.contains(.integer)
        let kind = isInteger ? "int" : "float"
        let bounds = isInteger && schema.format == "int32" ? (-2_147_483_648.0, 2_147_483_647.0) : nil
        let minimum = schema.minimum ?? bounds?.0
        let maximum = schema.maximum ?? bounds?.1
        if let minimum, value < minimum {
            let shown = isInteger ? "\(Int(minimum))" : "\(minimum)"
            errors.add("NUMBER_TYPE_MIN", "\(kind) value should be greater than or equal to \(shown).", at: path)
        }
        // Bounds near 2^63 are not exact in a double, but an integer that parsed fits 64 bits anyway.
        if let maximum, value > maximum {
            let shown = isInteger && maximum < 9e18 ? "\(Int(maximum))" : "\(maximum)"
            errors.add("NUMBER_TYPE_MAX", "\(kind) value should be less than or equal to \(shown).", at: path)
        }
    }

    private func validate(coercing text: String, _ schema: Schema, at path: [String], into errors: inout FormErrors) {
        if schema.types.contains(.boolean) {
            if ["true", "True", "1", "false", "False", "0"].contains(text) { return }
        } else if schema.types.contains(.integer), let value = Int(text) {
            return validate(number: .integer(value), schema, at: path, into: &errors)
        } else if schema.types.contains(.number), let value = Double(text) {
            return validate(number: .double(value), schema, at: path, into: &errors)
        }
        addMismatch(of: .string(text), schema, at: path, into: &errors)
    }
}

// MARK: - Structures

extension SchemaValidator {
    private func validate(
        _ values: [JSON], _ schema: Schema, at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) {
        if values.count < schema.minimumItems ?? 0 || values.count > schema.maximumItems ?? .max {
            return errors.addLength(minimum: schema.minimumItems, maximum: schema.maximumItems, at: path)
        }
        if let items = schema.items {
            for (index, value) in values.enumerated() {
                try validate(value, against: items, at: path + [String(index)], into: &errors)
            }
        }
        guard schema.hasUniqueItems else { return }
        var seen: Set<String> = []
        for (index, value) in values.enumerated() where !seen.insert(value.string ?? value.text).inserted {
            let place = path + [String(index)]
            errors.add("SET_TYPE_ALREADY_CONTAINS_VALUE", "The Set already contains this value", at: place)
        }
    }

    private func validate(
        _ members: [JSON.Member], of value: JSON, _ schema: Schema, at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) {
        if members.count < schema.minimumProperties ?? 0 || members.count > schema.maximumProperties ?? .max {
            errors.addLength(minimum: schema.minimumProperties, maximum: schema.maximumProperties, at: path)
        }
        for name in schema.required where value[name] == nil { errors.addRequired(at: path + [name]) }
        for member in members {
            let place = path + [member.key]
            if let property = schema.property(member.key) {
                try validate(member.value, against: property, at: place, into: &errors)
                continue
            }
            switch schema.additionalProperties {
            case .anything: break
            case .nothing: errors.add("MODEL_TYPE_UNKNOWN_FIELD", "This field is not known.", at: place)
            case .matching(let additional):
                try validate(member.value, against: additional, at: place, into: &errors)
            }
        }
    }

    /// `oneOf` and `anyOf`: both are unions in Discord's document, of which one member must fit.
    private func validateAlternatives(
        _ value: JSON, of schema: Schema, at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) {
        var alternatives: [Schema] = []
        for alternative in schema.alternatives {
            let alternative = try library.resolve(alternative)
            if alternative.types != .null { alternatives.append(alternative) }
        }
        if schema.isEnumeration {
            let choices = alternatives.flatMap { $0.choices ?? [] }
            if !choices.contains(where: { matches(value, $0) }) { errors.addChoices(choices, at: path) }
            return
        }
        if value.members != nil, alternatives.count > 1,
            alternatives.allSatisfy({ $0.types.contains(.object) }),
            let fitting = try selectByType(value, among: alternatives, at: path, into: &errors)
        {
            alternatives = fitting
            if alternatives.isEmpty { return }
        }
        var failures: [FormErrors] = []
        for alternative in alternatives {
            var attempt = FormErrors()
            try validate(value, against: alternative, at: path, into: &attempt)
            if attempt.isEmpty { return }
            failures.append(attempt)
        }
        // The complaints of the alternative that the value is most like: of its type, or failing only deeper inside.
        let sameType = zip(alternatives, failures).first { $0.0.types.contains(Schema.Types(of: value)) }?.1
        let deeper = failures.first { failure in failure.leaves.contains { $0.path.count > path.count } }
        if let chosen = deeper ?? sameType ?? failures.first { errors.append(chosen) }
    }

    /// Narrows a union of objects by their `type`, which says which one is meant.
    /// - Returns: the alternatives that fit, none after a complaint, nil if they are not told apart so.
    private func selectByType(
        _ value: JSON, among alternatives: [Schema], at path: [String], into errors: inout FormErrors
    ) throws(OpenAPIError) -> [Schema]? {
        var offered: [(schema: Schema, choices: [JSON])] = []
        for alternative in alternatives {
            guard let choices = alternative.property("type")?.choices else { return nil }
            offered.append((alternative, choices))
        }
        guard let type = value["type"], type != .null else {
            errors.addRequired(at: path + ["type"])
            return []
        }
        let fitting = offered.filter { $0.choices.contains { matches(type, $0) } }.map(\.schema)
        if fitting.isEmpty {
            let list = offered.flatMap(\.choices).map(\.text).joined(separator: ", ")
            errors.add(
                "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (\(list)).", at: path + ["type"])
        }
        return fitting
    }
}

extension Schema.Types {
    fileprivate init(of value: JSON) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .integer: self = .integer
        case .double: self = .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }
}

extension Double {
    fileprivate var isWhole: Bool { self == rounded(.towardZero) && magnitude < 9e18 }
}

extension String {
    /// The text without white space at either end.
    var trimmed: Substring {
        guard let first = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[endIndex...] }
        return self[first...last]
    }
}
