internal import Shared

/// One operation of the document: a method on a path template.
final class Operation {
    /// One query parameter.
    struct Parameter {
        var name: String
        var schema: Schema
        var isRequired: Bool
    }

    /// Discord's name for it, such as `create_message`.
    let id: String
    /// Upper-case method.
    let method: String
    /// The path with its parameters in braces, below the base URL.
    let template: String
    /// Whether it can be called without a bot token.
    let isOpen: Bool
    /// Whether a bot token can call it at all.
    let takesBotToken: Bool
    /// The body's schema by content type; empty if there is no body.
    let bodies: [(contentType: String, schema: Schema)]
    let pathParameters: [Parameter]
    let queryParameters: [Parameter]

    init(method: String, template: String, source: JSONValue, shared: JSONValue?) throws(OpenAPIError) {
        guard let id = source["operationId"]?.string else { throw OpenAPIError("\(method) \(template) has no name") }
        self.id = id
        self.method = method.uppercased()
        self.template = template
        var isOpen = false
        var takesBotToken = false
        if let alternatives = source["security"]?.elements {
            for alternative in alternatives {
                let schemes = alternative.members.map(\.key)
                if schemes.isEmpty { isOpen = true }
                if schemes.contains("BotToken") { takesBotToken = true }
            }
        }
        self.isOpen = isOpen
        self.takesBotToken = takesBotToken || isOpen
        pathParameters = try Self.parameters(shared, in: "path")
        queryParameters = try Self.parameters(source["parameters"], in: "query")
        var bodies: [(String, Schema)] = []
        if let contents = source["requestBody"]?["content"]?.members {
            for (contentType, content) in contents {
                guard let schema = content["schema"] else { continue }
                bodies.append((contentType, try Schema(schema)))
            }
        }
        self.bodies = bodies
    }

    private static func parameters(_ source: JSONValue?, in place: String) throws(OpenAPIError) -> [Parameter] {
        guard let source else { return [] }
        var parameters: [Parameter] = []
        for parameter in source.elements where parameter["in"]?.string == place {
            guard let name = parameter["name"]?.string, let schema = parameter["schema"] else { continue }
            let isRequired = parameter["required"]?.bool ?? false
            parameters.append(Parameter(name: name, schema: try Schema(schema), isRequired: isRequired))
        }
        return parameters
    }
}

/// Finds the operation of a path. A literal segment wins over a parameter, at the first segment where they differ.
struct RouteTable {
    /// What a path leads to.
    enum Match {
        case operation(Operation, parameters: [String: String])
        case wrongMethod
        case unknown
    }

    private final class Node {
        var literals: [String: Node] = [:]
        var parameter: Node?
        var operations: [String: Operation] = [:]
    }

    private let root = Node()
    /// Every operation of the document.
    let operations: [Operation]

    init(paths: JSONValue) throws(OpenAPIError) {
        var operations: [Operation] = []
        for (template, item) in paths.members {
            var node = root
            for segment in template.split(separator: "/") {
                if segment.hasPrefix("{") {
                    let next = node.parameter ?? Node()
                    node.parameter = next
                    node = next
                } else {
                    let next = node.literals[String(segment)] ?? Node()
                    node.literals[String(segment)] = next
                    node = next
                }
            }
            for (method, source) in item.members where method != "parameters" {
                let operation = try Operation(
                    method: method, template: template, source: source, shared: item["parameters"])
                node.operations[operation.method] = operation
                operations.append(operation)
            }
        }
        self.operations = operations
    }

    /// Finds the operation for a decoded path below the base URL.
    func match(method: String, segments: [String]) -> Match {
        guard let node = find(segments[...], from: root) else { return .unknown }
        guard let operation = node.operations[method] else { return .wrongMethod }
        var parameters: [String: String] = [:]
        for (name, value) in zip(operation.template.split(separator: "/"), segments) where name.hasPrefix("{") {
            parameters[String(name.dropFirst().dropLast())] = value
        }
        return .operation(operation, parameters: parameters)
    }

    private func find(_ segments: ArraySlice<String>, from node: Node) -> Node? {
        guard let first = segments.first else { return node.operations.isEmpty ? nil : node }
        let rest = segments.dropFirst()
        if let literal = node.literals[first], let found = find(rest, from: literal) { return found }
        return node.parameter.flatMap { find(rest, from: $0) }
    }
}
