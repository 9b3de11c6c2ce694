internal import Shared

/// The OpenAPI document is not what this program understands.
struct OpenAPIError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = "Discord's OpenAPI document: \(description)"
    }
}

/// The components of the document by name, each read when it is first needed.
final class SchemaLibrary {
    // Owns what `components` points into.
    private let parser: JSONParser
    private let components: JSONValue
    private var schemas: [String: Schema] = [:]

    /// - Parameter components: the document's `components.schemas`, as `parser` read them.
    init(components: JSONValue, of parser: JSONParser) {
        self.parser = parser
        self.components = components
    }

    /// The component of that name.
    func schema(named name: String) throws(OpenAPIError) -> Schema {
        if let schema = schemas[name] { return schema }
        guard let source = components.member(named: name) else {
            throw OpenAPIError("there is no component \(name)")
        }
        let schema = try Schema(source)
        PageCorrections.apply(to: schema, named: name)
        schemas[name] = schema
        return schema
    }

    /// The schema itself, or the component it refers to.
    func resolve(_ schema: Schema) throws(OpenAPIError) -> Schema {
        var schema = schema
        while let name = schema.reference { schema = try self.schema(named: name) }
        return schema
    }
}
