internal import Glibc
internal import NIOCore
internal import Shared

/// Discord's OpenAPI document, read once; schemas are prepared when first needed.
///
/// Not `Sendable`: everything points into one parser, so a document belongs to one isolation.
final class OpenAPIDocument {
    /// The components, with the pages' corrections.
    let library: SchemaLibrary
    /// Every operation by its path.
    let routes: RouteTable

    /// Reads the document's text.
    init(_ text: ByteBuffer) throws(OpenAPIError) {
        let parser = JSONParser()
        let root: JSONValue
        do throws(JSONError) {
            root = try parser.parse(text)
        } catch {
            throw OpenAPIError("not JSON (\(error))")
        }
        guard let paths = root["paths"], let components = root["components"]?["schemas"] else {
            throw OpenAPIError("it has no paths or no components")
        }
        library = SchemaLibrary(components: components, of: parser)
        routes = try RouteTable(paths: paths)
    }

    /// Reads the copy that comes with the program.
    convenience init() throws(OpenAPIError) {
        let places = Self.places
        for place in places {
            guard let text = Self.read(place) else { continue }
            try self.init(text)
            return
        }
        throw OpenAPIError("not found at \(places.joined(separator: " or ")); build the simulator anew")
    }

    /// Where the copy may be: in the resources that SwiftPM puts beside the executable (also beside the test runner),
    /// or in the share directory of an installation.
    private static var places: [String] {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        let executable = String(decoding: buffer[..<max(0, length)], as: UTF8.self)
        let directory = executable.lastIndex(of: "/").map { String(executable[..<$0]) } ?? "."
        return [
            "\(directory)/olim_DiscordSimulator.resources/OpenAPI/discord-openapi.json",
            "\(directory)/../share/olim/discord-openapi.json",
        ]
    }

    private static func read(_ path: String) -> ByteBuffer? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var text = ByteBuffer()
        while true {
            let count = text.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 18) {
                fread($0.baseAddress, 1, $0.count, file)
            }
            if count == 0 { return ferror(file) == 0 ? text : nil }
        }
    }
}
