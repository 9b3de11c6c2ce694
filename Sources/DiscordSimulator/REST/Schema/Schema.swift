internal import Shared

/// One JSON Schema of Discord's OpenAPI document: the part of OpenAPI 3.1 that the document uses.
final class Schema {
    /// The JSON types a value may have.
    struct Types: OptionSet {
        let rawValue: UInt8
        static let object = Types(rawValue: 1)
        static let array = Types(rawValue: 2)
        static let string = Types(rawValue: 4)
        static let integer = Types(rawValue: 8)
        static let number = Types(rawValue: 16)
        static let boolean = Types(rawValue: 32)
        static let null = Types(rawValue: 64)
    }

    /// What members beyond `properties` may hold.
    enum AdditionalProperties {
        case anything
        case nothing
        case matching(Schema)
    }

    /// Name of the component this stands for; everything else is then empty.
    var reference: String?
    /// Empty where the document names no type.
    var types: Types = []
    var alternatives: [Schema] = []
    var allOf: [Schema] = []
    var choices: [JSON]?
    var minimum: Double?
    var maximum: Double?
    var minimumLength: Int?
    var maximumLength: Int?
    var pattern: Regex<AnyRegexOutput>?
    var format: String?
    var isBinary = false
    var items: Schema?
    var minimumItems: Int?
    var maximumItems: Int?
    var hasUniqueItems = false
    var properties: [(name: String, schema: Schema)] = []
    var required: [String] = []
    var additionalProperties = AdditionalProperties.anything
    var minimumProperties: Int?
    var maximumProperties: Int?
    /// Lengths count the text without the white space around it (resources/message.mdx, Embed Limits).
    var trimsText = false
    /// Whether a decimal string stands for the integer (pages: bit sets of permissions are strings).
    var acceptsDecimalString = false

    init() {}

    /// Whether every value of this schema is a constant.
    var isEnumeration: Bool {
        !alternatives.isEmpty && alternatives.allSatisfy { $0.choices != nil && $0.properties.isEmpty }
    }

    func property(_ name: String) -> Schema? {
        properties.first { $0.name == name }?.schema
    }
}

extension Schema {
    /// Reads one schema of the document.
    convenience init(_ source: JSONValue) throws(OpenAPIError) {
        self.init()
        if let reference = source["$ref"]?.string {
            guard let slash = reference.lastIndex(of: "/") else {
                throw OpenAPIError("the reference \(reference) names no component")
            }
            self.reference = String(reference[reference.index(after: slash)...])
            return
        }
        try readTypes(source)
        try readText(source)
        try readStructure(source)
        alternatives = try Self.list(source["oneOf"]) + Self.list(source["anyOf"])
        allOf = try Self.list(source["allOf"])
        if let constant = source["const"] {
            choices = [JSON(constant)]
        } else if let values = source["enum"]?.elements.map(JSON.init), !values.isEmpty {
            choices = values
        }
        minimum = source["minimum"]?.double
        maximum = source["maximum"]?.double
    }

    private func readTypes(_ source: JSONValue) throws(OpenAPIError) {
        guard let type = source["type"] else { return }
        let names = type.string.map { [$0] } ?? type.elements.compactMap(\.string)
        for name in names {
            switch name {
            case "object": types.insert(.object)
            case "array": types.insert(.array)
            case "string": types.insert(.string)
            case "integer": types.insert(.integer)
            case "number": types.insert(.number)
            case "boolean": types.insert(.boolean)
            case "null": types.insert(.null)
            default: throw OpenAPIError("unknown type \(name)")
            }
        }
    }

    private func readText(_ source: JSONValue) throws(OpenAPIError) {
        minimumLength = source["minLength"]?.int
        maximumLength = source["maxLength"]?.int
        format = source["format"]?.string
        isBinary = source["contentEncoding"]?.string == "binary"
        guard let pattern = source["pattern"]?.string else { return }
        do {
            self.pattern = try Regex(pattern)
        } catch {
            throw OpenAPIError("the pattern \(pattern) is no regular expression")
        }
    }

    private func readStructure(_ source: JSONValue) throws(OpenAPIError) {
        items = try source["items"].map { value throws(OpenAPIError) in try Schema(value) }
        minimumItems = source["minItems"]?.int
        maximumItems = source["maxItems"]?.int
        hasUniqueItems = source["uniqueItems"]?.bool ?? false
        if let members = source["properties"]?.members {
            for (name, value) in members { properties.append((name, try Schema(value))) }
        }
        required = source["required"]?.elements.compactMap(\.string) ?? []
        minimumProperties = source["minProperties"]?.int
        maximumProperties = source["maxProperties"]?.int
        guard let additional = source["additionalProperties"] else { return }
        if let allowed = additional.bool {
            additionalProperties = allowed ? .anything : .nothing
        } else {
            additionalProperties = .matching(try Schema(additional))
        }
    }

    private static func list(_ source: JSONValue?) throws(OpenAPIError) -> [Schema] {
        var schemas: [Schema] = []
        guard let source else { return [] }
        for element in source.elements { schemas.append(try Schema(element)) }
        return schemas
    }
}
